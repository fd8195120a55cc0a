"""A network and its loss as Lightning wants them, for `pipit.training.torch_fit`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipit.training.recipe import Recipe
from pipit.training.torch_callbacks import SHARE, make_optimiser
from pipit.training.torch_data import Batch

Loss = Callable[[Tensor, Tensor], Tensor]
"""From outputs and targets of a batch to the loss of each sample, shape (samples,)."""
Measure = Callable[[Tensor, Tensor], Tensor]
"""From outputs and targets of a batch to one number, such as its accuracy; averaged over the samples."""

NETWORK, AVERAGED = "network.", "averaged.module."
"""Before the names of weights in a checkpoint."""


class Training(lightning.LightningModule):
    """What one training is made of; see `pipit.training.torch_fit.fit` for the arguments."""

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        recipe: Recipe,
        measures: Mapping[str, Measure],
        averaging: float,
        rates: Mapping[str, float] | None,
    ) -> None:
        super().__init__()
        self.network = network
        self.averaged = None
        if averaging:
            moving = get_ema_multi_avg_fn(averaging)  # type: ignore[no-untyped-call]
            self.averaged = AveragedModel(network, multi_avg_fn=moving, use_buffers=True)
        self._loss = loss
        self._recipe = recipe
        self._measures = measures
        self._rates = rates

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One group of weights for each share of the learning rate."""
        settings = self._recipe.optimiser
        if self._rates is None:
            return make_optimiser(settings, self.network.parameters())
        groups: dict[float, list[nn.Parameter]] = {}
        for name, share in self._rates.items():
            groups.setdefault(share, []).append(self.network.get_parameter(name))
        rate = settings.learning_rate
        return make_optimiser(settings, [{"params": g, "lr": rate * s, SHARE: s} for s, g in groups.items()])

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """The loss of a batch."""
        # For dropout's draws: Lightning does not keep the generator's state between processes.
        state = np.random.SeedSequence([self._recipe.seed, self.current_epoch, number])
        torch.manual_seed(int(state.generate_state(1)[0]))
        return self._step(self.network, batch, "")

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Moves the average of the weights, where there is one."""
        if self.averaged is not None:
            self.averaged.update_parameters(self.network)

    def validation_step(self, batch: Batch, _: int) -> None:
        """Notes the loss and the measures of a batch that does not train."""
        self._step(self.network if self.averaged is None else self.averaged, batch, "val_")

    def _step(self, network: nn.Module, batch: Batch, prefix: str) -> Tensor:
        inputs, targets, weights = batch
        outputs = network(*inputs)
        loss = (self._loss(outputs, targets) * weights).mean()
        found = {"loss": loss, **{name: measure(outputs, targets) for name, measure in self._measures.items()}}
        for name, value in found.items():
            self.log(f"{prefix}{name}", value, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss
