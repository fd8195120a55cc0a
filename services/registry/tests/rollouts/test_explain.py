"""What people are told: where a rollout is, what it waits for, why it ended, and which arm of an A/B wins."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_registry.rollouts.arms import compare_arms, newcombe, told_arms, wilson
from model_registry.rollouts.document import RolloutRecord, StageRecord, VerdictRecord
from model_registry.rollouts.expected import Expected
from model_registry.rollouts.explain import ended_for_people, lanes_of, view_for_people
from model_registry.rollouts.seen import Fleet
from model_registry.rollouts.settings import Rules
from model_registry.rollouts.states import Change, changed
from model_registry.rollouts.view import View, view_of
from pipit.fleet.types import RolloutState, State
from rollout_builders import BEGIN, NEW, OLD, TASK, fleet_of, rollout_of, running, seen, told

RULES = Rules()
AB = (StageRecord(share=0.5, bake_seconds=60, holds=True),)


def at(rollout: RolloutRecord, fleet: Fleet, seconds: float = 20.0) -> View:
    return view_of(rollout, TASK, fleet, BEGIN + timedelta(seconds=seconds), RULES)


def explained(rollout: RolloutRecord, fleet: Fleet, seconds: float = 20.0) -> str:
    return view_for_people(at(rollout, fleet, seconds), "production", 7, Expected()).explanation


def test_it_says_where_it_is_and_what_it_waits_for() -> None:
    rollout = running(1)
    name = rollout.order[4]
    fleet = fleet_of(rollout, canary={"answered": 40}, control={"answered": 40})
    fleet[name] = seen(name, told(OLD, state=State.LOADING, reason="at the step open"))

    text = explained(rollout, fleet)

    assert text.startswith("Stage 2 of 3: 4 of 5 devices of this stage serve 1.1.0, of 20 in all.")
    assert f"It waits: {name} does not serve 1.1.0 yet ({name}: loading, at the step open)." in text


def test_it_names_who_is_away_and_who_refused() -> None:
    rollout = rollout_of(3)
    one, two, three = rollout.order
    fleet = fleet_of(rollout)
    del fleet[two]
    refusal = {"candidate_version": NEW, "candidate_state": State.REFUSED, "candidate_failed_step": "fetch"}
    fleet[three] = seen(three, told(OLD, **refusal, candidate_reason="no space is left"))

    text = explained(rollout, fleet)

    assert text.startswith("1.1.0 is brought to the devices, and none serves it yet: 1 of 3 have it at hand.")
    assert f"1 device can't be reached and will follow when back: {two}." in text
    assert f"1 device refused 1.1.0 and will not serve it: {three}." in text
    lanes = {lane.device_id: (lane.lane, lane.reason) for lane in lanes_of(at(rollout, fleet))}
    assert lanes == {
        one: ("prefetched", ""),
        two: ("offline", "has not reported"),
        three: ("refused", "fetch: no space is left"),
    }


def test_a_pause_says_why_and_how_it_goes_on() -> None:
    verdict = VerdictRecord(kind="paused", rule="inconclusive", sentence="nobody asks pi-3", at=BEGIN)
    paused = running(state="paused", left="running", verdict=verdict)
    text = explained(paused, fleet_of(paused))
    assert "It is paused: nobody asks pi-3. It goes on by itself once that is there" in text

    by_rule = verdict.model_copy(update={"rule": "scores"})
    paused = running(state="paused", left="running", verdict=by_rule)
    assert "It goes on when somebody says so: `pipit rollout resume`" in explained(paused, fleet_of(paused))


def test_replayed_inputs_that_are_answered_otherwise_are_told() -> None:
    rollout = rollout_of()
    text = explained(rollout, fleet_of(rollout, replay={"answered": 32, "disagreed": 8}))
    assert "On 160 of 640 (25 %) replayed inputs 1.1.0 said something else than 1.0.0." in text


def test_one_that_was_stopped_says_which_rule_and_where_its_devices_are() -> None:
    rollout = running(1)
    stopped = changed(rollout, Change("abort", "errors", "4 of 40 requests failed."), BEGIN + timedelta(seconds=21))
    fleet = fleet_of(rollout)
    back, behind = rollout.order[:2]
    fleet[back] = seen(back, told(OLD))

    view = ended_for_people(at(stopped, fleet), "production", 9)

    why = "was stopped by rule errors after 21 s at stage 2 of 3: 4 of 40 requests failed."
    assert view.explanation == f"The rollout from 1.0.0 to 1.1.0 {why}"
    assert (view.rollout.state, view.rollout.canaries, view.rollout.revision) == (RolloutState.ABORTED, (), 9)
    lanes = {lane.device_id: lane.lane for lane in view.lanes}
    assert (lanes[back], lanes[behind], lanes[rollout.order[-1]]) == ("returned", "swapping", "prefetched")


def test_one_that_succeeded_says_so() -> None:
    done = changed(running(2), Change("succeed", "watched", "1.1.0 serves on 20 of 20 devices"), BEGIN)
    view = ended_for_people(at(done, fleet_of(running(2))), "production", 9)
    assert view.explanation == "The rollout from 1.0.0 to 1.1.0 succeeded after 0 s. 1.1.0 serves on 20 of 20 devices."
    assert {lane.lane for lane in view.lanes} == {"serving"}


def test_intervals_are_those_of_the_papers() -> None:
    # Newcombe 1998, table II: 56/70 against 48/80, and 9/10 against 3/10, by his method 10.
    assert newcombe((48, 80), (56, 70)) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert newcombe((3, 10), (9, 10)) == pytest.approx((0.1705, 0.8090), abs=1e-4)
    # Wilson, as in Newcombe 1998 (single proportions): 15 of 148.
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_an_interval_holds_what_was_measured_and_turns_round(few: int, many: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, few)), few
    new = data.draw(st.integers(0, many)), many
    low, high = newcombe(old, new)
    assert -1.0 <= low <= new[0] / new[1] - old[0] / old[1] + 1e-12
    assert new[0] / new[1] - old[0] / old[1] - 1e-12 <= high <= 1.0
    assert newcombe(new, old) == pytest.approx((-high, -low))


def arms(canary: dict[str, Any], control: dict[str, Any]) -> View:
    rollout = running(stages=AB, profile="ab")
    fleet = fleet_of(rollout, canary={"seconds": 600.0, **canary}, control={"seconds": 600.0, **control})
    return at(rollout, fleet, 600.0)


def test_an_ab_says_who_wins() -> None:
    timed = {"latency_sum": 10.0, "latency_squares": 1.2}
    view = arms({"answered": 100, **timed}, {"answered": 90, "failed": 10, **timed})

    errors, unknown, feedback, latency = compare_arms(view)

    assert (errors.measure, errors.better, errors.from_samples, errors.to_samples) == ("errors", "to", 1000, 1000)
    assert (errors.from_value, errors.to_value) == (0.1, 0.0)
    assert (errors.low, errors.high) == pytest.approx((-0.1201, -0.0812), abs=2e-3)
    assert (unknown.from_samples, feedback.better, latency.measure) == (0, "", "latency")
    assert told_arms(view, compare_arms(view))[-1] == "1.1.0 wins."


def test_latency_is_compared_by_its_means() -> None:
    """Welch: means 0.1 and 0.2 s, variances 0.02 each, 1000 samples."""
    slow = {"answered": 100, "latency_sum": 20.0, "latency_squares": 100 * (0.04 + 0.02)}
    quick = {"answered": 100, "latency_sum": 10.0, "latency_squares": 100 * (0.01 + 0.02)}
    latency = compare_arms(arms(slow, quick))[3]
    assert (latency.difference, latency.better) == (pytest.approx(0.1), "from")
    half = 1.959964 * (2 * 0.02 * 1000 / 999 / 1000) ** 0.5
    assert (latency.low, latency.high) == pytest.approx((0.1 - half, 0.1 + half))


def test_where_nobody_can_tell_it_says_how_much_longer_it_takes() -> None:
    view = arms({"answered": 98, "failed": 2}, {"answered": 99, "failed": 1})
    errors = compare_arms(view)[0]
    assert errors.better == ""
    # 10 of 1,000 against 20 of 1,000 is all but enough after ten minutes; twice as long is.
    assert 0.0 < errors.more_seconds < 600.0
    assert told_arms(view, compare_arms(view))[-1].startswith("Nobody can tell yet which")

    even = compare_arms(arms({"answered": 98, "failed": 2}, {"answered": 98, "failed": 2}))[0]
    assert (even.better, even.more_seconds) == ("", 0.0)


def test_few_samples_decide_nothing() -> None:
    rollout = running(stages=AB, profile="ab", devices=2)
    fleet = fleet_of(rollout, canary={"answered": 0, "failed": 20}, control={"answered": 20})
    assert compare_arms(at(rollout, fleet))[0].better == ""


def test_an_ab_is_explained_with_its_arms() -> None:
    rollout = running(stages=AB, profile="ab")
    fleet = fleet_of(rollout, canary={"answered": 100}, control={"answered": 90, "failed": 10}, active_seconds=99.0)
    view = view_for_people(at(rollout, fleet, 99.0), "production", 7, Expected())
    assert len(view.comparisons) == 4
    assert "goes on only when somebody says so" in view.explanation
    assert "Failed requests: 10 % with 1.0.0, 0 % with 1.1.0" in view.explanation


def test_a_pinned_device_and_one_on_its_way_have_lanes_of_their_own() -> None:
    rollout = running(1)
    fleet = dict(fleet_of(rollout))
    pinned, swapping, _, _, _, fetching, waiting = rollout.order[:7]
    fleet[pinned] = replace(fleet[pinned], pinned=frozenset({TASK}))
    fleet[swapping] = seen(swapping, told(OLD))
    fleet[fetching] = seen(fetching, told(OLD, candidate_version=NEW, candidate_state=State.PREFETCHING))
    fleet[waiting] = seen(waiting, told(OLD))
    lanes = {lane.device_id: lane.lane for lane in lanes_of(at(rollout, fleet))}
    assert [lanes[name] for name in (pinned, swapping, fetching, waiting)] == [
        "pinned",
        "swapping",
        "prefetching",
        "waiting",
    ]
