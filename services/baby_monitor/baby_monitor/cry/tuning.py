"""The second part of a training on HuBERT: its last layers learn too, slowly, once the head knows something.

    head alone, on kept layers of the recordings ─> best head ─┐
    last layers and head, on varied sounds <───────────────────┘─> the best epoch of both parts

Each layer learns more slowly than the one above it (Howard and Ruder, https://arxiv.org/abs/1801.06146). Sounds are
varied on the training side alone, and anew for each batch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pipit.training.by_input.audio.augmentation import vary as vary_sound
from pipit.training.by_input.audio.settings import Augmentation
from pipit.training.fitting import Fitted, best_epoch
from pipit.training.progress import Progress
from pipit.training.torch_data import Inputs, Samples, Vary
from pipit.training.torch_fit import fit
from pipit.training.torch_module import Loss
from torch import nn

from baby_monitor.cry.hubert import Hubert
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.stream import INPUT

RATE = 16_000


def fit_head_once(path: Path, head: nn.Module, train: Callable[[], Fitted]) -> Fitted:
    """`train`s the head, or takes what an interrupted training had left of it at `path`."""
    if path.is_file():
        kept = torch.load(path, weights_only=True)
        head.load_state_dict(kept["head"])
        return Fitted(kept["history"], kept["best_epoch"])
    fitted = train()
    partial = path.with_suffix(".part")
    state = {"head": head.state_dict(), "history": dict(fitted.history), "best_epoch": fitted.best_epoch}
    torch.save(state, partial)
    partial.replace(path)
    return fitted


def tune(
    network: nn.Module,
    encoder: Hubert,
    head: nn.Module,
    before: Fitted,
    loss: Loss,
    recipe: CryRecipe,
    train: Samples,
    validation: Samples,
    scratch: Path,
    logs: Path,
    progress: Progress,
) -> Fitted:
    """Trains the last layers of `encoder` and `head`, both of which are parts of `network`.

    before: the head's own training. What is left in the network is the best epoch of both.
    """
    tuning = recipe.tuning
    shares = dict.fromkeys(head.parameters(), 1.0)
    for depth, parameters in enumerate(encoder.tune(tuning.layers)):
        shares |= dict.fromkeys(parameters, tuning.decay**depth)
    found = [(name, shares[parameter]) for name, parameter in network.named_parameters() if parameter in shares]
    # The whole rate first: it is the one that the history shows.
    names = dict(sorted(found, key=lambda each: -each[1]))
    first = {name: value.clone() for name, value in network.state_dict().items() if name in names}
    head.train()
    optimiser = recipe.optimiser.model_copy(update={"learning_rate": tuning.learning_rate})
    changes = {"optimiser": optimiser, "epochs": tuning.epochs, "batch_size": tuning.batch_size}
    after = fit(
        network,
        loss,
        recipe.model_copy(update=changes),
        train,
        validation,
        scratch,
        logs,
        progress,
        vary=varied(recipe.augmentation),
        rates=names,
        accumulate=tuning.accumulate,
        mixed=True,
    )
    encoder.settled()
    history = {name: [*values, *after.history.get(name, ())] for name, values in before.history.items()}
    best = best_epoch(history["val_loss"])
    assert best is not None
    if best < len(before.history["val_loss"]):
        network.load_state_dict(first, strict=False)
    return Fitted(history, best)


def varied(settings: Augmentation) -> Vary:
    """Changes the samples of each row: pitch, place, noise, level, and runs of silence. The gate's score stays."""

    def change(inputs: Inputs, targets: NDArray[Any], generator: np.random.Generator) -> tuple[Inputs, NDArray[Any]]:
        rows = inputs[INPUT]
        for row in rows:
            samples = vary_sound(row[1:], RATE, len(row) - 1, settings, generator)
            row[1:] = mask_time(samples, settings, generator)
        return inputs, targets

    return change


def mask_time(
    samples: NDArray[np.float32], settings: Augmentation, generator: np.random.Generator
) -> NDArray[np.float32]:
    """SpecAugment's masks of time (https://arxiv.org/abs/1904.08779), as silence. samples: (n,); copied."""
    masked = samples.copy()
    for _ in range(settings.masks):
        width = int(generator.integers(0, int(settings.time_mask * len(masked)) + 1))
        start = int(generator.integers(0, len(masked) - width + 1))
        masked[start : start + width] = 0.0
    return masked


def save_tuned(path: Path, encoder: Hubert, head: nn.Module, reasons: tuple[str, ...]) -> None:
    """The trained network as the guide's users look for it: plain values, which PyTorch loads with `weights_only`."""
    torch.save(
        {
            "labels": list(reasons),
            "sample_rate": RATE,
            "config": encoder.config,
            "hubert": encoder.model.state_dict(),
            "head": head.state_dict(),
        },
        path,
    )
