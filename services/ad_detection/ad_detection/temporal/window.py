"""Which frames of a recording make a sequence. The same code in the trainer and on the device.

A recording goes in steps, of a second each, that count from its first frame. Of the frames within a step the first is
looked at, the others are left out; one that comes a quarter of a step early belongs to the step that it is nearer to.

    frames at   0.0  1.0  2.1  2.9  5.0            9.0 s
    steps         0    1    2    3    5              0
    sequences    00000 00001 00012 00123 12335     99999

short     before the first frame there is the first frame again, as if the picture had stood still
missing   a step that no frame came for is its neighbour before again; one in a row at most
gap       where more are missing nothing is known of what was shown, and everything begins anew, as after a seek
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipit.errors import InvalidInput

T = TypeVar("T")

EARLY = 0.25
"""Of a step."""
MOST_MISSING = 1
"""Steps in a row that may lack a frame."""
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Steps:
    """frames: of a sequence. seconds: from one to the next."""

    frames: int = 5
    seconds: float = 1.0

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if self.frames < 1 or not 0.0 < self.seconds < math.inf:
            raise InvalidInput(f"a sequence needs a frame and time that goes on: {self}")


class Window(Generic[T]):
    """The last steps of one recording, whatever is kept of each frame. Not for several threads."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._held: deque[tuple[float, T]] = deque(maxlen=steps.frames)
        self._origin = 0.0
        self._number = -1

    @property
    def values(self) -> tuple[T, ...]:
        """Of the sequence, oldest first; none before the first frame."""
        return tuple(value for _, value in self._held)

    @property
    def begun(self) -> float:
        """When the oldest frame of the sequence was taken, in seconds."""
        return self._held[0][0]

    def opens(self, seconds: float) -> bool:
        """Whether a frame is the first of a step, and has to be added."""
        return not self._held or self._number_at(seconds) > self._number

    def add(self, seconds: float, value: T) -> int:
        """The frame of a new step; see `opens`. Gives the steps since the frame before; 0 where all begins anew."""
        number = self._number_at(seconds)
        since = number - self._number
        if not self._held or since - 1 > MOST_MISSING:
            self._origin, number, since = seconds, 0, 0
            self._held.extend([(seconds, value)] * (self._steps.frames - 1))
        else:
            self._held.extend([self._held[-1]] * (since - 1))
        self._held.append((seconds, value))
        self._number = number
        return since

    def _number_at(self, seconds: float) -> int:
        return math.floor((seconds - self._origin) / self._steps.seconds + EARLY + _ROUNDING)
