"""How the networks are trained: all of it, or the head on an encoder, whose last layers may learn after it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pipit.files import sha256_bytes
from pipit.training.cache import ArrayCache
from pipit.training.fitting import Fitted
from pipit.training.progress import Progress
from pipit.training.torch_data import Samples
from pipit.training.torch_fit import fit
from pipit.training.torch_module import Loss
from torch import Tensor, nn

from baby_monitor.cry.distillation import DistilledLoss, labels_of
from baby_monitor.cry.hubert import Hubert
from baby_monitor.cry.network import AdjustedLoss, Gated, Linear, log_shares
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.speech import Encoded, encode
from baby_monitor.cry.stream import INPUT
from baby_monitor.cry.tuning import fit_head_once, tune


class Ungated(nn.Module):
    """A head by itself, whose outputs look like those of the whole network."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def forward(self, heard: Tensor) -> Tensor:
        """(n, …) to (n, 1 + reasons)."""
        # Kept as half floats.
        logits = self.head(heard.float())
        return torch.cat([torch.ones_like(logits[:, :1]), logits], dim=1)


def fit_network(
    network: Gated,
    recipe: CryRecipe,
    reasons: int,
    train: Samples,
    validation: Samples,
    cache: ArrayCache,
    scratch: Path,
    logs: Path,
    progress: Progress,
) -> Fitted:
    """Trains `network` on rows of the network's input. cache: of what an encoder makes of them.

    Targets of the samples: positions of reasons, or what `distillation` makes of them and a teacher's answers.
    """
    prior, shares = recipe.network_options.prior, log_shares(labels_of(train.targets), reasons)
    # What the loss makes up for is not learnt.
    expected = np.float32(1.0 - min(1.0, prior)) * shares
    loss: Loss = AdjustedLoss(shares, prior)
    if recipe.has_teacher:
        loss = DistilledLoss(loss, recipe.distillation)
    encoded = network.head
    if not isinstance(encoded, Encoded):
        if isinstance(encoded, Linear):
            encoded.begin(train.inputs[INPUT][:, 1:], expected)
        fitted = fit(network, loss, recipe, train, validation, scratch, logs, progress)
        network.eval()
        return fitted

    def fit_head() -> Fitted:
        encoded.head.begin(expected)
        heard, held_out = (
            Samples({INPUT: encoded_rows(network, side.inputs[INPUT], cache, progress)}, side.targets)
            for side in (train, validation)
        )
        learns = Ungated(encoded.head)
        return fit(learns, loss, recipe, heard, held_out, scratch / "head", logs / "head", progress)

    fitted = fit_head_once(scratch / "head.pt", encoded.head, fit_head)
    if isinstance(encoded.encoder, Hubert) and recipe.tuning.layers:
        places = scratch / "layers", logs / "layers"
        parts = network, encoded.encoder, encoded.head
        fitted = tune(*parts, fitted, loss, recipe, train, validation, *places, progress)
    network.eval()
    return fitted


def encoded_rows(
    network: Gated, rows: NDArray[np.float32], cache: ArrayCache, progress: Progress
) -> NDArray[np.float16]:
    """What the network's encoder makes of rows, half floats, (n, layers, steps, width): once for each, and kept."""
    assert isinstance(network.head, Encoded)
    encoder = network.head.encoder.eval()
    weights = sha256_bytes(b"".join(weight.numpy().tobytes() for weight in encoder.state_dict().values()))
    found = []
    with progress.track("encoding", len(rows)) as bar:
        for row in rows:
            key = {"encoded": 1, "row": sha256_bytes(row.tobytes()), "encoder": weights}
            heard = row[np.newaxis, 1:].reshape(1, *network.shape)
            found.append(cache.get(key, partial(_encode, encoder, heard)))
            bar.advance()
    return np.stack(found)


def _encode(encoder: nn.Module, heard: NDArray[np.float32]) -> NDArray[np.float16]:
    kept: NDArray[np.float16] = encode(encoder, heard)[0].astype(np.float16)
    return kept
