"""`pipit classify` on what goes on for a while: videos, cameras, landmark files of videos.

    source -> a picture at a time -> one stream a task -> answers of that picture -> a live table, lines, or JSON

A file is sent whole, a few pictures ahead of the answers. A camera is asked for its next picture once the last one is
answered: what came in between is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipit.client import Answer, Client, Refusal, Stream
from pipit.client.inputs import encode_pixels
from pipit.inputs import Input
from pipit.inputs.frame import Frame
from pipit.types import Identity, Prediction, TimeSpan


@dataclass(frozen=True)
class Shown:
    """What is sent. seconds: when it was taken. pixels: RGB, where there is a picture. name: where it has one.

    item: None where nothing was found that could be sent.
    """

    item: Input | None
    seconds: float | None
    pixels: NDArray[np.uint8] | None = None
    name: str = ""


@dataclass(frozen=True)
class Moment:
    """What was said to one input, by task. shown: None for what came after the last one."""

    shown: Shown | None
    answers: Mapping[str, tuple[Answer, ...]]
    refusals: Mapping[str, tuple[Refusal, ...]]

    @property
    def predictions(self) -> list[Prediction]:
        """Of all tasks."""
        return [part for answers in self.answers.values() for answer in answers for part in answer.predictions]

    @property
    def seconds(self) -> float | None:
        """When it was taken."""
        return self.shown.seconds if self.shown else None


@dataclass
class Tally:
    """What came together. picture: the last one with an answer about a part of it, and its predictions."""

    inputs: int = 0
    answered: int = 0
    refused: int = 0
    last_refusal: Refusal | None = None
    models: dict[str, Identity] = field(default_factory=dict)
    picture: tuple[NDArray[np.uint8], list[Prediction]] | None = None

    def add(self, moment: Moment) -> None:
        """Counts one more."""
        self.inputs += moment.shown is not None
        for task, answers in moment.answers.items():
            self.answered += len(answers)
            for answer in answers:
                self.models[task] = answer.model
        for refusals in moment.refusals.values():
            self.refused += len(refusals)
            self.last_refusal = refusals[-1] if refusals else self.last_refusal
        if moment.shown is None or moment.shown.pixels is None:
            return
        seen = any(not isinstance(part.region, TimeSpan) for part in moment.predictions)
        if seen or self.picture is None:
            self.picture = moment.shown.pixels, moment.predictions


def pictures(frames: Iterable[Frame]) -> Iterator[Shown]:
    """Each is encoded once, however many tasks are asked."""
    for frame in frames:
        yield Shown(encode_pixels(frame.pixels), frame.seconds, frame.pixels)


def watch(client: Client, tasks: Iterable[str], source: Iterable[Shown], ahead: int) -> Iterator[Moment]:
    """One moment for each input, in their order, and one more for what is said at the end.

    ahead: inputs that may be under way besides the next one. Raises the errors of `pipit.errors`.
    """
    with ExitStack() as stack:
        streams: dict[str, Stream] = {}
        for task in tasks:
            streams[task] = client.open_stream(task)
            stack.callback(streams[task].close)
        under_way: deque[Shown] = deque()
        for shown in source:
            if shown.item is None:
                continue
            for stream in streams.values():
                stream.send(shown.item, shown.seconds)
            under_way.append(shown)
            if len(under_way) > ahead:
                yield _moment(under_way.popleft(), {task: stream.receive() for task, stream in streams.items()})
        while under_way:
            yield _moment(under_way.popleft(), {task: stream.receive() for task, stream in streams.items()})
        last = _moment(None, {task: stream.finish() for task, stream in streams.items()})
        if last.predictions or any(last.refusals.values()):
            yield last


def _moment(shown: Shown | None, said: Mapping[str, list[Answer | Refusal]]) -> Moment:
    return Moment(
        shown,
        {task: tuple(one for one in ones if isinstance(one, Answer)) for task, ones in said.items()},
        {task: tuple(one for one in ones if isinstance(one, Refusal)) for task, ones in said.items()},
    )
