"""Heads on the layers of an encoder of speech. While they are trained, it stays as it is.

    log-mel ─> encoder ─> (layers, steps, width) ─> mean of STRIDE steps ─┐ once for each recording, and kept
                                                                          │
    a weight for each layer ─> attention over time ─> mean and deviation ─┴─> linear ─> logits

Middle layers carry the sounds of infants better than the last one (https://arxiv.org/abs/2402.06888), so how much each
layer counts is learnt. Attentive statistics pooling: Okabe et al., https://arxiv.org/abs/1803.10963.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

STRIDE = 5
"""Steps of the encoder that are averaged: 100 ms."""
ATTENTION = 64
"""Width of what decides which moments count."""


class SpeechHead(nn.Module):
    """What is learnt."""

    def __init__(self, layers: int, width: int, reasons: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Parameter(torch.zeros(layers))
        self.attention = nn.Sequential(nn.Linear(width, ATTENTION), nn.Tanh(), nn.Linear(ATTENTION, 1))
        self.norm = nn.LayerNorm(2 * width)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(2 * width, reasons)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def begin(self, log_shares: NDArray[np.float32]) -> None:
        """Takes its first answer from shares, (reasons,)."""
        with torch.no_grad():
            self.last.bias.copy_(torch.from_numpy(log_shares))

    def forward(self, layers: Tensor) -> Tensor:
        """(n, layers, steps, width) to (n, reasons)."""
        shares = torch.softmax(self.layers, dim=0)
        heard = (layers * shares[None, :, None, None]).sum(dim=1)
        weights = torch.softmax(self.attention(heard), dim=1)
        mean = (weights * heard).sum(dim=1)
        deviation = ((weights * heard.square()).sum(dim=1) - mean.square()).clamp(min=1e-6).sqrt()
        logits: Tensor = self.last(self.dropout(self.norm(torch.cat([mean, deviation], dim=1))))
        return logits


class Encoded(nn.Module):
    """An encoder, and the head on what its layers make of a window."""

    def __init__(self, encoder: nn.Module, head: SpeechHead) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, heard: Tensor) -> Tensor:
        """What the encoder takes, (n, …), to (n, reasons)."""
        logits: Tensor = self.head(averaged(self.encoder(heard)))
        return logits


def averaged(layers: Tensor) -> Tensor:
    """(n, layers, steps, width) to (n, layers, steps / STRIDE, width); a rest of steps is left out."""
    rows, depth, steps, width = layers.shape
    kept = steps // STRIDE
    return layers[:, :, : kept * STRIDE].reshape(rows, depth, kept, STRIDE, width).mean(dim=3)


@torch.inference_mode()
def encode(encoder: nn.Module, heard: NDArray[np.float32]) -> NDArray[np.float32]:
    """The averaged layers of rows, (n, layers, steps, width)."""
    found: NDArray[np.float32] = averaged(encoder(torch.from_numpy(heard))).numpy()
    return found
