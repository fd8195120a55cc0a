"""What a fleet is put through. Each scenario gives rows for the CSV, and raises where what must hold does not."""

from __future__ import annotations

from collections.abc import Callable

from prove_bundles import DRIFTED, FAULTS, TASK, UNKNOWN, Fault
from prove_fleet import Fleet
from prove_lead import lead, now
from prove_lies import lies
from prove_options import FIRST, Options, Rows, begin, publish
from prove_processes import ENVIRONMENT
from prove_troubles import abort, aborted, away, clocks, damaged, is_paused, killed, month, night, operators


def promote_now(options: Options) -> Rows:
    """A good version that goes everywhere at once, and the way back, which each device has on its disk."""
    with options.fleet() as fleet:
        begin(fleet, 0)
        for run in range(1, options.runs + 1):
            outcome = now(fleet, publish(fleet, f"2.0.{run}"))
            assert outcome.failed == 0, f"{outcome.failed} requests failed"
            yield outcome.row("now", run, options.devices)
            outcome = now(fleet, FIRST, lambda: fleet.client.rollback(TASK, ENVIRONMENT, "prove"))
            assert outcome.failed == 0, f"{outcome.failed} requests failed"
            yield outcome.row("roll back of a whole fleet", run, options.devices)


def promote_fast(options: Options) -> Rows:
    """A good version that goes to one device, to some, to all."""
    with options.fleet() as fleet:
        begin(fleet)
        for run in range(1, options.runs + 1):
            outcome = lead(fleet, publish(fleet, f"2.0.{run}"))
            assert (outcome.ended, outcome.failed) == ("all serve", 0), f"{outcome}"
            yield outcome.row("fast", run, options.devices)


def bad_bundles(options: Options) -> Rows:
    """One for each way to be bad that a rollout of half a minute finds."""
    with options.fleet() as fleet:
        begin(fleet)
        for number, (name, fault) in enumerate(FAULTS.items(), start=3):
            if fault not in (DRIFTED, UNKNOWN):
                yield from _bad(fleet, options, name, fault, number)


_LONGER = '{"*": {"stages": {"careful": [{"devices": 1, "bake_seconds": 15}, '
_LONGER += '{"share": 0.25, "bake_seconds": 300}, {"share": 1.0}]}}}'


def drifted(options: Options) -> Rows:
    """Other scores and more unknown: with `fast`, and where a quarter of the fleet is watched for longer."""
    with options.fleet({"PIPIT_REGISTRY_ROLLOUT_RULES": _LONGER}) as fleet:
        begin(fleet)
        for number, (name, fault) in enumerate(
            (("scores drifted", DRIFTED), ("twice as many unknown", UNKNOWN)), start=3
        ):
            yield from _bad(fleet, options, f"{name}, fast", fault, number)
            yield from _bad(fleet, options, f"{name}, 25 % for 5 min", fault, number + 2, profile="careful")


def known(options: Options) -> Rows:
    """More unknown, where each device has answered for a quarter of an hour before: the rule compares with that too."""
    with options.fleet({"PIPIT_REGISTRY_ROLLOUT_RULES": _LONGER}) as fleet:
        begin(fleet, answers=int(900 * options.rate))
        name = "twice as many unknown, 25 % for 5 min, after 15 min"
        yield from _bad(fleet, options, name, UNKNOWN, 3, profile="careful")


def _bad(fleet: Fleet, options: Options, name: str, fault: Fault, number: int, **more: str) -> Rows:
    for run in range(1, options.bad_runs + 1):
        outcome = lead(fleet, publish(fleet, f"{number}.0.{run}", fault), 480.0, is_paused, **more)
        if outcome.ended == "paused":
            # Somebody has looked, and says no.
            outcome.back_seconds = abort(fleet, FIRST)
        elif outcome.ended == "all serve":
            now(fleet, FIRST)
        yield outcome.row(name, run, options.devices)


SCENARIOS: dict[str, Callable[[Options], Rows]] = {
    "now": promote_now,
    "fast": promote_fast,
    "bad": bad_bundles,
    "drifted": drifted,
    "known": known,
    "damaged": damaged,
    "aborted": aborted,
    "night": night,
    "away": away,
    "clocks": clocks,
    "month": month,
    "killed": killed,
    "operators": operators,
    "lies": lies,
}
