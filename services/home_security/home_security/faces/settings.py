"""Parameters of the pipeline, as a bundle holds them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.faces.cohort import pack_cohort, unpack_cohort
from pipit.faces.embedding import EmbedderSettings
from pipit.faces.likeness import Likeness
from pipit.faces.naming import NamingSettings, naming_settings_of
from pipit.faces.quality import Quality, QualityLimits

KNOWN, UNKNOWN = "known", "unknown"
LABELS = (KNOWN, UNKNOWN)
"""All that a bundle can say without a gallery."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, eq=False)
class FacesSettings:
    """digest: of the embedder; vectors of another can't be compared. enrolment: what a picture of a person needs.

    nameable: what a face needs before it is named at all. cohort: unit vectors of strangers, (strangers, dimensions).
    likeness: by which enrolment tells people apart; of a bundle, counted from that of the cohort on.
    """

    embedder: EmbedderSettings
    digest: str
    enrolment: QualityLimits
    nameable: QualityLimits
    naming: NamingSettings
    cohort: NDArray[np.float32]
    likeness: Likeness = field(default_factory=Likeness)

    def to_parameters(self) -> dict[str, Any]:
        """As a bundle holds it."""
        return {
            # The registry looks for the digest here, before a promotion.
            "embedder": {**self.embedder.to_parameters(), "digest": self.digest},
            "quality": self.enrolment.to_parameters(),
            "nameable": self.nameable.to_parameters(),
            "naming": self.naming.to_parameters(),
            "likeness": self.likeness.to_parameters(),
            "cohort": pack_cohort(self.cohort),
        }


def settings_of(parameters: Mapping[str, Any]) -> FacesSettings:
    """The inverse of `FacesSettings.to_parameters`. Raises InvalidInput."""
    missing = [
        name for name in ("embedder", "quality", "nameable", "naming") if not isinstance(parameters.get(name), Mapping)
    ]
    if not isinstance(parameters.get("cohort"), str):
        missing.append("cohort")
    if missing:
        raise InvalidInput(f"the bundle's pipeline parameters lack {', '.join(missing)}; make it anew")
    described = dict(parameters["embedder"])
    digest = described.pop("digest", None)
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise InvalidInput("the bundle's embedder has no digest, 64 hexadecimal digits; make it anew")
    embedder = EmbedderSettings.from_parameters(described)
    return FacesSettings(
        embedder=embedder,
        digest=digest,
        enrolment=QualityLimits.from_parameters(parameters["quality"]),
        nameable=QualityLimits.from_parameters(parameters["nameable"]),
        naming=naming_settings_of(parameters["naming"]),
        cohort=unpack_cohort(parameters["cohort"], embedder.dimensions),
        likeness=Likeness.of_bundle(parameters),
    )


def reaches(quality: Quality, limits: QualityLimits) -> bool:
    """Whether a face is as large, sharp, straight and lit as the limits want it."""
    return (
        quality.box >= limits.box
        and quality.eyes >= limits.eyes
        and quality.sharpness >= limits.sharpness
        and abs(quality.yaw) <= limits.yaw
        and limits.dark <= quality.exposure <= limits.bright
    )
