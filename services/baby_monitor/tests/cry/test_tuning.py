from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from baby_monitor.cry.encoders import read_encoder
from baby_monitor.cry.fitting import fit_network
from baby_monitor.cry.hubert import Hubert
from baby_monitor.cry.network import Gated, build_network
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.stream import INPUT
from baby_monitor.cry.tuning import mask_time, varied
from pipit.training.cache import ArrayCache
from pipit.training.fitting import Fitted
from pipit.training.progress import LogProgress
from pipit.training.torch_data import Samples
from pipit.training.torch_fit import outputs_of, seed_everything


@pytest.fixture
def small(hubert_folder: Path, recipe_of: Callable[..., CryRecipe]) -> Callable[..., tuple[CryRecipe, Gated]]:
    """A recipe and its network, the same at each call."""

    def make(**tuning: Any) -> tuple[CryRecipe, Gated]:
        settings = {"layers": 2, "learning_rate": 0.002, "epochs": 2, "batch_size": 4, "accumulate": 2, **tuning}
        recipe = recipe_of("hubert", epochs=2, batch_size=8, encoder_folder=str(hubert_folder), tuning=settings)
        encoder = read_encoder(recipe, None)
        seed_everything(1)
        return recipe, build_network(recipe, (6_000,), 2, encoder)

    return make


def sides() -> tuple[Samples, Samples]:
    """Tones of two heights, which random convolutions tell apart."""
    generator = np.random.default_rng(4)

    def made(count: int) -> Samples:
        truth = np.arange(count) % 2
        times = np.arange(6_000) / 16_000
        heights = np.where(truth, 1_200.0, 300.0)[:, None] * generator.uniform(0.9, 1.1, (count, 1))
        sounds = 0.3 * np.sin(2 * np.pi * heights * times) + generator.normal(0.0, 0.02, (count, 6_000))
        rows = np.concatenate([np.ones((count, 1)), sounds], axis=1).astype(np.float32)
        return Samples({INPUT: rows}, truth.astype(np.int64))

    return made(16), made(8)


def trained(recipe: CryRecipe, network: Gated, folder: Path) -> Fitted:
    train, validation = sides()
    cache, scratch, logs = ArrayCache(folder / "cache"), folder / "scratch", folder / "logs"
    scratch.mkdir(parents=True, exist_ok=True)
    return fit_network(network, recipe, 2, train, validation, cache, scratch, logs, LogProgress())


@pytest.mark.slow
def test_the_head_learns_first_and_then_the_last_layers_too(
    small: Callable[..., tuple[CryRecipe, Gated]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many threads at the second training as at the first, whatever else runs beside it.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    recipe, network = small()
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    fitted = trained(recipe, network, tmp_path / "once")
    assert len(fitted.history["val_loss"]) == 4
    assert fitted.history["learning_rate"][2] == pytest.approx(0.002)
    assert fitted.best_epoch >= 2
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, kept[name])}
    blocks = {name.split(".")[5] for name in changed if ".encoder.layers." in name}
    assert blocks == {"1", "2"}
    assert not any("feature_extractor" in name or "pos_conv" in name for name in changed)
    assert not any(weight.requires_grad for weight in network.head.encoder.parameters())
    # Interrupted after the head, it ends with the same network, but for how attention rounds in other memory.
    (tmp_path / "again" / "scratch").mkdir(parents=True)
    (tmp_path / "once" / "scratch" / "head.pt").rename(tmp_path / "again" / "scratch" / "head.pt")
    recipe, resumed = small()
    again = trained(recipe, resumed, tmp_path / "again")
    assert again.history["val_loss"] == pytest.approx(fitted.history["val_loss"], abs=1e-5)
    # What they say, and not their weights: one that nothing depends on goes where rounding leads it.
    heard = sides()[1].inputs
    np.testing.assert_allclose(outputs_of(resumed, heard), outputs_of(network, heard), rtol=0.0, atol=1e-4)


@pytest.mark.slow
def test_layers_that_made_it_worse_are_put_back(small: Callable[..., tuple[CryRecipe, Gated]], tmp_path: Path) -> None:
    recipe, network = small(learning_rate=30.0, epochs=1)
    kept = {name: value.clone() for name, value in network.head.encoder.state_dict().items()}
    fitted = trained(recipe, network, tmp_path)
    assert fitted.best_epoch < 2
    for name, value in network.head.encoder.state_dict().items():
        torch.testing.assert_close(value, kept[name], rtol=0.0, atol=0.0)


def test_lower_layers_learn_more_slowly_and_the_rest_stays(encoder: Hubert) -> None:
    tuned = encoder.tune(2)
    assert [id(parameters[0]) for parameters in tuned] == [
        id(next(iter(encoder.model.encoder.layers[place].parameters()))) for place in (2, 1)
    ]
    assert [block.training for block in encoder.model.encoder.layers] == [False, True, True]
    assert all(block.gradient_checkpointing for block in encoder.model.encoder.layers)
    assert not encoder.model.training
    encoder.settled()
    assert not any(block.training or block.gradient_checkpointing for block in encoder.model.encoder.layers)


def test_sounds_are_varied_and_the_gate_s_score_is_not(recipe_of: Callable[..., CryRecipe]) -> None:
    settings = recipe_of("hubert").augmentation.model_copy(update={"probability": 1.0})
    assert settings.pitch_shift == (-2.0, 2.0)
    rows = np.random.default_rng(5).normal(0.0, 0.1, (2, 1 + 32_000)).astype(np.float32)
    rows[:, 0] = 0.7
    before = rows.copy()
    inputs, targets = varied(settings)({INPUT: rows}, np.array([0, 1]), np.random.default_rng(6))
    np.testing.assert_array_equal(inputs[INPUT][:, 0], np.float32([0.7, 0.7]))
    assert targets.tolist() == [0, 1]
    assert np.abs(inputs[INPUT][:, 1:] - before[:, 1:]).mean() > 0.01
    masked = mask_time(np.ones(1_000, np.float32), settings, np.random.default_rng(7))
    assert 0 < (masked == 0.0).sum() <= 2 * 0.1 * 1_000
