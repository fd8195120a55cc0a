"""Three real servers and a real registry, asked all the time: a good version reaches all of them, a bad one stops."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.slow
STAGES = '{"*": {"answers": 10, "stages": {"fast": [{"devices": 1, "bake_seconds": 3}, {"share": 1.0}]}}}'
SHORT = {"PIPIT_REGISTRY_ROLLOUT_REPORT_SECONDS": "0.5", "PIPIT_REGISTRY_ROLLOUT_RULES": STAGES}
"""Stages and the time between reports, in place of those that suit real devices; a look of `lead` falls into each."""
DEVICES, RATE = 3, 10.0


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`prove_options`, which lies beside this file and in no package."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    # What stops a good version here must not be how busy this machine is.
    monkeypatch.setattr("prove_bundles.BUDGET_SECONDS", 60.0)
    return importlib.import_module("prove_options")


@pytest.fixture
def fleet(harness: ModuleType, tmp_path: Path) -> Iterator[Any]:
    bundles = importlib.import_module("prove_bundles")
    options = harness.Options(tmp_path, bundles.make_site(tmp_path / "site"), DEVICES, RATE, 1, 1)
    with options.fleet(SHORT) as started:
        harness.begin(started, 0)
        yield started


def test_a_good_version_reaches_every_server_and_one_that_raises_stops_itself(harness: ModuleType, fleet: Any) -> None:
    lead, bundles = importlib.import_module("prove_lead").lead, importlib.import_module("prove_bundles")
    good = lead(fleet, harness.publish(fleet, "2.0.0"))
    assert (good.ended, good.failed, len(good.reached)) == ("all serve", 0, DEVICES)
    assert [what for _, what in good.steps if "stage 0" in what] == ["running stage 0, 1 devices"]

    bad = lead(fleet, harness.publish(fleet, "3.0.0", bundles.FAULTS["raises on 100 %"]))
    assert (bad.ended, bad.rule) == ("aborted", "errors")
    assert len(bad.reached) <= 1
    # Each server has two seconds to say it.
    fleet.wait_until(lambda: fleet.all_serve("2.0.0"), 60, "not all serve the version before")
    assert "3.0.0" in bad.sentence or "error" in bad.sentence
