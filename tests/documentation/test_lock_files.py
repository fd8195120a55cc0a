"""What is installed is what was chosen, to the byte: pip checks the digest of every file that a lock names."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
LOCKS = sorted(path for folder in ("services", "tests") for path in (REPOSITORY / folder).rglob("*.lock.txt"))


def entries(lock: Path) -> list[str]:
    """Each requirement with its digests, as one line."""
    text = lock.read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_there_are_locks() -> None:
    assert len(LOCKS) >= 15


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_requirement_has_a_version_and_digests(lock: Path) -> None:
    found = entries(lock)
    assert found
    for entry in found:
        requirement, *digests = entry.split(" --hash=")
        assert str(Requirement(requirement).specifier).startswith("=="), entry
        assert digests, f"{requirement} has no digest: call `make lock`"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each.strip()) for each in digests)


def test_pytorch_alone_has_none_and_has_one_version_everywhere() -> None:
    files = sorted(REPOSITORY.glob("*/*.torch.txt")) + sorted(REPOSITORY.glob("services/*/*.torch.txt"))
    assert len(files) >= 4
    project = tomllib.loads((REPOSITORY / "shared/pyproject.toml").read_text("utf-8"))["project"]
    (wanted,) = [each for each in project["optional-dependencies"]["torch"] if each.startswith("torch=")]
    for file in files:
        assert [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")] == [wanted]
        assert file.with_name(file.name.replace(".torch.", ".lock.")) in LOCKS
    assert [lock for lock in LOCKS if any(entry.startswith("torch==") for entry in entries(lock))] == []


def test_nothing_that_installs_a_lock_leaves_the_digests_out() -> None:
    for name in ("Makefile", "services/Dockerfile", "services/registry/Dockerfile", "services/console/Dockerfile"):
        text = (REPOSITORY / name).read_text("utf-8").replace("\\\n", " ")
        installs = re.findall(r"(?:install|\$\{pip\})\s[^\n&;]*lock[^\n&;]*", text)
        assert installs, name
        checked = [each for each in installs if ".torch.txt" not in each]
        assert [each for each in checked if "--require-hashes" not in each or "--no-deps" not in each] == []


def test_pytorch_is_taken_out_of_a_lock_with_all_of_its_digests(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    lines = [
        r"sympy==1 \\",
        r"    --hash=sha256:a",
        r"torch==2.13.0 ; python_version > '3' \\",
        r"    --hash=sha256:b \\",
    ]
    lines += [r"    --hash=sha256:c", r"torchmetrics==3 \\", r"    --hash=sha256:d"]
    uv.write_text(
        "#!/bin/sh\nwhile [ $# -gt 1 ]; do shift; done\ncat >\"$1\" <<'END'\n"
        + "\n".join(lines).replace("\\\\", "\\")
        + "\nEND\n"
    )
    uv.chmod(0o755)
    subprocess.run([REPOSITORY / "services/lock.sh", uv, tmp_path / "train", "pyproject.toml"], check=True)
    kept = (tmp_path / "train.lock.txt").read_text("utf-8")
    assert re.findall(r"^(\w+)==|sha256:(\w)", kept, re.MULTILINE) == [
        *(("sympy", ""), ("", "a"), ("torchmetrics", ""), ("", "d")),
    ]
    assert (tmp_path / "train.torch.txt").read_text("utf-8").splitlines()[-1] == "torch==2.13.0"
