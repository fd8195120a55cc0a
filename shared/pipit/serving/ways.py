"""The ways of a task from a wish to a version, gone by its host's thread, one after the other.

    desire ──> fetch ──> verify ──> trial ──> prove ──> open ──> replay ──> swap pointer ──> drain old ──> free
                 │          │         │         │        │                    │    └─a minute──> good
                 │          └─────────┴─refused─┴────────┘                    └─or: old stands by, and is swapped back
                 │                        └──> the old version goes on serving; the reason is kept
                 └──out of reach──> the old version goes on; tried again, ever less often
    too little memory is free, or a fault of the server's own, at whatever step: the same

    candidate ──> fetch ──> verify ──> trial ──> prove: its proof is kept ──> open, where it is to run in the shadow
                  while nothing else is to be done; a newer wish ends it, unless it is for this very version

What a step raises is a StepFailed; any other error is a fault of the server's own. What is told to others (that the
version changed, that files are free) is told and not asked: if they fail, it is logged, and the task goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from pipit.errors import Unavailable
from pipit.logging import get_logger
from pipit.proving import MEMORY, Overtaken, StepFailed, memory_is_short
from pipit.rpc.server import status_of
from pipit.serving.attempts import Attempt, Desired, Purpose
from pipit.serving.beside import Kept
from pipit.serving.host_meters import OVERTAKEN, PREFETCHED, HostMeters
from pipit.serving.loaded import LoadedVersions, nothing, tell
from pipit.serving.loading import FAULT, ModelLoader
from pipit.serving.model import LoadedModel
from pipit.serving.orders import Orders
from pipit.serving.wishes import is_tried_again, told

_log = get_logger(__name__)


class Ways:
    """Of one task."""

    def __init__(
        self,
        task: str,
        loader: ModelLoader,
        loaded: LoadedVersions,
        orders: Orders,
        meters: HostMeters,
        on_change: Callable[[], None],
        before_swap: Callable[[LoadedModel, threading.Event], None],
    ) -> None:
        """on_change: called where a way ended otherwise than by a swap. before_swap: as `ModelHost.before_swap`."""
        self._task = task
        self._loader = loader
        self._loaded = loaded
        self._orders = orders
        self._meters = meters
        self._on_change = on_change
        self._before_swap = before_swap

    def go(self, attempt: Attempt) -> None:
        """Goes one way, however it ends."""
        ways = {Purpose.ANSWER: self._swap_in, Purpose.PREFETCH: self._prefetch, Purpose.SHADOW: self._open_shadow}
        try:
            ways[attempt.purpose](attempt)
        except BaseException as error:  # Even what would end a thread: this one must go on.
            self._fail(attempt, error)
        finally:
            self._orders.end(attempt, is_serving=self._loaded.current is not None)

    def stop_answering(self) -> None:
        """Nothing answers from here on."""
        self._swap_pointer(None)

    def _swap_in(self, attempt: Attempt) -> None:
        desired = attempt.desired
        kept = self._loaded.take(desired.digest)
        proof = self._loader.proof(desired.digest)
        if kept is None:
            model, proof = self._loader.prepare(self._task, attempt)
        else:
            model = kept.model
        agenda = self._orders.agenda
        if self._loaded.current is not None and agenda.part.rollout and not agenda.is_returning:
            self._tell(partial(self._before_swap, model, attempt.cancelled), desired)
        if attempt.cancelled.is_set():
            if kept is None:
                self._loaded.close(model)
            else:
                self._loaded.put(kept)
            raise Overtaken
        self._loaded.end_trial()
        self._swap_pointer(model, desired.on_freed)
        # It answers from here on, whatever fails: at most, after a start without the registry, the one before it would.
        self._loaded.begin_trial(desired, opened=kept is None)
        self._orders.fulfil(attempt)
        self._tell(partial(self._meters.count_swap, proof), desired)
        _log.info(
            "model_active",
            task=self._task,
            version=desired.version,
            digest=desired.digest,
            deviation=None if proof is None else proof.deviation,
            stood_by=kept is not None,
        )
        self._tell(desired.on_active, desired)

    def _swap_pointer(self, model: LoadedModel | None, on_freed: Callable[[], None] = nothing) -> None:
        standby = self._orders.answers(by_anything=model is not None)
        self._loaded.swap(model, on_freed, standby)

    def _prefetch(self, attempt: Attempt) -> None:
        desired = attempt.desired
        _, proof = self._loader.prove(self._task, attempt)
        self._orders.fulfil(attempt)
        self._meters.count_load(PREFETCHED)
        _log.info("model_prefetched", task=self._task, version=desired.version, deviation=proof.deviation)
        self._let_go(desired)
        self._tell(self._on_change, desired)

    def _open_shadow(self, attempt: Attempt) -> None:
        desired = attempt.desired
        proof = self._loader.proof(desired.digest)
        # What would be dropped as soon as it's open would come and go for as long as the rollout lasts.
        if memory_is_short(0 if proof is None else proof.peak_bytes):
            raise StepFailed(MEMORY, Unavailable("too little is free to keep a second version loaded; free some"))
        model, _ = self._loader.prepare(self._task, attempt)
        if attempt.cancelled.is_set():
            self._loaded.close(model)
            raise Overtaken
        _log.info("model_in_shadow", task=self._task, version=desired.version)
        self._loaded.put(Kept(model, desired.on_freed, shadow=True))
        self._orders.fulfil(attempt)
        self._tell(self._on_change, desired)

    def _fail(self, attempt: Attempt, error: BaseException) -> None:
        desired = attempt.desired
        if attempt.cancelled.is_set() or isinstance(error, Overtaken):
            self._meters.count_load(OVERTAKEN)
            _log.info("model_overtaken", task=self._task, version=desired.version)
        elif isinstance(error, StepFailed):
            self._keep_reason(attempt, error.step, error.error)
        else:
            self._keep_reason(attempt, FAULT, error)
        self._let_go(desired)

    def _keep_reason(self, attempt: Attempt, step: str, error: BaseException) -> None:
        desired = attempt.desired
        _, message = status_of(error, f"{self._task} {step}")
        self._orders.fail(attempt, step, told(desired, step, message), error)
        self._meters.count_load(step)
        event = "model_not_loaded" if is_tried_again(step) else "model_refused"
        _log.warning(
            event, task=self._task, version=desired.version, step=step, reason=message, purpose=attempt.purpose.value
        )
        self._tell(self._on_change, desired)

    def _let_go(self, desired: Desired) -> None:
        """Says that its files are needed no more, unless it is loaded: one that was loaded anew may be the same."""
        if not self._loaded.has(desired.digest):
            self._tell(desired.on_freed, desired)

    def _tell(self, callback: Callable[[], object], desired: Desired) -> None:
        tell(callback, self._task, desired.version)
