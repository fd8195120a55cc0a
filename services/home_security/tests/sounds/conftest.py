"""A synthetic data set for all tests, real data where it is, and manifests for the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from home_security.sounds.classes import SECURITY_NAMES
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.synthetic import write_synthetic_set
from pipit.bundle.manifest import Manifest
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.audio.clips import Clip, read_clips
from pipit.training.by_input.audio.networks.yamnet_file import FILE
from pipit.training.by_input.audio.settings import SoundSource
from pipit.training.source_set import Listing


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 classes of 10 synthetic clips, 5 recordings each."""
    return write_synthetic_set(tmp_path_factory.mktemp("data") / "synthetic_sounds", clips_per_class=10)


@pytest.fixture(scope="session")
def real_data() -> Path:
    data = load_settings(DataSettings).data
    if data is None or not (data / "esc50" / "meta" / "esc50.csv").is_file():
        pytest.skip("needs real clips: set PIPIT_DATA to a folder that holds esc50")
    return data


@pytest.fixture(scope="session")
def yamnet_weights(real_data: Path) -> Path:
    if not (real_data / FILE).is_file():
        pytest.skip(f"needs YAMNet's weights: {FILE} in the folder that PIPIT_DATA names")
    return real_data / FILE


@pytest.fixture(scope="session")
def read_set() -> Callable[..., Listing[Clip]]:
    """Reads a data set as the recipe's source of that kind says."""

    def read(folder: Path, kind: str, rename: dict[str, str] | None = None, **source: object) -> Listing[Clip]:
        values = {"kind": kind, "path": str(folder), "licence": "", "rename": rename or {}, **source}
        return read_clips(folder, SoundSource.model_validate(values), SECURITY_NAMES)

    return read


@pytest.fixture
def make_recipe() -> Callable[..., SoundsRecipe]:
    def make(**changes: object) -> SoundsRecipe:
        values: dict[str, object] = {
            "task": "home_security.sounds",
            "name": "test",
            "network": "small",
            "data": [{"kind": "esc50", "path": "synthetic_sounds", "licence": "none needed"}],
            "features": {"front_end": "librosa_22k"},
            "augmentation": {"copies": 1},
            "split": {"rule": "group"},
            "epochs": 2,
        }
        return SoundsRecipe.model_validate({**values, **changes})

    return make


@pytest.fixture
def make_manifest() -> Callable[..., Manifest]:
    def make(front_end: str = "yamnet", **parameters: object) -> Manifest:
        return Manifest.model_validate(
            {
                "task": "home_security.sounds",
                "version": "1.0.0",
                "model_type": "small",
                "created_at": "2026-11-21T00:00:00+00:00",
                "labels": ["dog", "siren", "none"],
                "input": {"kind": "audio"},
                "pipeline": {
                    "name": "home_security.sounds",
                    "parameters": {"front_end": front_end, "window_seconds": 5.0, "hop_seconds": 2.5, **parameters},
                },
                "variants": [{"name": "int8", "runtime": "litert", "file": "weights/int8.tflite"}],
                "default_variant": "int8",
                "decision": {
                    "thresholds": {"dog": 0.6},
                    "background": "none",
                    "unknown_below": 0.4,
                    "uncertain_margin": 0.1,
                },
                "golden": {"tolerance": {"int8": 0.1}},
                "lineage": {
                    "dataset_digest": "0" * 64,
                    "split_rule": "none",
                    "config_digest": "0" * 64,
                    "code_version": "0",
                    "seed": 1,
                },
                "files": {},
            }
        )

    return make
