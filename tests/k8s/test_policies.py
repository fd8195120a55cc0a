"""Checkov's policies for Kubernetes, but for those that checkov.yaml leaves out and says why."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import yaml
from manifests.documents import Document, named
from manifests.outside import ROOT
from manifests.rendering import Cluster
from manifests.tools import tool

CONFIGURATION = Path(__file__).with_name("checkov.yaml")


def failed(documents: Sequence[Document], folder: Path, *, skip: bool = True) -> set[str]:
    """`CKV_… Kind.namespace.name` of each policy that is broken."""
    path = folder / "manifests.yaml"
    path.write_text(yaml.safe_dump_all(documents))
    command = [tool("checkov"), "--file", str(path), "--framework", "kubernetes", "--output", "json", "--quiet"]
    command += ["--skip-download", "--config-file", str(CONFIGURATION)] if skip else ["--skip-download"]
    # It looks for newer policies and for its vendor's server otherwise.
    offline = {**os.environ, "BC_SKIP_MAPPING": "TRUE", "CHECKOV_DISABLE_UPDATE": "1", "LOG_LEVEL": "ERROR"}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=offline)
    assert result.returncode in (0, 1), result.stderr
    report = json.loads(result.stdout)
    assert report["summary"]["passed"] > 0
    return {f"{each['check_id']} {each['resource']}" for each in report["results"]["failed_checks"]}


def test_the_fullest_cluster_breaks_no_policy(fullest: Cluster, tmp_path: Path) -> None:
    assert failed(fullest.documents(), tmp_path) == set()


def test_the_barest_cluster_breaks_no_policy(clusters: list[Cluster], tmp_path: Path) -> None:
    barest = next(each for each in clusters if (each.overlay, each.components) == ("dev", ()))
    # The default that denies everything comes with the component network-policies.
    assert {each for each in failed(barest.documents(), tmp_path) if not each.startswith("CKV2_K8S_6 ")} == set()


def test_what_breaks_a_policy_is_found(fullest: Cluster, tmp_path: Path) -> None:
    documents = fullest.documents()
    registry = named(documents, "Deployment", "registry")
    assert registry is not None
    registry["spec"]["template"]["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    assert {each.split()[0] for each in failed(documents, tmp_path)} == {"CKV_K8S_20"}


def test_every_policy_that_is_left_out_would_be_broken(fullest: Cluster, tmp_path: Path) -> None:
    left_out = set(yaml.safe_load(CONFIGURATION.read_text())["skip-check"])
    broken = {each.split()[0] for each in failed(fullest.documents(), tmp_path, skip=False)}
    assert broken == left_out


def test_the_pod_that_loads_data(tmp_path: Path) -> None:
    documents = list(yaml.safe_load_all((ROOT / "k8s/tools/data-loader.yaml").read_text()))
    assert {each for each in failed(documents, tmp_path) if not each.startswith("CKV2_K8S_6 ")} == set()
