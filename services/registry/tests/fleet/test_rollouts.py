"""A version is led over devices: to the end where it is good, back where it is not; and what people do meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fleet_copies import PLACE, TASK
from model_registry.fleet.rollouts import Wish
from pipit.audit import Record
from pipit.errors import Conflict, InvalidInput, NotFound, RolloutOpen, Unavailable
from pipit.storage import LocalStore

Published = Callable[[], LocalStore]
BAD = frozenset({"2.0.0"})


def ready(published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any], **how: Any) -> tuple[Any, Any]:
    """A copy that has heard of every device."""
    copy, devices = copy_of(published()), fleet(**how)
    devices.second(copy)
    return copy, devices


def test_a_good_version_reaches_every_device_stage_by_stage(
    published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any]
) -> None:
    copy, devices = ready(published, copy_of, fleet)
    begun = copy.start(reason="hears more")
    assert begun.moved_at_once == ""
    assert (begun.pointer.version, begun.pointer.rollout.state, begun.pointer.revision) == ("1.0.0", "prefetching", 2)
    labels = {"rollout": begun.pointer.rollout.id, "from_version": "1.0.0", "to_version": "2.0.0"}
    copy.round()
    assert copy.value("pipit_rollout_info", state="prefetching", **labels) == 1

    reached = set()
    for _ in range(200):
        devices.second(copy)
        if copy.pointer.rollout is None:
            break
        serving = sum(actor.version == "2.0.0" for actor in devices.actors)
        reached.add((copy.pointer.rollout.state, copy.pointer.rollout.stage, serving))
    pointer = copy.pointer
    assert {serving for *_, serving in reached} == {0, 1, 2, 8}
    assert copy.value("pipit_rollout_info", state="prefetching", **labels) is None
    assert {("running", 0, 1), ("running", 1, 2), ("running", 2, 8)} <= reached
    assert (pointer.version, pointer.last_rollout.state, pointer.revision) == ("2.0.0", "succeeded", 6)
    assert [(move.action, move.to_version, move.actor, move.reason) for move in pointer.moves()][1:] == [
        ("promote", "2.0.0", "anna", "hears more")
    ]
    closed = copy.environments.closed.get(TASK, pointer.last_rollout.id)
    assert (closed.environment, closed.rollout) == ("production", pointer.last_rollout)
    assert copy.value("pipit_rollout_verdicts_total", verdict="succeeded", rule="watched") == 1
    assert copy.value("pipit_rollout_time_to_fleet_seconds_count") == 1
    assert copy.value("pipit_rollout_stage") is None


def test_a_bad_version_stops_itself_and_devices_go_back(
    published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any]
) -> None:
    copy, devices = ready(published, copy_of, fleet, bad=BAD)
    copy.start()
    pointer = devices.until_over(copy)
    assert (pointer.version, pointer.last_rollout.state, pointer.last_rollout.verdict.rule) == (
        "1.0.0",
        "aborted",
        "errors",
    )
    assert sum(actor.since > 0 for actor in devices.actors) == 1
    move = pointer.moves()[-1]
    assert (move.action, move.from_version, move.to_version, move.actor) == ("stop", "2.0.0", "1.0.0", "rule errors")
    assert copy.value("pipit_rollout_verdicts_total", verdict="aborted", rule="errors") == 1
    verdict = pointer.last_rollout.verdict
    labels = {"rollout": pointer.last_rollout.id, "verdict": "aborted", "rule": "errors", "sentence": verdict.sentence}
    assert copy.value("pipit_rollout_last_verdict_info", **labels) == 1
    devices.second(copy)
    assert {actor.version for actor in devices.actors} == {"1.0.0"}
    assert copy.value("pipit_rollback_seconds_count") == 1
    assert copy.value("pipit_rollback_seconds_sum") <= 2
    view = copy.rollouts.get(*PLACE, "")
    assert sorted({lane.lane for lane in view.lanes}) == ["returned", "waiting"]
    assert view.rollout.state == "aborted"


def test_the_log_says_what_the_registry_did_by_itself(
    published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any]
) -> None:
    copy, devices = ready(published, copy_of, fleet, bad=BAD)
    copy.start()
    devices.until_over(copy)
    records = [Record.model_validate_json(data) for data in copy.audit.read(1)]
    led = [(record.action, record.subject) for record in records if record.caller == "registry"]
    subject = "production of test.sounds to 2.0.0"
    assert led == [("advance rollout", subject), ("abort rollout", subject)]
    assert "2.0.0" in records[-1].reason
    assert records[-1].after == "1.0.0, revision 4"


@pytest.mark.parametrize("profile", ["now", "fast"])
def test_who_is_not_led_is_told_why(published: Published, copy_of: Callable[..., Any], profile: str) -> None:
    copy = copy_of(published())
    if profile == "fast":
        with pytest.raises(Unavailable, match="has not read yet which devices there are; try again"):
            copy.start(profile=profile)
    copy.round()
    begun = copy.start(profile=profile)
    why = {"now": "The profile is now", "fast": "No device with this task was seen in production in the last 24 hours"}
    assert begun.moved_at_once.startswith(why[profile])
    assert (begun.pointer.version, begun.pointer.rollout, begun.pointer.last_rollout) == ("2.0.0", None, None)
    assert copy.start().moved_at_once == "production points to 2.0.0 already."
    begun = copy.rollouts.start(Wish(TASK, "2.0.0", "staging"), "anna")
    assert begun.moved_at_once.startswith("Nothing was promoted to staging before")


def test_while_one_is_open(published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any]) -> None:
    copy, devices = ready(published, copy_of, fleet)
    first = copy.start(first=("pi-3",)).pointer.rollout
    assert first.order[0] == "pi-3"
    with pytest.raises(RolloutOpen, match=rf"on its way to 2.0.0 by rollout {first.id}"):
        copy.start("3.0.0")
    with pytest.raises(RolloutOpen):
        copy.environments.promote(TASK, "3.0.0", "production", "bert")
    for _ in range(3):
        devices.second(copy)
    assert copy.pointer.rollout.state == "running"

    second = copy.start("3.0.0", supersede=True).pointer
    assert (second.last_rollout.id, second.last_rollout.state) == (first.id, "superseded")
    assert (second.rollout.to_version, second.rollout.from_version, second.version) == ("3.0.0", "1.0.0", "1.0.0")
    assert [rollout.state for rollout in copy.rollouts.list(TASK, "", False, lambda task: True)] == [
        "prefetching",
        "superseded",
    ]
    environment = copy.environments.rollback(TASK, "production", "bert", "it hears ghosts")
    assert (environment.version, copy.pointer.last_rollout.state) == ("1.0.0", "aborted")
    assert copy.pointer.last_rollout.verdict.sentence == "bert decided so: it hears ghosts"
    listed = copy.rollouts.list(TASK, "production", False, lambda task: True)
    assert [(rollout.to_version, rollout.state) for rollout in listed] == [
        ("3.0.0", "aborted"),
        ("2.0.0", "superseded"),
    ]
    assert copy.rollouts.list(TASK, "staging", False, lambda task: True) == ()
    assert copy.rollouts.list("", "", False, lambda task: False) == ()
    assert copy.rollouts.get(*PLACE, first.id).rollout.state == "superseded"
    copy.environments.promote(TASK, "1.0.0", "staging", "anna")
    with pytest.raises(NotFound, match="was in production, not in staging"):
        copy.rollouts.get(TASK, "staging", first.id)


def test_now_takes_the_place_of_an_open_one_if_told_to(
    published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any]
) -> None:
    copy, _ = ready(published, copy_of, fleet)
    copy.start()
    with pytest.raises(RolloutOpen):
        copy.start("3.0.0", profile="now")
    pointer = copy.start("3.0.0", profile="now", supersede=True).pointer
    assert (pointer.version, pointer.rollout, pointer.last_rollout.state) == ("3.0.0", None, "superseded")
    assert [move.action for move in pointer.moves()] == ["promote", "stop", "promote"]


def test_people_pause_resume_and_abort(
    published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any]
) -> None:
    copy, devices = ready(published, copy_of, fleet)
    with pytest.raises(NotFound, match=r"no rollout of test\.sounds is open"):
        copy.rollouts.pause(*PLACE, "anna", "")
    copy.start()
    for _ in range(3):
        devices.second(copy)
    assert copy.rollouts.pause(*PLACE, "anna", "lunch").rollout.state == "paused"
    for _ in range(60):
        devices.second(copy)
    assert (copy.pointer.rollout.state, copy.pointer.rollout.stage) == ("paused", 0)
    assert copy.value("pipit_rollout_verdicts_total", verdict="paused", rule="operator") == 1
    with pytest.raises(Conflict):
        copy.rollouts.pause(*PLACE, "anna", "lunch")
    assert copy.rollouts.resume(*PLACE, "anna", "", True).rollout.stage == 1
    aborted = copy.rollouts.abort(*PLACE, "bert", "enough")
    assert (aborted.rollout, aborted.last_rollout.state, aborted.version) == (None, "aborted", "1.0.0")


def test_what_can_not_be_started(published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any]) -> None:
    copy, _ = ready(published, copy_of, fleet)
    with pytest.raises(NotFound):
        copy.start("9.0.0")
    with pytest.raises(InvalidInput, match="pi-99: no such device"):
        copy.start(first=("pi-99",))
    with pytest.raises(InvalidInput, match="no profile"):
        copy.start(profile="reckless")
    with pytest.raises(InvalidInput, match="no answer to silence"):
        copy.start(when_silent="guess")
    with pytest.raises(Conflict, match="at revision 1, not 7"):
        copy.start(expected_revision=7)
    assert copy.pointer.rollout is None


def test_devices_that_are_read_while_a_rollout_starts_are_not_passed_over(
    published: Published, copy_of: Callable[..., Any], fleet: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, devices = published(), fleet()
    devices.second(copy_of(store, "first"))
    later = copy_of(store, "later")
    having = later.devices.having

    def overtaken(*where: str) -> dict[str, bool]:
        found: dict[str, bool] = having(*where)
        later.round()
        return found

    monkeypatch.setattr(later.devices, "having", overtaken)
    with pytest.raises(Unavailable, match="has not read yet which devices there are"):
        later.start()
    assert later.pointer.version == "1.0.0"
    begun = later.start()
    assert (begun.moved_at_once, len(begun.pointer.rollout.order)) == ("", 8)
