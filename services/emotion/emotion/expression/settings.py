"""Parameters of the pipeline, as a bundle holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipit.errors import InvalidInput

from emotion.expression.features import Kind, feature_count

INPUT = "features"
OUTPUT = "logits"


@dataclass(frozen=True, slots=True)
class Settings:
    """The bundle's pipeline parameters. Lengths of time in seconds."""

    kind: Kind
    body: bool
    frames: int
    frame_seconds: float
    smoothing_seconds: float
    landmarks_alone: bool = False
    """Whether a network that looks at the crop knows what to do without one, which is then all 0."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row of the network's input."""
        columns = feature_count(self.kind)
        return (columns,) if self.frames == 1 else (self.frames, columns)


def settings_of(parameters: Mapping[str, Any]) -> Settings:
    """`features`, `body`, `frames`, `frame_seconds`, `smoothing_seconds`, `landmarks_alone`. Raises InvalidInput."""
    try:
        settings = Settings(
            parameters["features"],
            bool(parameters.get("body", False)),
            int(parameters.get("frames", 1)),
            float(parameters.get("frame_seconds", 0.1)),
            float(parameters.get("smoothing_seconds", 1.0)),
            bool(parameters.get("landmarks_alone", False)),
        )
        feature_count(settings.kind)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"the bundle's pipeline parameters are wrong ({error}); features is one of raw, aligned, aligned_crop"
        ) from error
    if settings.frames < 1 or settings.frame_seconds <= 0 or settings.smoothing_seconds < 0:
        raise InvalidInput("the bundle's pipeline parameters are wrong: frames and seconds must be positive")
    return settings
