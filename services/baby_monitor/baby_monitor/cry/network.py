"""The networks: what one window is heard as to logits of reasons. The gate's score, a row's first column, goes through.

yamnet   a linear layer on YAMNet's embedding: logistic regression, the baseline that all others have to beat
small    separable convolutions on log-mel, and the mean and the maximum over time
student  the same in 0.9 M weights, which learns from a teacher's answers too; see `distillation`
whisper  a head on the layers of Whisper's encoder, which stays as it is; see `speech`
hubert   the same head on HuBERT's, whose last layers learn too; see `tuning`. distilhubert: on DistilHuBERT's
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from baby_monitor.cry.hearing import Takes
from baby_monitor.cry.hubert import Hubert
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.speech import Encoded, SpeechHead
from baby_monitor.cry.whisper import Whisper

TAKES_OF: dict[str, Takes] = {
    "yamnet": "embedding",
    "small": "log_mel",
    "student": "log_mel",
    "whisper": "speech",
    "hubert": "samples",
    "distilhubert": "samples",
}
"""What each network hears."""
WIDTHS = {
    "small": ((48, 2), (96, 2), (96, 1), (192, 2), (192, 1)),
    "student": ((48, 2), (96, 2), (96, 1), (256, 2), (256, 1), (512, 2), (512, 1), (768, 1)),
}
"""Of the blocks of the networks on log-mel: channels and stride."""
MOMENTUM = 0.3
"""Of batch norm: PyTorch's 0.1 leaves its statistics near their start in a training of fifty steps."""


class Gated(nn.Module):
    """Rows (n, 1 + …) to the gate's score and the logits of `head`, (n, 1 + reasons)."""

    def __init__(self, head: nn.Module, shape: tuple[int, ...], any_length: bool = False) -> None:
        """any_length: what is heard may be longer or shorter than `shape`."""
        super().__init__()
        self.head = head
        self.shape = shape
        self.any_length = any_length

    def forward(self, rows: Tensor) -> Tensor:
        """rows: as `baby_monitor.cry.hearing` makes them."""
        heard = rows[:, 1:]
        logits: Tensor = self.head(heard if self.any_length else heard.reshape(-1, *self.shape))
        return torch.cat([rows[:, :1], logits], dim=1)


class Linear(nn.Module):
    """Logistic regression on standardised columns, which begins with what is common."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, columns: int, reasons: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("deviation", torch.ones(columns))
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(columns, reasons)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def begin(self, values: NDArray[np.float32], log_shares: NDArray[np.float32]) -> None:
        """Takes the scale of columns from training rows, (n, columns), and its first answer from shares, (reasons,)."""
        with torch.no_grad():
            self.last.bias.copy_(torch.from_numpy(log_shares))
        deviation = values.std(axis=0)
        self.mean.copy_(torch.from_numpy(values.mean(axis=0)))
        # A column that hardly ever answers would be blown up to noise: none counts less than a tenth of the usual.
        self.deviation.copy_(torch.from_numpy(np.maximum(deviation, 0.1 * deviation.mean() + 1e-6)))

    def forward(self, values: Tensor) -> Tensor:
        """(n, columns) to (n, reasons)."""
        logits: Tensor = self.last(self.dropout((values - self.mean) / self.deviation))
        return logits


class Separable(nn.Module):
    """Log-mel at any level: each window is brought to mean 0 and deviation 1. Of the size that `name` has in WIDTHS."""

    def __init__(self, name: str, reasons: int, dropout: float) -> None:
        super().__init__()
        # From here on a frame is 40 ms: a cry changes more slowly.
        layers: list[nn.Module] = [nn.Conv2d(1, 24, 5, stride=(2, 4), padding=2, bias=False)]
        layers += [nn.BatchNorm2d(24, momentum=MOMENTUM), nn.ReLU()]
        before = 24
        for width, stride in WIDTHS[name]:
            layers += [
                nn.Conv2d(before, before, 3, stride=stride, padding=1, groups=before, bias=False),
                nn.BatchNorm2d(before, momentum=MOMENTUM),
                nn.ReLU(),
                nn.Conv2d(before, width, 1, bias=False),
                nn.BatchNorm2d(width, momentum=MOMENTUM),
                nn.ReLU(),
            ]
            before = width
        # Processors train it a quarter faster so; PyTorch's types do not know the argument.
        self.body = nn.Sequential(*layers)
        self.body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(2 * before, reasons)

    def forward(self, log_mel: Tensor) -> Tensor:
        """(n, bands, frames) to (n, reasons)."""
        centred = log_mel - log_mel.mean(dim=(1, 2), keepdim=True)
        scaled = centred / (centred.square().mean(dim=(1, 2), keepdim=True).sqrt() + 1e-3)
        heard = self.body(scaled.unsqueeze(1)).mean(dim=2)
        pooled = torch.cat([heard.mean(dim=2), heard.amax(dim=2)], dim=1)
        logits: Tensor = self.last(self.dropout(pooled))
        return logits


def build_network(
    recipe: CryRecipe, shape: tuple[int, ...], reasons: int, encoder: Whisper | Hubert | None = None
) -> Gated:
    """The recipe's network before its training. shape: of what it hears of one window. encoder: see `encoders`."""
    dropout = recipe.network_options.dropout
    if recipe.network == "yamnet":
        return Gated(Linear(shape[0], reasons, dropout), shape)
    if encoder is not None:
        head = SpeechHead(1 + encoder.layers, encoder.width, reasons, dropout)
        return Gated(Encoded(encoder, head), shape, any_length=isinstance(encoder, Hubert))
    return Gated(Separable(recipe.network, reasons, dropout), shape)


def log_shares(truth: NDArray[np.int64], reasons: int) -> NDArray[np.float32]:
    """How common each reason is, (reasons,). truth: positions of them, (n,)."""
    counts = np.maximum(np.bincount(truth, minlength=reasons), 1)
    shares: NDArray[np.float32] = np.log(counts / counts.sum()).astype(np.float32)
    return shares


class AdjustedLoss:
    """Cross-entropy of the reasons, which makes up for rare ones: logits are learnt beside the log of their share.

    Source: Menon et al., Long-tail learning via logit adjustment (https://arxiv.org/abs/2007.07314).
    """

    def __init__(self, log_shares: NDArray[np.float32], weight: float) -> None:
        """log_shares: of the reasons in what is learnt, (reasons,). weight: 0 for none of it, 1 for all."""
        self._prior = torch.from_numpy(np.float32(weight) * log_shares)

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(n, 1 + reasons) and (n,) to (n,)."""
        adjusted = outputs[:, 1:] + self._prior.to(outputs.device)
        return nn.functional.cross_entropy(adjusted, targets, reduction="none")
