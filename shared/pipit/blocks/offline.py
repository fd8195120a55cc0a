"""The likeliest blocks of a whole recording: Viterbi's path of the hidden semi-Markov model of `pipit.blocks.belief`.

A block, or what lies between two, is never shorter than its least time, but for the first and the last, of which the
recording may hold a part only. Found by dynamic programming, in a time that grows with the number of looks.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pipit.blocks.policy import Durations, Policy
from pipit.errors import InvalidInput

Block = tuple[float, float]
"""From and to, seconds."""


def find_blocks(seconds: NDArray[np.floating], scores: NDArray[np.floating], policy: Policy) -> list[Block]:
    """seconds: of looks, growing, (n,). scores: that a block runs, (n,), NaN for none; these are no evidence.

    A look stands for the time up to half-way to its neighbours, at most `policy.gap` in all. Raises InvalidInput for
    times that don't grow, or scores that are no shares.
    """
    seconds, scores = np.asarray(seconds, np.float64), np.asarray(scores, np.float64)
    known = scores[~np.isnan(scores)]
    if seconds.shape != scores.shape or seconds.ndim != 1 or not np.isfinite(seconds).all():
        raise InvalidInput("there has to be a finite time for each score")
    if (np.diff(seconds) <= 0.0).any() or (known < 0.0).any() or (known > 1.0).any():
        raise InvalidInput("times have to grow, and scores are shares from 0 to 1, or NaN")
    if not len(seconds):
        return []
    edges = edges_of(seconds)
    gains = policy.evidence(scores) * np.minimum(np.diff(edges), policy.gap)
    found = _best(edges - edges[0], gains, policy.durations)
    return [(float(edges[first]), float(edges[last])) for first, last in found]


def edges_of(seconds: NDArray[np.floating]) -> NDArray[np.float64]:
    """Begin and end of what each look stands for, (n + 1,): half-way to its neighbours. seconds: at least one."""
    middle = (seconds[1:] + seconds[:-1]) / 2.0
    return np.concatenate([seconds[:1], middle, seconds[-1:]], dtype=np.float64)


def _best(edges: NDArray[np.float64], gains: NDArray[np.float64], durations: Durations) -> list[tuple[int, int]]:
    """Positions of edges at which blocks begin and end. gains: of each cell between two edges, if in a block."""
    least = (durations.between_least, durations.block_least)
    # What a second costs that a state goes on beyond its least time, and what its end costs.
    rests = (durations.between_mean - durations.between_least, durations.block_mean - durations.block_least)
    ends = tuple(-math.log(rest) for rest in rests)
    total = np.concatenate([[0.0], np.cumsum(gains)])
    worth = (-edges / rests[0], total - edges / rests[1])
    count = len(edges)
    best = np.full((2, count), -math.inf)
    """Of all ways to the edge whose last stretch, of that state, ends there."""
    came = np.full((2, count), -1, np.int64)
    head, at = [-math.inf, -math.inf], [-1, -1]
    allowed = [1, 1]
    for edge in range(1, count):
        for state in (0, 1):
            # The stretch may have begun at every edge that lies its least time back, after one of the other state.
            while allowed[state] < edge and edges[edge] - edges[allowed[state]] >= least[state]:
                start = allowed[state]
                value = best[1 - state, start] + least[state] / rests[state] - worth[state][start]
                if value > head[state]:
                    head[state], at[state] = value, start
                allowed[state] += 1
            first = worth[state][edge] - worth[state][0]
            further = worth[state][edge] + head[state]
            if further > first:
                best[state, edge], came[state, edge] = further + ends[state], at[state]
            else:
                best[state, edge], came[state, edge] = first + ends[state], 0
    return _traced(*_last_stretch(edges, worth, best, (ends, rests, least)), came)


def _last_stretch(
    edges: NDArray[np.float64],
    worth: tuple[NDArray[np.float64], NDArray[np.float64]],
    best: NDArray[np.float64],
    costs: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]],
) -> tuple[int, int, int]:
    """State, begin and end of the likeliest last stretch, which may be short: the recording ends within it."""
    _, rests, least = costs
    last = len(edges) - 1
    found = (-math.inf, 0, 0)
    for state in (0, 1):
        for start in range(last):
            before = 0.0 if start == 0 else best[1 - state, start]
            lasted = edges[last] - edges[start]
            # Time within the least costs nothing.
            free = 0.0 if start == 0 else min(lasted, least[state]) / rests[state]
            value = before + worth[state][last] - worth[state][start] + free
            if value > found[0]:
                found = (value, state, start)
    return found[1], found[2], last


def _traced(state: int, start: int, end: int, came: NDArray[np.int64]) -> list[tuple[int, int]]:
    blocks = []
    while True:
        if state == 1:
            blocks.append((start, end))
        if start == 0:
            return blocks[::-1]
        state, end = 1 - state, start
        start = int(came[state, end])
