"""`model_card.md`: what a bundle is, for people: what for, from what, how good, how small, and where it fails.

After M. Mitchell et al., Model Cards for Model Reporting, https://arxiv.org/abs/1810.03993.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipit.bundle.gates import check_gates
from pipit.bundle.manifest import Decision, Metric
from pipit.files import write_atomically
from pipit.training.evaluation import PACKAGES, Evaluation, software_versions
from pipit.training.parity import Parity
from pipit.training.recipe import Recipe
from pipit.training.report import PICTURES

NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class VariantRow:
    """One form of the weights. size: bytes. parity: beside the trained network, None before it was compared."""

    name: str
    size: int
    parity: Parity | None = None


@dataclass(frozen=True, slots=True)
class CardWords:
    """What a card says of one task alone, in the terms of `ModelCard`."""

    purpose: str
    not_for: Sequence[str]
    limits: Sequence[str]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the card tells. evaluation: of the variant that serves, on the test split."""

    recipe: Recipe
    purpose: str
    """What it does and for whom, a sentence or two."""
    not_for: Sequence[str]
    split_rule: str
    counts: Mapping[str, Mapping[str, int]]
    """Samples by side of the split (train, validation, test), then by label."""
    evaluation: Evaluation
    decision: Decision
    metrics: Mapping[str, Metric]
    """As the manifest will hold them; the gates are held against these."""
    variants: Sequence[VariantRow]
    dataset_digest: str
    code_version: str
    command: str
    """What trains it again, for example `pipit train my_domain.my_task`."""
    limits: Sequence[str] = ()
    """Where it fails, or was not tried."""
    packages: Sequence[str] = field(default=())
    """Further ones whose version matters, such as the framework."""


def write_model_card(path: Path, card: ModelCard) -> None:
    """Writes the card as Markdown. The pictures that lie beside it are shown in it."""
    pictures = [name for name in PICTURES if (path.parent / name).exists()]
    write_atomically(path, ("\n".join(_lines(card, pictures)).rstrip() + "\n").encode())


def source_lines(recipe: Recipe, split_rule: str) -> Iterator[str]:
    """Part of any card: the data sets, and how they are split."""
    yield from _table(
        ("data set", "licence", "source"),
        ((source.path, source.licence, source.url or "-") for source in (*recipe.data, *recipe.additional_data)),
    )
    yield f"Split: {split_rule}.\n"


def gate_lines(recipe: Recipe, metrics: Mapping[str, Metric]) -> Iterator[str]:
    """Part of any card: what the bundle must reach, and what it reaches."""
    results = check_gates(recipe.gates, metrics)
    if not results:
        yield "None.\n"
        return
    rows = []
    for gate in results:
        value = NOT_MEASURED if gate.value is None else f"{gate.value:.4g}"
        wanted = f"{gate.comparison} {gate.limit:g}"
        rows.append((gate.name, gate.metric, wanted, value, "passed" if gate.passed else "**failed**"))
    yield from _table(("gate", "metric", "must be", "is", ""), rows)


def reproduction_lines(
    recipe: Recipe, dataset_digest: str, code_version: str, command: str, packages: Sequence[str]
) -> Iterator[str]:
    """Part of any card: what makes the bundle again. packages: see `ModelCard`."""
    yield f"```\n{command}\n```\n"
    versions = software_versions((*PACKAGES, *packages))
    rows = [
        ("seed", str(recipe.seed)),
        ("recipe (SHA-256)", f"`{recipe.digest}`"),
        ("data (SHA-256)", f"`{dataset_digest}`"),
        ("code", code_version),
        ("software", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    yield from _table(("", ""), rows)


def _lines(card: ModelCard, pictures: Sequence[str]) -> Iterator[str]:
    recipe = card.recipe
    yield f"# {recipe.task}: {recipe.name}\n"
    yield f"{card.purpose}\n"
    if recipe.description:
        yield f"Recipe: {recipe.description}\n"
    yield f"Labels: {', '.join(_text(label) for label in card.evaluation.labels)}.\n"
    if card.not_for:
        yield "**Not for:**\n"
        yield from (f"- {line}" for line in card.not_for)
        yield ""
    yield "## Data\n"
    yield from _data(card)
    yield "## How good it is\n"
    yield from _results(card)
    yield "## Each label\n"
    yield from _classes(card.evaluation)
    for name in pictures:
        yield f"![{PICTURES[name]}]({name})\n"
    yield "## Thresholds\n"
    yield from _thresholds(card)
    yield "## Variants\n"
    yield from _variants(card)
    yield "## Gates\n"
    yield from gate_lines(card.recipe, card.metrics)
    yield "## Limits\n"
    yield from (f"- {line}" for line in card.limits)
    yield f"- Measured on {card.evaluation.samples} samples of {card.evaluation.groups} recordings or people, no more."
    yield ""
    yield "## How to make it again\n"
    yield from reproduction_lines(card.recipe, card.dataset_digest, card.code_version, card.command, card.packages)


def _data(card: ModelCard) -> Iterator[str]:
    yield from source_lines(card.recipe, card.split_rule)
    sides = tuple(card.counts)
    rows = [(label, *(str(card.counts[side].get(label, 0)) for side in sides)) for label in card.evaluation.labels]
    rows.append(("**all**", *(str(sum(card.counts[side].values())) for side in sides)))
    yield from _table(("samples", *sides), rows)


def _results(card: ModelCard) -> Iterator[str]:
    evaluation = card.evaluation
    baseline = {
        "accuracy": f"{evaluation.baseline.accuracy:.3f}",
        "macro_f1": f"{evaluation.baseline.macro_f1:.3f}",
    }
    names = {
        "accuracy": "accuracy",
        "macro_f1": "macro-F1",
        **{f"accuracy.{name}": f"accuracy on the labels of {name}" for name in evaluation.subsets},
        "false_positive_rate": "false positive rate, worst alarm label",
        "background_alarm_rate": "background samples with an alarm",
        "false_alarms_per_hour": "false alarms per hour of background",
        "calibration_error": "expected calibration error",
        "log_loss": "log loss (nats)",
    }
    general = evaluation.metrics()
    measured = {text: (general[name], baseline.get(name, "")) for name, text in names.items() if name in general}
    # What only this task measures stands under the name that it has in the manifest.
    measured |= {name: (metric, "") for name, metric in card.metrics.items() if name not in general}
    rows = [
        (text, _value(metric.value, metric.low, metric.high), str(metric.samples or ""), beside)
        for text, (metric, beside) in measured.items()
    ]
    constant = _text(evaluation.baseline.label)
    yield f"On the test split, with 95 % intervals. Baseline: the best constant answer, `{constant}`.\n"
    yield from _table(("measure", "value", "samples", "baseline"), rows)
    if evaluation.false_alarms is not None:
        heard = evaluation.false_alarms
        yield f"False alarms: {heard.events} in {heard.hours:.2f} hours of background.\n"


def _classes(evaluation: Evaluation) -> Iterator[str]:
    rows = []
    for report in evaluation.classes:
        shares = [
            NOT_MEASURED if found is None else _value(found.value, found.low, found.high)
            for found in (report.precision, report.recall)
        ]
        plain = [NOT_MEASURED if found is None else f"{found:.3f}" for found in (report.f1, report.average_precision)]
        rows.append((report.label, str(report.support), *shares, *plain))
    yield "The intervals take samples of one recording or person for independent, and are so a little too narrow.\n"
    yield from _table(("label", "samples", "precision", "recall", "F1", "average precision"), rows)


def _thresholds(card: ModelCard) -> Iterator[str]:
    rule, decision = card.recipe.thresholds, card.decision
    together = f", and of all together on `{_text(decision.background)}`" if decision.background else ""
    limit = f"{rule.false_positive_rate:.1%}"
    yield f"Chosen on validation data for a false positive rate under {limit} of each{together}.\n"
    alarms = {alarm.label: alarm for alarm in card.evaluation.alarms}
    rows = []
    for label, threshold in decision.thresholds.items():
        alarm = alarms.get(label)
        rates = [
            NOT_MEASURED if found is None else _value(found.value, found.low, found.high)
            for found in ((alarm.false_positive_rate, alarm.detection_rate) if alarm else (None, None))
        ]
        rows.append((label, f"{threshold:.3f}", *rates))
    yield from _table(("label", "threshold", "false positive rate (test)", "detected (test)"), rows)
    if decision.experimental:
        names = ", ".join(f"`{_text(label)}`" for label in decision.experimental)
        yield f"- Experimental: {names}. Their scores are shown, but never detected, and never the answer."
        if rule.experimental_under:
            yield f"- Experimental is what has fewer than {rule.experimental_under} recordings or people to train on."
    yield f"- Unknown: nothing is detected, and the best score is below {decision.unknown_below:.3f}."
    yield f"- Uncertain: the two best scores lie closer than {decision.uncertain_margin:.3f}.\n"


def _variants(card: ModelCard) -> Iterator[str]:
    rows = []
    for variant in card.variants:
        name = f"**{variant.name}**" if variant.name == card.recipe.export.default_variant else variant.name
        parity = variant.parity
        compared = (
            (NOT_MEASURED,) * 4
            if parity is None
            else (
                f"{parity.accuracy:.3f}",
                f"{parity.loss:.1f}",
                f"{parity.agreement:.1%}",
                f"{parity.largest_difference:.2g}",
            )
        )
        rows.append((name, f"{variant.size / 1e6:.2f}", *compared))
    head = ("variant", "MB", "accuracy", "points lost", "same answer", "largest difference of a score")
    yield "Beside the trained network, on the test split. Bold: the one that serves.\n"
    yield from _table(head, rows)


def _value(value: float, low: float | None, high: float | None) -> str:
    interval = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return f"{value:.3f}{interval}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_text(cell) for cell in row)} |"
    yield ""


def _text(value: str) -> str:
    """Without what would break a table."""
    return value.replace("|", "\\|").replace("\n", " ")
