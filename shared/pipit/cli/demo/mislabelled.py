"""A bad version for the demo: the network is as good as before, and its names for what it hears are mixed up.

That happens when a list of labels is sorted anew, and no gate, golden sample or signature can see it. People can.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipit.bundle import Bundle, write_bundle


def mislabelled(bundle: Bundle, folder: Path) -> Bundle:
    """The bundle with each of its labels in the place of the next one; written to `folder`.

    The background stays where it is, if two others are left.
    Its version is a pre-release of the patch that would come next: no training ever takes that number.
    """
    manifest = bundle.manifest
    others = [label for label in manifest.labels if label != manifest.decision.background]
    labels = others if len(others) > 1 else list(manifest.labels)
    renamed = dict(zip(labels, [*labels[1:], *labels[:1]], strict=True))
    numbers = str(manifest.version).partition("+")[0].partition("-")[0]
    major, minor, patch = numbers.split(".")
    changed = manifest.model_copy(
        update={
            "version": type(manifest.version)(f"{major}.{minor}.{int(patch) + 1}-mislabelled"),
            "labels": tuple(renamed.get(label, label) for label in manifest.labels),
            "pipeline": manifest.pipeline.model_copy(
                update={"parameters": _renamed(manifest.pipeline.parameters, renamed)}
            ),
        }
    )
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return write_bundle(folder, changed, {name: bundle.file(name) for name in manifest.files})


def _renamed(value: Any, renamed: Mapping[str, str]) -> Any:
    """With every label in a list by its new name: such a list says what the network's outputs stand for."""
    if isinstance(value, Mapping):
        return {key: _renamed(item, renamed) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [renamed.get(item, item) if isinstance(item, str) else _renamed(item, renamed) for item in value]
    return value
