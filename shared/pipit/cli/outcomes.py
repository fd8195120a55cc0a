"""How the steps of a training are shown: as a table, as JSON, and their facts in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from pipit.cli.output import plain, print_table
from pipit.training.steps import Outcome


def plain_outcomes(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """For JSON."""
    return [
        {"step": each.step, "ran": each.ran, "seconds": each.record.seconds, "facts": plain(each.record.facts)}
        for each in outcomes
    ]


def show_outcomes(outcomes: Sequence[Outcome]) -> None:
    """One row a step: how long it took, and what it found."""
    rows = [
        (
            each.step,
            f"{each.record.seconds:.1f} s" if each.ran else "up to date",
            escape(", ".join(f"{name} {short(value)}" for name, value in each.record.facts.items())),
        )
        for each in outcomes
    ]
    print_table(("step", ">time", "result"), rows)


def short(value: Any) -> str:
    """A fact of a step, for people."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {short(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(short(item) for item in value)
    return str(value)
