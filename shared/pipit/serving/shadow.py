"""A candidate answers beside the version that serves, on what it answered, and nobody waits for it.

answer ──> queue ──a thread of its own, of low priority──> the candidate ──> counts, agreed or disagreed
└──full, somebody waits for a turn, or no memory to decode it is left──> left out
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from pipit.inputs import Input
from pipit.inputs.memory import Budget
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.serving.counts import Counts, counts_of
from pipit.serving.model import LoadedModel
from pipit.serving.replay import Sample, answer_beside, ask_beside
from pipit.types import Prediction

DEPTH = 4
"""Inputs that wait at most: each holds its bytes, and what is late says nothing new."""
_NICE = 10
"""Of the thread; others have nearly all of the processor where they want it."""

_log = get_logger(__name__)


class Shadow:
    """Of one task. Threads share it."""

    def __init__(self, task: str, metrics: Metrics, memory: Budget, is_busy: Callable[[], bool]) -> None:
        """memory: what is decoded counts to it. is_busy: whether somebody waits for a turn."""
        self._task = task
        self._answers = metrics.counter("pipit_shadow_answers_total")
        self._disagreements = metrics.counter("pipit_shadow_disagreements_total")
        self._memory = memory
        self._is_busy = is_busy
        self._changed = threading.Condition()
        self._queue: deque[Sample] = deque()
        self._model: LoadedModel | None = None
        self._turn = 0
        """Of whom is followed: one candidate may have several, and each has a thread of its own."""
        self._counts: Counts | None = None
        self._digest = ""
        """Of the candidate whose counts these are."""

    def follow(self, model: LoadedModel | None) -> Counts | None:
        """From now on this candidate answers beside; None: none does. Gives its counts.

        They go on where it was freed meanwhile, for want of memory, and no other came. The model may be retired
        afterwards: what runs holds a lease.
        """
        with self._changed:
            if model is self._model:
                return None if model is None else self._counts
            self._queue.clear()
            self._model = model
            self._turn += 1
            turn = self._turn
            if model is not None and model.identity.digest != self._digest:
                self._digest, self._counts = model.identity.digest, counts_of(model)
            self._changed.notify_all()
            counts = None if model is None else self._counts
        if model is not None and counts is not None:
            name = f"shadow {self._task}"
            threading.Thread(target=self._work, args=(model, counts, turn), name=name, daemon=True).start()
        return counts

    def forget_people(self) -> None:
        """Leaves out what waits and was answered with names: who was in it may be known no more."""
        with self._changed:
            self._queue = deque(sample for sample in self._queue if sample.people is None)

    @property
    def is_on(self) -> bool:
        """Whether a candidate answers beside."""
        return self._model is not None

    def offer(self, sample: Sample) -> None:
        """Has the candidate answer it some time, or not at all; returns at once."""
        if len(self._queue) >= DEPTH or self._is_busy():
            return
        with self._changed:
            if self._model is not None and len(self._queue) < DEPTH and not sample.is_outdated:
                self._queue.append(sample)
                self._changed.notify()

    def say(self, item: Input) -> tuple[str, Sequence[Prediction]] | None:
        """What the candidate says of an input, and its version; not counted. None: there is none, or it can't answer.

        For whoever has time: it takes as long as an answer does.
        """
        model = self._model
        if model is None or not model.acquire():
            return None
        try:
            with self._memory.request(waits=False):
                answer = ask_beside(model, Sample(item, (), model.manifest, 0))
        finally:
            model.release()
        return None if answer.error is not None else (model.identity.version, answer.predictions)

    def _work(self, model: LoadedModel, counts: Counts, turn: int) -> None:
        with suppress(OSError, AttributeError):
            # Of this thread alone, on Linux.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        _log.info("shadow_began", task=self._task, version=model.identity.version)
        answers = self._answers.labels(self._task, model.identity.version)
        disagreements = self._disagreements.labels(self._task, model.identity.version)
        while (sample := self._next(turn)) is not None:
            if not sample.suits(model):
                continue
            if not model.acquire():
                break
            try:
                with self._memory.request(waits=False):
                    result = answer_beside(model, sample, counts)
            finally:
                model.release()
            answers.inc(result in {"agreed", "disagreed"})
            disagreements.inc(result == "disagreed")
        totals = counts.totals()
        _log.info(
            "shadow_ended",
            task=self._task,
            version=model.identity.version,
            answered=totals.answered,
            disagreed=totals.disagreed,
            errors=dict(totals.errors),
        )

    def _next(self, turn: int) -> Sample | None:
        """None: this turn is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._turn != turn or bool(self._queue))
            return self._queue.popleft() if self._turn == turn else None
