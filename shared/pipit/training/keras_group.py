"""The workers of a training that uses Keras: how they find each other, and what they can do together.

    PIPIT_WORKERS, JOB_COMPLETION_INDEX ──> meet ──> TF_CONFIG ──> MultiWorkerMirroredStrategy ──> Group

A worker that dies takes the others with it: TensorFlow breaks off a collective operation when a connection ends, or a
worker gave no sign of life for ten seconds.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput, Unavailable
from pipit.training.distributed import Worker
from pipit.training.meeting import meet

Array = NDArray[Any]
_CONNECT_SECONDS = 120


class Group:
    """The workers of one training, seen from one of them. Every call has to be made by all of them."""

    def __init__(self, strategy: Any, worker: Worker) -> None:
        """strategy: a `tf.distribute.MultiWorkerMirroredStrategy`."""
        import tensorflow as tf  # noqa: PLC0415 (heavy, and only here)

        self._strategy = strategy
        self.index, self.count, self.is_chief = worker.index, worker.count, worker.is_chief
        self._total_now = tf.function(self.total, reduce_retracing=True)

    def total(self, tensors: Sequence[Any]) -> list[Any]:
        """The sum over all workers of each tensor; for use within a `tf.function`."""
        import tensorflow as tf  # noqa: PLC0415

        def add_up(values: Sequence[Any]) -> Any:
            context = tf.distribute.get_replica_context()
            # The copies have this worker's device written on them, which the strategy looks for.
            return context.all_reduce(tf.distribute.ReduceOp.SUM, [tf.identity(value) for value in values])

        return list(self._strategy.run(add_up, args=(list(tensors),)))

    def sum(self, arrays: Sequence[Array]) -> list[Array]:
        """The sum over all workers of each array, in float64."""
        import tensorflow as tf  # noqa: PLC0415

        return [total.numpy() for total in self._total_now([tf.constant(array, tf.float64) for array in arrays])]

    def from_chief(self, arrays: Sequence[Array]) -> list[Array]:
        """The chief's arrays, for all. Shapes have to be the same everywhere; values exact up to 53 bits."""
        given = [np.asarray(array) for array in arrays]
        sent = self.sum([array if self.is_chief else np.zeros(array.shape) for array in given])
        return [value.astype(array.dtype) for value, array in zip(sent, given, strict=True)]

    def text_from_chief(self, text: str) -> str:
        """The chief's text, for all."""
        data = np.frombuffer(text.encode(), np.uint8)
        (length,) = self.from_chief([np.array(len(data))])
        (sent,) = self.from_chief([data if self.is_chief else np.zeros(int(length), np.uint8)])
        return sent.tobytes().decode()

    def share_of(self, rows: tuple[Array, Array]) -> tuple[Array, Array]:
        """Of arrays that all workers have: every so many-th row. All of them, if there are fewer rows than workers."""
        first, second = rows
        if len(first) < self.count:
            return rows
        return first[self.index :: self.count], second[self.index :: self.count]

    def require_same(self, text: str, what: str) -> None:
        """Raises InvalidInput on all workers if one has another text than the chief. what: how the error calls it."""
        differs = np.zeros(self.count)
        differs[self.index] = self.text_from_chief(text) != text
        (others,) = self.sum([differs])
        if others.any():
            wrong = ", ".join(map(str, np.flatnonzero(others)))
            raise InvalidInput(f"{what}: worker {wrong} has another than worker 0; give all workers the same")


@contextmanager
def joined(worker: Worker) -> Iterator[Group | None]:
    """Waits for the other workers; None for one that trains alone. Once a process, before TensorFlow computes anything.

    Raises Unavailable if they do not come in time, or if one goes.
    """
    if worker.count == 1:
        yield None
        return
    import tensorflow as tf  # noqa: PLC0415

    group = Group(_connect(worker), worker)
    try:
        yield group
    except tf.errors.OpError as error:
        if "ollective" not in str(error):
            raise
        reason = next((line for line in str(error).splitlines() if "Collective ops is aborted by" in line), "")
        raise Unavailable(
            f"another worker of the training ended or can't be reached (worker {worker.index} of {worker.count} says: "
            f"{reason or type(error).__name__}); its log says why. Start all workers again: the chief goes on from its "
            "last epoch"
        ) from error


def _connect(worker: Worker) -> Any:
    """The strategy, which begins a TensorFlow server on this worker's port."""
    import tensorflow as tf  # noqa: PLC0415

    meet(worker)
    os.environ["TF_CONFIG"] = worker.tf_config()  # the one way to tell TensorFlow
    # If one that was there goes again in just this moment, TensorFlow waits, and holds the interpreter meanwhile.
    faulthandler.dump_traceback_later(_CONNECT_SECONDS, exit=True)
    # TensorFlow takes SIGTERM for a mere notice, and the process would no longer end by it.
    handler = signal.getsignal(signal.SIGTERM)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except (tf.errors.OpError, RuntimeError) as error:
        own = worker.addresses[worker.index]
        raise Unavailable(
            f"worker {worker.index} can't join the others ({error}); is {own} its own address, with a free port?"
        ) from error
    finally:
        faulthandler.cancel_dump_traceback_later()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
    if strategy.num_replicas_in_sync != worker.count:
        raise InvalidInput(
            f"{worker.count} workers have {strategy.num_replicas_in_sync} accelerators; show each worker one "
            "(CUDA_VISIBLE_DEVICES), and start a worker for each"
        )
    return strategy
