"""Everything that stands outside of a domain's folder: what it should be, whether it is, and making it so."""

from __future__ import annotations

from pathlib import Path

from pipit.deployment.compose import compose
from pipit.deployment.facts import read_domains
from pipit.deployment.images import images
from pipit.deployment.kubernetes import kubernetes

FOLDERS = ("compose/domains", "compose/prometheus/targets", "k8s/domains")
"""They hold nothing else; what is not wanted in them goes."""


def rendered(root: Path) -> dict[str, str]:
    """Text of each file by its path from `root`. Raises as `read_domains`."""
    domains = read_domains(root)
    return images(domains) | compose(domains) | kubernetes(domains)


def differences(root: Path) -> list[str]:
    """Paths of the files that are missing, have another text, or should not be there. Raises as `read_domains`."""
    wanted = rendered(root)
    stale = [path for path, text in wanted.items() if not (root / path).is_file() or _read(root / path) != text]
    return sorted([*stale, *(_files(root) - wanted.keys())])


def write(root: Path) -> list[str]:
    """Brings the folders up to date and gives the paths that changed. Raises as `read_domains`, OSError."""
    wanted, changed = rendered(root), differences(root)
    for path in changed:
        file = root / path
        if path in wanted:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(wanted[path], "utf-8")
        else:
            file.unlink()
    # What is left of a domain that is gone.
    for folder in FOLDERS:
        for each in sorted((root / folder).rglob("*/"), reverse=True):
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()
    return changed


def _files(root: Path) -> set[str]:
    return {
        str(path.relative_to(root)) for folder in FOLDERS for path in (root / folder).rglob("*") if not path.is_dir()
    }


def _read(path: Path) -> str:
    """With its line ends; what is no text is other text."""
    return path.read_bytes().decode("utf-8", "replace")
