"""Evidence in the shape in which people and metrics are given it."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log10

from pipit.fleet.types import Evidence

_NAMED = 20
"""Devices that evidence names; the sentence says how many there are."""


def found(rule: str, value: float, limit: float, then: str, sentence: str, devices: Sequence[str] = ()) -> Evidence:
    """It fires where the value has reached the limit."""
    return Evidence(rule, value, limit, value >= limit, then, f"{sentence}.", tuple(devices[:_NAMED]))


def found_e(rule: str, log_e: float, limit: float, then: str, sentence: str, devices: Sequence[str] = ()) -> Evidence:
    """Of an e-value, as its logarithm to the base of 10, and 0 where it speaks for the version.

    log_e: natural. limit: e-value. The sentence is followed by what it weighs.
    """
    value = max(0.0, log_e / 2.302585092994046)
    weight = "over a million" if value > 6.0 else f"{exp(log_e):,.3g}" if log_e > 0.0 else "none"
    told = f"{sentence} (evidence {weight}, limit {limit:,.0f})"
    return found(rule, value, log10(limit), then, told, devices)
