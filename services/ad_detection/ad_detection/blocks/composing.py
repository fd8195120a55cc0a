"""From pictures and sound to the series of members' scores: a row a second, whatever comes when.

    Seen ──> members that look ──┐
    Heard ─> members that hear ──┴─> the latest score of each, if it is not too old ──> a row for each whole second

A member that can't answer an input, or whose sound is dead, has no score (NaN) until it has one again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pipit.client.inputs import encode_pixels
from pipit.data.seen_and_heard import Heard, Seen
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import PcmAudio
from pipit.types import Prediction, TimeSpan

from ad_detection.blocks.asking import Asked
from ad_detection.blocks.ensemble import Member
from ad_detection.measure import AD

RATE = 16_000
"""Hz of the sound that members get."""
FRESH = 5.0
"""Seconds for which a score holds."""
PIECE = 0.5
"""Seconds of sound that are sent at a time, about."""
KEPT = 64
"""Newest scores of a member."""
GRACE = 0.02
"""Seconds: times are rounded."""
LATE = 0.5
"""Seconds that sound may come after the picture that it belongs to."""
WAIT = 4.0
"""Seconds by which sound may be ahead until pictures are not waited for."""


@dataclass(frozen=True, slots=True)
class Row:
    """scores: of each member, NaN for none."""

    seconds: float
    scores: tuple[float, ...]


class Composer:
    """Of one connection to one source; not for several threads."""

    def __init__(
        self,
        members: Sequence[Member],
        opened: Callable[[Member], Asked],
        begin: float = 0.0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """begin: seconds of the source's second 0. say: takes a line where a member can't answer, once a member."""
        self._members = members
        self._asked = [opened(member) for member in members]
        self._begin = begin
        self._say = say
        self._scores: list[deque[tuple[float, float]]] = [deque(maxlen=KEPT) for _ in members]
        self._told: set[str] = set()
        self._seen = -math.inf
        self._clock = -math.inf
        self._next = 0.0
        self._heard_from: float | None = None
        self._held: list[NDArray[np.float32]] = []

    def take(self, came: Seen | Heard) -> Iterator[Row]:
        """Rows that became ready."""
        if isinstance(came, Seen):
            picture = encode_pixels(came.pixels)
            for place, member in enumerate(self._members):
                if not member.hears:
                    self._ask(place, lambda one: one.push(picture, came.seconds), came.seconds)
        else:
            if self._heard_from is None:
                # A stream of sound counts from its first sample.
                self._heard_from = came.seconds - len(came.samples) / RATE
            self._held.append(came.samples)
            if sum(map(len, self._held)) >= PIECE * RATE:
                self._hear(came.seconds)
        if isinstance(came, Seen):
            self._seen = came.seconds
        self._clock = max(self._clock, came.seconds)
        # A decoder keeps pictures back, so that sound comes before the pictures that it belongs to.
        yield from self._rows(max(self._seen, self._clock - WAIT) - LATE)

    def finish(self) -> Iterator[Row]:
        """What remains at the end."""
        self._hear(self._clock)
        for place in range(len(self._members)):
            self._ask(place, lambda one: one.finish(), self._clock)
        yield from self._rows(self._clock)

    def _hear(self, seconds: float) -> None:
        """What a codec gives at a time is too short to be sent by itself."""
        if not self._held:
            return
        sound = PcmAudio(np.concatenate(self._held)[:, np.newaxis], RATE)
        self._held.clear()
        for place, member in enumerate(self._members):
            if member.hears:
                self._ask(place, lambda one: one.push(sound), seconds)

    def _rows(self, until: float) -> Iterator[Row]:
        while self._next <= until:
            scores = (self._score(place, self._next) for place in range(len(self._members)))
            yield Row(self._begin + self._next, tuple(scores))
            # After a jump of the clock, nobody wants a row for every second in between.
            self._next = self._next + 1.0 if until - self._next < 2 * FRESH else math.floor(until)

    def _score(self, place: int, seconds: float) -> float:
        """The newest of a member's scores up to a moment; NaN if it is too old."""
        newest = next(((at, score) for at, score in reversed(self._scores[place]) if at <= seconds + GRACE), None)
        return math.nan if newest is None or seconds - newest[0] >= FRESH else newest[1]

    def _ask(self, place: int, ask: Callable[[Asked], list[Prediction]], seconds: float) -> None:
        member = self._members[place]
        try:
            answers = ask(self._asked[place])
        except (InvalidInput, InputTooLarge) as error:
            self._scores[place].append((seconds, math.nan))
            if member.name not in self._told:
                self._told.add(member.name)
                self._say(f"{member.name} can't answer at {self._begin + seconds:.0f} s: {error}")
            return
        for answer in answers:
            at = seconds
            if isinstance(answer.region, TimeSpan):
                at = answer.region.end + ((self._heard_from or 0.0) if member.hears else 0.0)
            # What hears says nothing of dead sound; what looks always says something of a picture.
            silent = member.hears and answer.unknown
            score = next((one.score for one in answer.scores if one.label == AD), math.nan)
            self._scores[place].append((at, math.nan if silent else score))


def compose(composer: Composer, source: Iterable[Seen | Heard]) -> Iterator[Row]:
    """All rows of a source."""
    for came in source:
        yield from composer.take(came)
    yield from composer.finish()
