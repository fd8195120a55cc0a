"""Which clips train, validate and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipit.errors import InvalidInput
from pipit.training.recipe import Split
from pipit.training.splits import split_samples

from home_security.sounds.classes import Labels
from home_security.sounds.dataset import Clip


@dataclass(frozen=True, slots=True)
class ClipSides:
    """No recording is on two sides."""

    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]
    test: tuple[Clip, ...]


def split_clips(rule: Split, clips: Sequence[Clip], labels: Labels, seed: int) -> ClipSides:
    """Splits by the rule, stratified by category where groups are drawn.

    Clips that may only train join the training side; those whose recording validates or tests are left out.
    Raises InvalidInput for a side without clips, and for a security class that would not be trained.
    """
    free = [clip for clip in clips if not clip.train_only]
    recordings = [clip.recording for clip in free]
    sides = split_samples(rule, [clip.category for clip in free], recordings, [clip.fold for clip in free], seed)
    validation = tuple(free[i] for i in sides.validation)
    test = tuple(free[i] for i in sides.test)
    held_out = {clip.recording for clip in (*validation, *test)}
    extra = tuple(clip for clip in clips if clip.train_only and clip.recording not in held_out)
    train = (*(free[i] for i in sides.train), *extra)
    untrained = sorted(set(labels.alarms) - {clip.category for clip in train})
    if untrained:
        raise InvalidInput(
            f"the split leaves nothing to train {', '.join(untrained)} on; name other folds, or split by group"
        )
    return ClipSides(train, validation, test)


def describe(rule: Split, seed: int) -> str:
    """The rule in words that let somebody repeat it."""
    if rule.rule == "fold":
        tests, validates = ", ".join(rule.test_folds), ", ".join(rule.validation_folds)
        return f"folds {tests} test, folds {validates} validate, others train"
    return (
        f"recordings drawn with seed {seed}, stratified by class: "
        f"{rule.test_share:.0%} test, {rule.validation_share:.0%} validate, others train"
    )
