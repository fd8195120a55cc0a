"""Numbers and names as people write them."""

from __future__ import annotations

from collections.abc import Sequence

_NAMED = 3


def share(part: float, whole: float) -> str:
    """As "6.5 %"."""
    return percent(part / whole if whole else 0.0)


def percent(value: float) -> str:
    """As "6.5 %"; a value from 0 to 1."""
    hundredth = value * 100.0
    return f"{hundredth:.2g} %" if 0.0 < hundredth < 10.0 else f"{hundredth:.0f} %"


def of(part: int, whole: int) -> str:
    """As "12 of 1,502 (0.8 %)"."""
    return f"{part:,} of {whole:,} ({share(part, whole)})"


def listed(names: Sequence[str]) -> str:
    """As "pi-1, pi-2, pi-3 and 17 others"."""
    if not names:
        return "no device"
    if len(names) <= _NAMED + 1:
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED:,} others"


def seconds(value: float) -> str:
    """As "12 s", "4 min" or "2.5 h"."""
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def evidence(e_value: float) -> str:
    """An e-value, as "340" or "over a million"."""
    return "over a million" if e_value > 1e6 else f"{e_value:,.0f}" if e_value >= 10 else f"{e_value:.1f}"
