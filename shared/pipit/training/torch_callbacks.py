"""Lightning's callbacks of `pipit.training.torch_fit`. What they note is kept in Lightning's checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

import lightning.pytorch as lightning
import torch
from torch import nn

from pipit.training.fitting import LOWEST_LEARNING_RATE, PLATEAU_FACTOR, learning_rate_at, plateau_patience
from pipit.training.processors import idle_processors
from pipit.training.progress import Bar, Progress
from pipit.training.recipe import Optimiser, Recipe

SHARE = "share"
"""In an optimiser's group of weights: the part of the recipe's learning rate that it gets."""


def make_optimiser(
    settings: Optimiser, parameters: Iterable[nn.Parameter] | list[dict[str, Any]]
) -> torch.optim.Optimizer:
    """The optimiser that a recipe names, for weights or for groups of them as PyTorch has them."""
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.name == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=settings.momentum, weight_decay=decay)
    if settings.name == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    if settings.name == "adamax":
        return torch.optim.Adamax(parameters, lr=rate, weight_decay=decay)
    return torch.optim.Adam(parameters, lr=rate, weight_decay=decay)


class IdleCores(lightning.Callback):
    """Gives each epoch as many threads as there are idle cores when it begins; see `pipit.training.processors`."""

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Looks, unless a GPU does the work."""
        if pl_module.device.type == "cpu":
            torch.set_num_threads(idle_processors())


class Schedule(lightning.Callback):
    """The learning rate of each epoch.

    Lightning changes rates after it has made its checkpoint, so that a resumed training would miss a step.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._plateau: torch.optim.lr_scheduler.ReduceLROnPlateau | None = None
        self._kept: dict[str, Any] = {}

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Goes on from what the checkpoint held."""
        settings = self._recipe.optimiser
        if settings.schedule == "plateau":
            self._plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                trainer.optimizers[0],
                factor=PLATEAU_FACTOR,
                patience=plateau_patience(self._recipe.early_stopping_patience),
                min_lr=settings.learning_rate * LOWEST_LEARNING_RATE,
            )
            if self._kept:
                self._plateau.load_state_dict(self._kept)

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Sets a rate that does not look at the loss."""
        settings, epoch = self._recipe.optimiser, trainer.current_epoch
        if settings.schedule != "plateau":
            for group in trainer.optimizers[0].param_groups:
                group["lr"] = learning_rate_at(settings, epoch, self._recipe.epochs) * group.get(SHARE, 1.0)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Lowers the rate where the validation loss stands still."""
        if self._plateau is not None:
            self._plateau.step(float(trainer.callback_metrics["val_loss"]))

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers, which a checkpoint may hold."""
        if self._plateau is None:
            return {}
        state = self._plateau.state_dict()
        return {name: value for name, value in state.items() if isinstance(value, bool | int | float | str | list)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See `state_dict`."""
        self._kept = state_dict


class History(lightning.Callback):
    """Every measure of every epoch, by Keras' names, so that reports are alike."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Notes the epoch."""
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        found = {name: float(value) for name, value in trainer.callback_metrics.items()} | {"learning_rate": rate}
        for name, value in found.items():
            self.values.setdefault(name, []).append(value)

    def state_dict(self) -> dict[str, Any]:
        """See `lightning.Callback`."""
        return {name: list(values) for name, values in self.values.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See `lightning.Callback`."""
        self.values = {name: list(values) for name, values in state_dict.items()}


class EpochBar(lightning.Callback, AbstractContextManager["EpochBar"]):
    """One step of the bar for each epoch, with the losses beside it."""

    def __init__(self, progress: Progress, epochs: int) -> None:
        self._context = progress.track("training", epochs)
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        self._bar = self._context.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, trace)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Shows what an interrupted training had done."""
        if self._bar is not None and trainer.current_epoch:
            self._bar.advance(trainer.current_epoch, "resumed")

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """One more."""
        found = trainer.callback_metrics
        loss, validation = (float(found.get(name, math.nan)) for name in ("loss", "val_loss"))
        if self._bar is not None:
            self._bar.advance(1, f"loss {loss:.3f}, validation {validation:.3f}")
