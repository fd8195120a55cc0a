"""`pipit label stats` and `list`: how far the labelling is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from pipit.cli.label.connection import TaskArgument, connected_labels
from pipit.cli.output import JsonOption, print_json, print_line, print_table
from pipit.cli.registry import RegistryOption, connected
from pipit.labels.gathering import bundle_labels, gather
from pipit.labels.index import LabelIndex
from pipit.labels.resolution import Resolution, State
from pipit.labels.sync import pull_events, pull_examples
from pipit.labels.views import Summary


def stats(task: TaskArgument, *, registry: RegistryOption = "", json: JsonOption = False) -> None:
    """Show progress, balance, how far people agree, and how good the model is on the honest slice.

    Agreement is Cohen's kappa of two people, Krippendorff's alpha of more: 1 is perfect, 0 as good as chance. The
    honest slice are the examples that devices chose at random.

    For example:
      pipit label stats TASK
      pipit label stats TASK --json | jq .honest.accuracy
    """
    with (
        connected_labels(registry) as (examples, labels),
        connected(registry) as client,
        tempfile.TemporaryDirectory(prefix="pipit-label-") as folder,
    ):
        index = LabelIndex(Path(folder) / "index.sqlite", task)
        try:
            pull_examples(index, examples)
            pull_events(index, labels)
            summary = index.summary(bundle_labels(client, task))
        finally:
            index.close()
    if json:
        print_json(summary)
    else:
        _show(task, summary)


def list_(
    task: TaskArgument,
    *,
    state: Annotated[State | None, typer.Option(help="Only those in this state. (default: all)")] = None,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """List a task's examples, oldest first: why each was kept, and what is said of it.

    For example:
      pipit label list TASK --state disagreement
      pipit label list TASK --json | jq -r '.[] | select(.label == "dog") | .id'
    """
    with connected_labels(registry) as (examples, labels):
        found = gather(examples, labels, task)
    told = [(one, found.resolutions.get(one.id, Resolution())) for one in found.examples]
    told = [(one, known) for one, known in told if state is None or known.state is state]
    if json:
        shown: list[dict[str, Any]] = [
            {
                "id": one.id,
                "device_id": one.device_id,
                "taken_at": one.taken_at,
                "reason": one.reason,
                "media_type": one.media_type,
                "bytes": one.bytes,
                "group": one.group,
                "name": one.name,
                "state": known.state,
                "label": known.label,
                "boxes": known.boxes,
                "spans": known.spans,
                "said": known.said,
                "suggestion": known.suggestion,
            }
            for one, known in told
        ]
        print_json(shown)
        return
    if not told:
        print_line(f"there is no such example of {escape(task)}")
        return
    print_table(
        ("example", "from", "taken", "why", "state", "label", "suggested"),
        [
            (
                one.id,
                escape(one.device_id or one.name),
                "" if one.taken_at is None else f"{one.taken_at:%Y-%m-%d %H:%M}",
                one.reason.value,
                known.state.value,
                escape(_label(known)),
                "" if known.suggestion is None else f"{escape(known.suggestion.label)} {known.suggestion.score:.2f}",
            )
            for one, known in told
        ],
    )


def _label(known: Resolution) -> str:
    if known.state is State.DISAGREEMENT:
        return " / ".join(f"{one.by}: {one.label or one.kind.value}" for one in known.said)
    regions = {box.label for box in known.boxes} | {span.label for span in known.spans}
    return known.label or ", ".join(sorted(regions))


def _show(task: str, summary: Summary) -> None:
    progress, honest = summary.progress, summary.honest
    print_line(
        f"{escape(task)}: {progress.labelled} of {progress.examples} examples are labelled, {progress.waiting} wait, "
        f"{progress.skipped} were skipped, people disagree on {progress.disagreements}"
    )
    print_table(
        ("label", ">examples", ">suggested"),
        [(escape(one.label), str(one.count), str(one.suggested)) for one in summary.labels],
    )
    if summary.people:
        print_table(
            ("person", ">labels", ">median s", ">agrees"),
            [
                (
                    escape(one.by),
                    str(one.labels),
                    "" if one.median_seconds is None else f"{one.median_seconds:.1f}",
                    "" if one.agreement is None else f"{one.agreement:.0%}",
                )
                for one in summary.people
            ],
        )
    if summary.agreement is not None:
        agreement = summary.agreement
        print_line(f"agreement ({agreement.measure}, {agreement.examples} examples): {agreement.value:.2f}")
    if honest.accuracy is not None:
        accuracy = honest.accuracy
        print_line(
            f"{escape(honest.version)} was right on {accuracy.value:.1%} of the honest slice "
            f"({accuracy.low:.1%} to {accuracy.high:.1%}, {accuracy.samples} examples)"
        )
    for advice in summary.advice:
        print_line(escape(advice))
