"""What a trained network is worth, measured on the test split; kept as `evaluation.json`.

    format                1
    samples, groups       of the test split; groups: source recordings, people, …
    accuracy, macro_f1    {value, samples, low, high}: 95 % interval over groups, null if there is none
    baseline              {label, accuracy, macro_f1} of the best constant answer
    subsets               by name: accuracy on the samples whose true label is one of the subset's
    classes               [{label, support, predicted, precision, recall, f1, average_precision}, …]; Wilson intervals
    labels, confusion     confusion[i][j]: samples of label i whose best label is j
    calibration           {expected_error, bins: [{low, high, samples, score, accuracy}, …]}
    log_loss              in nats; null if scores do not sum to 1
    alarms                [{label, threshold, false_positive_rate, detection_rate}, …], at the bundle's thresholds
    background_alarms     share of the background's samples in which an alarm label is detected
    false_alarms          {events, hours, windows, rate, low, high} per hour of background; null if not measured
    seed, software        of the bootstrap; names of packages with their versions

What can't be measured, for lack of samples, is null. macro_f1 is the mean over labels that have samples.
Wilson intervals take samples of one group for independent, and are so a little too narrow.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from pipit.bundle.manifest import Metric
from pipit.errors import InvalidInput
from pipit.training.alarms import AlarmRate, FalseAlarms, alarm_rates, alarmed
from pipit.training.calibration import Calibration, calibrate, log_loss
from pipit.training.intervals import Estimate, Statistic, bootstrap_groups, grouped_share, proportion

FORMAT = 1
PACKAGES = ("pipit-shared", "numpy", "scipy", "scikit-learn")

Truth = NDArray[np.integer]
Scores = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class ClassReport:
    """One label. support: its samples; predicted: samples whose best label it is. None: nothing to measure it on."""

    label: str
    support: int
    predicted: int
    precision: Estimate | None
    recall: Estimate | None
    f1: float | None
    average_precision: float | None


@dataclass(frozen=True, slots=True)
class Baseline:
    """The best constant answer: the label that most of the samples have."""

    label: str
    accuracy: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """See the module's text. confusion: rows are true labels, columns best labels."""

    labels: tuple[str, ...]
    samples: int
    groups: int
    accuracy: Estimate
    macro_f1: Estimate
    baseline: Baseline
    subsets: Mapping[str, Estimate | None]
    classes: tuple[ClassReport, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: Calibration
    log_loss: float | None
    alarms: tuple[AlarmRate, ...]
    background_alarms: Estimate | None
    false_alarms: FalseAlarms | None
    seed: int

    def metrics(self) -> dict[str, Metric]:
        """As a manifest keeps them, by names that stay.

        accuracy, macro_f1, baseline.accuracy, baseline.macro_f1, accuracy.<subset>, {precision,recall,f1,
        average_precision}.<label>, calibration_error, log_loss, {false_positive_rate,detection_rate}.<alarm label>,
        false_positive_rate (the highest of an alarm label), background_alarm_rate, false_alarms_per_hour.
        What could not be measured is left out.
        """
        found: dict[str, Estimate | None] = {
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "baseline.accuracy": Estimate(self.baseline.accuracy, self.samples),
            "baseline.macro_f1": Estimate(self.baseline.macro_f1, self.samples),
            "calibration_error": Estimate(self.calibration.expected_error, self.samples),
            "log_loss": None if self.log_loss is None else Estimate(self.log_loss, self.samples),
            "background_alarm_rate": self.background_alarms,
        }
        found.update({f"accuracy.{name}": estimate for name, estimate in self.subsets.items()})
        for report in self.classes:
            found[f"precision.{report.label}"] = report.precision
            found[f"recall.{report.label}"] = report.recall
            found[f"f1.{report.label}"] = _plain(report.f1, report.support)
            found[f"average_precision.{report.label}"] = _plain(report.average_precision, self.samples)
        for alarm in self.alarms:
            found[f"false_positive_rate.{alarm.label}"] = alarm.false_positive_rate
            found[f"detection_rate.{alarm.label}"] = alarm.detection_rate
        rates = [alarm.false_positive_rate for alarm in self.alarms if alarm.false_positive_rate is not None]
        found["false_positive_rate"] = max(rates, key=lambda rate: rate.value, default=None)
        metrics = {name: estimate.to_metric() for name, estimate in found.items() if estimate is not None}
        if self.false_alarms is not None:
            metrics["false_alarms_per_hour"] = self.false_alarms.to_metric()
        return metrics

    def to_json(self, packages: Sequence[str] = ()) -> dict[str, Any]:
        """The content of `evaluation.json`. packages: further ones whose version matters, such as the framework."""
        return {"format": FORMAT, **asdict(self), "software": software_versions((*PACKAGES, *packages))}


def evaluate(
    labels: tuple[str, ...],
    truth: Truth,
    scores: Scores,
    groups: NDArray[Any],
    *,
    alarm_labels: Sequence[str] = (),
    thresholds: Mapping[str, float] | None = None,
    background: str | None = None,
    subsets: Mapping[str, Sequence[str]] | None = None,
    false_alarms: FalseAlarms | None = None,
    seed: int = 1,
) -> Evaluation:
    """Measures scores against the truth.

    truth: positions of labels, (samples,). scores: 0..1, (samples, labels). groups: name of each sample's source
    recording, (samples,). alarm_labels: measured at their `thresholds` (0.5 where there is none); background: the label
    on which none of them should be detected. subsets: labels by the subset's name. seed: of the bootstrap.
    Raises InvalidInput for no samples, shapes that do not fit, scores that are not finite, unknown labels.
    """
    subsets = subsets or {}
    check_inputs(
        labels, truth, scores, groups, {*alarm_labels, *([background] if background else [])}.union(*subsets.values())
    )
    best = scores.argmax(axis=1)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, best), 1)
    limits = thresholds or {}
    on_background = None
    if background is not None and alarm_labels:
        quiet = truth == labels.index(background)
        hits = alarmed(labels, scores, limits, alarm_labels)[quiet]
        on_background = proportion(int(hits.sum()), int(quiet.sum()))
    accuracy = grouped_share(truth == best, groups, seed)
    assert accuracy is not None  # There are samples: `check_inputs` has seen to it.
    return Evaluation(
        labels=labels,
        samples=len(truth),
        groups=len(np.unique(groups)),
        accuracy=accuracy,
        macro_f1=_macro_f1(truth, best, groups, seed, len(labels)),
        baseline=_baseline(labels, confusion),
        subsets={name: subset_accuracy(labels, truth, scores, subset) for name, subset in subsets.items()},
        classes=tuple(_class_report(labels, index, truth, scores, confusion) for index in range(len(labels))),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        calibration=calibrate(truth, scores),
        log_loss=log_loss(truth, scores),
        alarms=alarm_rates(labels, truth, scores, limits, alarm_labels),
        background_alarms=on_background,
        false_alarms=false_alarms,
        seed=seed,
    )


def subset_accuracy(labels: Sequence[str], truth: Truth, scores: Scores, subset: Sequence[str]) -> Estimate | None:
    """Of the samples whose true label is in `subset`, the share whose best label is right; None without any."""
    inside = np.isin(truth, [list(labels).index(label) for label in subset])
    right = scores.argmax(axis=1) == truth
    return proportion(int(right[inside].sum()), int(inside.sum()))


def check_inputs(
    labels: Sequence[str], truth: Truth, scores: Scores, groups: NDArray[Any] | None, named: set[str]
) -> None:
    """Raises InvalidInput that says what is wrong. named: labels that somebody referred to."""
    if scores.shape != (len(truth), len(labels)) or truth.ndim != 1:
        raise InvalidInput(
            f"scores are {scores.shape}, truth {truth.shape}; {len(labels)} labels need one row a sample"
        )
    if groups is not None and len(groups) != len(truth):
        raise InvalidInput(f"there are {len(groups)} groups for {len(truth)} samples; give one for each")
    if not len(truth):
        raise InvalidInput("there is no sample to measure on; check the split")
    if truth.min() < 0 or truth.max() >= len(labels):
        raise InvalidInput(f"truth holds {truth.min()}..{truth.max()}, but there are {len(labels)} labels")
    if not np.isfinite(scores).all():
        raise InvalidInput("scores hold NaN or infinite values; the network diverged")
    missing = sorted(named - set(labels))
    if missing:
        raise InvalidInput(f"no such labels: {', '.join(missing)}; there are {', '.join(labels)}")


def software_versions(packages: Sequence[str]) -> dict[str, str]:
    """Python's version, and that of each package."""
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def _macro_f1(truth: Truth, best: Truth, groups: NDArray[Any], seed: int, count: int) -> Estimate:
    of_truth, of_best = np.eye(count)[truth], np.eye(count)[best]
    right = of_truth * of_best

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        support, predicted = weights @ of_truth, weights @ of_best
        present = support > 0
        f1 = 2.0 * (weights @ right) / np.maximum(support + predicted, 1.0)
        means: NDArray[np.float64] = (f1 * present).sum(axis=1) / present.sum(axis=1)
        return means

    value = float(statistic(np.ones((1, len(truth))))[0])
    interval = _interval(groups, statistic, seed)
    if interval is not None and interval[0] == interval[1]:
        interval = None
    return Estimate(value, len(truth), *(interval or (None, None)))


def _interval(groups: NDArray[Any], statistic: Statistic, seed: int) -> tuple[float, float] | None:
    return bootstrap_groups(groups, statistic, seed) if len(np.unique(groups)) > 1 else None


def _baseline(labels: Sequence[str], confusion: NDArray[np.int64]) -> Baseline:
    support = confusion.sum(axis=1)
    most = int(support.argmax())
    share = float(support[most] / support.sum())
    return Baseline(labels[most], share, 2.0 * share / (1.0 + share) / int((support > 0).sum()))


def _class_report(
    labels: Sequence[str], index: int, truth: Truth, scores: Scores, confusion: NDArray[np.int64]
) -> ClassReport:
    right = int(confusion[index, index])
    support, predicted = int(confusion[index].sum()), int(confusion[:, index].sum())
    return ClassReport(
        label=labels[index],
        support=support,
        predicted=predicted,
        precision=proportion(right, predicted),
        recall=proportion(right, support),
        f1=2.0 * right / (support + predicted) if support else None,
        average_precision=float(average_precision_score(truth == index, scores[:, index])) if support else None,
    )


def _plain(value: float | None, samples: int) -> Estimate | None:
    return None if value is None else Estimate(value, samples)
