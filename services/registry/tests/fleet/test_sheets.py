"""Sheets of several copies on one store, with a clock of our own: who is there, whatever dates they believe in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from fleet_copies import TASK, Clock
from model_registry.fleet.other_sheets import DAY
from model_registry.fleet.seen import Heard, Seen
from model_registry.fleet.sheets import Sheets
from pipit.errors import Unavailable
from pipit.fleet import DeviceReport, State, TaskReport
from pipit.storage import LocalStore


@pytest.mark.parametrize(
    ("watching", "silent", "there", "online"),
    [(True, 3600.0, True, True), (False, 10.0, True, True), (False, 30.0, False, True), (False, 100.0, False, False)],
)
def test_who_is_shown_to_be_online_may_be_too_far_away_to_be_told_anything(
    watching: bool, silent: float, there: bool, online: bool
) -> None:
    heard = Heard(DeviceReport("pi-7", "boot-1", 1, "production"), 1000.0)
    seen = Seen("pi-7", "production", 1000.0, watching, frozenset({TASK}), (heard,))
    assert (seen.is_there(1000.0 + silent), seen.is_online(1000.0 + silent)) == (there, online)


@dataclass
class Copies:
    store: LocalStore
    clock: Clock

    def add(self, name: str, wrong: timedelta = timedelta(0)) -> Sheets:
        """wrong: how far off the date is that this copy believes in."""
        return Sheets(self.store, 100, lambda: self.clock.date() + wrong, self.clock, name)


@pytest.fixture
def copies(tmp_path: Path, clock: Clock) -> Copies:
    return Copies(LocalStore(tmp_path / "store"), clock)


def report(
    sequence: int, boot: str = "one", device: str = "pi-7", process: int = 0, version: str = "1.0.0"
) -> DeviceReport:
    told = TaskReport(TASK, active_version=version, state=State.SERVING)
    return DeviceReport(device, boot, sequence, "production", process, tasks=(told,))


def sequences(sheets: Sheets) -> dict[str, list[tuple[str, int]]]:
    return {
        name: [(heard.report.boot_id, heard.report.sequence) for heard in seen.heard]
        for name, seen in sheets.seen().items()
    }


def test_within_a_boot_the_higher_number_counts_whatever_came_last(copies: Copies) -> None:
    here, there = copies.add("a"), copies.add("b")
    here.report(report(5))
    copies.clock.seconds += 10
    here.report(report(4))
    there.report(report(3))
    there.write()
    here.look()
    assert sequences(here) == {"pi-7": [("one", 5)]}
    there.report(report(6))
    copies.clock.seconds += 40
    there.write(rushing=("production",))
    here.look()
    assert sequences(here) == {"pi-7": [("one", 6)]}


@pytest.mark.parametrize("wrong", [timedelta(days=-400), timedelta(0), timedelta(days=400)])
def test_of_two_boots_the_later_one_counts_whatever_date_a_copy_believes_in(copies: Copies, wrong: timedelta) -> None:
    here, there = copies.add("a"), copies.add("b", wrong)
    here.look()
    there.report(report(9, "one"))
    there.write()
    here.look()
    copies.clock.seconds += 5
    here.report(report(1, "two"))
    [seen] = here.seen().values()
    [heard] = seen.heard
    assert (heard.report.boot_id, heard.at) == ("two", copies.clock.seconds)
    assert heard.before is not None
    assert (heard.before.boot_id, heard.before.sequence, heard.before_at) == ("one", 9, copies.clock.seconds - 5)

    # By its date that sheet may be a year old.
    here.write()
    there.look()
    copies.clock.seconds += 40
    here.write()
    there.look()
    [theirs] = there.seen()["pi-7"].heard
    assert (theirs.report.boot_id, theirs.before and theirs.before.boot_id) == ("two", "one")


def test_processes_report_apart_and_one_that_has_gone_is_left_out(copies: Copies) -> None:
    sheets = copies.add("a")
    for process in (0, 1):
        sheets.report(report(1, f"boot-{process}", process=process))
    assert sequences(sheets) == {"pi-7": [("boot-0", 1), ("boot-1", 1)]}
    copies.clock.seconds += 301
    sheets.report(report(2, "boot-0"))
    assert sequences(sheets) == {"pi-7": [("boot-0", 2)]}


def test_of_several_processes_the_worst_is_shown(copies: Copies) -> None:
    sheets = copies.add("a")
    sheets.report(report(1, "x"))
    refused = TaskReport(TASK, state=State.REFUSED)
    sheets.report(DeviceReport("pi-7", "y", 1, "production", 1, tasks=(refused,)))
    assert sheets.seen()["pi-7"].task_reports() == (refused,)


def test_it_is_written_at_once_for_news_each_second_in_a_rush_and_else_now_and_then(copies: Copies) -> None:
    sheets = copies.add("a")
    assert not sheets.write()
    sheets.report(report(1))
    assert sheets.write()
    sheets.report(report(2))
    copies.clock.seconds += 1
    assert not sheets.write(rushing=("staging",))
    assert sheets.write(rushing=("production",))
    sheets.report(report(3))
    copies.clock.seconds += 299
    assert not sheets.write()
    copies.clock.seconds += 1
    assert sheets.write()
    # Somebody reads it now, though they hear nothing.
    other = copies.add("b")
    assert not other.write()
    other.look()
    assert other.write()
    sheets.look()
    copies.clock.seconds += 29
    assert not sheets.write()
    copies.clock.seconds += 1
    assert sheets.write()
    sheets.report(report(4, version="1.1.0"))
    assert not sheets.write()
    copies.clock.seconds += 1
    assert sheets.write()


def test_a_dead_copy_is_remembered_for_a_day_but_nobody_watches_there(copies: Copies) -> None:
    dead = copies.add("a")
    stack = dead.watching("pi-8", "production", {TASK})
    stack.__enter__()
    dead.report(report(1))
    dead.write()

    copies.clock.seconds += 100
    later = copies.add("b")
    later.look()
    seen = later.seen()
    assert list(copies.store.list("fleet/")) == ["fleet/a.json"]
    assert [(name, one.watching, one.is_online(copies.clock())) for name, one in seen.items()] == [
        ("pi-7", False, False),
        ("pi-8", False, False),
    ]
    assert seen["pi-8"].tasks == {TASK}
    copies.clock.seconds += DAY
    later.look()
    assert later.seen() == {}
    assert list(copies.store.list("fleet/")) == []
    # It lived after all.
    dead.report(report(2))
    assert dead.write()
    assert list(copies.store.list("fleet/")) == ["fleet/a.json"]


def test_a_copy_that_ends_says_that_nobody_watches_there(copies: Copies) -> None:
    here, there = copies.add("a"), copies.add("b")
    with here.watching("pi-7", "production", {TASK}):
        here.write()
        there.look()
        assert there.seen()["pi-7"].watching
        here.close()
    there.look()
    assert not there.seen()["pi-7"].watching


def test_news_that_could_not_be_written_are_written_later(copies: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    sheets = copies.add("a")
    sheets.report(report(1))

    def away(key: str, data: bytes) -> str:
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(copies.store, "create", away)
        with pytest.raises(Unavailable):
            sheets.write()
    assert sheets.write()


def test_a_sheet_that_can_not_be_read_is_left_out(copies: Copies) -> None:
    copies.store.create("fleet/broken.json", b"{")
    here, there = copies.add("a"), copies.add("b")
    there.report(report(1))
    there.write()
    here.look()
    assert sequences(here) == {"pi-7": [("one", 1)]}
