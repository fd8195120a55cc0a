"""MobileFaceNet's weights: from the published PyTorch checkpoint to arrays by name, which need no PyTorch to read.

Network: S. Chen et al., MobileFaceNets, https://arxiv.org/abs/1804.07573; it learnt to tell the people of CASIA-WebFace
apart.
Weights: https://github.com/Xiaoccer/MobileFaceNet_Pytorch (no licence stated).
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.files import open_atomically

WEIGHTS_SHA256 = "37dfd35d987660c9502df27e52476f67bc4d507557aa13227a1b23f27f47e799"
"""Over the published weights themselves, see `weights_digest`."""
_STATE = "net_state_dict"
_NOT_A_WEIGHT = "num_batches_tracked"


def has_pinned_weights(checkpoint: Path) -> bool:
    """Whether the weights in it are the pinned ones. Nothing in the file is run."""
    try:
        return weights_digest(_read(checkpoint)) == WEIGHTS_SHA256
    except InvalidInput:
        return False


def convert_mobilefacenet(checkpoint: Path, target: Path) -> None:
    """Writes `target`, an .npz of float32 arrays under the checkpoint's names. Raises InvalidInput for another file."""
    weights = _read(checkpoint)
    with open_atomically(target) as file:
        np.savez(file, allow_pickle=False, **weights)


def weights_digest(weights: Mapping[str, NDArray[np.float32]]) -> str:
    """SHA-256, hexadecimal, over each array's name, shape and little-endian values, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        values = np.ascontiguousarray(weights[name], "<f4")
        digest.update(f"{name} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _read(checkpoint: Path) -> dict[str, NDArray[np.float32]]:
    try:
        content: Any = torch.load(checkpoint, map_location="cpu", weights_only=True)
        state: Mapping[str, torch.Tensor] = content[_STATE]
        return {name: tensor.float().numpy() for name, tensor in state.items() if not name.endswith(_NOT_A_WEIGHT)}
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidInput(f"{checkpoint} is no checkpoint of MobileFaceNet: {error}") from error
