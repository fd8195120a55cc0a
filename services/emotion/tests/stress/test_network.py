from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from emotion.stress.network import build_network, train_network
from emotion.stress.pipeline import INPUT, OUTPUT
from emotion.stress.recipe import NetworkOptions, StressRecipe
from emotion.stress.windows import Windows
from numpy.typing import NDArray
from pipit.runtimes import load_runtime
from pipit.training.torch_fit import outputs_of, seed_everything
from pipit.training.torch_onnx import export_onnx
from torch import nn

Make = Callable[..., StressRecipe]


@pytest.mark.parametrize("name", ["lstm", "tcn", "small"])
@pytest.mark.parametrize("channels", [6, 1538])
def test_a_network_makes_one_logit_of_a_window(name: str, channels: int) -> None:
    network = build_network(name, channels, NetworkOptions(hidden=8, layers=2))
    rows = np.random.default_rng(1).normal(size=(3, 10, channels)).astype(np.float32)
    assert outputs_of(network, {INPUT: rows}).shape == (3, 1)


def test_the_small_network_is_small() -> None:
    network = build_network("small", 6, NetworkOptions(hidden=1, dropout=0.0))
    assert sum(parameter.numel() for parameter in network.parameters()) == 13


def test_a_temporal_convolution_sees_as_far_as_its_blocks_and_no_step_ahead() -> None:
    seed_everything(1)
    network = build_network("tcn", 6, NetworkOptions(hidden=8, layers=2)).eval()
    rows = torch.randn(64, 30, 6)

    def differs(step: int) -> list[int]:
        changed = rows.clone()
        changed[:, step] += 1.0
        before, after = (network.blocks(values.transpose(1, 2)) for values in (rows, changed))
        return torch.nonzero((after - before).abs().amax(dim=(0, 1))).flatten().tolist()

    # Two convolutions of three steps in each block, one apart and two apart: 1 + 2 * 2 + 2 * 4 = 13 steps.
    assert differs(10) == list(range(10, 23))
    assert differs(17)[-1] == 29
    assert 29 not in differs(16)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "tcn", "small"])
def test_each_network_answers_alike_in_the_runtime(name: str, tmp_path: Path) -> None:
    seed_everything(1)
    network = build_network(name, 6, NetworkOptions(hidden=8, layers=2))
    rows = np.random.default_rng(1).normal(size=(9, 5, 6)).astype(np.float32)
    files = {variant: tmp_path / variant for variant in ("float32", "int8")}
    export_onnx(network, files, {INPUT: rows[0]}, OUTPUT)
    for variant, tolerance in (("float32", 1e-5), ("int8", 0.05)):
        runtime = load_runtime(files[variant], "onnx")
        np.testing.assert_allclose(
            runtime.run({INPUT: rows})[OUTPUT], outputs_of(network, {INPUT: rows}), atol=tolerance
        )
        runtime.close()


def _windows(count: int, seed: int) -> Windows:
    """Stress raises the first channel, more and more."""
    generator = np.random.default_rng(seed)
    score = (np.arange(count) % 2).astype(np.float32)
    rows = generator.normal(0, 0.5, (count, 5, 6)).astype(np.float32)
    rows[:, :, 0] += score[:, np.newaxis] * np.linspace(0, 2, 5, dtype=np.float32)
    names, numbers = np.array(["a"] * count, object), np.arange(count)
    return Windows(rows, score, names, names, numbers, numbers)


def _logits(network: nn.Module, windows: Windows) -> NDArray[np.float32]:
    return outputs_of(network, {INPUT: windows.rows})[:, 0]


def _train(recipe: StressRecipe, folder: Path, quiet: Any, windows: Windows | None = None) -> Any:
    (folder / "scratch").mkdir(parents=True, exist_ok=True)
    data = windows or _windows(200, 1)
    return train_network(recipe, data, _windows(100, 2), folder / "scratch", folder / "logs", quiet)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "tcn", "small"])
def test_each_network_learns(name: str, make_recipe: Make, tmp_path: Path, quiet: Any) -> None:
    layers = {} if name == "small" else {"layers": 2}
    recipe = make_recipe(network=name, epochs=12, network_options={"hidden": 8, "dropout": 0.1, **layers})
    network, fitted = _train(recipe, tmp_path, quiet)
    test = _windows(100, 3)
    assert ((_logits(network, test) > 0) == test.truth(0.5)).mean() > 0.85
    assert fitted.best_epoch == int(np.argmin(fitted.history["val_loss"]))
    assert {"loss", "val_loss", "accuracy", "val_accuracy"} <= set(fitted.history)


class Cut(Exception):
    """The power was cut."""


@pytest.mark.slow
def test_an_interrupted_training_of_a_network_with_dropout_goes_on(
    make_recipe: Make, tmp_path: Path, quiet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(network="tcn", epochs=5, network_options={"hidden": 8, "layers": 1, "dropout": 0.5})
    whole, expected = _train(recipe, tmp_path / "whole", quiet)
    epochs = 0

    def advance(amount: float = 1, note: str = "") -> None:
        nonlocal epochs
        epochs += 1
        if epochs == 4:
            raise Cut

    monkeypatch.setattr(quiet, "advance", advance)
    with pytest.raises(Cut):
        _train(recipe, tmp_path / "cut", quiet)
    resumed, fitted = _train(recipe, tmp_path / "cut", quiet)
    assert epochs == 4 + 1 + 2  # What was resumed, then epochs 4 and 5.
    assert fitted == expected
    test = _windows(100, 3)
    np.testing.assert_array_equal(_logits(resumed, test), _logits(whole, test))


@pytest.mark.slow
def test_scores_between_calm_and_stressed_are_learnt_as_such(make_recipe: Make, tmp_path: Path, quiet: Any) -> None:
    base = _windows(300, 1)
    rows = np.zeros_like(base.rows)
    unsure = Windows(rows, np.full(300, 0.3, np.float32), base.participant, base.recording, base.last, base.elapsed)
    (tmp_path / "scratch").mkdir()
    recipe = make_recipe(epochs=30, early_stopping_patience=30, class_weights=False)
    network, _ = train_network(recipe, unsure, unsure, tmp_path / "scratch", tmp_path / "logs", quiet)
    scores = 1.0 / (1.0 + np.exp(-_logits(network, unsure)))
    np.testing.assert_allclose(scores, 0.3, atol=0.03)
