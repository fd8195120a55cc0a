"""What sounds are to be told apart, as far as the trainer and `pipit data check` need it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pipit.bundle.manifest import Manifest
from pipit.data.check import Advance, DataReport
from pipit.errors import InvalidInput
from pipit.training.by_input.audio.check import check_clips
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.evaluating import clip_examples
from pipit.training.examples import ExampleSet
from pipit.training.sides import Entry

from home_security.sounds.classes import SECURITY_NAMES, Labels


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """`pipit data check home_security.sounds`. Raises NotFound, InvalidInput."""
    return check_clips(folder, advance, SECURITY_NAMES, "siren")


def read_examples(folder: Path, manifest: Manifest) -> ExampleSet:
    """`pipit evaluate`. Raises NotFound, InvalidInput."""
    alarms = [label for label in manifest.labels if label != manifest.decision.background]
    return replace(clip_examples(folder, manifest, SECURITY_NAMES), subsets={"security": alarms})


def require_alarms(labels: Labels) -> None:
    """Raises InvalidInput for data without a security class."""
    if not labels.alarms:
        raise InvalidInput("the data holds no security class; see `home_security.sounds.classes` for their names")


def rare_classes(clips: Iterable[Clip], labels: Labels, least: int) -> tuple[str, ...]:
    """Security classes with fewer than `least` recordings."""
    recordings = Counter(category for category, _ in {(clip.category, clip.recording) for clip in clips})
    return tuple(name for name in labels.alarms if recordings[name] < least)


def require_trained(entries: list[Entry], labels: Labels) -> None:
    """Raises InvalidInput for a security class that the split leaves nothing to train on."""
    untrained = sorted(set(labels.alarms) - {entry.label for entry in entries if entry.side == "train"})
    if untrained:
        raise InvalidInput(
            f"the split leaves nothing to train {', '.join(untrained)} on; name other folds, or split by group"
        )
