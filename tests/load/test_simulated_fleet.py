"""What has to hold for fleets of any size, on a simulated one that is small enough for each run of the tests."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

OLD, NEW = "1.0.0", "1.1.0"
Settled = Callable[..., Any]


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`simulate_fleet`, which lies beside this file and in no package; what happens depends on its seed alone."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    simulate_fleet = importlib.import_module("simulate_fleet")
    # How long the registry's turns take here, and the order of the devices, which a rollout's id gives.
    monkeypatch.setattr("simulated_registry.process_time", lambda: 0.0)
    numbers = count(1)
    monkeypatch.setattr("model_registry.fleet.rollouts.new_id", lambda at: f"r-{next(numbers):020x}")
    return simulate_fleet


@pytest.fixture
def settled(simulation: ModuleType, tmp_path: Path) -> Settled:
    """A fleet that serves the version before."""

    def make(devices: int, version: str = "flawless", copies: int = 1) -> Any:
        folder = tmp_path / f"{devices}-{version}-{copies}"
        settings = simulation.settings_of(folder / "store", s3=False)
        new, pace = simulation.VERSIONS[version], simulation.Pace()
        return simulation.settle(settings, devices, copies, new, folder, pace=pace, seed=1)

    return make


def test_a_good_version_reaches_everybody_and_never_more_than_its_stage_allows(
    simulation: ModuleType, settled: Settled
) -> None:
    fleet = settled(48, copies=3)

    state, seconds, _ = simulation.roll_out(fleet, "fast")

    assert (state, fleet.serving(NEW)) == ("succeeded", 48)
    # 15 and 10 seconds are watched; what comes on top is fetching.
    assert 25.0 < seconds < 90.0
    assert fleet.looks > 30
    assert fleet.over_share == 0
    assert [sum(swapped == NEW for _, swapped in device.swaps) for device in fleet.devices] == [1] * 48


@pytest.mark.parametrize(("version", "rule", "reached"), [("errors100", "errors", 1), ("golden", "golden", 0)])
def test_a_bad_version_stops_itself_and_all_are_back(
    simulation: ModuleType, settled: Settled, version: str, rule: str, reached: int
) -> None:
    fleet = settled(20, version, copies=3)

    state, _, _ = simulation.roll_out(fleet, "fast")

    ended = fleet.pointer.last_rollout
    assert state == "aborted"
    assert ended.verdict.rule == rule
    assert sum(any(swapped == NEW for _, swapped in device.swaps) for device in fleet.devices) == reached
    assert fleet.serving(OLD) == 20
    assert fleet.over_share == 0


def test_ten_times_the_devices_ask_the_store_for_no_more(simulation: ModuleType, settled: Settled) -> None:
    def operations(span: Any) -> float:
        seconds: float = span.seconds
        return (span.reads + span.lists + span.writes) / seconds

    found = {}
    for devices in (8, 80):
        fleet = settled(devices)
        meter = simulation.Meter(fleet)
        fleet.agenda.run(lambda: False, 60.0)
        quiet = meter.stop()
        assert simulation.roll_out(fleet, "fast")[0] == "succeeded"
        found[devices] = operations(quiet), operations(meter.stop())
    assert found[80] == pytest.approx(found[8], rel=0.25)
