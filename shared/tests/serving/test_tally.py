"""How versions answer, counted in windows that begin anew with each stage of a rollout."""

from __future__ import annotations

import math
import threading
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit._pb.open_inference.v2 import open_inference_pb2 as oip
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.fleet import SCORE_BINS, Window, WindowKind
from pipit.registry.types import Assignment, Target
from pipit.serving.attempts import Desired
from pipit.serving.counts import BINS, Counts, TaskCounts, Totals
from pipit.serving.tally import HOUR, MOST_LABELS, STEP, TaskTally
from pipit.types import LabelScore, Prediction
from tiny import TASK
from tiny_server import MakeBundle, Serve, Until

VALUES = [0.1, 0.2, 0.3, 0.4]
REQUEST = pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=VALUES)))


def said(label: str, score: float, *, unknown: bool = False) -> Prediction:
    return Prediction((LabelScore(label, score),), label=label, unknown=unknown)


def test_every_answer_counts_with_its_score_label_and_time() -> None:
    counts = Counts(0.5, ("cat", "dog"))
    counts.answered(0.25, [said("cat", 0.99), said("dog", 0.31), said("", 0.31, unknown=True)])
    counts.answered(0.75, [said("cat", 1.0)])
    counts.answered(0.5)
    totals = counts.totals()
    assert (totals.answered, totals.predictions, totals.unknown, totals.over_budget) == (3, 4, 1, 1)
    assert totals.score_counts == (0, 0, 0, 2, 0, 0, 0, 0, 0, 2)
    assert totals.label_counts == {"cat": 2, "dog": 1}
    assert totals.latency_sum == 1.5
    assert totals.latency_squares == 0.0625 + 0.5625 + 0.25


def test_people_are_known_or_unknown_and_have_no_names() -> None:
    counts = Counts(None, ("known", "unknown"), names_people=True)
    counts.answered(1.0, [said("Ada", 0.9), said("Grace", 0.8), said("", 0.2, unknown=True)])
    assert counts.totals().label_counts == {"known": 2, "unknown": 1}


@pytest.mark.parametrize(
    ("score", "place"),
    [(0.0, 0), (0.0999, 0), (0.5, 5), (0.999, 9), (1.0, 9), (7.0, 9), (math.inf, 9), (-1.0, 0), (math.nan, 0)],
)
def test_any_score_has_a_bin(score: float, place: int) -> None:
    counts = Counts(None, ())
    counts.answered(0.0, [said("", score)])
    assert [count for count in counts.totals().score_counts if count] == [1]
    assert counts.totals().score_counts[place] == 1


def test_bins_are_those_of_a_report() -> None:
    assert BINS == SCORE_BINS == len(Totals().score_counts)


events = st.lists(st.tuples(st.sampled_from(["answer", "error", "right", "wrong"]), st.floats(0.0, 1.0)), max_size=40)


@given(events, events)
def test_what_came_after_a_reading_is_what_new_counts_would_have_counted(
    first: list[tuple[str, float]], then: list[tuple[str, float]]
) -> None:
    both, alone = Counts(0.5, ("a",)), Counts(0.5, ("a",))
    for happened in first:
        count(both, *happened)
    earlier = both.totals()
    for happened in then:
        count(both, *happened)
        count(alone, *happened)
    found, expected = both.totals().since(earlier).as_fields(), alone.totals().as_fields()
    for name in ("latency_sum", "latency_squares"):
        assert found.pop(name) == pytest.approx(expected.pop(name), abs=1e-9)
    assert found == expected


def count(counts: Counts, kind: str, number: float) -> None:
    if kind == "answer":
        counts.answered(number, [said("a", number)])
    elif kind == "error":
        counts.failed("INTERNAL" if number < 0.5 else "UNAVAILABLE")
    else:
        counts.judged(was_right=kind == "right")


def test_threads_lose_nothing() -> None:
    counts = Counts(None, ("a",))

    def work() -> None:
        for _ in range(2000):
            counts.answered(0.5, [said("a", 0.5)])
            counts.failed("INTERNAL")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    totals = counts.totals()
    assert (totals.answered, totals.label_counts, totals.errors) == (8000, {"a": 8000}, {"INTERNAL": 8000})
    assert totals.latency_sum == 4000.0


class Bench:
    """A tally whose clock and versions a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.counts = TaskCounts()
        self.tally = TaskTally(TASK, self.counts, lambda: self.now)

    def answer(self, version: str, times: int = 1, label: str = "high") -> None:
        for _ in range(times):
            self.counts.of(model(version)).answered(0.5, [said(label, 0.95)])

    def assign(self, version: str, rollout: str = "", stage: int = 0, **more: Any) -> None:
        self.tally.assigned(Assignment(TASK, "production", version, "d" * 64, 1, rollout, stage, **more))

    def windows(self) -> dict[tuple[WindowKind, str], Window]:
        return {(window.kind, window.version): window for window in self.tally.windows()}


def model(version: str) -> Any:
    return SimpleNamespace(
        identity=SimpleNamespace(version=version),
        manifest=SimpleNamespace(expected=SimpleNamespace(latency_budget_ms=None)),
        meters=SimpleNamespace(labels=("low", "high")),
        names_people=False,
    )


OLD, NEW = Target("1.0.0", "a" * 64), Target("2.0.0", "b" * 64)


def test_a_stage_begins_anew() -> None:
    bench = Bench()
    bench.assign("1.0.0")
    bench.answer("1.0.0", 3)
    assert bench.windows()[WindowKind.LIVE, "1.0.0"].answered == 3
    bench.assign("1.0.0", "r-1", 0, candidate=NEW)
    assert bench.windows() == {}
    bench.answer("1.0.0", 2)
    bench.now += 7.0
    window = bench.windows()[WindowKind.LIVE, "1.0.0"]
    assert (window.rollout, window.stage, window.answered, window.seconds) == ("r-1", 0, 2, 7.0)
    assert window.label_counts == {"high": 2}
    # Told the same stage once more, as after the registry was away: nothing begins.
    bench.assign("1.0.0", "r-1", 0, candidate=NEW)
    assert bench.windows()[WindowKind.LIVE, "1.0.0"].answered == 2
    bench.assign("2.0.0", "r-1", 1, standby=OLD)
    bench.answer("1.0.0", 1)
    bench.answer("2.0.0", 4)
    windows = bench.windows()
    assert windows[WindowKind.LIVE, "1.0.0"].answered == 1
    assert windows[WindowKind.LIVE, "2.0.0"].answered == 4
    assert windows[WindowKind.LIVE, "2.0.0"].stage == 1


def test_the_hour_before_is_kept_when_the_rollout_reaches_the_device() -> None:
    bench = Bench()
    bench.assign("1.0.0")
    for _ in range(36):  # Three hours, one answer in each five minutes.
        bench.answer("1.0.0")
        bench.now += STEP
        bench.tally.windows()
    bench.assign("1.0.0", "r-1", 0, candidate=NEW)
    assert (WindowKind.BEFORE, "1.0.0") not in bench.windows()
    bench.answer("1.0.0", 5)
    bench.assign("2.0.0", "r-1", 1, standby=OLD)
    before = bench.windows()[WindowKind.BEFORE, "1.0.0"]
    assert before.seconds == HOUR
    assert before.answered == 12 + 5
    # It stays as it was, and stands at the present stage.
    bench.answer("1.0.0", 9)
    bench.now += 60.0
    bench.assign("2.0.0", "r-1", 2, standby=OLD)
    later = bench.windows()[WindowKind.BEFORE, "1.0.0"]
    assert (later.answered, later.seconds, later.stage) == (17, HOUR, 2)
    bench.assign("2.0.0")
    assert [kind for kind, _ in bench.windows()] == []


def test_a_short_life_before_is_told_as_long_as_it_was() -> None:
    bench = Bench()
    bench.answer("1.0.0", 4)
    bench.now += 90.0
    bench.assign("2.0.0", "r-1", 0, standby=OLD)
    before = bench.windows()[WindowKind.BEFORE, "1.0.0"]
    assert (before.answered, before.seconds) == (4, 90.0)


def test_what_did_nothing_before_has_no_window() -> None:
    bench = Bench()
    bench.assign("2.0.0", "r-1", 0, standby=OLD)
    assert bench.windows() == {}


def test_other_counts_are_shown_until_another_rollout_comes() -> None:
    bench = Bench()
    bench.assign("1.0.0", "r-1", 0, candidate=NEW)
    replayed = Counts(None, ("high",))
    replayed.answered(0.5, [said("high", 0.5)])
    replayed.disagreed()
    bench.tally.count_apart(WindowKind.REPLAY, "2.0.0", replayed)
    window = bench.windows()[WindowKind.REPLAY, "2.0.0"]
    assert (window.rollout, window.answered, window.disagreed) == ("r-1", 1, 1)
    bench.assign("2.0.0", "r-1", 1, standby=OLD)
    assert bench.windows()[WindowKind.REPLAY, "2.0.0"].answered == 1
    bench.assign("1.0.0", "r-2", 0, candidate=NEW)
    assert bench.windows() == {}


def test_a_shadow_begins_anew_with_a_rollout_that_takes_the_place_of_another_to_the_same_version() -> None:
    bench, counts = Bench(), Counts(None, ("high",))
    bench.assign("1.0.0", "r-1", 0, candidate=NEW, shadow=True)
    bench.tally.count_apart(WindowKind.SHADOW, "2.0.0", counts)
    counts.answered(0.5, [said("high", 0.5)])
    bench.now += 7.0
    # Loaded once more after it was freed: nothing of what it said is lost.
    bench.tally.count_apart(WindowKind.SHADOW, "2.0.0", counts)
    window = bench.windows()[WindowKind.SHADOW, "2.0.0"]
    assert (window.rollout, window.answered, window.seconds) == ("r-1", 1, 7.0)
    bench.assign("1.0.0", "r-2", 0, candidate=NEW, shadow=True)
    counts.answered(0.5, [said("high", 0.5)] * 2)
    counts.answered(0.5)
    bench.now += 2.0
    window = bench.windows()[WindowKind.SHADOW, "2.0.0"]
    assert (window.rollout, window.answered, window.label_counts, window.seconds) == ("r-2", 2, {"high": 2}, 2.0)
    bench.assign("1.0.0", "r-3", 0, candidate=Target("3.0.0", "c" * 64), shadow=True)
    assert bench.windows() == {}
    # It comes back later: what it said in other rollouts is none of this one's.
    bench.assign("1.0.0", "r-4", 0, candidate=NEW, shadow=True)
    bench.tally.count_apart(WindowKind.SHADOW, "2.0.0", counts)
    assert bench.windows()[WindowKind.SHADOW, "2.0.0"].answered == 0


def test_of_thousands_of_labels_a_window_has_those_that_were_said_most() -> None:
    bench = Bench()
    counts = Counts(None, [f"species {number}" for number in range(MOST_LABELS + 7)])
    for number in range(MOST_LABELS + 7):
        counts.answered(0.5, [said(f"species {number}", 0.5)] * (number + 1))
    bench.tally.count_apart(WindowKind.REPLAY, "2.0.0", counts)
    found = bench.windows()[WindowKind.REPLAY, "2.0.0"].label_counts
    assert sorted(found.values()) == list(range(8, MOST_LABELS + 8))


def test_versions_that_say_nothing_any_more_are_forgotten() -> None:
    bench = Bench()
    for number in range(20):
        bench.answer(f"{number}.0.0")
        bench.now += STEP
        bench.tally.windows()
    for _ in range(14):
        bench.now += STEP
        bench.tally.windows()
    bench.assign("19.0.0", "r-1")
    for _ in range(14):
        bench.now += STEP
        bench.tally.windows()
    assert list(bench.counts.versions()) == ["17.0.0", "18.0.0", "19.0.0"]
    # One that comes back counts from nothing on.
    bench.answer("3.0.0", 2)
    assert bench.windows()[WindowKind.LIVE, "3.0.0"].answered == 2


def totals(running: Any, version: str) -> Totals:
    counts = running.server.plane.counts[TASK].versions()
    return counts[version].totals() if version in counts else Totals()


def test_every_way_to_ask_counts(serve: Serve) -> None:
    running = serve()
    running.calls.Classify(REQUEST, timeout=30)
    requests = [pb.ClassifyStreamRequest(request=REQUEST)] * 3
    assert len(list(running.calls.ClassifyStream(iter(requests), timeout=30))) == 3
    infer = oip.ModelInferRequest(model_name=TASK)
    infer.inputs.add(name="x", datatype="FP32", shape=[1, 4]).contents.fp32_contents.extend(VALUES)
    running.open_inference.ModelInfer(infer, timeout=30)
    found = totals(running, "1.0.0")
    assert (found.answered, found.predictions, found.label_counts) == (5, 4, {"high": 4})
    assert sum(found.score_counts) == 4
    assert found.errors == {}


def test_recordings_count(serve: Serve) -> None:
    running = serve()
    samples = np.linspace(0.1, 0.4, 8, dtype=np.float32)
    message = pb.Input(
        pcm=pb.PcmAudio(samples=samples.tobytes(), encoding=pb.PcmAudio.ENCODING_F32, sample_rate=8, channels=1)
    )
    list(running.calls.ClassifyStream(iter([pb.ClassifyStreamRequest(request=pb.ClassifyRequest(input=message))])))
    found = totals(running, "1.0.0")
    assert (found.answered, found.predictions) == (1, 2)


def test_failures_are_those_of_the_version_whose_turn_it_was(
    serve: Serve, make_bundle: MakeBundle, until: Until
) -> None:
    running = serve(bundle=(make_bundle("1.0.0").path,))
    broken = pb.ClassifyRequest(input=pb.Input(image=b"broken"))
    held = pb.ClassifyRequest(input=pb.Input(image=b"held"))
    wrong = pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=[1.0])))
    for request in (broken, wrong, wrong):
        with pytest.raises(grpc.RpcError):
            running.calls.Classify(request, timeout=30)
    list(running.calls.ClassifyStream(iter([pb.ClassifyStreamRequest(request=broken)]), timeout=30))
    assert totals(running, "1.0.0").errors == {"INTERNAL": 2, "INVALID_ARGUMENT": 2}

    running.gate.close()
    waits = running.calls.Classify.future(held, timeout=30)
    running.gate.wait_entered(1)
    bundle = make_bundle("2.0.0", -1.0)
    host = running.server.hosts[TASK]
    host.desire(Desired("2.0.0", bundle.digest, lambda: bundle.path))
    until(lambda: host.current.identity.version == "2.0.0")
    running.gate.open()
    assert waits.result().model.version == "1.0.0"
    with pytest.raises(grpc.RpcError):
        running.calls.Classify(broken, timeout=30)
    assert totals(running, "1.0.0").errors == {"INTERNAL": 2, "INVALID_ARGUMENT": 2}
    assert totals(running, "1.0.0").answered == 1
    assert totals(running, "2.0.0").errors == {"INTERNAL": 1}


def test_feedback_counts_for_the_version_that_answered(serve: Serve, make_bundle: MakeBundle, until: Until) -> None:
    running = serve(bundle=(make_bundle("1.0.0").path,))
    first = running.calls.Classify(REQUEST, timeout=30).request_id
    second = running.calls.Classify(REQUEST, timeout=30).request_id
    bundle = make_bundle("2.0.0", -1.0)
    host = running.server.hosts[TASK]
    host.desire(Desired("2.0.0", bundle.digest, lambda: bundle.path))
    until(lambda: host.current.identity.version == "2.0.0")
    running.calls.Feedback(pb.FeedbackRequest(request_id=first, label="high"), timeout=30)
    running.calls.Feedback(pb.FeedbackRequest(request_id=second, label="low"), timeout=30)
    assert (totals(running, "1.0.0").feedback_right, totals(running, "1.0.0").feedback_wrong) == (1, 1)
    assert totals(running, "2.0.0") == Totals()
