"""A proof in a child process, which is watched, and ended where it takes too much or is wanted no more.

start ──> {"step": …} ──> … ──> {"deviation": …} ──> proven
            │ too much memory, too long: killed ──────> refused, with what it took
            │ ended by a signal, or without a word ───> refused, with the signal's name
            └ another version is wanted: killed ──────> Overtaken
"""

from __future__ import annotations

import json
import selectors
import signal
import subprocess
import sys
import threading
from time import monotonic
from typing import Any

from pipit import errors
from pipit.errors import DeadlineExceeded, InputTooLarge, InvalidInput, PipitError, Unavailable
from pipit.logging import get_logger
from pipit.machine import processors
from pipit.proving.limits import MEBIBYTE, Limits, MemoryLimit, memory_limit, memory_of
from pipit.proving.steps import MEMORY, AtStep, Overtaken, Proof, ProofRequest, StepFailed

_LOOK_SECONDS = 0.02
_MOST_SAID = 64 * 1024
"""Bytes that are kept of what a child says."""
_NO_MEMORY = ("bad_alloc", "bad allocation", "allocate memory", "out of memory")
"""How runtimes say that they got no memory."""
_COMMAND = (sys.executable, "-m", "pipit.proving")
_log = get_logger(__name__)


class ChildFailed(RuntimeError):
    """The child met an error that nobody foresaw; the text is its stack."""


class Child:
    """One proof. `command` takes the place of the process that is started, for tests."""

    def __init__(self, request: ProofRequest, limits: Limits, command: tuple[str, ...] = _COMMAND) -> None:
        """Raises StepFailed if no process can be started."""
        self._request = request
        self._limits = limits
        self._memory: MemoryLimit = memory_limit(limits.memory_bytes)
        self._begun = monotonic()
        self._step = "prove"
        self._peak = 0
        self._said = {"stdout": b"", "stderr": b""}
        self._answer: dict[str, Any] = {}
        try:
            # A session of its own: Ctrl-C is for the server.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise StepFailed(MEMORY, Unavailable(f"no process could be started: {error.strerror}")) from error

    def prove(self, at_step: AtStep, cancelled: threading.Event) -> Proof:
        """Waits for the answer. Raises StepFailed, Overtaken, and what `at_step` raises."""
        try:
            self._ask()
            self._watch(at_step, cancelled)
            return self._proof()
        finally:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                if stream is not None:
                    stream.close()

    def _ask(self) -> None:
        request = self._request
        line = json.dumps(
            {
                # What a pipeline is found by here finds it there.
                "path": sys.path,
                "bundle": str(request.bundle.path.absolute()),
                "digest": request.bundle.digest,
                "variant": request.variant,
                "threads": request.threads,
                "instances": request.instances,
                "patient": request.patient,
                "memory_bytes": self._memory.bytes,
                "cpu_seconds": self._limits.seconds * processors(),
            }
        )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            # It is gone already; what it said tells why.
            return

    def _watch(self, at_step: AtStep, cancelled: threading.Event) -> None:
        """Until the child has closed its standard output."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ, "stdout")
            selector.register(self._process.stderr, selectors.EVENT_READ, "stderr")
            while True:
                for key, _ in selector.select(_LOOK_SECONDS):
                    data = key.fileobj.read(_MOST_SAID)  # type: ignore[union-attr]
                    if data:
                        self._hear(key.data, data, at_step)
                    elif key.data == "stdout":
                        return
                    else:
                        selector.unregister(key.fileobj)
                self._check(cancelled)

    def _check(self, cancelled: threading.Event) -> None:
        if cancelled.is_set():
            raise Overtaken
        took = memory_of(self._process.pid)
        self._peak = max(self._peak, took)
        if self._memory.bytes and took > self._memory.bytes:
            raise self._too_much()
        if monotonic() - self._begun > self._limits.seconds:
            raise StepFailed(
                self._step,
                DeadlineExceeded(
                    f"it took over {self._limits.seconds:g} s to load and prove, the limit that "
                    "PIPIT_SERVING_PROVE_SECONDS sets; a network that ends sooner is needed here"
                ),
            )

    def _hear(self, stream: str, data: bytes, at_step: AtStep) -> None:
        if stream == "stderr":
            self._said[stream] = (self._said[stream] + data)[-_MOST_SAID:]
            return
        *lines, rest = (self._said[stream] + data).split(b"\n")
        self._said[stream] = rest[-_MOST_SAID:]
        for line in lines:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if not isinstance(said, dict):
                continue
            if "step" in said:
                self._step = str(said["step"])
                at_step(self._step)
            else:
                self._answer = said

    def _proof(self) -> Proof:
        code = self._process.wait()
        answer = self._answer
        if "deviation" in answer:
            return Proof(float(answer["deviation"]), monotonic() - self._begun, self._peak)
        if "failed" in answer:
            raise self._refusal(str(answer["failed"]), str(answer["message"]))
        _log.warning(
            "proof_ended",
            task=self._request.bundle.manifest.task,
            version=str(self._request.bundle.manifest.version),
            code=code,
            said=self._said["stderr"].decode(errors="replace")[-2000:],
        )
        if code == -signal.SIGKILL:
            raise self._too_much(
                f"the system killed it at {self._peak // MEBIBYTE} MiB, as it does when memory runs out"
            )
        if any(words.encode() in self._said["stderr"] for words in _NO_MEMORY):
            raise self._too_much()
        how = f"ended with code {code}"
        if code < 0:
            how = f"was ended by {_signal_name(-code)}"
        raise StepFailed(
            self._step,
            InvalidInput(
                f"the process that tried it {how}, as the server would have been; its files are damaged, or not for "
                "this machine: make the bundle anew (the log has what the process said)"
            ),
        )

    def _refusal(self, kind: str, message: str) -> StepFailed:
        if kind == "MemoryError" or any(words in message for words in _NO_MEMORY):
            return self._too_much()
        error = getattr(errors, kind, None)
        if isinstance(error, type) and issubclass(error, PipitError):
            return StepFailed(self._step, error(message))
        return StepFailed(self._step, ChildFailed(message))

    def _too_much(self, what: str = "") -> StepFailed:
        memory = self._memory
        what = what or f"it took over {memory.bytes // MEBIBYTE} MiB, {memory.why}"
        text = f"{what}; free some memory, or choose a smaller variant"
        if memory.passing:
            return StepFailed(MEMORY, Unavailable(text))
        return StepFailed(self._step, InputTooLarge(text))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
