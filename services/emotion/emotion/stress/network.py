"""The networks, (windows, steps, channels) to one logit, shape (windows, 1), and how they are trained.

lstm    a recurrent layer, its last output
tcn     causal dilated convolutions, S. Bai et al., https://arxiv.org/abs/1803.01271
small   the last step and the mean over the window, one linear layer: fewer than a hundred weights for physiology

Landmarks have 1,538 channels, more than any data set of stress has people: they go through one narrow layer first.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from pipit.training.fitting import Fitted, sample_weights
from pipit.training.progress import Progress
from pipit.training.torch_data import Samples
from pipit.training.torch_fit import fit, seed_everything
from torch import Tensor, nn

from emotion.stress.pipeline import INPUT
from emotion.stress.recipe import NetworkOptions, StressRecipe
from emotion.stress.recordings import LABELS
from emotion.stress.windows import Windows

MOST_CHANNELS = 64
KERNEL = 3


class Recurrent(nn.Module):
    """See `lstm` above."""

    def __init__(self, channels: int, options: NetworkOptions) -> None:
        super().__init__()
        self.entry, width = _entry(channels, options)
        between = options.dropout if options.layers > 1 else 0.0
        self.lstm = nn.LSTM(width, options.hidden, options.layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(options.dropout)
        self.last = nn.Linear(options.hidden, 1)

    def forward(self, rows: Tensor) -> Tensor:
        """See the module's text."""
        steps, _ = self.lstm(self.entry(rows))
        logits: Tensor = self.last(self.dropout(steps[:, -1]))
        return logits


class TemporalConvolution(nn.Module):
    """See `tcn` above."""

    def __init__(self, channels: int, options: NetworkOptions) -> None:
        super().__init__()
        self.entry, width = _entry(channels, options)
        widths = [width, *[options.hidden] * options.layers]
        self.blocks = nn.Sequential(
            *(
                _Block(before, after, 2**depth, options.dropout)
                for depth, (before, after) in enumerate(pairwise(widths))
            )
        )
        self.last = nn.Linear(options.hidden, 1)

    def forward(self, rows: Tensor) -> Tensor:
        """See the module's text."""
        steps = self.blocks(self.entry(rows).transpose(1, 2))
        logits: Tensor = self.last(steps[:, :, -1])
        return logits


class Pooled(nn.Module):
    """See `small` above."""

    def __init__(self, channels: int, options: NetworkOptions) -> None:
        super().__init__()
        self.entry, width = _entry(channels, options)
        self.last = nn.Linear(2 * width, 1)

    def forward(self, rows: Tensor) -> Tensor:
        """See the module's text."""
        steps = self.entry(rows)
        logits: Tensor = self.last(torch.cat([steps[:, -1], steps.mean(dim=1)], dim=1))
        return logits


class _Block(nn.Module):
    """Two causal convolutions beside a shortcut."""

    def __init__(self, before: int, after: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ZeroPad1d(((KERNEL - 1) * dilation, 0)),
            nn.Conv1d(before, after, KERNEL, dilation=dilation),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.ZeroPad1d(((KERNEL - 1) * dilation, 0)),
            nn.Conv1d(after, after, KERNEL, dilation=dilation),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        self.shortcut = nn.Identity() if before == after else nn.Conv1d(before, after, 1)

    def forward(self, steps: Tensor) -> Tensor:
        """(windows, before, steps) to (windows, after, steps)."""
        return torch.relu(self.layers(steps) + self.shortcut(steps))


def build_network(name: str, channels: int, options: NetworkOptions) -> nn.Module:
    """A network by the name that a recipe gives it."""
    kinds = {"lstm": Recurrent, "tcn": TemporalConvolution, "small": Pooled}
    return kinds[name](channels, options)


def _entry(channels: int, options: NetworkOptions) -> tuple[nn.Module, int]:
    """What narrows the channels, and how many are left."""
    if channels <= MOST_CHANNELS:
        return nn.Identity(), channels
    return nn.Sequential(nn.Dropout(options.dropout), nn.Linear(channels, options.hidden)), options.hidden


def train_network(
    recipe: StressRecipe, train: Windows, validation: Windows, scratch: Path, logs: Path, progress: Progress
) -> tuple[nn.Module, Fitted]:
    """The trained network, windows to logits, and its history.

    Self-reported scores between calm and stressed are learnt as such.
    """
    seed_everything(recipe.seed)
    network = build_network(recipe.network, recipe.signals.channels, recipe.network_options)
    fitted = fit(
        network,
        _loss,
        recipe,
        _samples(recipe, train),
        _samples(recipe, validation),
        scratch,
        logs,
        progress,
        measures={"accuracy": _accuracy},
        threads=1,
    )
    return network, fitted


def _samples(recipe: StressRecipe, windows: Windows) -> Samples:
    # Of both sides, so that the loss that stops a training weighs calm and stressed alike.
    truth = windows.truth(recipe.features.stressed_from)
    weights = sample_weights(truth, len(LABELS)) if recipe.class_weights else None
    return Samples({INPUT: windows.rows}, windows.score, weights)


def _loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], targets, reduction="none")


def _accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    return ((outputs[:, 0] > 0.0) == (targets > 0.5)).to(torch.float32).mean()
