from __future__ import annotations

from collections.abc import Callable

import pytest
from emotion.stress.pipeline import StressPipeline
from emotion.stress.recipe import StressRecipe
from emotion.stress.task import StressTrainer
from pipit.pipelines import installed_pipelines
from pipit.training.recipe import find_recipe, load_recipe, recipe_names
from pipit.training.trainer import load_trainer
from pydantic import ValidationError

NAMES = ("landmarks", "lstm", "small", "synthetic", "tcn")


def test_each_recipe_can_be_read() -> None:
    assert recipe_names(StressTrainer.recipe_folder, "emotion.stress") == NAMES
    for name in NAMES:
        recipe = load_recipe(find_recipe(StressTrainer.recipe_folder, "emotion.stress", name), StressRecipe)
        assert recipe.name == name
        assert recipe.features.past == "recording"
        assert [(gate.metric, gate.comparison, gate.limit) for gate in recipe.gates[:3]] == [
            ("accuracy", ">", 0.70),
            ("crossvalidated.auc", ">", 0.75),
            ("crossvalidated.auc.within_participant", ">", 0.75),
        ]


def test_the_domain_is_found_by_name() -> None:
    assert load_trainer("emotion.stress") is StressTrainer
    assert "emotion.stress" in installed_pipelines()
    assert StressPipeline.__name__ == "StressPipeline"
    assert StressTrainer.default_recipe in NAMES


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "transformer"}, "lstm"),
        ({"export": {"variants": ["float32", "dynamic"]}}, "'float32' or 'int8'"),
        ({"features": {"window": 0, "step_seconds": 60}}, "window"),
        ({"features": {"window": 5, "step_seconds": 60, "past": "future"}}, "past"),
        ({"data": [{"kind": "recordings", "path": "a", "licence": "x", "scale": [3, 3]}]}, "the same"),
        ({"data": [{"kind": "swell", "path": "a", "licence": "x", "scale": [0, 10]}]}, "a scale is for recordings"),
        ({"network": "small", "network_options": {"layers": 2}}, "layers is for lstm and tcn"),
        (
            {
                "data": [
                    {"kind": "recordings", "path": "a", "licence": "x"},
                    {"kind": "swell", "path": "b", "licence": "x"},
                ]
            },
            "physiology or landmarks",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    make_recipe: Callable[..., StressRecipe], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        make_recipe(**changes)
