"""Leads a fleet to a version, and keeps what happened on the way: how far it came, whom it reached, how it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pipit.errors import Unavailable
from pipit.fleet.types import RolloutState, RolloutView
from prove_bundles import TASK
from prove_fleet import Fleet
from prove_processes import ENVIRONMENT

COLUMNS = (
    *("scenario", "run", "devices", "ended", "seconds", "exposed_seconds", "back_seconds"),
    *("reached", "requests", "requests_reached", "failed", "rule", "sentence", "steps", "load"),
)
_LOOK_SECONDS = 0.15


@dataclass(slots=True)
class Outcome:
    """One way of a fleet to a version.

    ended: how; `all serve` where every device that is on answers with it. seconds: from the call until then, or until
    the verdict was seen. exposed_seconds: from the first device's swap until then. back_seconds: from the verdict until
    every device that is on answered with the version before.
    reached: devices that answered with it. requests: that were made meanwhile; new: those that it answered or failed;
    failed: those that nobody answered. steps: what was seen, with seconds from the call.
    """

    ended: str
    seconds: float
    exposed_seconds: float | None = None
    back_seconds: float | None = None
    reached: set[str] = field(default_factory=set)
    requests: int = 0
    new: int = 0
    failed: int = 0
    rule: str = ""
    sentence: str = ""
    steps: list[tuple[float, str]] = field(default_factory=list)

    def row(self, scenario: str, run: int, devices: int) -> dict[str, object]:
        """For the CSV."""
        seconds = (_rounded(self.seconds), _rounded(self.exposed_seconds), _rounded(self.back_seconds))
        counts = (len(self.reached), self.requests, self.new, self.failed)
        steps = "; ".join(f"{at:.1f} {what}" for at, what in self.steps)
        said = (self.rule, self.sentence, steps, round(os.getloadavg()[0], 1))
        return dict(zip(COLUMNS, (scenario, run, devices, self.ended, *seconds, *counts, *said), strict=True))


def _rounded(seconds: float | None) -> object:
    return "" if seconds is None else round(seconds, 2)


def now(fleet: Fleet, version: str, move: Callable[[], object] | None = None, limit: float = 120.0) -> Outcome:
    """Moves the environment at once. move: how; None: by a promotion."""
    at, begun = time.time(), time.monotonic()
    if move is not None:
        move()
    else:
        fleet.client.promote(TASK, version, ENVIRONMENT, "prove", override_gates=True)
    fleet.wait_until(lambda: fleet.all_serve(version), limit, f"not all devices serve {version}")
    outcome = Outcome("all serve", time.monotonic() - begun, reached=set(fleet.versions()))
    return _count(fleet, outcome, version, at)


def lead(
    fleet: Fleet,
    version: str,
    limit: float = 240.0,
    look: Callable[[RolloutView | None], bool] = lambda _: False,
    **options: Any,
) -> Outcome:
    """Starts a rollout and follows it to its end, or to the pause that ends it for now.

    look: called again and again with what the registry says, None while it is away; True: that is enough.
    options: of `FleetClient.start_rollout`. Raises TimeoutError.
    """
    at, begun = time.time(), time.monotonic()
    outcome = Outcome("", 0.0)
    started = fleet.rollouts.start_rollout(TASK, version, ENVIRONMENT, reason="prove", **options)
    if started.rollout is None:
        outcome.steps.append((0.0, started.moved_at_once))
        fleet.wait_until(lambda: fleet.all_serve(version), limit, f"not all devices serve {version}")
        outcome.ended, outcome.seconds, outcome.reached = "all serve", time.monotonic() - begun, set(fleet.versions())
        return _count(fleet, outcome, version, at)
    first: float | None = None
    while True:
        view = None
        with suppress(Unavailable):
            view = fleet.rollouts.get_rollout(TASK, ENVIRONMENT, started.rollout.id)
        seen = time.monotonic() - begun
        if view is not None:
            _step(outcome, view, seen)
        serving = {name for name, serves in fleet.versions().items() if serves == version}
        if serving and first is None:
            first = seen
        outcome.reached |= serving
        if look(view) or (view is not None and not view.rollout.is_open):
            break
        if seen > limit:
            said = view.explanation if view is not None else "the registry is away"
            raise TimeoutError(f"the rollout of {version} goes on after {limit:.0f} s: {outcome.steps}; {said}")
        time.sleep(_LOOK_SECONDS)
    outcome.seconds = time.monotonic() - begun
    outcome.exposed_seconds = None if first is None else outcome.seconds - first
    if view is not None:
        outcome.ended = str(view.rollout.state)
        if view.rollout.verdict is not None:
            outcome.rule, outcome.sentence = view.rollout.verdict.rule, view.rollout.verdict.sentence
        if view.rollout.state is RolloutState.SUCCEEDED:
            fleet.wait_until(lambda: fleet.all_serve(version), limit, f"not all devices serve {version}")
            outcome.ended, outcome.seconds = "all serve", time.monotonic() - begun
            outcome.reached = set(fleet.versions())
        elif view.rollout.state is RolloutState.ABORTED:
            before, ended = view.rollout.from_version, view.rollout.ended_at
            fleet.wait_until(lambda: fleet.all_serve(before), limit, "not all are back", 0.05)
            # By the registry's clock, which is this machine's.
            outcome.back_seconds = time.time() - ended.timestamp() if ended is not None else None
    return _count(fleet, outcome, version, at)


def _step(outcome: Outcome, view: RolloutView, seen: float) -> None:
    rollout = view.rollout
    what = str(rollout.state)
    if rollout.state is RolloutState.RUNNING:
        what += f" stage {rollout.stage}, {len(rollout.canaries)} devices"
    if not outcome.steps or outcome.steps[-1][1] != what:
        outcome.steps.append((seen, what))


def _count(fleet: Fleet, outcome: Outcome, version: str, at: float) -> Outcome:
    """What callers were told from `at` on."""
    # Those that were asked last are answered a moment later.
    until = time.time()
    time.sleep(0.5)
    answers = fleet.traffic.since(at, until)
    failed = [answer for answer in answers if answer.status != "OK"]
    outcome.requests, outcome.failed = len(answers), len(failed)
    outcome.new = sum(answer.version == version for answer in answers) + len(failed)
    return outcome
