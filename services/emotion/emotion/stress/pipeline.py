"""Steps of one person to windows, and the network's logit to a score of stress. The same code in trainer and device.

    pictures ─> landmarks ─┐
                landmarks ─┼─> comparable ─> by the person's own past ─> windows ─> [network] ─> calibrated score
               physiology ─┘

The networks that find landmarks in pictures come with the bundle. The score s stands in the answer as label `stressed`,
1 - s as `calm`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.answers import nothing_measured, predict
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import Input, InputSequence, TensorInput, describe
from pipit.landmarks import FaceAndBody, Tracker
from pipit.pipelines.rows import outputs_of, take_rows
from pipit.runtimes import Runtime
from pipit.types import Decoded, Prediction, Tensors

from emotion.stress.past import Prior
from emotion.stress.recordings import LABELS
from emotion.stress.signals import LANDMARKS, SIGNALS, Signals
from emotion.stress.stream import StepReader, StressStream
from emotion.stress.windows import has_anything

INPUT = "rows"
OUTPUT = "logits"
LEAST_SCALE = 1e-3
NONE: Mapping[str, Runtime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Calibration:
    """From a logit to a probability; see `emotion.stress.scores`."""

    scale: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if not (math.isfinite(self.scale) and math.isfinite(self.offset) and self.scale > 0.0):
            raise InvalidInput(f"a calibration needs a scale above 0 and finite numbers, not {self}")

    def __call__(self, logits: NDArray[np.floating]) -> NDArray[np.float32]:
        """Scores of the labels calm and stressed: (windows,) to (windows, 2)."""
        stressed = 1.0 / (1.0 + np.exp(-(self.scale * logits.astype(np.float64) + self.offset)))
        return np.stack([1.0 - stressed, stressed], axis=1).astype(np.float32)


class StressPipeline:
    """`emotion.stress`. Shared by threads."""

    def __init__(self, manifest: Manifest, networks: Mapping[str, Runtime] = NONE) -> None:
        """networks: those that find faces and bodies, where the signals are landmarks; see `pipit.landmarks`.

        Without any, pictures are refused. Raises InvalidInput for parameters or networks that are missing or wrong.
        Parameters: `signals` (physiology or landmarks), `window` and `hop` in steps, `step_seconds`, `prior` (mean and
        deviation by signal, weight in steps) and `calibration` (scale, offset).
        """
        if manifest.labels != LABELS:
            raise InvalidInput(f"a bundle of stress has the labels {', '.join(LABELS)}, not {manifest.labels}")
        try:
            self.reader = _reader(manifest.pipeline.parameters)
            calibration = manifest.pipeline.parameters["calibration"]
            self._calibration = Calibration(float(calibration["scale"]), float(calibration["offset"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"the bundle's pipeline parameters are wrong ({type(error).__name__}: {error}); it needs signals, "
                "window, hop, step_seconds, prior, calibration"
            ) from error
        self._decision = manifest.decision
        self._networks = FaceAndBody(networks) if networks else None
        if self._networks is not None and not self._networks.finds_bodies:
            raise InvalidInput("the bundle has networks that find faces, but none that find bodies; make it anew")

    def decode(self, item: Input) -> Decoded:
        """A sequence of steps, or a tensor of them: `rows`, float32, shape (windows, steps, channels), and their spans.

        A step is a `Landmarks`, a picture, or a tensor named as the signals are. A tensor named `rows`, or without a
        name, is taken as the network's input. Raises InvalidInput, InputTooLarge.
        """
        if isinstance(item, TensorInput) and item.name in ("", INPUT):
            shape = (self.reader.window, self.signals.channels)
            return take_rows(item, INPUT, shape, f"raw values go into a tensor named {self.signals.name!r}")
        stream = self.open_stream()
        parts = []
        for step in item.items if isinstance(item, InputSequence) else (item,):
            if not stream.takes(step):
                within = " within a sequence" if isinstance(item, InputSequence) else ""
                raise InvalidInput(f"this task takes {self._wanted()}, not {describe(step)}{within}")
            parts.append(stream.push(step))
        found = [part for part in parts if part is not None]
        if not found:
            raise InvalidInput(
                f"{stream.steps} steps are fewer than a window of {self.reader.window}; send a sequence, a step every "
                f"{self.reader.step_seconds:g} s"
            )
        rows = np.concatenate([part.tensors[INPUT] for part in found])
        return Decoded({INPUT: rows}, tuple(region for part in found for region in part.regions))

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: `logits`, shape (windows, 1). One prediction a window; unknown where nothing was measured in it."""
        logits = outputs_of(outputs, OUTPUT, decoded, 1)
        known = has_anything(decoded.tensors[INPUT], self.signals)
        predictions = []
        for scores, region, is_known in zip(self._calibration(logits[:, 0]), decoded.regions, known, strict=True):
            prediction = predict(scores, LABELS, self._decision, region)
            predictions.append(prediction if is_known else nothing_measured(prediction))
        return predictions

    def open_stream(self) -> StressStream:
        """For steps that come one by one."""
        return StressStream(self.reader, INPUT, self._tracker)

    @property
    def signals(self) -> Signals:
        """What the bundle looks at."""
        return self.reader.signals

    def _tracker(self) -> Tracker:
        if self._networks is None:
            raise InvalidInput("this bundle has no networks that look at pictures; send landmarks, or make it anew")
        return self._networks.open_stream(faces=1)

    def _wanted(self) -> str:
        tensor = f"a tensor named {self.signals.name!r}"
        return f"landmarks, pictures, or {tensor}" if self.signals is LANDMARKS else tensor


def parameters_of(reader: StepReader, calibration: Calibration) -> dict[str, Any]:
    """The parameters of a bundle; the inverse of what `StressPipeline` reads."""
    return {
        "signals": reader.signals.name,
        "window": reader.window,
        "hop": reader.hop,
        "step_seconds": reader.step_seconds,
        "prior": {
            "weight": reader.prior.weight,
            "mean": reader.prior.mean.tolist(),
            "deviation": reader.prior.deviation.tolist(),
        },
        "calibration": {"scale": calibration.scale, "offset": calibration.offset},
    }


def _reader(parameters: dict[str, Any]) -> StepReader:
    prior = parameters["prior"]
    mean, deviation = (np.array(prior[name], np.float64) for name in ("mean", "deviation"))
    return StepReader(
        SIGNALS[parameters["signals"]],
        Prior(mean, deviation, float(prior["weight"])),
        int(parameters["window"]),
        int(parameters["hop"]),
        float(parameters["step_seconds"]),
    )
