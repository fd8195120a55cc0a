"""`pipit evaluate`: what a bundle is worth on labelled data, asked the whole way that a server goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from pipit.bundle import Bundle, open_bundle
from pipit.bundle.manifest import Metric
from pipit.cli.bench import find_bundle
from pipit.cli.exit_codes import ExitCode
from pipit.cli.output import JsonOption, mark, print_json, print_line, print_table, say
from pipit.errors import InvalidInput
from pipit.training.asking import Answers
from pipit.training.bundle_evaluation import BundleEvaluation, evaluate_bundle
from pipit.training.evaluation import ClassReport, Evaluation
from pipit.training.intervals import Estimate
from pipit.training.progress import RichProgress

_GENERAL: Mapping[str, str] = {
    "accuracy": "best label is right",
    "macro_f1": "macro-F1",
    "baseline.accuracy": "the best constant answer would be right",
    "said_accuracy": "the answer says the right label",
    "background_alarm_rate": "background with an alarm",
    "false_positive_rate": "false positive rate, worst label",
    "false_alarms_per_hour": "false alarms an hour of background",
    "calibration_error": "expected calibration error",
    "unknown_rate": "answered with unknown",
    "uncertain_rate": "marked as uncertain",
    "answer_rate": "anything was found to answer",
    "strangers.unknown_rate": "labels it does not know: called unknown",
    "strangers.detection_rate": "labels it does not know: something detected",
}
"""What people see first, by the metric."""


def evaluate(
    *,
    bundle: Annotated[
        str, typer.Option(metavar="RUN|BUNDLE|TASK", help="Folder of a bundle or a run; or a task: its newest run.")
    ],
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Labelled data in the task's own layout; may be repeated."),
    ] = None,
    variant: Annotated[str, typer.Option(help="Of the weights. (default: the one that serves)")] = "",
    rename: Annotated[
        list[str] | None,
        typer.Option(metavar="THEIRS=OURS", help="A label of the data by the bundle's name; may be repeated."),
    ] = None,
    background: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Long recordings in which nothing happened: false alarms an hour."),
    ] = None,
    with_training: Annotated[
        bool, typer.Option("--with-training", help="Count also what the bundle was trained on. That flatters it.")
    ] = False,
    report: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write evaluate.json and plots there.")] = None,
    json: JsonOption = False,
) -> None:
    """Measure a bundle on labelled data, and so learn whether it works in your house.

    Every example is asked the whole way that a server goes, at the bundle's thresholds as they stand. Shown are numbers
    with 95 % intervals over groups (recordings, people), the best constant answer beside them, each label, and the
    bundle's gates held against these data. Tasks add tests of their own: sounds are made quiet, short, noisy.

    A bundle in its run folder is not asked about what it was trained on, as far as the run knows it. A label that the
    bundle does not know counts as background where the bundle has one; else it is asked about and told apart. The exit
    code is 6 if a gate fails here.

    For example:
      pipit evaluate --bundle TASK --data ~/recordings
      pipit evaluate --bundle runs/TASK/RUN --data ~/recordings --variant int8 --report report
      pipit evaluate --bundle TASK --data ~/recordings --rename barking=dog
      pipit evaluate --bundle TASK --background ~/nights
      pipit evaluate --bundle TASK --data ~/recordings --json | jq '.metrics.accuracy'
    """
    if not data and background is None:
        raise typer.BadParameter("give --data, or --background")
    opened = open_bundle(find_bundle(bundle))
    found = evaluate_bundle(
        opened,
        data or (),
        variant=variant or None,
        names=_names(rename or ()),
        background=background,
        with_training=with_training,
        progress=RichProgress(),
    )
    for problem in found.answers.problems if found.answers is not None else ():
        say(f"pipit: left out: {problem}")
    if report is not None:
        found.write(report)
    if json:
        print_json(found.to_json())
    else:
        _show(found, opened)
        if report is not None:
            print_line(f"report: {escape(str(report))}")
    if not found.passed:
        raise typer.Exit(ExitCode.GATES_FAILED)


def _names(given: Sequence[str]) -> dict[str, str]:
    names = {}
    for text in given:
        theirs, mark_, ours = text.partition("=")
        if not (theirs and mark_ and ours):
            raise InvalidInput(f"--rename takes THEIRS=OURS, not {text!r}")
        names[theirs] = ours
    return names


def _show(found: BundleEvaluation, bundle: Bundle) -> None:
    title = f"{found.task} {bundle.manifest.version} ({found.variant}, {found.digest[:12]})"
    if found.evaluation is not None and found.answers is not None:
        evaluation = found.evaluation
        rows = [
            (text, _metric(found.metrics[name]), str(found.metrics[name].samples or ""))
            for name, text in _GENERAL.items()
            if name in found.metrics
        ]
        print_table(("", "", ">samples"), rows, title)
        print_table(
            ("label", ">samples", "recall", "precision", ">F1", "detected", "false alarms"),
            list(_classes(evaluation, found)),
        )
        for line in _left_out(found.answers, evaluation):
            print_line(escape(line))
    for one in found.further:
        if one.table:
            head, *rest = one.table
            print_table(head, [tuple(map(escape, row)) for row in rest], one.title)
        else:
            rows = [(escape(name), _metric(metric), str(metric.samples)) for name, metric in one.metrics.items()]
            print_table(("", "", ">samples"), rows, one.title)
    gates = [
        (
            escape(gate.name),
            escape(gate.metric),
            gate.must_be,
            "-" if gate.trained is None else f"{gate.trained:.4g}",
            "not here" if gate.result is None or gate.result.value is None else f"{gate.result.value:.4g}",
            "" if gate.result is None else mark(gate.result.passed),
        )
        for gate in found.gates
    ]
    if gates:
        print_table(("gate", "metric", "has to be", ">in training", ">here", "passed"), gates)


def _classes(evaluation: Evaluation, found: BundleEvaluation) -> Iterator[tuple[str, ...]]:
    alarms = {alarm.label: alarm for alarm in evaluation.alarms}
    for report in evaluation.classes:
        alarm = alarms.get(report.label)
        yield (
            escape(_named(report, found)),
            str(report.support),
            _estimate(report.recall),
            _estimate(report.precision),
            "-" if report.f1 is None else f"{report.f1:.2f}",
            "" if alarm is None else _estimate(alarm.detection_rate),
            "" if alarm is None else _estimate(alarm.false_positive_rate),
        )


def _named(report: ClassReport, found: BundleEvaluation) -> str:
    experimental = found.answers is not None and report.label in found.answers.asked.decision.experimental
    return f"{report.label} (experimental)" if experimental else report.label


def _left_out(answers: Answers, evaluation: Evaluation) -> Iterator[str]:
    yield f"{evaluation.samples} answers of {evaluation.groups} recordings, people or pictures"
    if answers.trained_on:
        yield f"{answers.trained_on} examples left out: the bundle was trained or validated on them, or on their groups"
    if answers.as_background:
        listed = ", ".join(f"{label} ({count})" for label, count in sorted(answers.as_background.items()))
        yield f"counted as background: {listed}"
    if answers.strangers:
        listed = ", ".join(f"{label} ({len(said)})" for label, said in sorted(answers.strangers.items()))
        yield f"labels that the bundle does not know, in no number but those of `labels it does not know`: {listed}"
    if answers.not_found:
        listed = ", ".join(f"{label} ({count})" for label, count in sorted(answers.not_found.items()))
        yield f"nothing found to answer: {listed}"
    if answers.problems:
        yield f"{len(answers.problems)} could not be read or answered; named above"


def _metric(metric: Metric) -> str:
    return _estimate(Estimate(metric.value, metric.samples, metric.low, metric.high))


def _estimate(found: Estimate | None) -> str:
    if found is None:
        return "-"
    interval = "" if found.low is None or found.high is None else f" ({found.low:.3f} to {found.high:.3f})"
    return f"{found.value:.3f}{interval}"
