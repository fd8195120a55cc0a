"""Networks, features of faces to seven logits.

Standardisation is their first layer, so it travels with them.

guide          1,536-512-256-128-7, ReLU, dropout
temporal       LSTM, 256 hidden, 2 layers, last output; over several frames
aligned        256-128-7 with batch norm, on aligned points and distances
joined         the same on the points, four convolutions on the crop, one linear layer over both
mobilefacenet  as `joined`, with MobileFaceNet's convolutions on the crop
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from pipit.training.by_input.faces.faces import FaceSamples
from pipit.training.mobilefacenet import FEATURES
from torch import Tensor, nn

from emotion.expression.classes import LABELS
from emotion.expression.features import ALIGNED, CROP, make_features
from emotion.expression.mobilefacenet import MobileFaceNet
from emotion.expression.recipe import ExpressionRecipe

LEAST_SPREAD = 1e-6
GUIDE_WIDTHS = (512, 256, 128)
ALIGNED_WIDTHS = (256, 128)
LSTM_WIDTH, LSTM_LAYERS = 256, 2
CHANNELS = (16, 32, 64, 96)
"""Of the convolutions; each but the first is followed by pooling, the first moves by two pixels."""
LANDMARK_WIDTH = 128
LEAST_CONTRAST = 0.05
FACE_ROWS, FACE_COLUMNS = slice(2, 46), slice(5, 43)
"""Of the crop: what MobileFaceNet was shown of a face."""
FACE_SIZE = (56, 48)
"""Half of what MobileFaceNet was taught with: the crop holds no more, and it takes a quarter of the operations."""
FACE_CONTRAST = 0.5
"""Spread of the values that it is given, within -1..1."""


class Standardise(nn.Module):
    """Subtracts the training samples' mean and divides by their spread. Columns that never change become 0."""

    mean: Tensor
    scale: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("scale", torch.ones(columns))

    def learn(self, rows: Tensor) -> None:
        """rows: (samples, columns)."""
        spread = rows.std(dim=0, unbiased=False)
        self.mean.copy_(rows.mean(dim=0))
        self.scale.copy_(torch.where(spread > LEAST_SPREAD, 1.0 / spread.clamp_min(LEAST_SPREAD), 0.0))

    def forward(self, rows: Tensor) -> Tensor:
        """See `torch.nn.Module`."""
        return (rows - self.mean) * self.scale


class Dense(nn.Module):
    """Fully connected layers."""

    def __init__(self, columns: int, widths: tuple[int, ...], dropout: float, *, batch_norm: bool) -> None:
        super().__init__()
        self.standardise = Standardise(columns)
        layers: list[nn.Module] = []
        for width in widths:
            layers.append(nn.Linear(columns, width))
            if batch_norm:
                layers.append(nn.BatchNorm1d(width))
            layers += [nn.ReLU(), nn.Dropout(dropout)]
            columns = width
        self.layers = nn.Sequential(*layers, nn.Linear(columns, len(LABELS)))

    def forward(self, features: Tensor) -> Tensor:
        """See `torch.nn.Module`."""
        logits: Tensor = self.layers(self.standardise(features))
        return logits


class Temporal(nn.Module):
    """features: (samples, frames, columns)."""

    def __init__(self, columns: int, dropout: float) -> None:
        super().__init__()
        self.standardise = Standardise(columns)
        self.recurrent = nn.LSTM(columns, LSTM_WIDTH, LSTM_LAYERS, batch_first=True, dropout=dropout)
        self.output = nn.Linear(LSTM_WIDTH, len(LABELS))

    def forward(self, features: Tensor) -> Tensor:
        """See `torch.nn.Module`."""
        states, _ = self.recurrent(self.standardise(features))
        logits: Tensor = self.output(states[:, -1])
        return logits


class Joined(nn.Module):
    """features: aligned points and distances, then the crop's pixels, (samples, ALIGNED + CROP * CROP)."""

    def __init__(self, crop: nn.Module, crop_features: int, dropout: float) -> None:
        """crop: from crops of even brightness and contrast, (samples, 1, CROP, CROP), to (samples, crop_features)."""
        super().__init__()
        self.standardise = Standardise(ALIGNED)
        self.landmarks = nn.Sequential(
            nn.Linear(ALIGNED, LANDMARK_WIDTH), nn.BatchNorm1d(LANDMARK_WIDTH), nn.ReLU(), nn.Dropout(dropout)
        )
        self.crop = crop
        self.output = nn.Linear(LANDMARK_WIDTH + crop_features, len(LABELS))

    def forward(self, features: Tensor) -> Tensor:
        """See `torch.nn.Module`."""
        points = self.landmarks(self.standardise(features[:, :ALIGNED]))
        pixels = features[:, ALIGNED:]
        middle = pixels.mean(dim=1, keepdim=True)
        contrast = (pixels - middle).square().mean(dim=1, keepdim=True).sqrt()
        even = (pixels - middle) / (contrast + LEAST_CONTRAST)
        seen = self.crop(even.reshape(-1, 1, CROP, CROP))
        logits: Tensor = self.output(torch.cat([points, seen], dim=1))
        return logits


class Convolutions(nn.Sequential):
    """Four small convolutions on a crop, and the mean over places."""

    def __init__(self, dropout: float) -> None:
        stem = [nn.Conv2d(1, CHANNELS[0], 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(CHANNELS[0]), nn.ReLU()]
        blocks = [_block(before, after) for before, after in pairwise(CHANNELS)]
        super().__init__(*stem, *blocks, nn.Dropout(dropout), Mean())


class Faces(nn.Module):
    """MobileFaceNet on a crop, and the mean over places."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.body = MobileFaceNet()
        self.mean = Mean()
        self.dropout = nn.Dropout(dropout)

    def forward(self, crops: Tensor) -> Tensor:
        """See `torch.nn.Module`."""
        face = crops[:, :, FACE_ROWS, FACE_COLUMNS] * FACE_CONTRAST
        face = nn.functional.interpolate(face, FACE_SIZE, mode="bilinear", align_corners=False)
        seen: Tensor = self.dropout(self.mean(self.body(face.expand(-1, 3, -1, -1))))
        return seen


class Mean(nn.Module):
    """Over places: (samples, channels, rows, columns) to (samples, channels)."""

    def forward(self, values: Tensor) -> Tensor:
        """See `torch.nn.Module`."""
        return values.mean(dim=(2, 3))


def build_network(recipe: ExpressionRecipe, columns: int) -> nn.Module:
    """columns: features a face."""
    dropout = recipe.network_options.dropout
    if recipe.network == "temporal":
        return Temporal(columns, dropout)
    if recipe.network == "joined":
        return Joined(Convolutions(dropout), CHANNELS[-1], dropout)
    if recipe.network == "mobilefacenet":
        return Joined(Faces(dropout), FEATURES, dropout)
    if recipe.network == "aligned":
        return Dense(columns, ALIGNED_WIDTHS, dropout, batch_norm=True)
    return Dense(columns, GUIDE_WIDTHS, dropout, batch_norm=False)


def rows_of(recipe: ExpressionRecipe, samples: FaceSamples) -> NDArray[np.float32]:
    """The network's input: (n, columns), or (n, frames, columns) for a network that looks at several."""
    count, frames, _ = samples.landmarks.shape
    flat = samples.landmarks.reshape(count * frames, -1)
    crops = samples.crops if samples.crops is None else np.repeat(samples.crops, frames, axis=0)
    rows = make_features(recipe.features.kind, flat, np.repeat(samples.aspect, frames), crops)
    return rows.reshape(count, frames, -1) if recipe.features.frames > 1 else rows


def _block(before: int, channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(before, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.1),
    )
