from __future__ import annotations

import pytest
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.task import SoundsTrainer
from pipit.errors import InvalidInput
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.trainer import load_trainer

TASK = "home_security.sounds"


def _load(name: str, **overrides: object) -> SoundsRecipe:
    return load_recipe(find_recipe(SoundsTrainer.recipe_folder, TASK, name), SoundsRecipe, overrides)


def test_the_trainer_is_found_and_its_default_recipe_is_there() -> None:
    assert load_trainer(TASK) is SoundsTrainer
    assert recipe_names(SoundsTrainer.recipe_folder, TASK) == ("guide", "small", "synthetic", "yamnet")
    assert _load(SoundsTrainer.default_recipe).name == "yamnet"


@pytest.mark.parametrize("name", ["guide", "small", "synthetic", "yamnet"])
def test_every_recipe_keeps_the_gates_of_the_task(name: str) -> None:
    gates = {gate.metric: (gate.comparison, gate.limit) for gate in _load(name).gates}
    assert gates == {
        "accuracy.security": (">", 0.70),
        "false_positive_rate": ("<", 0.05),
        "background_alarm_rate": ("<", 0.05),
        "quiet.alarm_rate": ("<=", 0.0),
        "robust.worst.detection_rate": (">", 0.50),
        "robust.worst.background_alarm_rate": ("<", 0.05),
        "background.false_alarms_per_hour": ("<=", 1.0),
        "int8_loss_points": ("<=", 2.0),
        "size_mb": ("<", 5.0),
    }


@pytest.mark.parametrize("name", ["guide", "small"])
def test_the_guides_numbers_stand_in_the_recipes(name: str) -> None:
    recipe = _load(name)
    assert (recipe.epochs, recipe.batch_size) == (50, 32)
    assert (recipe.features.front_end, recipe.features.window_seconds) == ("librosa_22k", 5.0)
    augmentation = recipe.augmentation
    assert (augmentation.time_stretch, augmentation.pitch_shift, augmentation.noise) == ((0.9, 1.1), (-2.0, 2.0), 0.005)


def test_a_misspelt_key_is_refused() -> None:
    with pytest.raises(InvalidInput, match="drop_out"):
        _load("small", **{"network_options.drop_out": 0.1})
