"""A candidate answers the last real inputs before it answers anybody: what a quiet night would else keep unknown.

    answer ──> remembered (the last few, in memory alone, never on a disk, gone with the process)
    before a swap in a rollout ──> the candidate over each of them ──> counts, and whether it says the same

Of a recording that goes on, the part that its decoder had made ready is kept: a candidate with the same pipeline takes
it, another one can't.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Sequence
from time import monotonic, perf_counter
from typing import Any, NamedTuple

from numpy.typing import NDArray

from pipit.bundle.manifest import Manifest
from pipit.errors import DeadlineExceeded, PipitError, QueueFull
from pipit.inputs import Input, bytes_of
from pipit.inputs.memory import Budget
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.serving.counts import Counts, counts_of
from pipit.serving.model import LoadedModel
from pipit.types import Decoded, Prediction, said

LONGEST = 5.0
"""Seconds that a replay may take; and as long again for one input that doesn't come to an end."""
_LOOK = 0.05
"""Seconds between two looks at whether the replay is still wanted."""
_PREDICTION = 1024
"""Bytes, about, of one."""
_LARGEST = 4
"""One input takes at most this part of all memory: a single one would say little."""

_log = get_logger(__name__)


class Sample(NamedTuple):
    """An input with what was said of it.

    given: Decoded: part of a recording, by a version with this manifest. size: bytes.
    people: the names of those who are known at the moment one looks, where labels are names; None: they are not.
    """

    given: Input | Decoded
    predictions: Sequence[Prediction]
    manifest: Manifest
    size: int
    people: Collection[str] | None = None

    @property
    def is_outdated(self) -> bool:
        """Whether it says a name that is nobody's any more: people have changed since it was answered."""
        if self.people is None:
            return False
        known = frozenset(self.people)
        return any(score.label not in known for prediction in self.predictions for score in prediction.scores)

    def suits(self, model: LoadedModel) -> bool:
        """Whether the model can take it."""
        if not isinstance(self.given, Decoded):
            return True
        mine, its = self.manifest, model.manifest
        return (mine.pipeline, mine.input, mine.networks) == (its.pipeline, its.input, its.networks)


class RecentInputs:
    """The last inputs of one task. Threads share it."""

    def __init__(self, most: int, most_bytes: int) -> None:
        """most: inputs; 0 keeps none."""
        self._most = most
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._samples: deque[Sample] = deque()
        self._bytes = 0

    def remember(self, sample: Sample) -> None:
        """Keeps it until newer ones take its place; one that is very large is not kept."""
        if sample.size * _LARGEST > self._most_bytes:
            return
        with self._lock:
            # In the lock, so that either this sees who is known by now, or `forget_people` sees the sample.
            if sample.is_outdated:
                return
            self._samples.append(sample)
            self._bytes += sample.size
            while len(self._samples) > self._most or self._bytes > self._most_bytes:
                self._bytes -= self._samples.popleft().size

    def forget_people(self) -> None:
        """Forgets whatever was answered with names: who was in it may be known no more."""
        with self._lock:
            self._samples = deque(sample for sample in self._samples if sample.people is None)
            self._bytes = sum(sample.size for sample in self._samples)

    def all(self) -> tuple[Sample, ...]:
        """Newest first: what there is no time for is the oldest."""
        with self._lock:
            return tuple(reversed(self._samples))


def sample_of(model: LoadedModel, given: Input | Decoded, predictions: Sequence[Prediction]) -> Sample:
    """given: Decoded for a part of a recording."""
    people = model.labels if model.names_people else None
    return Sample(given, predictions, model.manifest, _size(given) + _PREDICTION * len(predictions), people)


def _size(given: Input | Decoded) -> int:
    """Bytes, of what is large."""
    if isinstance(given, Decoded):
        return sum(values.nbytes for values in given.tensors.values())
    return bytes_of(given)


class Answered(NamedTuple):
    """What a model that doesn't serve said. error: why it said nothing; None: it answered."""

    seconds: float
    predictions: Sequence[Prediction] = ()
    error: Exception | None = None


def ask_beside(model: LoadedModel, sample: Sample) -> Answered:
    """Has a model that doesn't serve answer."""
    begun = perf_counter()
    try:
        decoded = sample.given if isinstance(sample.given, Decoded) else model.decode(sample.given)
        outputs: dict[str, NDArray[Any]] = model.runtime.run(decoded.tensors) if decoded.regions else {}
        predictions = model.pipeline.interpret(outputs, decoded)
    except Exception as error:
        return Answered(perf_counter() - begun, error=error)
    return Answered(perf_counter() - begun, predictions)


def count_beside(model: LoadedModel, sample: Sample, answer: Answered, counts: Counts) -> str:
    """Gives agreed, disagreed or failed. What nobody foresaw is logged with its stack, once for these counts.

    Empty, and nothing counted: real requests have all the memory to decode with, which says nothing of the model.
    """
    error = answer.error
    if isinstance(error, QueueFull):
        return ""
    if isinstance(error, PipitError):
        counts.failed(error.status)
        return "failed"
    if error is not None:
        if counts.failed(PipitError.status) == 1:
            identity = model.identity
            _log.error("candidate_failed", task=identity.task, version=identity.version, exc_info=error)
        return "failed"
    counts.answered(answer.seconds, answer.predictions)
    if _label(answer.predictions) == _label(sample.predictions):
        return "agreed"
    counts.disagreed()
    return "disagreed"


def answer_beside(model: LoadedModel, sample: Sample, counts: Counts) -> str:
    """Has a model that doesn't serve answer, and counts it as `count_beside` does."""
    return count_beside(model, sample, ask_beside(model, sample), counts)


def _label(predictions: Sequence[Prediction]) -> str:
    best = said(predictions)
    return "" if best is None else best.label


class Replayer:
    """Runs candidates over what is remembered."""

    def __init__(self, metrics: Metrics, memory: Budget, longest: float = LONGEST) -> None:
        """memory: what is decoded counts to it. longest: seconds."""
        self._replayed = metrics.counter("pipit_replayed_total")
        self._memory = memory
        self._longest = longest

    def run(self, candidate: LoadedModel, samples: Sequence[Sample], cancelled: threading.Event) -> Counts:
        """Gives what was counted, after `longest` seconds at most, or twice that if an input does not come to an end.

        Such an input counts as DEADLINE_EXCEEDED. The thread that waits for it is left behind, with its lease; so it is
        when `cancelled` is set, which ends the replay at once.
        """
        counts = counts_of(candidate)
        suitable = [sample for sample in samples if sample.suits(candidate)]
        if not suitable or not candidate.acquire():
            return counts
        begun, done, given_up = monotonic(), threading.Event(), threading.Event()
        counting = threading.Lock()

        def work() -> None:
            try:
                for sample in suitable:
                    if given_up.is_set() or cancelled.is_set() or monotonic() - begun > self._longest:
                        return
                    with self._memory.request(waits=False):
                        answer = ask_beside(candidate, sample)
                    with counting:
                        # What comes too late was counted already, or is wanted no more.
                        if given_up.is_set() or cancelled.is_set():
                            return
                        if result := count_beside(candidate, sample, answer, counts):
                            self._count(candidate, result)
            finally:
                candidate.release()
                done.set()

        threading.Thread(target=work, name="replay", daemon=True).start()
        while not done.wait(_LOOK) and not cancelled.is_set():
            if monotonic() - begun > 2 * self._longest:
                with counting:
                    given_up.set()
                    counts.failed(DeadlineExceeded.status)
                    self._count(candidate, "failed")
                break
        totals = counts.totals()
        _log.info(
            "replayed",
            task=candidate.identity.task,
            version=candidate.identity.version,
            answered=totals.answered,
            disagreed=totals.disagreed,
            errors=dict(totals.errors),
            seconds=round(monotonic() - begun, 3),
        )
        return counts

    def _count(self, candidate: LoadedModel, result: str) -> None:
        self._replayed.labels(candidate.identity.task, candidate.identity.version, result).inc()
