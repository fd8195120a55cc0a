"""One person's steps as they come: each is standardised by those before it, and every full window is a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage, Input, Landmarks, TensorInput
from pipit.inputs.image import decode_with_size
from pipit.inputs.landmarks import Tracker
from pipit.pipelines import Decoded, TimeSpan

from emotion.stress.past import OwnPast, Prior, channels_of
from emotion.stress.signals import LANDMARKS, Signals, Values

MOST_STEPS = 100_000
"""In one input: each costs more here than on the wire."""


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
        self._past = OwnPast(reader.prior)
        self._held = np.empty((0, reader.signals.channels), np.float32)
        self.steps = 0

    @property
    def seconds(self) -> float:
        """How long the steps so far have lasted."""
        return self.steps * self._reader.step_seconds

    def takes(self, item: Input) -> bool:
        """Raw steps; a whole sequence, or a tensor for the network, is an input by itself."""
        if isinstance(item, TensorInput):
            return item.name == self._reader.signals.name
        return self._reader.signals is LANDMARKS and isinstance(item, Landmarks | EncodedImage)

    def push(self, item: Input) -> Decoded | None:
        """Raises InvalidInput, InputTooLarge; such an input leaves the stream as it was."""
        comparable = self._reader.signals.check(self._values(item))
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

    def finish(self) -> Decoded | None:
        """A window that is not full says nothing."""
        return None

    def _values(self, item: Input) -> Values:
        """Raw steps, (steps, signals)."""
        if isinstance(item, TensorInput):
            values = item.values
            if values.ndim == 1:
                values = values[np.newaxis]
            if len(values) > MOST_STEPS:
                raise InvalidInput(f"{len(values)} steps in one tensor; send at most {MOST_STEPS}")
            return values
        if isinstance(item, Landmarks):
            return item.values[np.newaxis]
        if isinstance(item, EncodedImage):
            return self._look(item)
        raise InvalidInput(f"a stream of stress takes steps, not {type(item).__name__}")

    def _look(self, item: EncodedImage) -> NDArray[np.float32]:
        if self._tracker is None:
            self._tracker = self._open_tracker()
        picture = decode_with_size(item)
        found = self._tracker.find(picture.pixels, picture.full_size, self._reader.step_seconds)
        missing = np.full(len(self._reader.signals.names), np.nan, np.float32)
        return (found[0].features if found else missing)[np.newaxis]

    def _span(self, end: int) -> TimeSpan:
        seconds = self._reader.step_seconds
        return TimeSpan((end - self._reader.window) * seconds, end * seconds)
