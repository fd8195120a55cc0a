"""The evaluation against scikit-learn and against numbers counted by hand."""

from __future__ import annotations

import json
import math
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.training import evaluation as module
from pipit.training import intervals
from pipit.training.alarms import FalseAlarms, alarm_rates
from pipit.training.evaluation import Evaluation, evaluate, subset_accuracy
from pipit.training.intervals import Estimate, proportion, wilson

LABELS = ("glass", "siren", "dog", "none")
ALARMS = LABELS[:3]


def answers(seed: int = 0, samples: int = 200, labels: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, scores that are right more often than not, and two samples a recording."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, labels, samples)
    values = generator.normal(size=(samples, labels))
    values[np.arange(samples), truth] += 2.0
    scores = np.exp(values)
    return truth, (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32), np.arange(samples) // 2


@pytest.fixture(scope="module")
def measured() -> Evaluation:
    truth, scores, groups = answers()
    heard = FalseAlarms(events=2, hours=4.0, windows=500, rate=0.5, low=0.06, high=1.81)
    return evaluate(
        LABELS,
        truth,
        scores,
        groups,
        alarm_labels=ALARMS,
        thresholds={"glass": 0.4},
        background="none",
        subsets={"security": ALARMS},
        false_alarms=heard,
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 80), st.integers(2, 6))
def test_it_is_scikit_learns(seed: int, samples: int, count: int) -> None:
    truth, scores, groups = answers(seed, samples, count)
    found = evaluate(tuple("abcdef"[:count]), truth, scores, groups)
    best = scores.argmax(axis=1)
    assert found.accuracy.value == pytest.approx(sklearn.metrics.accuracy_score(truth, best))
    assert np.array_equal(found.confusion, sklearn.metrics.confusion_matrix(truth, best, labels=range(count)))
    precision, recall, f1, support = sklearn.metrics.precision_recall_fscore_support(
        truth, best, labels=range(count), zero_division=0
    )
    present = support > 0
    assert found.macro_f1.value == pytest.approx(f1[present].mean())
    assert [report.support for report in found.classes] == support.tolist()
    for index, report in enumerate(found.classes):
        if not present[index]:
            assert (report.recall, report.f1, report.average_precision) == (None, None, None)
            continue
        assert report.recall == proportion(int((best == truth)[truth == index].sum()), int(support[index]))
        assert report.recall is not None
        assert report.recall.value == pytest.approx(recall[index])
        assert report.f1 == pytest.approx(f1[index])
        assert (report.precision.value if report.precision else 0.0) == pytest.approx(precision[index])
        assert report.average_precision == pytest.approx(
            sklearn.metrics.average_precision_score(truth == index, scores[:, index])
        )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_everything_is_json_without_nan(seed: int, samples: int) -> None:
    truth, scores, groups = answers(seed, samples, 4)
    found = evaluate(LABELS, truth, scores, groups, alarm_labels=ALARMS, background="none", subsets={"a": ALARMS})
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["samples"] == samples
    for name, metric in found.metrics().items():
        assert math.isfinite(metric.value), name
        assert metric.low is None or metric.high is None or metric.low <= metric.value <= metric.high, name


def test_the_baseline_is_scikit_learns_constant_answer() -> None:
    truth = np.array([0, 0, 0, 1, 2, 2])
    found = evaluate(LABELS, truth, np.full((6, 4), 0.25), np.arange(6))
    constant = np.zeros(6, int)
    assert found.baseline.label == "glass"
    assert found.baseline.accuracy == 0.5
    macro = sklearn.metrics.f1_score(truth, constant, average="macro", labels=[0, 1, 2], zero_division=0)
    assert found.baseline.macro_f1 == pytest.approx(macro)


def test_accuracy_on_a_subset_counts_every_wrong_label() -> None:
    truth = np.array([0, 0, 1, 3, 3])
    scores = np.eye(4)[[0, 3, 1, 0, 3]]
    # Two of the three samples of alarms are right; what the background is taken for does not count here.
    assert subset_accuracy(LABELS, truth, scores, ALARMS) == proportion(2, 3)
    assert subset_accuracy(LABELS, truth, scores, ("none",)) == proportion(1, 2)
    assert subset_accuracy(LABELS, truth, scores, ("dog",)) is None


def test_intervals_know_of_recordings() -> None:
    truth, scores, _ = answers(samples=300)
    alone = evaluate(LABELS, truth, scores, np.arange(300)).accuracy
    assert (alone.low, alone.high) == pytest.approx(wilson(alone.value * 300, 300), abs=0.01)
    # Each sample ten times: the interval must not shrink.
    repeated = evaluate(
        LABELS, np.repeat(truth, 10), np.repeat(scores, 10, axis=0), np.repeat(np.arange(300), 10)
    ).accuracy
    assert (repeated.low, repeated.high) == pytest.approx((alone.low, alone.high), abs=1e-9)
    assert repeated.samples == 3000


def test_macro_f1_of_each_round_is_that_of_its_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, scores, groups = answers(7, 40)
    best = scores.argmax(axis=1)
    by_group = np.random.default_rng(1).multinomial(20, np.full(20, 0.05), size=30).astype(float)
    drawn = by_group[:, groups]
    seen = []

    def bootstrap(given: Any, statistic: Any, _seed: int) -> tuple[float, float]:
        # The accuracy needs sums of groups alone, and names each once.
        seen.append(statistic(by_group if len(given) == 20 else drawn))
        return 0.1, 0.9

    monkeypatch.setattr(module, "bootstrap_groups", bootstrap)
    monkeypatch.setattr(intervals, "bootstrap_groups", bootstrap)
    evaluate(LABELS, truth, scores, groups)
    for weights, accuracy, macro in zip(drawn, *seen, strict=True):
        chosen = np.repeat(np.arange(40), weights.astype(int))
        assert accuracy == pytest.approx((truth == best)[chosen].mean())
        present = np.unique(truth[chosen])
        theirs = sklearn.metrics.f1_score(truth[chosen], best[chosen], average="macro", labels=present, zero_division=0)
        assert macro == pytest.approx(theirs)


def test_the_same_seed_gives_the_same_intervals() -> None:
    truth, scores, groups = answers()
    one, same, other = (evaluate(LABELS, truth, scores, groups, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.accuracy.value == other.accuracy.value
    assert (one.macro_f1.low, one.macro_f1.high) != (other.macro_f1.low, other.macro_f1.high)


def test_all_right_is_no_proof_of_perfection() -> None:
    truth = np.arange(40) % 4
    found = evaluate(LABELS, truth, np.eye(4)[truth], np.arange(40) // 2)
    # 20 recordings: as much as 20 of 20 can prove.
    assert found.accuracy == Estimate(1.0, 40, *wilson(20, 20))
    assert found.macro_f1 == Estimate(1.0, 40)


def test_one_recording_has_no_interval() -> None:
    truth, scores, _ = answers(samples=20)
    found = evaluate(LABELS, truth, scores, np.zeros(20))
    assert found.groups == 1
    assert (found.accuracy.low, found.accuracy.high) == (None, None)
    assert (found.macro_f1.low, found.macro_f1.high) == (None, None)


def test_a_label_without_samples_is_null_and_in_no_metric() -> None:
    truth = np.array([0, 1, 3, 3])
    scores = np.eye(4)[[0, 1, 3, 2]]
    found = evaluate(LABELS, truth, scores, np.arange(4), alarm_labels=ALARMS, background="none")
    dog = found.to_json()["classes"][2]
    assert dog["precision"]["value"] == 0.0, "it was answered once, wrongly"
    assert (dog["support"], dog["recall"], dog["f1"], dog["average_precision"]) == (0, None, None, None)
    names = set(found.metrics())
    assert not names & {"recall.dog", "f1.dog", "average_precision.dog", "detection_rate.dog"}
    assert {"precision.dog", "false_positive_rate.dog"} <= names
    assert found.macro_f1.value == pytest.approx((1.0 + 1.0 + 2 / 3) / 3)


def test_metrics_have_names_that_stay(measured: Evaluation) -> None:
    names = {
        "accuracy",
        "macro_f1",
        "baseline.accuracy",
        "baseline.macro_f1",
        "accuracy.security",
        "calibration_error",
        "log_loss",
        "false_positive_rate",
        "background_alarm_rate",
        "false_alarms_per_hour",
        *(f"{kind}.{label}" for kind in ("precision", "recall", "f1", "average_precision") for label in LABELS),
        *(f"{kind}.{label}" for kind in ("false_positive_rate", "detection_rate") for label in ALARMS),
    }
    metrics = measured.metrics()
    assert set(metrics) == names
    assert metrics["accuracy"] == measured.accuracy.to_metric()
    assert metrics["false_alarms_per_hour"].value == 0.5
    assert metrics["false_alarms_per_hour"].samples == 500


def test_the_false_positive_rate_is_that_of_the_worst_alarm(measured: Evaluation) -> None:
    truth, scores, _ = answers()
    assert measured.alarms == alarm_rates(LABELS, truth, scores, {"glass": 0.4}, ALARMS)
    metrics = measured.metrics()
    rates = {label: metrics[f"false_positive_rate.{label}"] for label in ALARMS}
    assert len({rate.value for rate in rates.values()}) == 3
    assert metrics["false_positive_rate"] == max(rates.values(), key=lambda rate: rate.value)


def test_the_background_counts_samples_with_any_alarm(measured: Evaluation) -> None:
    truth, scores, _ = answers()
    quiet = scores[truth == 3]
    hits = (quiet[:, 0] >= np.float32(0.4)) | (quiet[:, 1] >= 0.5) | (quiet[:, 2] >= 0.5)
    assert measured.background_alarms == proportion(int(hits.sum()), len(quiet))
    assert hits.any()


def test_json_has_what_the_text_describes(measured: Evaluation) -> None:
    content = measured.to_json(("matplotlib",))
    described = {
        name.strip()
        for line in (module.__doc__ or "").splitlines()
        if line.startswith("    ")
        for name in line[4:26].split(",")
        if name.strip()
    }
    assert set(content) == described
    assert content["format"] == 1
    assert content["software"]["matplotlib"] == version("matplotlib")
    assert content["software"]["scikit-learn"] == version("scikit-learn")
    assert content["accuracy"] == measured.accuracy.to_json()
    assert content["false_alarms"]["hours"] == 4.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": np.zeros(0, int), "scores": np.zeros((0, 4)), "groups": np.zeros(0)}, "no sample"),
        ({"scores": np.zeros((3, 2))}, "need one row a sample"),
        ({"groups": np.zeros(2)}, "2 groups for 3 samples"),
        ({"truth": np.array([0, 1, 4])}, r"truth holds 0\.\.4, but there are 4 labels"),
        ({"truth": np.array([0, 1, -1])}, r"truth holds -1\.\.1"),
        ({"scores": np.full((3, 4), math.nan)}, "the network diverged"),
        ({"alarm_labels": ("glas",)}, "no such labels: glas"),
        ({"background": "quiet"}, "no such labels: quiet"),
        ({"subsets": {"security": ("gun",)}}, "no such labels: gun"),
    ],
)
def test_wrong_input_is_named(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"truth": np.array([0, 1, 3]), "scores": np.eye(4)[:3], "groups": np.arange(3)}
    with pytest.raises(InvalidInput, match=message):
        evaluate(LABELS, **(arguments | change))
