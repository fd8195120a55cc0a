"""The three sides of a split, and a split in words."""

from __future__ import annotations

from pipit.training.recipe import Split

SIDES = ("train", "validation", "test")


def describe_split(rule: Split, seed: int, groups: str) -> str:
    """The rule in words that let somebody repeat it. groups: what stays on one side, for example "recordings"."""
    if rule.rule == "fold":
        tests, validates = ", ".join(rule.test_folds), ", ".join(rule.validation_folds)
        return f"folds {tests} test, folds {validates} validate, others train"
    return (
        f"{groups} drawn with seed {seed}, stratified by class: "
        f"{rule.test_share:.0%} test, {rule.validation_share:.0%} validate, others train"
    )
