"""Two builds of one state of the code give the same files, whatever the day."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]

Run = Callable[..., str]
TAG = "test-alike"
OF_THE_ENGINE = (".dockerenv", "dev/", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf", "proc/", "sys/")
"""Put there when a container is made."""


@pytest.fixture
def files(run_command: Run, tmp_path: Path) -> Callable[[str], dict[str, tuple[object, ...]]]:
    """Digest (or target of a link), mode and owner of each file; below /opt/pipit its time too."""

    def of(image: str) -> dict[str, tuple[object, ...]]:
        container = run_command("docker", "create", image)
        try:
            run_command("docker", "export", "--output", str(tmp_path / "image.tar"), container)
        finally:
            run_command("docker", "rm", container)
        found: dict[str, tuple[object, ...]] = {}
        with tarfile.open(tmp_path / "image.tar") as archive:
            for each in archive:
                content = archive.extractfile(each) if each.isreg() else None
                digest = hashlib.sha256(content.read()).hexdigest() if content else each.linkname
                time = each.mtime if each.name.startswith("opt/pipit/") else None
                if not each.name.startswith(OF_THE_ENGINE):
                    found[each.name] = (each.type, digest, oct(each.mode), each.uid, each.gid, time)
        return found

    return of


@pytest.mark.parametrize("target", ["registry", "console", "home-security-inference"])
def test_a_second_build_gives_the_same_files(
    docker: None,
    bake: tuple[str, ...],
    run_command: Run,
    files: Callable[[str], dict[str, tuple[object, ...]]],
    target: str,
) -> None:
    build = (*bake, "--load", target)
    image = f"pipit/{target}:{TAG}"
    run_command(*build, TAG=TAG, IMAGES="pipit")
    first = files(image)
    run_command(*build, "--no-cache", TAG=TAG, IMAGES="pipit")
    second = files(image)
    assert len(first) > 1000
    assert {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)} == set()
    days = [line.split(":")[2] for line in shadow(run_command, image) if line.startswith("pipit:")]
    # Day 0, which some versions of useradd leave empty.
    assert days in (["0"], [""]), "the day of the build stands in /etc/shadow"


def shadow(run_command: Run, image: str) -> list[str]:
    options = ("--rm", "--network", "none", "--user", "0", "--entrypoint", "cat")
    return run_command("docker", "run", *options, image, "/etc/shadow").splitlines()
