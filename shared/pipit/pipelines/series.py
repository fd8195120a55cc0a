"""Measured values, step by step, to windows of steps. The same code in the trainer and on the device.

(steps, signals) -> cut_steps -> [network]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.inputs import Input, TensorInput, describe
from pipit.pipelines.rows import take_rows
from pipit.types import Decoded, TimeSpan

INPUT = "rows"
VALUES = "values"
"""The name under which a caller sends steps that are not cut yet."""


@dataclass(frozen=True, slots=True)
class StepWindows:
    """signals: names, in the order of the columns. window, hop: steps. step_seconds: from one step to the next."""

    signals: tuple[str, ...]
    window: int
    hop: int
    step_seconds: float

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if not (self.signals and 1 <= self.hop <= self.window and self.step_seconds > 0.0):
            raise InvalidInput(
                f"windows of steps need a signal, a hop from 1 to the window, and time that goes on: {self}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Of one row of the network's input: (steps, signals)."""
        return self.window, len(self.signals)

    @property
    def parameters(self) -> dict[str, Any]:
        """As a bundle's pipeline holds them; the inverse of `step_windows_of`."""
        return {
            "signals": list(self.signals),
            "window": self.window,
            "hop": self.hop,
            "step_seconds": self.step_seconds,
        }

    def cut(self, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], list[TimeSpan]]:
        """Windows of steps, (windows, steps, signals), and their spans; none of fewer steps than a window.

        values: (steps, signals). Steps after the last whole window are left out.
        """
        starts = range(0, len(values) - self.window + 1, self.hop)
        rows = [values[start : start + self.window] for start in starts]
        spans = [TimeSpan(start * self.step_seconds, (start + self.window) * self.step_seconds) for start in starts]
        return np.stack(rows) if rows else np.empty((0, *self.shape), np.float32), spans


def step_windows_of(parameters: Mapping[str, Any]) -> StepWindows:
    """From a bundle's pipeline parameters. Raises InvalidInput."""
    try:
        signals: Sequence[str] = parameters["signals"]
        return StepWindows(
            tuple(map(str, signals)),
            int(parameters["window"]),
            int(parameters["hop"]),
            float(parameters["step_seconds"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"the bundle's pipeline parameters are wrong ({error}); it needs signals, window, hop, step_seconds"
        ) from error


class SeriesWindows:
    """What a pipeline of series does before the network: the base of such pipelines. Shared by threads."""

    def __init__(self, windows: StepWindows) -> None:
        self.windows = windows

    def decode(self, item: Input) -> Decoded:
        """A tensor named `values`, (steps, signals): windows of it, with their time spans.

        A tensor named `rows`, or without a name, is the network's input as it is. Raises InvalidInput for anything
        else, and for fewer steps than a window.
        """
        signals = ", ".join(self.windows.signals)
        if not isinstance(item, TensorInput):
            raise InvalidInput(
                f"this task takes a tensor named {VALUES!r} with the signals {signals}, not {describe(item)}"
            )
        if item.name != VALUES:
            return take_rows(item, INPUT, self.windows.shape, f"raw values go into a tensor named {VALUES!r}")
        values = item.values
        if values.ndim != 2 or values.shape[1] != len(self.windows.signals) or not np.isfinite(values).all():
            raise InvalidInput(f"{VALUES} must be finite, of shape (steps, {len(self.windows.signals)}): {signals}")
        rows, spans = self.windows.cut(values.astype(np.float32))
        if not spans:
            raise InvalidInput(f"{len(values)} steps are fewer than a window of {self.windows.window}; send more")
        return Decoded({INPUT: rows}, tuple(spans))

    def open_stream(self) -> None:
        """Each tensor is answered by itself."""
