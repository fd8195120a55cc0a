"""Trains a recipe's network on found faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pipit.inputs.landmarks import mirror_features
from pipit.training.fitting import Fitted, balanced_weights
from pipit.training.progress import Progress
from pipit.training.torch_data import Inputs, Samples
from pipit.training.torch_fit import fit, outputs_of, seed_everything
from torch import Tensor, nn

from emotion.expression.classes import LABELS
from emotion.expression.features import ALIGNED, CROP, make_features
from emotion.expression.mobilefacenet import MobileFaceNet, load_pretrained
from emotion.expression.network import Joined, Standardise, build_network
from emotion.expression.recipe import ExpressionRecipe
from emotion.expression.settings import INPUT

PLAIN, MIRRORED = 0, 1


@dataclass(frozen=True, slots=True)
class FaceSamples:
    """landmarks: (n, frames, 1536), oldest first. aspect: (n,). crops: (n, 48, 48) or None. truth: (n,)."""

    landmarks: NDArray[np.float32]
    aspect: NDArray[np.float32]
    crops: NDArray[np.float32] | None
    truth: NDArray[np.int64]

    def mirrored(self) -> FaceSamples:
        """What mirrors would show: left and right points trade places, crops are turned round."""
        crops = None if self.crops is None else self.crops[:, :, ::-1]
        return FaceSamples(mirror_features(self.landmarks), self.aspect, crops, self.truth)


def rows_of(recipe: ExpressionRecipe, samples: FaceSamples) -> NDArray[np.float32]:
    """The network's input: (n, columns), or (n, frames, columns) for a network that looks at several."""
    count, frames, _ = samples.landmarks.shape
    flat = samples.landmarks.reshape(count * frames, -1)
    crops = samples.crops if samples.crops is None else np.repeat(samples.crops, frames, axis=0)
    rows = make_features(recipe.features.kind, flat, np.repeat(samples.aspect, frames), crops)
    return rows.reshape(count, frames, -1) if recipe.features.frames > 1 else rows


def train_network(
    recipe: ExpressionRecipe,
    train: FaceSamples,
    validation: FaceSamples,
    scratch: Path,
    logs: Path,
    progress: Progress,
    weights: Path | None = None,
) -> tuple[nn.Module, Fitted]:
    """The network with the weights of its best epoch. scratch: where an interrupted training goes on from.

    weights: MobileFaceNet's, for the network that begins with them.
    """
    rows, validating = rows_of(recipe, train), rows_of(recipe, validation)
    seed_everything(recipe.seed)
    network = build_network(recipe, rows.shape[-1])
    if weights is not None:
        load_pretrained(next(part for part in network.modules() if isinstance(part, MobileFaceNet)), weights)
    spread = _learn_standard(network, rows)
    importance = None
    if recipe.class_weights:
        of_label = balanced_weights(train.truth, len(LABELS))
        importance = np.array([of_label[int(label)] for label in train.truth], np.float32)
    both = np.stack([rows, rows_of(recipe, train.mirrored())], axis=1)
    loss = nn.CrossEntropyLoss(reduction="none", label_smoothing=recipe.network_options.label_smoothing)
    fitted = fit(
        network,
        loss,
        recipe,
        Samples({INPUT: both}, train.truth, importance),
        Samples({INPUT: validating}, validation.truth),
        scratch,
        logs,
        progress,
        vary=Variation(recipe, spread),
        measures={"accuracy": _accuracy},
    )
    return network, fitted


def logits_of(network: nn.Module, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, labels)."""
    return outputs_of(network, {INPUT: rows})


class Variation:
    """Chooses between a sample and its mirror image, adds noise, moves the crop or leaves it out.

    See `recipe.Augmentation`.
    """

    def __init__(self, recipe: ExpressionRecipe, spread: NDArray[np.float32]) -> None:
        """spread: of each standardised column."""
        self._settings = recipe.augmentation
        self._spread = spread

    def __call__(
        self, inputs: Inputs, targets: NDArray[Any], generator: np.random.Generator
    ) -> tuple[Mapping[str, NDArray[Any]], NDArray[Any]]:
        """inputs: each sample beside its mirror image, (batch, 2, …)."""
        pairs = inputs[INPUT]
        side = np.where(generator.random(len(pairs)) < self._settings.mirror, MIRRORED, PLAIN)
        rows = pairs[np.arange(len(pairs)), side]
        columns = len(self._spread)
        noise = generator.standard_normal((*rows.shape[:-1], columns), dtype=np.float32)
        rows[..., :columns] += self._settings.noise * self._spread * noise
        if self._settings.crop_warp and rows.shape[-1] > ALIGNED:
            rows[:, ALIGNED:] = warp(rows[:, ALIGNED:], self._settings.crop_warp, generator)
        if self._settings.crop_dropout:
            rows[generator.random(len(rows)) < self._settings.crop_dropout, ALIGNED:] = 0.0
        return {INPUT: rows}, targets


def warp(crops: NDArray[np.float32], amount: float, generator: np.random.Generator) -> NDArray[np.float32]:
    """crops: (n, 48 * 48). Each moved, turned and stretched by a map of its own; the border is repeated."""
    moves = generator.standard_normal((len(crops), 2, 3), dtype=np.float32) * np.float32(amount)
    maps = torch.from_numpy(moves) + torch.eye(2, 3)
    pictures = torch.from_numpy(np.ascontiguousarray(crops)).reshape(-1, 1, CROP, CROP)
    grid = nn.functional.affine_grid(maps, list(pictures.shape), align_corners=False)
    warped = nn.functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    return warped.reshape(len(crops), -1).numpy()


def _learn_standard(network: nn.Module, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gives the spread of each column that the network standardises."""
    columns = ALIGNED if isinstance(network, Joined) else rows.shape[-1]
    flat = rows.reshape(-1, rows.shape[-1])[:, :columns]
    for layer in network.modules():
        if isinstance(layer, Standardise):
            layer.learn(torch.from_numpy(np.ascontiguousarray(flat)))
    spread: NDArray[np.float32] = flat.std(axis=0)
    return spread


def _accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(dim=1) == targets).float().mean()
