"""What a student learns from: labels, and what a teacher says to the same sounds.

    targets (n, 1 + reasons): the position of the label, or NOT_KNOWN; then the teacher's logits

    loss = (1 - weight) cross-entropy with the label + weight T^2 KL(teacher / T || student / T)

Of a cry that nobody labelled the second part is all there is. Source: Hinton et al., Distilling the knowledge in a
neural network (https://arxiv.org/abs/1503.02531).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.training.torch_data import Samples
from pipit.training.torch_module import Loss
from torch import Tensor, nn

from baby_monitor.cry.recipe import Distillation

NOT_KNOWN = -1
"""In place of a label's position."""


def taught(labels: NDArray[np.int64], told: NDArray[np.float32]) -> NDArray[np.float32]:
    """The targets. labels: positions of reasons or NOT_KNOWN, (n,). told: the teacher's logits, (n, reasons)."""
    return np.concatenate([labels[:, np.newaxis], told], axis=1, dtype=np.float32)


def joined(first: Samples, second: Samples) -> Samples:
    """Both, one after the other."""
    inputs = {name: np.concatenate([values, second.inputs[name]]) for name, values in first.inputs.items()}
    return Samples(inputs, np.concatenate([first.targets, second.targets]))


def labels_of(targets: NDArray[Any]) -> NDArray[np.int64]:
    """The labels that are known, of targets with a teacher's logits or without."""
    labels = (targets if targets.ndim == 1 else targets[:, 0]).astype(np.int64)
    known: NDArray[np.int64] = labels[labels != NOT_KNOWN]
    return known


class DistilledLoss:
    """See the module's text."""

    def __init__(self, labelled: Loss, settings: Distillation) -> None:
        """labelled: the loss of outputs beside labels."""
        self._labelled = labelled
        self._weight, self._temperature = settings.weight, settings.temperature

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(n, 1 + reasons) and targets to (n,)."""
        labels, told = targets[:, 0].long(), targets[:, 1:]
        from_labels = self._labelled(outputs, labels.clamp(min=0)) * (labels != NOT_KNOWN)
        own, teachers = (
            nn.functional.log_softmax(logits / self._temperature, dim=1) for logits in (outputs[:, 1:], told)
        )
        apart = nn.functional.kl_div(own, teachers, reduction="none", log_target=True).sum(dim=1)
        return (1.0 - self._weight) * from_labels + self._weight * self._temperature**2 * apart
