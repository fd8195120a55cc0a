"""Variants side by side: sizes from the bundle, accuracies from its run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pipit.bundle.manifest import FileEntry, Metric, Variant
from pipit.training.comparison import VariantResult, compare_bundles


def bundle_in(folder: Path, metrics: dict[str, Metric] | None = None) -> Any:
    variants = tuple(Variant(name=name, runtime="litert", file=f"weights/{name}") for name in ("float32", "int8"))
    files = {
        f"weights/{name}": FileEntry(sha256="0" * 64, size=size) for name, size in (("float32", 400), ("int8", 100))
    }
    manifest = SimpleNamespace(
        name="small-int8-v1.0.0",
        model_type="small",
        variants=variants,
        default_variant="int8",
        files=files,
        metrics=metrics or {},
    )
    return SimpleNamespace(path=folder, manifest=manifest)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "plain-1a2b3c4d5e6f"
    (folder / "verify").mkdir(parents=True)
    parity = {name: {"accuracy": value, "samples": 40} for name, value in (("float32", 0.9), ("int8", 0.85))}
    (folder / "verify" / "parity.json").write_text(json.dumps(parity))
    step = {"status": "done", "inputs": "", "started_at": "", "seconds": 12.5}
    (folder / "state.json").write_text(json.dumps({"steps": {"fit": step}}))
    return folder


def test_a_bundle_in_its_run(run: Path) -> None:
    found = compare_bundles([bundle_in(run / "publish" / "bundle")])
    assert found == (
        VariantResult(run.name, "small", "float32", False, 400, 0.9, 40, 12.5),
        VariantResult(run.name, "small", "int8", True, 100, 0.85, 40, 12.5),
    )


def test_a_bundle_from_elsewhere_tells_of_the_variant_that_serves(run: Path, tmp_path: Path) -> None:
    metrics = {"accuracy": Metric(value=0.8, samples=30)}
    found = compare_bundles([bundle_in(tmp_path / "a" / "b" / "c", metrics), bundle_in(tmp_path / "d" / "e" / "f")])
    name = "small-int8-v1.0.0"
    assert found == (
        VariantResult(name, "small", "float32", False, 400, None, 0, None),
        VariantResult(name, "small", "int8", True, 100, 0.8, 30, None),
        VariantResult(name, "small", "float32", False, 400, None, 0, None),
        VariantResult(name, "small", "int8", True, 100, None, 0, None),
    )
