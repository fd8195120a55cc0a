"""Who proves a candidate: a child process, one at a time; or this process, which then has no fence around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Protocol

from pipit.locks import try_exclusive_lock
from pipit.pipelines import Pipeline
from pipit.proving.child import Child
from pipit.proving.limits import Limits
from pipit.proving.steps import AtStep, Overtaken, Proof, ProofRequest, StepFailed, prove

_LOOK_SECONDS = 0.05


class Prover(Protocol):
    """Tries a candidate before it is opened here."""

    def __call__(self, request: ProofRequest, at_step: AtStep, cancelled: threading.Event) -> Proof:
        """at_step: told of each step. Raises StepFailed; Overtaken once `cancelled` is set."""
        ...


class ChildProver:
    """Proves in a child process. Of all tasks and processes that share `turn`, one is at it at a time.

    Two candidates at once would each find the other's memory free.
    """

    def __init__(self, limits: Limits, turn: Path | None = None) -> None:
        """turn: a lock's file; None: only this object's callers take turns."""
        self._limits = limits
        self._turn = turn
        self._lock = threading.Lock()

    def __call__(self, request: ProofRequest, at_step: AtStep, cancelled: threading.Event) -> Proof:
        """See `Prover`."""
        with self._my_turn(cancelled):
            return Child(request, self._limits).prove(at_step, cancelled)

    @contextmanager
    def _my_turn(self, cancelled: threading.Event) -> Iterator[None]:
        while not self._lock.acquire(timeout=_LOOK_SECONDS):
            _go_on(cancelled)
        try:
            while self._turn is not None:
                _go_on(cancelled)
                with try_exclusive_lock(self._turn) as alone:
                    if alone:
                        yield
                        return
                cancelled.wait(_LOOK_SECONDS)
            yield
        finally:
            self._lock.release()


def prove_here(pipelines: Callable[..., Pipeline]) -> Prover:
    """Proves in this process: for pipelines that no package brings, so that another process would not find them."""

    def prove_one(request: ProofRequest, at_step: AtStep, cancelled: threading.Event) -> Proof:
        step = "prove"

        def entering(name: str) -> None:
            nonlocal step
            step = name
            _go_on(cancelled)
            at_step(name)

        begun = monotonic()
        try:
            return Proof(prove(request, entering, pipelines), monotonic() - begun)
        except Overtaken:
            raise
        except Exception as error:
            raise StepFailed(step, error) from error

    return prove_one


def _go_on(cancelled: threading.Event) -> None:
    if cancelled.is_set():
        raise Overtaken
