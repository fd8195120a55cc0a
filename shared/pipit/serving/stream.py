"""One caller's stream: what the task's decoder takes is one continuous recording, all else is answered by itself.

A new version of the model takes over between two messages: the old one first answers what it has taken so far, then
the new one takes what follows, and its times go on from there. The old version is kept until then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from pipit.errors import InvalidInput
from pipit.inputs import Input
from pipit.pipelines import StreamDecoder
from pipit.serving.data_plane import DataPlane
from pipit.serving.model import LoadedModel
from pipit.serving.types import Answer, Options, Selector
from pipit.types import Decoded, Prediction, TimeSpan

if TYPE_CHECKING:
    from pipit.serving.keeping import StreamTail


@dataclass(slots=True)
class _Recording:
    """What one version takes. start: seconds from the stream's begin, which its decoder does not know of.

    tail: its last inputs, while they may be kept.
    """

    model: LoadedModel
    decoder: StreamDecoder
    start: float
    tail: StreamTail | None = None


class StreamSession:
    """State of one stream; `close` it."""

    def __init__(
        self,
        plane: DataPlane,
        selector: Selector,
        options: Options,
        is_wanted: Callable[[], bool] | None = None,
    ) -> None:
        """Raises what the selection of a model raises: a stream that asks for none that is here has no use."""
        self._plane = plane
        self._selector = selector
        self._options = options
        self._is_wanted = is_wanted
        self._host = plane.host(selector)
        self._host.lease(selector.version, selector.environment).release()
        self._recording: _Recording | None = None
        self._answering: LoadedModel | None = None
        self._elapsed = 0.0
        self._latest = 0.0

    @property
    def task(self) -> str:
        """Whose model answers."""
        return self._host.task

    def push(self, item: Input, deadline: float | None = None, seconds: float | None = None) -> list[Answer]:
        """Answers what the input makes ready: nothing, one answer, or two where a new version takes over.

        seconds: when it was taken, from the stream's start; None: not known.
        Raises what `DataPlane.classify` raises, but never QueueFull: streams wait.
        """
        with self._turn(deadline) as queued:
            self._check_time(seconds)
            recording = self._recording
            if recording is not None:
                if not recording.decoder.takes(item):
                    return [self._alone(item, deadline, queued)]
                if self._host.is_current(recording.model):
                    return self._follow(recording, item, seconds, queued, deadline)
            answers = self._end_recording(deadline)
            recording = self._begin_recording(item)
            if recording is None:
                return [*answers, self._alone(item, deadline, queued)]
            return answers + self._follow(recording, item, seconds, queued, deadline)

    def finish(self, deadline: float | None = None) -> list[Answer]:
        """Answers what remains of the recording."""
        if self._recording is None:
            return []
        with self._turn(deadline):
            return self._end_recording(deadline)

    def close(self) -> None:
        """Gives the model back. May be called at any time, again too."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.model.release()

    @contextmanager
    def _turn(self, deadline: float | None) -> Iterator[float]:
        """Waits for a turn; gives the seconds waited. Failures are counted."""
        try:
            begun = perf_counter()
            with self._plane.admission.turn(deadline, self._is_wanted, bounded=False):
                yield perf_counter() - begun
        except Exception as error:
            self._plane.count_failure(self._host.task, error, self._answering)
            raise
        finally:
            self._answering = None

    def _lease(self) -> LoadedModel:
        self._answering = model = self._host.lease(self._selector.version, self._selector.environment)
        return model

    def _alone(self, item: Input, deadline: float | None, queued: float) -> Answer:
        model = self._lease()
        try:
            begun = perf_counter()
            decoded = model.decode(item)
            return self._plane.answer(model, decoded, self._options, queued, perf_counter() - begun, deadline, item)
        finally:
            model.release()

    def _begin_recording(self, item: Input) -> _Recording | None:
        model = self._lease()
        try:
            decoder = model.pipeline.open_stream()
            if decoder is None or not decoder.takes(item):
                model.release()
                return None
        except BaseException:
            model.release()
            raise
        self._recording = _Recording(model, decoder, self._elapsed)
        return self._recording

    def _check_time(self, seconds: float | None) -> None:
        if seconds is None:
            return
        if not (math.isfinite(seconds) and seconds >= 0.0):
            raise InvalidInput(f"an input taken at {seconds:g} s; send the seconds from the stream's start")
        if seconds < self._latest:
            raise InvalidInput(
                f"an input taken at {seconds:g} s came after one of {self._latest:g} s; send them in their order"
            )
        self._latest = seconds

    def _follow(
        self, recording: _Recording, item: Input, seconds: float | None, queued: float, deadline: float | None
    ) -> list[Answer]:
        self._answering = recording.model
        begun = perf_counter()
        # What an older version has answered may reach a little beyond the time of its last input.
        inside = None if seconds is None else max(0.0, seconds - recording.start)
        before = recording.decoder.seconds
        decoded = recording.decoder.push(item, inside)
        self._hold(recording, item, before)
        return self._answer(recording, decoded, queued, perf_counter() - begun, deadline)

    def _hold(self, recording: _Recording, item: Input, before: float) -> None:
        keeping = self._plane.keeping
        if keeping is None or self._host.task not in keeping.tasks:
            recording.tail = None
            return
        if recording.tail is None:
            recording.tail = keeping.open_tail()
        recording.tail.add(item, before, recording.decoder.seconds)

    def _end_recording(self, deadline: float | None) -> list[Answer]:
        recording = self._recording
        if recording is None:
            return []
        self._answering = recording.model
        try:
            begun = perf_counter()
            self._elapsed = recording.start + recording.decoder.seconds
            decoded = recording.decoder.finish()
            return self._answer(recording, decoded, 0.0, perf_counter() - begun, deadline)
        finally:
            self.close()

    def _answer(
        self, recording: _Recording, decoded: Decoded | None, queued: float, decoding: float, deadline: float | None
    ) -> list[Answer]:
        if decoded is None:
            return []
        answer = self._plane.answer(
            recording.model, decoded, self._options, queued, decoding, deadline, tail=recording.tail
        )
        answer.predictions = [_later(prediction, recording.start) for prediction in answer.predictions]
        return [answer]


def _later(prediction: Prediction, seconds: float) -> Prediction:
    if not seconds or not isinstance(prediction.region, TimeSpan):
        return prediction
    region = TimeSpan(prediction.region.start + seconds, prediction.region.end + seconds)
    return replace(prediction, region=region)
