"""Kubernetes' own schemas, strictly: no unknown field, no wrong type."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from manifests.documents import Document
from manifests.outside import ROOT, SERVERS
from manifests.rendering import Cluster
from manifests.tools import tool

KUBERNETES = "1.32"
CUSTOM = {("cert-manager.io/v1", "Issuer"), ("cert-manager.io/v1", "Certificate")}
"""Kinds that Kubernetes itself does not know."""


def validate(documents: list[Document], folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "manifests.yaml"
    path.write_text(yaml.safe_dump_all(documents))
    command = [tool("kubernetes-validate"), "--strict", "-k", KUBERNETES, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_object_of_every_combination(clusters: list[Cluster], tmp_path: Path) -> None:
    different = {json.dumps(document): document for cluster in clusters for document in cluster.parsed}
    known = [each for each in different.values() if (each["apiVersion"], each["kind"]) not in CUSTOM]
    # Those of cert-manager: an authority, which takes three, and a certificate for each server and for callers.
    assert len(different) - len(known) == 3 + len(SERVERS) + 1
    assert len(known) > 50
    result = validate(known, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "broken",
    [
        {"minReadySecond": 5},
        {"template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "ports": "80"}]}}},
    ],
    ids=["unknown field", "wrong type"],
)
def test_what_is_wrong_is_found(broken: Document, tmp_path: Path) -> None:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }
    assert validate([deployment], tmp_path).returncode == 0
    deployment["spec"] |= broken
    assert validate([deployment], tmp_path).returncode != 0


def test_the_pod_that_loads_data(tmp_path: Path) -> None:
    documents = list(yaml.safe_load_all((ROOT / "k8s/tools/data-loader.yaml").read_text()))
    assert validate(documents, tmp_path).returncode == 0
