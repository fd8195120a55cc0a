"""What a bundle is worth on any labelled data, asked as a server asks it, at its thresholds as they stand.

    evaluation                     as of training (`pipit.training.evaluation`), with the same names of metrics
    said_accuracy                  share whose answer says the right label; to say nothing is right of background alone
    unknown_rate, uncertain_rate   share of the answers
    answer_rate                    share of the examples in which anything was found to answer
    strangers.unknown_rate         of examples whose label the bundle does not know: share that is called unknown
    strangers.detection_rate       and share in which it detects something all the same

With a background, what the bundle does not know counts as background. Gates are held against these metrics again; one
whose metric only training can measure (what 8 bits cost, for example) is told as training measured it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.answers import NOTHING, decide
from pipit.bundle.gates import GateResult, check_gates
from pipit.bundle.manifest import Manifest, Metric
from pipit.bundle.reader import Bundle
from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pipit.pipelines.served import Served, serve_bundle
from pipit.training.alarms import FalseAlarms, alarm_labels_of, false_alarms_per_hour
from pipit.training.asking import Answers, ask, read_trained_on, renamed
from pipit.training.evaluation import Evaluation, evaluate
from pipit.training.examples import Asked, ExampleSet, Further, load_examples
from pipit.training.intervals import Estimate, grouped_share
from pipit.training.progress import LogProgress, Progress
from pipit.training.report import write_report
from pipit.types import TimeSpan

FILE = "evaluate.json"


@dataclass(frozen=True, slots=True)
class Gated:
    """A gate on these data. trained: the metric as the bundle keeps it. result: None if it can't be measured here."""

    name: str
    metric: str
    must_be: str
    trained: float | None
    result: GateResult | None


@dataclass(frozen=True, slots=True)
class BundleEvaluation:
    """answers, evaluation: None for a task whose truth is no label, and which measures by itself."""

    bundle: str
    digest: str
    task: str
    variant: str
    answers: Answers | None
    evaluation: Evaluation | None
    further: tuple[Further, ...]
    metrics: Mapping[str, Metric]
    gates: tuple[Gated, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate that could be measured here holds."""
        return all(gate.result is None or gate.result.passed for gate in self.gates)

    def to_json(self) -> dict[str, Any]:
        """All of it, of JSON's types."""
        content: dict[str, Any] = {
            "bundle": self.bundle,
            "digest": self.digest,
            "task": self.task,
            "variant": self.variant,
            "metrics": {name: metric.model_dump(mode="json") for name, metric in self.metrics.items()},
            "gates": [asdict(gate) for gate in self.gates],
            "gates_passed": self.passed,
        }
        if self.answers is not None and self.evaluation is not None:
            content["left_out"] = {
                "trained_on": self.answers.trained_on,
                "problems": list(self.answers.problems),
                "not_found": dict(self.answers.not_found),
                "strangers": {label: len(found) for label, found in self.answers.strangers.items()},
            }
            content["as_background"] = dict(self.answers.as_background)
            content["evaluation"] = self.evaluation.to_json()
        content["further"] = {one.title: dict(one.details) for one in self.further if one.title}
        return content

    def write(self, folder: Path) -> None:
        """The report: `evaluate.json`, and the pictures that a training draws."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.answers is not None and self.evaluation is not None:
            asked = self.answers.asked
            write_report(folder, self.evaluation, asked.truth, asked.scores, asked.decision)
        for one in self.further:
            if one.write is not None:
                one.write(folder)
        content = json.dumps(self.to_json(), indent=1, allow_nan=False, ensure_ascii=False)
        write_atomically(folder / FILE, content.encode())


def evaluate_bundle(
    bundle: Bundle,
    folders: Sequence[Path],
    *,
    variant: str | None = None,
    names: Mapping[str, str] = MappingProxyType({}),
    background: Path | None = None,
    with_training: bool = False,
    besides: bool = True,
    progress: Progress | None = None,
) -> BundleEvaluation:
    """Asks about every example of `folders`, in the layout of the bundle's task.

    variant: the one that serves where None. names: labels as the bundle has them, by the data's. background: a folder
    of long recordings in which nothing happened. with_training: asks about what the bundle was trained on, too.
    besides: measures what only this task does, too, such as answers to sounds that a house changed; it may take long.
    Raises NotFound for a folder, a variant or a reader that is not there, InvalidInput for data that give no answer.
    """
    manifest, progress = bundle.manifest, progress or LogProgress()
    chosen = manifest.variant(variant).name
    read = load_examples(manifest.task)
    with serve_bundle(bundle, chosen) as served:
        found = [read(folder, manifest) for folder in folders]
        sets = [one for one in found if isinstance(one, ExampleSet)]
        further = [one(served, progress) for one in found if not isinstance(one, ExampleSet)]
        answers: Answers | None = None
        if sets:
            examples = renamed((example for one in sets for example in one.examples), names)
            trained_on = None if with_training else read_trained_on(bundle.path)
            answers = ask(served, manifest, examples, sets[0].choose, progress, trained_on)
            listed = tuple(problem for one in sets for problem in one.problems)
            answers = replace(answers, problems=(*listed, *answers.problems))
            if besides:
                further += [measure(answers.asked) for measure in sets[0].further]
        if background is not None:
            further.append(_listened(manifest, served, background, progress))
    return _settled(bundle, chosen, answers, sets[0].subsets if sets else {}, further)


def _listened(manifest: Manifest, served: Served, folder: Path, progress: Progress) -> Further:
    if manifest.input.kind != "audio" or manifest.decision.background is None:
        raise InvalidInput(
            f"false alarms in background need a bundle of sounds that has a background; {manifest.task} has none"
        )
    from pipit.training.by_input.audio.listening import (  # noqa: PLC0415 (needs what reads sound)
        find_recordings,
        listen_to_background,
    )

    heard = listen_to_background(served.stream, find_recordings(folder), progress)
    return Further(heard.metrics(), "false alarms in background", heard.table(), heard.to_json())


def _settled(
    bundle: Bundle,
    variant: str,
    answers: Answers | None,
    subsets: Mapping[str, Sequence[str]],
    further: Sequence[Further],
) -> BundleEvaluation:
    """answers: None where `further` measures all there is."""
    manifest = bundle.manifest
    metrics: dict[str, Metric] = {}
    evaluation = None
    if answers is not None:
        evaluation = _evaluated(answers.asked, subsets)
        metrics |= evaluation.metrics()
        rates = answer_rates(answers)
        metrics |= {name: estimate.to_metric() for name, estimate in rates.items() if estimate is not None}
    metrics["size_mb"] = Metric(value=_size_mb(bundle, variant), samples=0)
    for one in further:
        metrics |= one.metrics
    return BundleEvaluation(
        bundle=manifest.name,
        digest=bundle.digest,
        task=manifest.task,
        variant=variant,
        answers=answers,
        evaluation=evaluation,
        further=tuple(further),
        metrics=metrics,
        gates=_gates(manifest, metrics),
    )


def _size_mb(bundle: Bundle, variant: str) -> float:
    """Of what serves, as training counted it: a task may count networks that run before this one."""
    size = bundle.weights(variant).stat().st_size / 1e6
    kept = bundle.manifest.metrics.get("size_mb")
    return size if kept is None else kept.value + size - bundle.weights().stat().st_size / 1e6


def answer_rates(answers: Answers) -> dict[str, Estimate | None]:
    """Those of the module's text that say what answers are like, whatever the scores."""
    asked = answers.asked
    decided = decide(asked.scores, asked.labels, asked.decision)
    # What a pipeline says of its own, that nothing was measured in a window, stands in the answer alone.
    unknown = np.array([prediction.unknown for prediction in asked.predictions], bool)
    label = np.where(unknown, NOTHING, decided.label)
    quiet = np.array([name == asked.decision.background for name in asked.labels])[asked.truth]
    found, missed = len(asked.answered), sum(answers.not_found.values())
    strangers = [prediction for said in answers.strangers.values() for prediction in said]
    names = np.arange(len(strangers)).astype(object)

    def share(hits: NDArray[np.bool_]) -> Estimate | None:
        return grouped_share(hits, asked.groups, asked.seed)

    def among(hits: list[bool]) -> Estimate | None:
        return grouped_share(np.array(hits, bool), names, asked.seed)

    return {
        "said_accuracy": share((label == asked.truth) | ((label == NOTHING) & quiet)),
        "unknown_rate": share(unknown),
        "uncertain_rate": share(decided.uncertain),
        "answer_rate": Estimate(found / (found + missed), found + missed),
        "strangers.unknown_rate": among([prediction.unknown for prediction in strangers]),
        "strangers.detection_rate": among([any(s.detected for s in prediction.scores) for prediction in strangers]),
    }


def _evaluated(asked: Asked, subsets: Mapping[str, Sequence[str]]) -> Evaluation:
    decision = asked.decision
    alarms = alarm_labels_of(asked.labels, decision) if decision.background is not None else ()
    return evaluate(
        asked.labels,
        asked.truth,
        asked.scores,
        asked.groups,
        alarm_labels=alarms,
        thresholds=decision.thresholds,
        background=decision.background,
        subsets=subsets,
        false_alarms=_false_alarms(asked) if alarms else None,
        seed=asked.seed,
    )


def _false_alarms(asked: Asked) -> FalseAlarms | None:
    """On examples of background that last: every window of each."""
    windows = [
        (any(score.detected for score in prediction.scores), one.name, prediction.region)
        for one, predictions in asked.answered
        if one.label == asked.decision.background and one.label_at is None
        for prediction in predictions
    ]
    spans = [(hit, name, span) for hit, name, span in windows if isinstance(span, TimeSpan)]
    if not spans:
        return None
    seconds: dict[str, float] = {}
    for _, name, span in spans:
        seconds[name] = max(span.end, seconds.get(name, 0.0))
    return false_alarms_per_hour(
        np.array([hit for hit, _, _ in spans], bool),
        [name for _, name, _ in spans],
        np.array([span.start for _, _, span in spans]),
        np.array([span.end for _, _, span in spans]),
        seconds,
    )


def _gates(manifest: Manifest, metrics: Mapping[str, Metric]) -> tuple[Gated, ...]:
    found = []
    for gate, result in zip(manifest.gates, check_gates(manifest.gates, metrics), strict=True):
        trained = manifest.metrics.get(gate.metric)
        found.append(
            Gated(
                gate.name,
                gate.metric,
                f"{gate.comparison} {gate.limit:g}",
                None if trained is None else trained.value,
                result if gate.metric in metrics else None,
            )
        )
    return tuple(found)
