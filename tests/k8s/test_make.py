"""What `make k3s` asks of kubectl, step by step; kubectl is played by a script that writes down how it was called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from manifests.documents import named
from manifests.outside import GENERATED, ROOT
from manifests.rendering import copy, overlays, parse, render

PLAYER = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in "$FAILS"*) exit 1 ;; esac
"""


def make_k3s(tmp_path: Path, overlay: str, fails: str = "nothing") -> tuple[int, list[str], Path]:
    repository = copy(ROOT, tmp_path / "repository")
    # Its kustomization goes along, the files that are made do not.
    shutil.copytree(ROOT / "k8s/secrets", repository / "k8s/secrets", ignore=shutil.ignore_patterns("files"))
    shutil.copy(ROOT / "Makefile", repository)
    (tmp_path / "kubectl").write_text(PLAYER)
    (tmp_path / "kubectl").chmod(0o755)
    calls = tmp_path / "calls"
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(calls), "FAILS": fails}
    environment.pop("PIPIT_SECRETS", None)
    result = subprocess.run(
        ["make", "k3s", f"OVERLAY={overlay}"], cwd=repository, env=environment, capture_output=True, check=False
    )
    return result.returncode, calls.read_text().splitlines(), repository


@pytest.mark.parametrize("overlay", overlays(ROOT))
def test_steps(overlay: str, tmp_path: Path) -> None:
    code, calls, repository = make_k3s(tmp_path, overlay)
    assert code == 0
    assert [call for call in calls if call.startswith("apply")] == [
        "apply -f k8s/base/namespace.yaml",
        "apply -k k8s/secrets",
        f"apply -k k8s/overlays/{overlay}",
    ]
    cluster = parse(render(repository / "k8s/overlays" / overlay))
    waited = [call.split("status ")[1].split()[0] for call in calls if "rollout status" in call]
    assert waited == ["statefulset/minio", "deployment/registry"]
    for kind, name in (("StatefulSet", "minio"), ("Deployment", "registry")):
        assert named(cluster, kind, name) is not None
    assert len(parse(render(repository / "k8s/secrets"))) == len(GENERATED)


def test_nothing_follows_a_step_that_fails(tmp_path: Path) -> None:
    code, calls, _ = make_k3s(tmp_path, "pi", fails="apply -k k8s/secrets")
    assert code != 0
    assert calls[-1] == "apply -k k8s/secrets"


@pytest.mark.parametrize("page", ["docs/k3s.md", "k8s/README.md"])
def test_paths_that_commands_name_are_there(page: str) -> None:
    words = [word.strip("`|\"',;)") for word in (ROOT / page).read_text().split()]
    paths = {word for word in words if word.startswith(("k8s/", "compose/"))}
    assert paths
    missing = {path for path in paths if not (ROOT / path).exists() and not path.startswith("k8s/secrets/files")}
    assert missing == set()
