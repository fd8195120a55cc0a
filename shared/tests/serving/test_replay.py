"""A candidate runs over the last real inputs, or beside what answers; nobody who asks waits for either."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from pipit.inputs import EncodedImage, InputSequence, Landmarks, PcmAudio
from pipit.inputs.memory import Budget
from pipit.metrics import Metrics
from pipit.serving.counts import Totals, counts_of
from pipit.serving.model import LoadedModel
from pipit.serving.replay import (
    Answered,
    RecentInputs,
    Replayer,
    Sample,
    answer_beside,
    ask_beside,
    sample_of,
)
from pipit.serving.shadow import DEPTH, Shadow
from pipit.types import Decoded, LabelScore, Prediction, TimeSpan
from structlog.testing import capture_logs
from tiny import TASK
from tiny_server import OpenModel, Until

VALUES = np.array([0.1, 0.2, 0.3, 0.4], np.float32)


def answered(model: LoadedModel, item: Any) -> Sample:
    """As a server remembers it."""
    decoded = model.decode(item)
    predictions = model.pipeline.interpret(model.runtime.run(decoded.tensors), decoded)
    return sample_of(model, item, predictions)


def image(data: bytes, model: LoadedModel) -> Sample:
    return Sample(EncodedImage(data), (), model.manifest, len(data))


def replayer(longest: float = 3600.0) -> tuple[Replayer, Metrics]:
    metrics = Metrics("inference")
    return Replayer(metrics, Budget(1 << 24), longest), metrics


def replayed(metrics: Metrics, result: str) -> float:
    labels = {"task": TASK, "version": "2.0.0", "result": result}
    return metrics.registry.get_sample_value("pipit_replayed_total", labels) or 0.0


def test_what_is_kept_is_the_last_of_it(open_model: OpenModel) -> None:
    model = open_model("1.0.0")
    recent = RecentInputs(3, 1 << 20)
    samples = [answered(model, Landmarks(VALUES * number)) for number in range(5)]
    for sample in samples:
        recent.remember(sample)
    assert recent.all() == (samples[4], samples[3], samples[2])


def test_what_names_people_goes_when_they_change_and_does_not_come_late(open_model: OpenModel) -> None:
    model, known = open_model("1.0.0"), {"Ada", "Grace"}
    recent = RecentInputs(8, 8000)

    def portrait(*names: str) -> Sample:
        scores = tuple(LabelScore(name, 0.9) for name in names)
        return image(b"x" * 900, model)._replace(predictions=(Prediction(scores),), people=known)

    others = image(b"x" * 900, model)
    for sample in (portrait("Ada"), others, portrait(), portrait("Grace", "Ada")):
        recent.remember(sample)
    late = (portrait("Grace", "Ada"), portrait("Ada"), portrait("Grace"), portrait())
    assert len(recent.all()) == 4
    known.discard("Ada")
    recent.forget_people()
    assert recent.all() == (others,)
    for sample in late:
        recent.remember(sample)
    assert recent.all() == (late[3], late[2], others)
    # What was forgotten takes no room.
    for _ in range(5):
        recent.remember(others)
    assert len(recent.all()) == 8


def test_no_more_bytes_are_kept_than_the_settings_say(open_model: OpenModel) -> None:
    model = open_model("1.0.0")
    recent = RecentInputs(32, 4000)
    for number in range(20):
        recent.remember(image(bytes([number]) * 900, model))
    assert [sample.given.data[0] for sample in recent.all()] == [19, 18, 17, 16]  # type: ignore[union-attr]
    recent.remember(image(b"x" * 1001, model))
    assert len(recent.all()) == 4
    none = RecentInputs(0, 4000)
    none.remember(image(b"x", model))
    assert none.all() == ()


@pytest.mark.parametrize(
    ("item", "size"),
    [
        (EncodedImage(b"12345"), 5),
        (Landmarks(VALUES), 16),
        (PcmAudio(np.zeros((8, 2), np.float32), 8), 64),
        (InputSequence((EncodedImage(b"123"), Landmarks(VALUES))), 19),
    ],
)
def test_an_input_counts_with_its_bytes(open_model: OpenModel, item: Any, size: int) -> None:
    decoded = Decoded({"x": np.zeros((3, 4), np.float32)}, (None,) * 3)
    model = open_model("1.0.0")
    assert sample_of(model, item, ()).size == size
    assert sample_of(model, decoded, ()).size == 48


def test_a_candidate_that_says_the_same_agrees(open_model: OpenModel) -> None:
    serving, candidate = open_model("1.0.0"), open_model("2.0.0")
    run, metrics = replayer()
    begun = perf_counter()
    counts = run.run(candidate, [answered(serving, Landmarks(VALUES * n)) for n in range(1, 6)], threading.Event())
    took, totals = perf_counter() - begun, counts.totals()
    assert (totals.answered, totals.disagreed, totals.errors) == (5, 0, {})
    assert totals.label_counts == {"high": 5}
    assert 0.0 < totals.latency_sum < took
    assert replayed(metrics, "agreed") == 5.0


def test_a_candidate_that_says_otherwise_or_nothing_is_found_out(open_model: OpenModel) -> None:
    serving, candidate = open_model("1.0.0"), open_model("2.0.0", -1.0)
    run, metrics = replayer()
    samples = [answered(serving, Landmarks(VALUES)), image(b"broken", serving), image(b"unreadable", serving)]
    totals = run.run(candidate, samples, threading.Event()).totals()
    assert (totals.answered, totals.disagreed) == (1, 1)
    assert totals.errors == {"INTERNAL": 1, "INVALID_ARGUMENT": 1}
    assert (replayed(metrics, "disagreed"), replayed(metrics, "failed")) == (1.0, 2.0)


def test_a_part_of_a_recording_is_for_the_same_pipeline_alone(open_model: OpenModel) -> None:
    serving, same, other = open_model("1.0.0"), open_model("2.0.0"), open_model("3.0.0", pipeline="test.pairs")
    decoded = Decoded({"x": VALUES[np.newaxis]}, (TimeSpan(0.0, 0.5),))
    predictions = serving.pipeline.interpret(serving.runtime.run(decoded.tensors), decoded)
    sample = sample_of(serving, decoded, predictions)
    run, _ = replayer()
    assert run.run(same, [sample], threading.Event()).totals().answered == 1
    assert run.run(other, [sample], threading.Event()).totals() == Totals()
    assert run.run(other, [answered(serving, Landmarks(VALUES))], threading.Event()).totals().answered == 1


def test_a_replay_ends_in_time_with_an_input_that_does_not(
    open_model: OpenModel, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving, candidate = open_model("1.0.0"), open_model("2.0.0")
    now = [0.0]
    monkeypatch.setattr("pipit.serving.replay.monotonic", lambda: now[0])
    open_model.gate.close()
    run, metrics = replayer(5.0)

    def pass_time() -> None:
        open_model.gate.wait_entered(1)
        now[0] = 11.0

    threading.Thread(target=pass_time).start()
    totals = run.run(candidate, [answered(serving, Landmarks(VALUES)), image(b"held", serving)], threading.Event())
    assert (totals.totals().answered, totals.totals().errors) == (1, {"DEADLINE_EXCEEDED": 1})
    assert replayed(metrics, "failed") == 1.0
    # The thread that was left behind holds the model until it comes back.
    candidate.retire()
    assert not candidate.is_drained
    open_model.gate.open()
    until(lambda: candidate.is_drained)
    # What it brings then was counted when it was given up.
    assert (totals.totals().answered, totals.totals().errors) == (1, {"DEADLINE_EXCEEDED": 1})
    assert (replayed(metrics, "agreed"), replayed(metrics, "disagreed"), replayed(metrics, "failed")) == (1.0, 0.0, 1.0)


def test_what_nobody_foresaw_is_logged_once_with_its_stack(open_model: OpenModel) -> None:
    serving, candidate = open_model("1.0.0"), open_model("2.0.0")
    run, _ = replayer()
    samples = [image(data, serving) for data in (b"unreadable", b"broken", b"broken")]
    with capture_logs() as entries:
        assert run.run(candidate, samples, threading.Event()).totals().errors == {"INTERNAL": 2, "INVALID_ARGUMENT": 1}
    (entry,) = [entry for entry in entries if entry["event"] == "candidate_failed"]
    assert (entry["log_level"], entry["task"], entry["version"]) == ("error", TASK, "2.0.0")
    assert str(entry["exc_info"]) == "secret of the house"
    assert entry["exc_info"].__traceback__ is not None


def test_a_replay_of_what_is_wanted_no_more_ends_at_once(open_model: OpenModel, until: Until) -> None:
    serving, candidate = open_model("1.0.0"), open_model("2.0.0")
    gate, cancelled, ended = open_model.gate, threading.Event(), threading.Event()
    gate.close()
    run, _ = replayer()

    def work() -> None:
        assert run.run(candidate, [image(b"held", serving)], cancelled).totals() == Totals()
        ended.set()

    threading.Thread(target=work).start()
    gate.wait_entered(1)
    cancelled.set()
    assert ended.wait(30)
    gate.open()
    candidate.retire()
    until(lambda: candidate.is_drained)


def test_time_is_for_the_newest(open_model: OpenModel, monkeypatch: pytest.MonkeyPatch) -> None:
    serving, candidate = open_model("1.0.0"), open_model("2.0.0")
    recent = RecentInputs(32, 1 << 20)
    for number in range(1, 4):
        recent.remember(answered(serving, Landmarks(VALUES * number)))
    now, ran = [0.0], list[Sample]()

    def ask(model: LoadedModel, sample: Sample) -> Answered:
        """Takes three of the five seconds."""
        ran.append(sample)
        now[0] += 3.0
        return ask_beside(model, sample)

    monkeypatch.setattr("pipit.serving.replay.monotonic", lambda: now[0])
    monkeypatch.setattr("pipit.serving.replay.ask_beside", ask)
    run, _ = replayer(5.0)
    assert run.run(candidate, recent.all(), threading.Event()).totals().answered == 2
    third, second, _ = recent.all()
    assert ran == [third, second]


class Beside:
    """A shadow with its metrics. busy: whether somebody waits for a turn."""

    def __init__(self) -> None:
        self.metrics = Metrics("inference")
        self.busy = False
        self.shadow = Shadow(TASK, self.metrics, Budget(1 << 24), lambda: self.busy)

    def value(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(name, {"task": TASK, "version": "2.0.0"}) or 0.0


@pytest.fixture
def beside() -> Iterator[Beside]:
    beside = Beside()
    yield beside
    beside.shadow.follow(None)


def test_a_shadow_answers_beside_and_counts_where_it_differs(
    open_model: OpenModel, beside: Beside, until: Until
) -> None:
    serving, candidate = open_model("1.0.0"), open_model("2.0.0", -1.0)
    counts = beside.shadow.follow(candidate)
    assert counts is not None
    for number in range(1, 4):
        beside.shadow.offer(answered(serving, Landmarks(VALUES * number)))
        until(lambda n=number: counts.totals().answered == n)  # type: ignore[misc]
    beside.shadow.offer(image(b"broken", serving))
    until(lambda: counts.totals().errors == {"INTERNAL": 1})
    assert counts.totals().disagreed == 3
    beside.shadow.follow(None)
    until(lambda: beside.value("pipit_shadow_disagreements_total") == 3.0)
    assert beside.value("pipit_shadow_answers_total") == 3.0
    candidate.retire()
    until(lambda: candidate.is_drained)


def test_what_a_shadow_has_no_time_for_is_left_out(open_model: OpenModel, beside: Beside, until: Until) -> None:
    serving, candidate = open_model("1.0.0"), open_model("2.0.0")
    gate = open_model.gate
    gate.close()
    counts = beside.shadow.follow(candidate)
    assert counts is not None
    beside.shadow.offer(image(b"held", serving))
    gate.wait_entered(1)
    for _ in range(DEPTH + 7):
        beside.shadow.offer(answered(serving, Landmarks(VALUES)))
    gate.open()
    until(lambda: counts.totals().answered == 1 + DEPTH)
    beside.busy = True
    beside.shadow.offer(answered(serving, Landmarks(VALUES)))
    beside.busy = False
    beside.shadow.offer(image(b"broken", serving))
    until(lambda: counts.totals().errors == {"INTERNAL": 1})
    assert counts.totals().answered == 1 + DEPTH


def test_what_names_people_waits_for_no_shadow_when_they_change(
    open_model: OpenModel, beside: Beside, until: Until
) -> None:
    serving, candidate = open_model("1.0.0"), open_model("2.0.0")
    open_model.gate.close()
    counts = beside.shadow.follow(candidate)
    assert counts is not None
    beside.shadow.offer(image(b"held", serving))
    open_model.gate.wait_entered(1)
    beside.shadow.offer(answered(serving, Landmarks(VALUES)))
    portrait = answered(serving, Landmarks(VALUES))._replace(people={"low", "middle", "high"})
    beside.shadow.offer(portrait)
    beside.shadow.forget_people()
    # Nor does it wait for what was answered before.
    beside.shadow.offer(portrait._replace(people={"low", "middle"}))
    beside.shadow.offer(image(b"broken", serving))
    open_model.gate.open()
    until(lambda: counts.totals().errors == {"INTERNAL": 1})
    assert counts.totals().answered == 2


def test_one_shadow_takes_the_place_of_another(open_model: OpenModel, beside: Beside, until: Until) -> None:
    serving, first, second = open_model("1.0.0"), open_model("2.0.0"), open_model("3.0.0")
    one = beside.shadow.follow(first)
    assert beside.shadow.follow(first) is one
    two = beside.shadow.follow(second)
    assert one is not None
    assert two is not None
    beside.shadow.offer(answered(serving, Landmarks(VALUES)))
    until(lambda: two.totals().answered == 1)
    assert one.totals() == Totals()
    assert beside.shadow.is_on
    # Whoever says it twice has no counts either.
    assert [beside.shadow.follow(None), beside.shadow.follow(None)] == [None, None]
    assert not beside.shadow.is_on
    beside.shadow.offer(answered(serving, Landmarks(VALUES)))
    assert two.totals().answered == 1


def test_a_candidate_that_comes_back_while_its_thread_computes_has_one_thread(
    open_model: OpenModel, beside: Beside, until: Until
) -> None:
    """As one that was about to answer, and was wanted no more before it did."""

    def threads() -> int:
        return sum(thread.name == f"shadow {TASK}" for thread in threading.enumerate())

    serving, candidate = open_model("1.0.0"), open_model("2.0.0")
    until(lambda: not threads())
    open_model.gate.close()
    beside.shadow.follow(candidate)
    beside.shadow.offer(image(b"held", serving))
    open_model.gate.wait_entered(1)
    beside.shadow.follow(None)
    counts = beside.shadow.follow(candidate)
    assert counts is not None
    open_model.gate.open()
    until(lambda: counts.totals().answered == 1)
    beside.shadow.offer(image(b"broken", serving))
    until(lambda: counts.totals().errors == {"INTERNAL": 1})
    until(lambda: threads() == 1)


def test_an_answer_beside_touches_no_metric_of_what_serves(open_model: OpenModel) -> None:
    serving, candidate = open_model("1.0.0"), open_model("2.0.0")
    requests = candidate.meters._answered._value.get
    before = requests()
    assert answer_beside(candidate, answered(serving, Landmarks(VALUES)), counts_of(candidate)) == "agreed"
    assert requests() == before
