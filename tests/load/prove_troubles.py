"""Rollouts while something else goes wrong: devices off, silent or with another clock, a registry that is killed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pipit.errors import PipitError, RolloutOpen
from pipit.fleet.types import RolloutState, RolloutView
from prove_bundles import FAULTS, TASK, Fault
from prove_fleet import Fleet
from prove_lead import Outcome, lead
from prove_options import FIRST, Options, Rows, begin, publish
from prove_processes import ENVIRONMENT

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
"""Debian: libfaketime."""
RAISES = FAULTS["raises on 100 %"]


def damaged(options: Options) -> Rows:
    """A byte of a bundle's weights changes in the store, after it was published."""
    with options.fleet() as fleet:
        begin(fleet)
        for run in range(1, options.bad_runs + 1):
            # Weights of its own, or those of the version that serves would be damaged too.
            bundle = fleet.publish(f"2.0.{run}", Fault(sharpness=2.0 + run / 100))
            digest = bundle.manifest.files["float32.onnx"].sha256
            blob = next(path for path in fleet.store.rglob(f"*{digest}*") if path.is_file())
            data = bytearray(blob.read_bytes())
            data[len(data) // 2] ^= 1
            blob.chmod(0o644)
            blob.write_bytes(data)
            outcome = lead(fleet, f"2.0.{run}")
            assert outcome.ended == "aborted", outcome
            yield outcome.row("a byte changed in the store", run, options.devices)


def night(options: Options) -> Rows:
    """Nobody asks anything: after a day with requests, and where nobody ever asked."""
    with options.fleet() as fleet:
        begin(fleet)
        fleet.traffic.rate = 0.0
        outcome = lead(fleet, publish(fleet, "2.0.0"))
        yield outcome.row("no requests, after a day with some: good", 1, options.devices)
        outcome = lead(fleet, publish(fleet, "3.0.0", RAISES))
        yield outcome.row("no requests, after a day with some: raises on 100 %", 1, options.devices)
    for choice, ends in (("pause", "paused"), ("advance", "all serve"), ("abort", "aborted")):
        with options.fleet(name=f"silent-{choice}") as fleet:
            begin(fleet, 0, rate=0.0)
            outcome = lead(fleet, publish(fleet, "2.0.0"), look=is_paused, when_silent=choice)
            assert outcome.ended == ends, outcome
            yield outcome.row(f"nobody ever asked, when_silent={choice}", 1, options.devices)
            if choice == "pause":
                fleet.traffic.rate = options.rate
                began = time.monotonic()
                fleet.wait_until(lambda fleet=fleet: fleet.all_serve("2.0.0"), 180, "it does not go on by itself")
                outcome = Outcome("all serve", time.monotonic() - began, reached=set(fleet.versions()))
                yield outcome.row("the same, once callers come", 1, options.devices)


def is_paused(view: RolloutView | None) -> bool:
    """Enough was seen."""
    return view is not None and view.rollout.state is RolloutState.PAUSED


def abort(fleet: Fleet, before: str) -> float:
    """As an operator; gives the seconds until every device is back."""
    fleet.rollouts.abort_rollout(TASK, ENVIRONMENT, "prove")
    return fleet.wait_until(lambda: fleet.all_serve(before), 60, "not all are back", 0.05)


def away(options: Options) -> Rows:
    """Half of the devices are off; a canary says nothing any more."""
    with options.fleet() as fleet:
        begin(fleet)
        off = fleet.devices[: options.devices // 2]
        for device in off:
            device.stop()
        outcome = lead(fleet, publish(fleet, "2.0.0"))
        assert (outcome.ended, outcome.failed) == ("all serve", 0), outcome
        yield outcome.row("half of the devices are off", 1, options.devices)
        begun = time.monotonic()
        for device in off:
            device.start()
        fleet.wait_until(lambda: fleet.all_serve("2.0.0"), 120, "those that were off do not follow")
        later = Outcome("all serve", time.monotonic() - begun, reached={device.name for device in off})
        yield later.row("they come back", 1, options.devices)

        canary = fleet.devices[2]

        def freeze(view: RolloutView | None) -> bool:
            if not canary.is_frozen and view is not None and canary.version() == "3.0.0":
                canary.freeze()
            return False

        outcome = lead(fleet, publish(fleet, "3.0.0"), look=freeze, first=[canary.name])
        assert outcome.ended == "aborted", outcome
        yield outcome.row("a canary says nothing any more", 1, options.devices)
        begun = time.monotonic()
        canary.thaw()
        fleet.wait_until(lambda: fleet.all_serve("2.0.0"), 60, "the canary does not go back")
        back = Outcome("all serve", time.monotonic() - begun, reached={canary.name})
        yield back.row("it wakes, and goes back", 1, options.devices)


def clocks(options: Options) -> Rows:
    """Clocks of some devices are a month behind, and a year ahead, by libfaketime; monotonic clocks go on."""
    shifts = {1: "-30d", 2: "+365d", 3: "-2h", 4: "+2h"}

    def shifted(number: int) -> Mapping[str, str]:
        return faked(shifts[number]) if number in shifts else {}

    with options.fleet(devices=shifted) as fleet:
        begin(fleet)
        for run, first in enumerate(("pi-01", "pi-02"), start=1):
            outcome = lead(fleet, publish(fleet, f"2.0.{run}"), first=[first])
            assert (outcome.ended, outcome.failed) == ("all serve", 0), outcome
            yield outcome.row(f"wrong clocks: good, first {shifts[run]}", run, options.devices)
            outcome = lead(fleet, publish(fleet, f"3.0.{run}", RAISES), first=[first])
            assert outcome.ended == "aborted", outcome
            yield outcome.row(f"wrong clocks: raises on 100 %, first {shifts[run]}", run, options.devices)


def faked(shift: str) -> Mapping[str, str]:
    """Variables of a process whose clock is wrong."""
    assert FAKETIME.exists(), f"{FAKETIME} is not installed (Debian: libfaketime)"
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def month(options: Options) -> Rows:
    """A device was last seen a month ago, by a registry whose clock was a month behind, and comes back in a rollout."""
    with options.fleet() as fleet:
        real = dict(fleet.registry.environment)
        late = fleet.devices[-1]
        fleet.restart_registry({**real, **faked("-30d")})
        begin(fleet)
        late.stop()
        # Nobody counts on it while it starts.
        late.is_asked = False
        fleet.restart_registry(real)
        # Those that are on are seen anew.
        fleet.wait_until(lambda: seen(fleet) == len(fleet.on), 60, "not all devices are seen again")
        during: list[str] = []

        def come_back(view: RolloutView | None) -> bool:
            if view is not None and view.rollout.state is RolloutState.RUNNING and not late.is_on:
                assert late.name not in view.rollout.order
                late.start()
            if late.is_on and view is not None and view.rollout.stage < 2:
                during.append(late.version())
            return False

        outcome = lead(fleet, publish(fleet, "2.0.0"), look=come_back)
        assert (outcome.ended, outcome.failed) == ("all serve", 0), outcome
        assert FIRST in during, during
        assert "2.0.0" not in during, during
        yield outcome.row("a device comes back after a month, in the middle of it", 1, options.devices)


def seen(fleet: Fleet) -> int:
    """Devices that are online, as the registry knows."""
    return sum(device.online for device in fleet.rollouts.list_devices(ENVIRONMENT))


def killed(options: Options) -> Rows:
    """The registry is killed at each state, and started two seconds later."""
    states = ("prefetching", "running stage 0", "running stage 1", "running stage 2", "paused", "aborted")
    with options.fleet() as fleet:
        begin(fleet)
        for number, state in enumerate(states, start=2):
            kill = _kill_at(fleet, state)
            version = publish(fleet, f"{number}.0.0", RAISES if state == "aborted" else None)
            outcome = lead(fleet, version, look=kill)
            if state == "aborted":
                assert outcome.ended == "aborted", outcome
                # What happens from the verdict on is what counts: the registry is killed as soon as it is seen.
                fleet.restart_registry(fleet.registry.environment, signal.SIGKILL)
                fleet.wait_until(lambda before=number - 1: fleet.all_serve(f"{before}.0.0"), 60, "not all are back")
            else:
                assert (outcome.ended, outcome.failed) == ("all serve", 0), outcome
            yield outcome.row(f"registry killed: {state}", 1, options.devices)
        outcome = lead(fleet, publish(fleet, "20.0.0", RAISES), look=_kill_at(fleet, "running stage 0"))
        assert outcome.ended == "aborted", outcome
        yield outcome.row("registry killed: running stage 0 of a version that raises", 1, options.devices)


def _kill_at(fleet: Fleet, state: str) -> Callable[[RolloutView | None], bool]:
    """Once, when the rollout is there. Paused: pauses it at stage 1 first, and resumes it afterwards."""
    done = threading.Event()

    def look(view: RolloutView | None) -> bool:
        if done.is_set() or view is None:
            return False
        rollout = view.rollout
        here = f"{rollout.state} stage {rollout.stage}" if rollout.state is RolloutState.RUNNING else str(rollout.state)
        if state == "paused" and here == "running stage 1":
            fleet.rollouts.pause_rollout(TASK, ENVIRONMENT, "prove")
            fleet.restart_registry(fleet.registry.environment, signal.SIGKILL)
            time.sleep(3.0)
            fleet.rollouts.resume_rollout(TASK, ENVIRONMENT, "prove")
            done.set()
        elif here == state != "aborted":
            fleet.restart_registry(fleet.registry.environment, signal.SIGKILL)
            done.set()
        return False

    return look


def operators(options: Options) -> Rows:
    """Two promote at once, ten times; one takes the other's place; somebody aborts on the way."""
    with options.fleet() as fleet:
        begin(fleet)
        versions = [publish(fleet, "2.0.0"), publish(fleet, "3.0.0")]
        for run in range(1, options.runs + 1):
            told: dict[str, str] = {}
            ready = threading.Barrier(2)

            def start(version: str, told: dict[str, str] = told, ready: threading.Barrier = ready) -> None:
                ready.wait()
                try:
                    fleet.rollouts.start_rollout(TASK, version, ENVIRONMENT)
                    told[version] = "started"
                except PipitError as error:
                    told[version] = type(error).__name__

            threads = [threading.Thread(target=start, args=(version,)) for version in versions]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(told.values()) == [RolloutOpen.__name__, "started"], told
            open_ = fleet.rollouts.list_rollouts(TASK, ENVIRONMENT, only_open=True)
            assert [told[rollout.to_version] for rollout in open_] == ["started"]
            fleet.rollouts.abort_rollout(TASK, ENVIRONMENT, "prove")
            ended = Outcome("one of two is refused", 0.0, sentence=str(told))
            yield ended.row("two operators start at once", run, options.devices)
        fleet.rollouts.start_rollout(TASK, versions[0], ENVIRONMENT)
        outcome = lead(fleet, versions[1], supersede=True)
        assert (outcome.ended, outcome.failed) == ("all serve", 0), outcome
        yield outcome.row("one supersedes the other", 1, options.devices)


def aborted(options: Options) -> Rows:
    """An operator aborts while a quarter of the fleet serves the new version: how long until all are back."""
    with options.fleet() as fleet:
        begin(fleet)
        for run in range(1, options.runs + 1):
            version = publish(fleet, f"2.0.{run}")

            def stop(view: RolloutView | None, version: str = version) -> bool:
                if view is not None and view.rollout.is_open and view.rollout.stage == 1:
                    serving = sum(serves == version for serves in fleet.versions().values())
                    if serving == len(view.rollout.canaries):
                        fleet.rollouts.abort_rollout(TASK, ENVIRONMENT, "prove")
                return False

            outcome = lead(fleet, version, look=stop)
            assert (outcome.ended, outcome.rule, outcome.failed) == ("aborted", "operator", 0), outcome
            yield outcome.row("an operator aborts", run, options.devices)
