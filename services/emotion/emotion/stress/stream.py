"""One person's steps as they come: each is standardised by those before it, and every full window is a row.

    no times      each input is the next step
    with times    pictures, landmarks: the last face of each step, as the trainer takes it; physiology: its own step
                  steps that nothing came for are missing

A step of pictures is over when one of a later step comes, or the stream ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedImage, Input, Landmarks, TensorInput, describe
from pipit.inputs.landmarks import Tracker
from pipit.types import Decoded, TimeSpan

from emotion.stress.past import OwnPast, Prior, channels_of
from emotion.stress.signals import LANDMARKS, Signals, Values

MOST_STEPS = 100_000
"""In one input: each costs more here than on the wire."""
ROUNDING = 1e-6
"""Of a step, in times."""


@dataclass(frozen=True)
class StepReader:
    """How steps become windows. window, hop: steps. step_seconds: from one step to the next."""

    signals: Signals
    prior: Prior
    window: int
    hop: int
    step_seconds: float

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if len(self.prior.mean) != len(self.signals.names):
            raise InvalidInput(f"the prior has {len(self.prior.mean)} signals, not {len(self.signals.names)}")
        if self.window < 1 or self.hop < 1 or not self.step_seconds > 0.0:
            raise InvalidInput(f"window {self.window}, hop {self.hop} and step {self.step_seconds} s must be above 0")


class StressStream:
    """State of one caller's stream. A window is given as soon as its last step is there."""

    def __init__(self, reader: StepReader, name: str, open_tracker: Callable[[], Tracker]) -> None:
        """name: of the network's input. open_tracker: finds landmarks in pictures, once there are any."""
        self._reader = reader
        self._name = name
        self._open_tracker = open_tracker
        self._tracker: Tracker | None = None
        self._pictured: float | None = None
        self._past = OwnPast(reader.prior)
        self._held = np.empty((0, reader.signals.channels), np.float32)
        self._open: Values | None = None
        self.steps = 0

    @property
    def seconds(self) -> float:
        """How long the steps so far have lasted, the open one included."""
        return (self.steps + (self._open is not None)) * self._reader.step_seconds

    def takes(self, item: Input) -> bool:
        """Raw steps; a whole sequence, or a tensor for the network, is an input by itself."""
        if isinstance(item, TensorInput):
            return item.name == self._reader.signals.name
        return self._reader.signals is LANDMARKS and isinstance(item, Landmarks | EncodedImage)

    def push(self, item: Input, seconds: float | None = None) -> Decoded | None:
        """Raises InvalidInput, InputTooLarge; such an input leaves the stream as it was."""
        comparable = self._reader.signals.check(self._values(item, seconds))
        if seconds is None:
            return self._join(self._close(self.steps + (self._open is not None)), self._take(comparable))
        step = seconds / self._reader.step_seconds
        if isinstance(item, TensorInput):
            # A minute's end and the next one's begin are one time, and clocks drift.
            number = round(step)
            if number < self.steps:
                raise InvalidInput(
                    f"values of {seconds:g} s belong to a step that was taken already; send one every "
                    f"{self._reader.step_seconds:g} s"
                )
            return self._join(self._close(number), self._take(comparable))
        answer = self._close(math.floor(step + ROUNDING))
        if not np.isnan(comparable).all():
            self._open = comparable
        return answer

    def finish(self) -> Decoded | None:
        """A window that is not full says nothing; the open step may fill it."""
        return self._close(self.steps + (self._open is not None))

    def _close(self, number: int) -> Decoded | None:
        """Takes every step before `number`; those that nothing came for are missing."""
        count = number - self.steps
        if count <= 0:
            return None
        missing = np.full((self._reader.window, len(self._reader.signals.names)), np.nan, np.float32)
        came = missing if self._open is None else np.concatenate([self._open, missing])
        self._open = None
        # In a gap as long as a window nothing of what was before is in sight: the rest of it is left out.
        decoded = self._take(came[: min(count, len(came) - 1)])
        if self.steps < number:
            self._held = self._held[:0]
            self.steps = number
        return decoded

    def _join(self, first: Decoded | None, second: Decoded | None) -> Decoded | None:
        if first is None or second is None:
            return first or second
        rows = np.concatenate([first.tensors[self._name], second.tensors[self._name]])
        return Decoded({self._name: rows}, first.regions + second.regions)

    def _take(self, comparable: Values) -> Decoded | None:
        """The next steps. Gives the windows that they fill."""
        held = np.concatenate([self._held, channels_of(comparable, self._reader.signals, self._past)])
        first = self.steps - len(self._held)
        self.steps += len(comparable)
        window = self._reader.window
        ends = [end for end in range(first + window, self.steps + 1) if (end - window) % self._reader.hop == 0]
        fresh = [end for end in ends if end > self.steps - len(comparable)]
        rows = [held[end - window - first : end - first] for end in fresh]
        # One step less than a window: the next one may fill it.
        self._held = held[max(0, len(held) - window + 1) :]
        if not rows:
            return None
        return Decoded({self._name: np.stack(rows)}, tuple(self._span(end) for end in fresh))

    def _values(self, item: Input, seconds: float | None) -> Values:
        """Raw steps, (steps, signals)."""
        if isinstance(item, TensorInput):
            values = item.values
            if values.ndim == 1:
                values = values[np.newaxis]
            if len(values) > MOST_STEPS:
                raise InputTooLarge(f"{len(values)} steps in one tensor; send at most {MOST_STEPS}")
            return values
        if isinstance(item, Landmarks):
            return item.values[np.newaxis]
        if isinstance(item, EncodedImage):
            return self._look(item, seconds)
        raise InvalidInput(f"a stream of stress takes steps, not {describe(item)}")

    def _look(self, item: EncodedImage, seconds: float | None) -> NDArray[np.float32]:
        if self._tracker is None:
            self._tracker = self._open_tracker()
        elapsed = 0.0 if seconds is None or self._pictured is None else seconds - self._pictured
        found = self._tracker.find_encoded(item, elapsed or self._reader.step_seconds).found
        self._pictured = seconds
        missing = np.full(len(self._reader.signals.names), np.nan, np.float32)
        return (found[0].features if found else missing)[np.newaxis]

    def _span(self, end: int) -> TimeSpan:
        seconds = self._reader.step_seconds
        return TimeSpan((end - self._reader.window) * seconds, end * seconds)
