"""What a person feels of decisions that were made about blocks, beside the truth.

precision, recall      of the seconds that were said to be in a block; of the seconds that were
switches, true_switches  changes of what was said; of what was
flaps_an_hour          stretches of either state, said, that lasted under 8 s, an hour; the first and last left out
onset_p50, onset_p95   seconds from the begin of a true block until it is said; 0 where it was said before
end_p50, end_p95       seconds from its end until that is said
missed_blocks          true blocks of which not a second was said
shown_an_hour          seconds of blocks in which none was said, an hour
lost_an_hour           seconds outside of blocks in which one was said, an hour
f1_2, f1_5             of whole blocks: both of their ends within 2 s, or within 5 s, of those of a true one
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipit.blocks.offline import Block
from pipit.errors import InvalidInput

FLAP = 8.0
TOLERANCES = (2.0, 5.0)


def blocks_of(seconds: NDArray[np.floating], inside: NDArray[np.bool_], end: float) -> list[Block]:
    """Blocks of what was said look by look: what a look says holds until the next one. end: of the recording."""
    edges = np.append(np.asarray(seconds, np.float64), end)
    found: list[Block] = []
    for start, stop, is_in in zip(edges[:-1], edges[1:], inside, strict=True):
        if is_in and stop > start:
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], float(stop))
            else:
                found.append((float(start), float(stop)))
    return found


def measure_blocks(said: Sequence[Block], truth: Sequence[Block], begin: float, end: float) -> dict[str, float]:
    """See the module's text; what can't be measured is left out.

    said, truth: blocks in their order that don't overlap, of a recording from `begin` to `end`. Raises InvalidInput for
    a recording without a second.
    """
    return measure_recordings([(said, truth, begin, end)])


def measure_recordings(
    recordings: Sequence[tuple[Sequence[Block], Sequence[Block], float, float]],
) -> dict[str, float]:
    """The same of several recordings together. Each: what was said, the truth, begin and end. Raises InvalidInput."""
    hours = sum(end - begin for _, _, begin, end in recordings) / 3600.0
    if hours <= 0.0:
        raise InvalidInput("blocks can be measured only in recordings that last; give one")
    both = sum(_shared(said, truth) for said, truth, _, _ in recordings)
    said_seconds = sum(_length(said) for said, _, _, _ in recordings)
    true_seconds = sum(_length(truth) for _, truth, _, _ in recordings)
    onsets: list[float] = []
    ends: list[float] = []
    missed = 0
    for said, truth, _, end in recordings:
        found = _latencies(said, truth, end)
        onsets += found[0]
        ends += found[1]
        missed += found[2]
    measured = {
        "switches": float(sum(_switches(said, begin, end) for said, _, begin, end in recordings)),
        "true_switches": float(sum(_switches(truth, begin, end) for _, truth, begin, end in recordings)),
        "flaps_an_hour": sum(_flaps(said, begin, end) for said, _, begin, end in recordings) / hours,
        "missed_blocks": float(missed),
        "shown_an_hour": (true_seconds - both) / hours,
        "lost_an_hour": (said_seconds - both) / hours,
    }
    if said_seconds:
        measured["precision"] = both / said_seconds
    if true_seconds:
        measured["recall"] = both / true_seconds
    for name, found_latencies in (("onset", onsets), ("end", ends)):
        if found_latencies:
            measured[f"{name}_p50"] = float(np.percentile(found_latencies, 50))
            measured[f"{name}_p95"] = float(np.percentile(found_latencies, 95))
    for tolerance in TOLERANCES:
        hits = sum(_hits(said, truth, tolerance) for said, truth, _, _ in recordings)
        number = sum(len(said) + len(truth) for said, truth, _, _ in recordings)
        if number:
            measured[f"f1_{tolerance:g}"] = 2.0 * hits / number
    return measured


def _length(blocks: Sequence[Block]) -> float:
    return sum(end - start for start, end in blocks)


def _shared(first: Sequence[Block], second: Sequence[Block]) -> float:
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in first for b in second)


def _switches(blocks: Sequence[Block], begin: float, end: float) -> int:
    return sum((start > begin) + (stop < end) for start, stop in blocks)


def _flaps(blocks: Sequence[Block], begin: float, end: float) -> int:
    edges = sorted({moment for block in blocks for moment in block if begin < moment < end})
    return sum(later - earlier < FLAP for earlier, later in pairwise(edges))


def _latencies(said: Sequence[Block], truth: Sequence[Block], end: float) -> tuple[list[float], list[float], int]:
    onsets, ends, missed = [], [], 0
    for place, (start, stop) in enumerate(truth):
        over = [block for block in said if block[1] > start and block[0] < stop]
        if not over:
            missed += 1
            continue
        onsets.append(max(0.0, over[0][0] - start))
        following = truth[place + 1][0] if place + 1 < len(truth) else end
        running = [block for block in said if block[0] <= stop < block[1]]
        if stop < end:
            ends.append(min(running[0][1], following) - stop if running else 0.0)
    return onsets, ends, missed


def _hits(said: Sequence[Block], truth: Sequence[Block], tolerance: float) -> int:
    """Pairs; blocks of one kind don't overlap, so that the first that fits is as good as any."""
    left = list(truth)
    hits = 0
    for start, end in said:
        near = [one for one in left if abs(one[0] - start) <= tolerance and abs(one[1] - end) <= tolerance]
        if near:
            left.remove(near[0])
            hits += 1
    return hits
