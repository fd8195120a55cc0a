from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from footprints.species.recipe import SpeciesRecipe
from footprints.species.synthetic import write_synthetic_set


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets that holds a small `synthetic_species`."""
    data = tmp_path_factory.mktemp("data")
    write_synthetic_set(data / "synthetic_species", pictures_per_class=12)
    return data


@pytest.fixture
def make_recipe() -> Callable[..., SpeciesRecipe]:
    def make(**changes: object) -> SpeciesRecipe:
        values: dict[str, object] = {
            "task": "footprints.species",
            "name": "test",
            "network": "mobilenet_v3_small",
            "weights": "none",
            "data": [{"path": "synthetic_species", "licence": "none needed"}],
            "split": {"rule": "group", "test_share": 0.25, "validation_share": 0.25},
            "augmentation": {"copies": 1},
            "head": {"units": 64, "dropout": 0.0},
            "stages": [{"name": "frozen", "epochs": 8, "batch_size": 8, "optimiser": {"learning_rate": 0.003}}],
            "export": {"variants": ["float32", "int8"], "default_variant": "int8", "calibration_samples": 8},
            "golden": {"samples": 2},
        }
        return SpeciesRecipe.model_validate({**values, **changes})

    return make
