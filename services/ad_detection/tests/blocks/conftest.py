"""A manifest of a member."""

from __future__ import annotations

import pytest
from pipit.bundle.manifest import (
    Decision,
    FileEntry,
    GoldenSamples,
    InputDescription,
    Lineage,
    Manifest,
    PipelineReference,
    Variant,
)
from pipit.bundle.manifest_file import dump_manifest
from pipit.bundle.version import SemanticVersion


@pytest.fixture
def manifest() -> Manifest:
    """Of `ad_detection.frames` 1.2.0, which calls something an advertisement from 0.7 on."""
    return Manifest(
        task="ad_detection.frames",
        version=SemanticVersion("1.2.0"),
        model_type="small",
        created_at="2026-01-01T00:00:00Z",
        labels=("ad", "content"),
        input=InputDescription(kind="image", shape=(64, 64, 3)),
        pipeline=PipelineReference(name="ad_detection.frames", parameters={"crop": 64}),
        variants=(Variant(name="float32", runtime="litert", file="weights/float32.tflite"),),
        default_variant="float32",
        decision=Decision(thresholds={"ad": 0.7}, background="content"),
        golden=GoldenSamples(tolerance={"float32": 0.001}),
        lineage=Lineage(
            dataset_digest="1" * 64, split_rule="none", config_digest="2" * 64, code_version="test", seed=1
        ),
        files={name: FileEntry(sha256="3" * 64, size=1) for name in ("golden.npz", "weights/float32.tflite")},
    )


@pytest.fixture
def manifest_bytes(manifest: Manifest) -> bytes:
    """As the registry keeps it."""
    return dump_manifest(manifest)
