"""What comes from elsewhere is named by its digest, which one command renews."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FILES = (
    "compose/compose.yaml",
    "compose/compose.domain.yaml",
    "compose/compose.observability.yaml",
    "compose/.env.example",
)
FILES += (
    "k8s/components/monitoring/grafana.yaml",
    "services/Dockerfile",
    "services/registry/Dockerfile",
    "services/console/Dockerfile",
    "docker-bake.hcl",
)
NAMED = re.compile(r"((?:python|minio/minio|prom/\w+|grafana/grafana):[\w.-]+)(@sha256:\w+)?")
DOCKER = """#!/bin/sh
for image in "$@"; do :; done
[ "$image" != "$UNKNOWN" ] || { echo "not found: $image" >&2; exit 1; }
printf 'sha256:%s\\n' "$(printf %s "$image$DAY" | sha256sum | cut -c1-64)"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    return tmp_path


def renew(root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{root / 'bin'}:{os.environ['PATH']}", "DAY": "", "UNKNOWN": ""} | variables
    command = [REPOSITORY / "compose/digests.sh", root]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def named(root: Path) -> list[tuple[str, str]]:
    return [each for name in FILES for each in NAMED.findall((root / name).read_text("utf-8"))]


def digest(text: str) -> str:
    return f"@sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_every_foreign_image_gets_its_digest_and_a_newer_one_later(root: Path) -> None:
    before = named(root)
    assert len({image for image, _ in before}) == 5
    for day in ("", "later"):
        done = renew(root, DAY=day)
        assert done.returncode == 0, done.stderr
        assert named(root) == [(image, digest(image + day)) for image, _ in before]


def test_one_that_is_not_known_leaves_every_file_as_it_was(root: Path) -> None:
    before = named(root)
    done = renew(root, UNKNOWN="prom/prometheus:v3.5.0")
    assert done.returncode != 0
    assert "not found: prom/prometheus:v3.5.0" in done.stderr
    assert named(root) == before
