"""Where bundles lie: what `pipit train` leaves, and what commands that take one may be given."""

from __future__ import annotations

from pathlib import Path

from pipit.bundle import MANIFEST_FILE
from pipit.errors import NotFound

BUNDLE = Path("publish") / "bundle"
"""Of a run folder."""


def bundles_of(runs: Path, task: str) -> list[Path]:
    """Folders of those that trainings of `task` left in a folder of runs, the oldest first."""
    manifests = (runs / task).glob(f"*/{BUNDLE}/{MANIFEST_FILE}")
    return [path.parent for path in sorted(manifests, key=lambda path: path.stat().st_mtime)]


def bundle_at(path: Path) -> Path:
    """The bundle's folder. path: that, or the run folder that holds it. Raises NotFound."""
    for folder in (path, path / BUNDLE):
        if (folder / MANIFEST_FILE).is_file():
            return folder
    if not path.is_dir():
        raise NotFound(f"there is no folder {path}; name a run (runs/TASK/RUN) or a bundle")
    raise NotFound(
        f"{path} is neither a bundle (it has no {MANIFEST_FILE}) nor a run that has one in {BUNDLE}; "
        "pipit train makes it, and says where at its end"
    )
