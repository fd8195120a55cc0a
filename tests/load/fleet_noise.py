"""Fleets that make noise: requests, errors, slow answers, unknown predictions and scores of devices that nothing ails.

calm      1 request a second on each device; 0.2 % of them fail, each for itself
unequal   requests from device to device by a lognormal of sigma 1; errors by a gamma of shape 1 and mean 0.2 %; scenes
bursty    as unequal, with bursts of 20 s of 30 % errors: every 6 h on a device, every 24 h on all of them
morning   as bursty, with 10 times the requests, and twice the errors, of the hour before, which saw other scenes
evening   as bursty, with a tenth of the requests of the hour before, which saw other scenes

A scene lasts 30 s. In it, the share of unknown predictions is drawn from a beta of mean 0.15 (0.4 in the hour before a
morning) and concentration 3, and the shares of scores from a Dirichlet of concentration 30. 3 % of answers take longer
than the budget, from device to device by a beta of concentration 20, and 30 % for the 60 s, every 6 h, in which a
device is too hot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
SCORES = np.array([0.01, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.18, 0.24, 0.26])
"""Shares of best scores by tenths."""
DRIFTED = np.roll(SCORES, -2)
"""Of a version that is far less sure: the best scores lie two tenths lower."""


@dataclass(frozen=True, slots=True)
class World:
    """One row of the table above. Seconds, shares."""

    name: str
    spread: float = 1.0
    gamma: bool = True
    burst_every: float = 0.0
    outage_every: float = 0.0
    scenes: bool = True
    requests_now: float = 1.0
    errors_now: float = 1.0
    unknown_before: float = 0.15


CALM = World("calm", spread=0.0, gamma=False, scenes=False)
UNEQUAL = World("unequal")
BURSTY = World("bursty", burst_every=6 * 3600.0, outage_every=24 * 3600.0)
MORNING = World("morning", 1.0, True, 6 * 3600.0, 24 * 3600.0, True, 10.0, 2.0, 0.4)
EVENING = World("evening", 1.0, True, 6 * 3600.0, 24 * 3600.0, True, 0.1, 1.0, 0.05)
WORLDS = (CALM, UNEQUAL, BURSTY, MORNING, EVENING)


@dataclass(frozen=True, slots=True)
class Version:
    """What a version does worse.

    errors: share of requests that it fails on top. slow: share of answers over the budget on top. unknown: how many
    times as many. drifted: its scores lie lower.
    """

    name: str = "good"
    errors: float = 0.0
    slow: float = 0.0
    unknown: float = 1.0
    drifted: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """By step and device, not summed up; scores: by tenths too."""

    requests: Ints
    errors: Ints
    over: Ints
    unknown: Ints
    scores: Ints


class Fleet:
    """So many devices of a world, each with its own ways."""

    def __init__(self, world: World, devices: int, random: np.random.Generator, requests: float = 1.0) -> None:
        """requests: a second, of a device on average, in the hour before."""
        self.world, self.devices, self.random = world, devices, random
        spread = world.spread
        self.rates = requests * random.lognormal(-spread * spread / 2, spread, devices)
        self.errors = 0.002 * (random.gamma(1.0, 1.0, devices) if world.gamma else np.ones(devices))
        self.slow = random.beta(0.6, 19.4, devices)

    def count(
        self, steps: int, dt: float, canary: NDArray[np.bool_], version: Version, before: bool = False
    ) -> Counted:
        """before: the hour before, where all serve the version before. dt: seconds of a step."""
        world, random, shape = self.world, self.random, (steps, self.devices)
        many = 1.0 if before else world.requests_now
        requests = random.poisson(np.broadcast_to(self.rates * many * dt, shape))
        burst = self._episodes(steps, dt, world.burst_every, 20.0)
        outage = self._episodes(steps, dt, world.outage_every, 20.0)[:, :1]
        errors = np.minimum(1.0, self.errors * (1.0 if before else world.errors_now))
        share = np.where(burst | outage, 0.3, errors)
        new = canary & (not before)
        share = np.where(new, share + version.errors, share)
        failed = random.binomial(requests, np.minimum(1.0, share))
        answered = requests - failed
        hot = self._episodes(steps, dt, 6 * 3600.0 if world.scenes else 0.0, 60.0)
        slow = np.where(hot, 0.3, self.slow) + np.where(new, version.slow, 0.0)
        over = random.binomial(answered, np.minimum(1.0, slow))
        scene_unknown, scene_scores = self._scenes(steps, dt, world.unknown_before if before else 0.15)
        unknown = random.binomial(
            answered, np.minimum(1.0, np.where(new, scene_unknown * version.unknown, scene_unknown))
        )
        if version.drifted:
            scene_scores = np.where(new[:, None], scene_scores @ _moved(), scene_scores)
        return Counted(requests, failed, over, unknown, random.multinomial(answered, scene_scores))

    def replay(self, inputs: int, version: Version) -> Counted:
        """The last inputs of each device, whenever they came, answered by that version."""
        rates, world = self.rates, self.world
        # Bursts are a network's or a camera's, and come with no input that is there already.
        self.rates, self.world = np.full(self.devices, 1.0), replace(world, burst_every=0.0, outage_every=0.0)
        counted = self.count(inputs * 2, 1.0, np.ones(self.devices, bool), version)
        self.rates, self.world = rates, world
        end = np.argmax(np.cumsum(counted.requests, axis=0) >= inputs, axis=0)
        kept = np.arange(inputs * 2)[:, None] <= end
        parts = (counted.requests, counted.errors, counted.over, counted.unknown)
        return Counted(*(part * kept for part in parts), counted.scores * kept[:, :, None])

    def _episodes(self, steps: int, dt: float, every: float, lasts: float) -> NDArray[np.bool_]:
        """Where one of that length is under way, which begins that often."""
        if not every:
            return np.zeros((steps, self.devices), bool)
        began = self.random.random((steps + int(lasts / dt) + 1, self.devices)) < dt / every
        ago = int(lasts / dt) + 1
        summed = np.cumsum(np.vstack([np.zeros((1, self.devices), int), began]), axis=0)
        return (summed[ago : ago + steps] - summed[:steps]) > 0

    def _scenes(self, steps: int, dt: float, unknown: float) -> tuple[Floats, Floats]:
        """Shares of unknown predictions, (steps, devices), and of scores, (steps, devices, 10)."""
        shape = (steps, self.devices)
        if not self.world.scenes:
            return np.full(shape, unknown), np.broadcast_to(SCORES, (*shape, 10))
        changes = self.random.random(shape) < dt / 30.0
        changes[0] = True
        # Of each step, the one at which its scene began.
        began = np.maximum.accumulate(np.where(changes, np.arange(steps)[:, None], 0), axis=0)
        shares = self.random.beta(3.0 * unknown, 3.0 * (1.0 - unknown), shape)
        scores = self.random.dirichlet(30.0 * SCORES, shape)
        column = np.arange(self.devices)[None, :]
        return shares[began, column], scores[began, column]


def _moved() -> Floats:
    """Takes shares of scores to those two tenths lower."""
    moved = np.zeros((10, 10))
    for tenth in range(10):
        moved[tenth, max(0, tenth - 2)] = 1.0
    return moved
