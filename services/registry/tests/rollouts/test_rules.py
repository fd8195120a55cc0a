"""Each rule: what it fires on, what it lets pass, and what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_registry.rollouts.document import RolloutRecord, StageRecord
from model_registry.rollouts.expected import Expected, expected_of
from model_registry.rollouts.rules.at_once import golden, refused, restarted, silent
from model_registry.rollouts.rules.errors import errors, feedback, unknowns
from model_registry.rollouts.rules.evalues import Pair, clustering_of, dispersion_of, log_e, log_e_assumed
from model_registry.rollouts.rules.latency import latency
from model_registry.rollouts.rules.scores import psi, scores
from model_registry.rollouts.seen import Fleet, SeenDevice, SeenProcess
from model_registry.rollouts.settings import Rules
from model_registry.rollouts.view import View, view_of
from pipit.bundle.manifest import Expectations, ScoreHistogram
from pipit.fleet.types import DeviceReport, State, Window, WindowKind
from rollout_builders import BEGIN, ENVIRONMENT, NEW, OLD, TASK, fleet_of, rollout_of, running, seen, told

RULES = Rules()
BUDGET = Expected(budget_seconds=0.1)


def at(rollout: RolloutRecord, fleet: Fleet, seconds: float = 40.0, rules: Rules = RULES) -> View:
    return view_of(rollout, TASK, fleet, BEGIN + timedelta(seconds=seconds), rules)


def refusing(name: str, step: str, new: bool = False) -> SeenDevice:
    """new: it should serve it; else it was to have it at hand."""
    if new:
        task = told(OLD, desired_version=NEW, failed_step=step, reason="it is not as it should be")
    else:
        refusal = {"candidate_version": NEW, "candidate_state": State.REFUSED, "candidate_failed_step": step}
        task = told(OLD, **refusal, candidate_reason="it is not as it should be")
    return seen(name, replace(task, desired_version=NEW if new else OLD))


def test_one_device_that_computes_otherwise_is_enough_before_it_is_served() -> None:
    rollout = rollout_of()
    last = rollout.order[-1]
    found = golden(at(rollout, {**fleet_of(rollout), last: refusing(last, "golden")}))
    assert (found.fires, found.value, found.limit, found.then, found.devices) == (True, 1, 1, "abort", (last,))
    assert found.sentence == f"1.1.0 gives other answers than it should on {last}: it is not as it should be."
    assert not golden(at(rollout, fleet_of(rollout))).fires


def test_later_one_device_with_other_answers_may_be_broken_itself() -> None:
    rollout = running(2)
    fleet = {**fleet_of(rollout), "pi-3": refusing("pi-3", "golden", new=True)}
    assert not golden(at(rollout, fleet)).fires
    fleet["pi-4"] = refusing("pi-4", "golden", new=True)
    assert golden(at(rollout, fleet)).fires


@pytest.mark.parametrize("step", ["fetch", "signature", "verify", "load", "open"])
def test_one_refusal_in_the_first_stage_is_enough(step: str) -> None:
    for rollout, new in ((rollout_of(), False), (running(), True)):
        first, second = rollout.order[:2]
        fleet = fleet_of(rollout)
        found = refused(at(rollout, {**fleet, first: refusing(first, step, new)}))
        assert (found.fires, found.limit, found.devices) == (True, 1, (first,))
        assert f"1 of 1 devices refused 1.1.0 at {step}: {first}. The first said: it is not" in found.sentence
        assert not refused(at(rollout, {**fleet, second: refusing(second, step)})).fires


def test_many_that_refuse_are_enough_also_where_the_first_do_not() -> None:
    rollout = rollout_of()
    others = {name: refusing(name, "load") for name in rollout.order[1:3]}
    assert refused(at(rollout, {**fleet_of(rollout), **others})).fires


def test_later_two_devices_and_a_tenth_of_the_stage_have_to_refuse() -> None:
    for devices, needed in ((20, 2), (40, 4)):
        rollout = running(2, devices)
        for count in range(1, needed + 1):
            refusals = {name: refusing(name, "load", new=True) for name in rollout.order[:count]}
            found = refused(at(rollout, {**fleet_of(rollout), **refusals}))
            assert (found.fires, found.value, found.limit) == (count == needed, count, needed)


def crashed(name: str, served: float, gap: float = 2.0, up: float = 5.0, active: str = NEW) -> SeenDevice:
    """A device whose process began `up` seconds ago, `gap` after the last word of the one before."""
    before = DeviceReport(name, "first", 9, ENVIRONMENT, tasks=(told(active, served),), up_seconds=900.0)
    report = DeviceReport(name, "second", 1, ENVIRONMENT, tasks=(told(NEW, 1.0),), up_seconds=up)
    return SeenDevice(name, True, (SeenProcess(report, 0.0, before, up + gap),))


def test_refusals_of_devices_that_a_stage_has_not_reached_do_not_count_in_it() -> None:
    """5 of 100 devices refuse it while they fetch: less than a tenth, and none of them is of this stage."""
    rollout = running(1, devices=100)
    bad = {name: refusing(name, "fetch") for name in rollout.order[-5:]}
    fleet = {**fleet_of(rollout), **bad}
    assert (refused(at(rollout, fleet)).value, refused(at(rollout, fleet)).fires) == (0, False)
    wrong = {name: refusing(name, "golden") for name in rollout.order[-5:]}
    assert not golden(at(rollout, {**fleet, **wrong})).fires
    here = {name: refusing(name, "load", new=True) for name in rollout.order[:3]}
    assert refused(at(rollout, {**fleet, **here})).fires


def test_a_restart_soon_after_the_swap_is_the_versions_fault() -> None:
    rollout = running()
    first = rollout.order[0]

    def fires(device: SeenDevice, seconds: float = 40.0) -> bool:
        return restarted(at(rollout, {**fleet_of(rollout), first: device}, seconds)).fires

    assert fires(crashed(first, served=10.0))
    assert fires(crashed(first, served=500.0, active=OLD))  # it died in the swap, before it could say so
    assert not fires(crashed(first, served=61.0), 100.0)
    assert not fires(crashed(first, served=10.0, gap=61.0))  # it was switched off
    assert not fires(crashed(first, served=10.0, up=41.0))  # it began before its turn came
    sentence = restarted(at(rollout, {**fleet_of(rollout), first: crashed(first, 10.0)})).sentence
    assert sentence == f"{first} restarted within 60 s after the swap to 1.1.0."


def test_later_two_have_to_restart_and_others_devices_do_not_count() -> None:
    rollout = running(1)
    one, two, *_, control = rollout.order
    fleet = {**fleet_of(rollout), one: crashed(one, 10.0), control: crashed(control, 10.0)}
    assert not restarted(at(rollout, fleet)).fires
    assert restarted(at(rollout, {**fleet, two: crashed(two, 10.0)})).fires


def with_silence(rollout: RolloutRecord, silent_for: float, others: float = 1.0) -> Fleet:
    first = rollout.order[0]
    return {
        name: replace(
            device, processes=(replace(device.processes[0], seconds=silent_for if name == first else others),)
        )
        for name, device in fleet_of(rollout).items()
    }


def test_a_device_that_says_nothing_after_its_swap_is_lost_by_it() -> None:
    rollout = running()
    assert not silent(at(rollout, with_silence(rollout, 30.0))).fires
    found = silent(at(rollout, with_silence(rollout, 31.0)))
    assert (found.fires, found.devices) == (True, rollout.order[:1])
    assert "said nothing for 31 s after the swap to 1.1.0, while 19 of 19 others report" in found.sentence


def test_where_all_are_silent_the_registry_was_away() -> None:
    rollout = running()
    for others in (21.0, 29.0, 31.0, 35.0, 60.0):
        assert not silent(at(rollout, with_silence(rollout, 31.0, others=others), 90.0)).fires
    assert silent(at(rollout, with_silence(rollout, 31.0, others=19.0), 90.0)).fires
    assert not silent(at(rollout, with_silence(rollout, 40.0, others=44.0))).fires
    alone = running(devices=1)
    assert not silent(at(alone, with_silence(alone, 31.0))).fires


def test_who_served_it_for_a_while_and_is_switched_off_stops_nothing() -> None:
    rollout = running(stages=(StageRecord(share=0.5, bake_seconds=60, holds=True),))
    fleet = with_silence(rollout, 31.0)
    first = rollout.order[0]

    def after(served: float) -> Fleet:
        (process,) = fleet[first].processes
        task = replace(process.report.tasks[0], active_seconds=served)
        gone = replace(process, report=replace(process.report, tasks=(task,)))
        return {**fleet, first: replace(fleet[first], processes=(gone,))}

    assert silent(at(rollout, after(60.0), 100.0)).fires
    assert not silent(at(rollout, after(61.0), 86_400.0)).fires


def test_who_was_away_before_its_turn_is_not_lost() -> None:
    rollout = running()
    assert not silent(at(rollout, with_silence(rollout, 86.0), 40.0)).fires
    assert silent(at(rollout, with_silence(rollout, 84.0), 40.0)).fires


def test_errors_are_compared_with_peers_and_with_before() -> None:
    rollout = running()
    usual = {"answered": 998, "failed": 2}

    def found(**counted: Any) -> Any:
        return errors(at(rollout, fleet_of(rollout, **counted)))

    bad = {"answered": 36, "failed": 4}
    assert found(canary=bad, control=usual, before=usual).fires
    assert found(canary=bad, control=usual).fires
    assert found(canary=bad, before=usual).fires
    # What happens to all is not the version's doing, and neither is what is usual there.
    assert not found(canary=bad, control={"answered": 900, "failed": 100}, before=usual).fires
    assert not found(canary=bad, control=usual, before={"answered": 900, "failed": 100}).fires
    assert not found(canary={"answered": 40}, control=usual, before=usual).fires
    # Where nothing is known, more than one in fifty is too much.
    assert found(canary={"answered": 30, "failed": 10}).fires
    assert not found(canary={"answered": 39, "failed": 1}).fires


def test_what_a_caller_did_wrong_is_no_error() -> None:
    rollout = running()
    wrong = {"answered": 40, "errors": {"INVALID_ARGUMENT": 40}}
    fleet = fleet_of(rollout, canary=wrong, control={"answered": 400})
    assert errors(at(rollout, fleet)).value == 0.0


def test_a_version_that_fails_on_replayed_inputs_never_serves() -> None:
    rollout = rollout_of()
    found = errors(at(rollout, fleet_of(rollout, replay={"answered": 0, "failed": 32})))
    assert found.fires
    assert "640 of 640 (100 %) requests failed with 1.1.0" in found.sentence


def test_a_burst_on_one_device_is_its_own_affair_where_others_try_it_too() -> None:
    rollout = running(1)
    steady = {"answered": 200, "seconds": 200.0}
    fleet = dict(fleet_of(rollout, canary=steady, control=steady, before={"answered": 3600}))
    burst = fleet_of(rollout, canary={**steady, "answered": 194, "failed": 6}, before={"answered": 3600})
    one, two = rollout.order[:2]
    fleet[one] = burst[one]
    assert not errors(at(rollout, fleet, 200.0)).fires
    broken = fleet_of(rollout, canary={**steady, "answered": 100, "failed": 100}, before={"answered": 3600})
    assert errors(at(rollout, {**fleet, one: broken[one]}, 200.0)).fires
    assert errors(at(rollout, {**fleet, one: broken[one], two: broken[two]}, 200.0)).fires


def test_one_device_of_five_that_fails_stops_a_short_stage() -> None:
    """A burst is unlikely in ten seconds, and the version may be wrong on one kind of board."""
    rollout = running(1)
    short = {"answered": 10, "seconds": 10.0}
    fleet = dict(fleet_of(rollout, canary=short, control=short, before={"answered": 3600}))
    one = rollout.order[0]
    broken = fleet_of(rollout, canary={"failed": 10, "seconds": 10.0}, before={"answered": 3600})
    found = errors(at(rollout, {**fleet, one: broken[one]}, 10.0))
    assert (found.fires, found.devices) == (True, (one,))


def test_an_error_of_a_boot_before_counts_still() -> None:
    """Or a version that crashes would hide its errors."""
    rollout = running()
    first = rollout.order[0]
    fleet = dict(fleet_of(rollout, control={"answered": 40}))
    window = Window(WindowKind.LIVE, TASK, NEW, rollout.id, 0, 20.0, 0, {"INTERNAL": 20})
    device = crashed(first, 10.0)
    (process,) = device.processes
    assert process.before is not None
    fleet[first] = replace(device, processes=(replace(process, before=replace(process.before, windows=(window,))),))
    assert errors(at(rollout, fleet)).fires


def test_corrections_alone_say_nothing_where_nobody_judged_the_version_before() -> None:
    rollout = running()
    corrected = fleet_of(rollout, canary={"answered": 40, "feedback_wrong": 8}, control={"answered": 400})
    found = feedback(at(rollout, corrected))
    assert (found.value, found.fires) == (0.0, False)
    assert "8 of 8 (100 %) judged answers were wrong with 1.1.0" in found.sentence
    assert "compared with nothing yet" in found.sentence


def test_feedback_stops_and_unknown_pauses_both_ways() -> None:
    rollout = running(1)
    judged = fleet_of(
        rollout,
        canary={"answered": 40, "feedback_right": 5, "feedback_wrong": 15},
        control={"answered": 40, "feedback_right": 19, "feedback_wrong": 1},
    )
    assert (feedback(at(rollout, judged)).fires, feedback(at(rollout, judged)).then) == (True, "abort")

    def unknown(share: float) -> Any:
        minute = {"answered": 600, "predictions": 600, "seconds": 600.0}
        counted = {"canary": {**minute, "unknown": int(600 * share)}, "control": {**minute, "unknown": 120}}
        return unknowns(at(rollout, fleet_of(rollout, **counted), 600.0))

    assert (unknown(0.2).fires, unknown(0.9).fires, unknown(0.0).fires, unknown(0.9).then) == (
        False,
        True,
        True,
        "pause",
    )


def late(counted: int, over: int) -> dict[str, Any]:
    return {"answered": counted, "over_budget": over}


def test_slow_answers_stop_it_unless_they_were_slow_before_or_are_so_for_all() -> None:
    rollout = running()

    def fires(**counted: Any) -> bool:
        return latency(at(rollout, fleet_of(rollout, **counted)), BUDGET).fires

    assert fires(canary=late(40, 20), before=late(1000, 20))
    assert not fires(canary=late(40, 2), before=late(1000, 20))
    assert not fires(canary=late(40, 20), before=late(1000, 500))
    assert not fires(canary=late(40, 20), before=late(1000, 20), control=late(100, 50))
    assert fires(canary=late(0, 0), replay=late(32, 16), before=late(1000, 20))
    # Enough live answers count in place of replayed ones, which ran beside the requests.
    assert not fires(canary=late(40, 1), replay=late(32, 16), before=late(1000, 20))
    assert not latency(at(rollout, fleet_of(rollout, canary=late(40, 40))), Expected()).fires


def test_the_latency_rule_is_walds() -> None:
    """12 of 40 late, where 5 % is allowed: 12 ln(0.15 / 0.05) + 28 ln(0.85 / 0.95) = 10.07; it stops at ln 95."""
    rollout = running()
    found = latency(at(rollout, fleet_of(rollout, canary=late(40, 12))), BUDGET)
    assert found.value == pytest.approx(10.069, abs=1e-3)
    assert found.limit == pytest.approx(log(95))
    assert f"12 of 40 (30 %) answers of 1.1.0 took longer than 100 ms on {rollout.order[0]}" in found.sentence


def test_a_board_that_is_hot_for_a_minute_stops_no_stage_of_ten() -> None:
    """18 of 120 answers were late, in one of two minutes: 20 seconds' worth of answers are forgiven."""
    hot = {**late(120, 18), "seconds": 120.0}
    short, long = (running(stages=(StageRecord(devices=1, bake_seconds=bake),)) for bake in (15.0, 600.0))
    values = [latency(at(one, fleet_of(one, canary=hot)), BUDGET).value for one in (short, long)]
    assert values[0] == pytest.approx(18 * log(3) + 102 * log(0.85 / 0.95), abs=1e-6)
    assert values[1] == 0.0
    # A version that is slow is stopped there as well.
    slow = {**late(120, 60), "seconds": 120.0}
    found = latency(at(long, fleet_of(long, canary=slow)), BUDGET)
    assert found.fires
    assert found.value == pytest.approx(40 * log(3) + 80 * log(0.85 / 0.95), abs=1e-6)
    assert "60 of 120 (50 %) answers" in found.sentence


@pytest.mark.parametrize("numbers", [{"latency_share": 0.0}, {"latency_worse": 0.5}])
def test_any_numbers_that_may_be_set_can_be_computed_with(numbers: dict[str, float]) -> None:
    rollout = running()
    rules = Rules(**numbers)
    slow = fleet_of(rollout, canary=late(40, 40), before=late(1000, 990))
    quick = fleet_of(rollout, canary=late(40, 0))
    assert latency(at(rollout, quick, rules=rules), BUDGET).value == 0.0
    assert latency(at(rollout, slow, rules=rules), BUDGET).value > 0.0


FLAT = (20,) * 10
LOW = (100, 60, 40, *[0] * 7)


def test_scores_pause_where_they_differ_from_both() -> None:
    rollout = running(1)
    reference = Expected(scores=(0.1,) * 10)

    def fires(canary: tuple[int, ...], control: tuple[int, ...] | None, expected: Expected = reference) -> bool:
        counted = {"canary": {"predictions": 200, "score_counts": canary, "seconds": 60.0}}
        if control is not None:
            counted["control"] = {"predictions": 200, "score_counts": control}
        return scores(at(rollout, fleet_of(rollout, **counted), 70.0), expected).fires

    assert fires(LOW, FLAT)
    assert not fires(FLAT, FLAT)
    assert not fires(LOW, LOW)  # the world is not as the test split
    assert not fires(FLAT, LOW)  # the version before was wrong
    assert fires(LOW, FLAT, Expected())
    assert not fires(LOW, None)


def test_few_scores_say_nothing() -> None:
    rollout = running()
    few = {"predictions": 199, "score_counts": (199, *[0] * 9), "seconds": 60.0}
    usual = {"predictions": 200, "score_counts": FLAT}
    found = scores(at(rollout, fleet_of(rollout, canary=few, control=usual), 70.0), Expected(scores=(0.1,) * 10))
    assert (found.value, found.fires) == (0.0, False)
    assert "199 of the 200 predictions" in found.sentence
    # One scene of a few seconds, however many predictions it had.
    short = {"predictions": 400, "score_counts": (400, *[0] * 9), "seconds": 20.0}
    assert not scores(at(rollout, fleet_of(rollout, canary=short, control=usual)), Expected()).fires


def test_the_index_is_the_sum_over_bins() -> None:
    ten = [0.1] * 10
    assert psi([100] * 10, ten) == pytest.approx(0.0)
    # Half a prediction more in each bin, so that an empty one is no infinity.
    shares = [count / 10005 for count in (2000.5, 0.5, *[1000.5] * 8)]
    expected = sum((share - 0.1) * log(share / 0.1) for share in shares)
    assert psi([2000, 0, *[1000] * 8], ten) == pytest.approx(expected)


def test_a_bundles_bins_become_tenths() -> None:
    class Bundle:
        expected = Expectations(
            latency_budget_ms=250.0,
            best_scores=ScoreHistogram(upper=(0.25, 0.5, 1.0), share=(0.25, 0.75, 1.0), samples=100),
        )

    found = expected_of(Bundle())  # type: ignore[arg-type]
    assert found.budget_seconds == 0.25
    assert found.scores == pytest.approx((0.1, 0.1, 0.15, 0.2, 0.2, 0.05, 0.05, 0.05, 0.05, 0.05))


def test_an_e_value_is_the_ratio_of_likelihoods() -> None:
    # 3 events, all of a canary with half of the trials, twice as many looked for: (2 / 1.5) ** 3.
    assert log_e([Pair(3, 50, 0, 50)], (2.0,)) == pytest.approx(3 * log(4 / 3))
    assert log_e([Pair(0, 50, 3, 50)], (2.0,)) == pytest.approx(3 * log(2 / 3))
    assert log_e([Pair(3, 50, 0, 50)], (2.0,), dispersion=2.0) == pytest.approx(1.5 * log(4 / 3))
    assert log_e([Pair(3, 50, 0, 0)], (2.0, 5.0)) == 0.0
    assert log_e_assumed(1, 1, (2.0,), 0.02) == pytest.approx(log(2.0))


def test_bursts_show_in_how_devices_differ() -> None:
    assert clustering_of([(2, 100)] * 10) == 0.0
    assert clustering_of([(100, 100), (0, 100), (0, 100), (100, 100)]) == 1.0
    assert clustering_of([(10, 100), (0, 100)]) == 0.0  # two devices show nothing
    assert dispersion_of(0.1, [11, 11]) == pytest.approx(2.0)
    assert dispersion_of(0.0, [1000]) == 1.0


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 200), st.integers(0, 50), st.integers(0, 500)), max_size=5),
    st.integers(0, 4),
)
def test_more_events_of_the_new_version_never_weigh_less(counts: list[tuple[int, int, int, int]], place: int) -> None:
    pairs = [Pair(events, events + rest, others, others + rests) for events, rest, others, rests in counts]
    before = log_e(pairs, (2.0, 5.0, 20.0))
    if place < len(pairs) and pairs[place].events < pairs[place].trials:
        pairs[place] = replace(pairs[place], events=pairs[place].events + 1)
    assert log_e(pairs, (2.0, 5.0, 20.0)) >= before - 1e-9


def test_on_average_an_e_value_of_a_version_as_good_is_one() -> None:
    """Over all ways in which 6 events fall on canaries with a third of the trials: its mean under the null."""
    share, events = 1 / 3, 6
    mean, ways = 0.0, 1.0
    for mine in range(events + 1):
        chance = ways * share**mine * (1 - share) ** (events - mine)
        mean += chance * pow(2.718281828459045, log_e([Pair(mine, 100, events - mine, 200)], (2.0, 5.0, 20.0)))
        ways = ways * (events - mine) / (mine + 1)
    assert mean == pytest.approx(1.0)
