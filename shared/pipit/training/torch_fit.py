"""What every PyTorch trainer does around its network: Lightning's loop, with this library's progress and resuming.

An epoch's order, its variations and its dropout follow from the seed and the epoch's number alone, so that a training
that was interrupted ends with the very weights it would have had. Importing this imports PyTorch and Lightning; only
trainers that use them do.
"""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray
from torch import nn

from pipit.errors import InvalidInput
from pipit.training.fitting import Fitted, fitted
from pipit.training.progress import Progress
from pipit.training.recipe import Recipe
from pipit.training.torch_callbacks import EpochBar, History, IdleCores, Schedule
from pipit.training.torch_data import Samples, SeededBatches, Vary, batches_in_order
from pipit.training.torch_module import AVERAGED, NETWORK, Loss, Measure, Training

LAST, BEST = "last", "best"


def fit(
    network: nn.Module,
    loss: Loss,
    recipe: Recipe,
    train: Samples,
    validation: Samples,
    scratch: Path,
    logs: Path,
    progress: Progress,
    *,
    vary: Vary | None = None,
    measures: Mapping[str, Measure] | None = None,
    threads: int | None = None,
    averaging: float = 0.0,
    rates: Mapping[str, float] | None = None,
    accumulate: int = 1,
    mixed: bool = False,
) -> Fitted:
    """Trains `network`, and leaves the weights of its best epoch in it, on the processor and in evaluation mode.

    The best epoch is the one of the lowest validation loss. vary: changes each training batch. measures: numbers kept
    beside the loss, by name. scratch: where an interrupted training goes on from; logs: TensorBoard's. threads: of the
    processor; where not given, as many as there are idle cores when an epoch begins. A small network only waits for a
    second one, and sums in one order with one alone.
    averaging: 0 for none; else validated and kept is the moving average of the weights and of batch norm's statistics,
    of which this share stays with each batch (0.998: it looks back on some 500).
    rates: the share of the learning rate that each weight gets, by its name in the network; others are not changed.
    accumulate: batches to one step. mixed: half floats where a GPU gains by them.
    Raises InvalidInput for too few samples, or if the loss was never a number.
    """
    if not len(train) or not len(validation):
        raise InvalidInput(f"{len(train)} samples to train and {len(validation)} to validate; there must be some")
    history, bar = History(), EpochBar(progress, recipe.epochs)
    kept: dict[str, Any] = {"dirpath": scratch, "save_on_train_epoch_end": True, "enable_version_counter": False}
    best = ModelCheckpoint(filename=BEST, monitor="val_loss", save_top_k=1, save_weights_only=True, **kept)
    patience = recipe.early_stopping_patience
    callbacks = [
        *([] if threads else [IdleCores()]),
        Schedule(recipe),
        history,
        bar,
        EarlyStopping("val_loss", patience=patience, check_on_train_epoch_end=True, check_finite=False),
        best,
        # The last to be called, so that it keeps what the others have noted.
        ModelCheckpoint(filename=LAST, **kept),
    ]
    with _quiet(), _interruptible(), _threads(threads), bar:
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            max_epochs=recipe.epochs,
            callbacks=callbacks,
            logger=TensorBoardLogger(str(logs), name="", version=""),
            log_every_n_steps=1,
            num_sanity_val_steps=0,
            deterministic="warn",
            accumulate_grad_batches=accumulate,
            precision=precision_of(mixed),
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        last = scratch / f"{LAST}.ckpt"
        trainer.fit(
            Training(network, loss, recipe, measures or {}, averaging, rates),
            SeededBatches(train, recipe.batch_size, recipe.seed, vary).loader(),
            batches_in_order(validation, recipe.batch_size),
            ckpt_path=str(last) if last.is_file() else None,
            weights_only=True,
        )
    found = fitted(history.values)
    network.to("cpu").eval()
    state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
    prefix = AVERAGED if averaging else NETWORK
    kept_weights = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    network.load_state_dict(kept_weights)
    return found


def precision_of(mixed: bool) -> Literal["32-true", "16-mixed", "bf16-mixed"]:
    """By Lightning's names: the wider of the half floats where the GPU has it, neither on a processor."""
    if not mixed or not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


def seed_everything(seed: int) -> None:
    """Seeds Python, numpy and PyTorch: call it before a network is built, so that it begins with the same weights."""
    with _quiet():
        lightning.seed_everything(seed, workers=True, verbose=False)


def outputs_of(network: nn.Module, inputs: Mapping[str, NDArray[Any]], batch_size: int = 256) -> NDArray[np.float32]:
    """What the network says to rows of inputs, in evaluation mode. inputs: by name, in the order the network takes."""
    network.eval()
    rows = len(next(iter(inputs.values())))
    with torch.inference_mode():
        parts = [
            network(*(torch.from_numpy(values[start : start + batch_size]) for values in inputs.values()))
            for start in range(0, rows, batch_size)
        ]
    return np.concatenate([part.numpy() for part in parts])


def save_weights(network: nn.Module, path: Path) -> None:
    """Keeps the weights, and nothing else."""
    torch.save(network.state_dict(), path)


def load_weights(network: nn.Module, path: Path) -> None:
    """Puts back what `save_weights` kept. The network is in evaluation mode then."""
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning advises at length; what it has to say about these loaders is known."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*does not have many workers.*")
            # Layers that stay as they are need no dropout.
            warnings.filterwarnings("ignore", r".*module\(s\) in eval mode.*")
            warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated", FutureWarning)
            warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C stays an interruption: Lightning makes an exit of it, and deaf to the next."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
    finally:
        signal.signal(signal.SIGINT, handler)
