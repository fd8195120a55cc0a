"""Asks a bundle about examples, the whole way that a server goes, and keeps what it was trained on out of it.

examples ─> not of what the bundle was trained on ─> labels of the bundle's ─> asked ─> rows
known by name or group               └> others: strangers, asked as well
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipit.bundle.golden import score_matrix
from pipit.bundle.manifest import Manifest
from pipit.errors import InputTooLarge, InvalidInput
from pipit.pipelines.served import Served
from pipit.training.examples import Asked, Choose, Example
from pipit.training.progress import Bar, Progress
from pipit.training.sides import ITEMS_FILE
from pipit.types import Prediction, TimeSpan

PARTICIPANTS_FILE = "participants.json"


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """What a run folder tells of the data it was made of. sides, groups: by example's name."""

    sides: Mapping[str, str]
    groups: Mapping[str, str]
    used_groups: frozenset[str]

    def was_used(self, example: Example) -> bool:
        """Whether it, or anything of its group, trained or validated."""
        side = self.sides.get(example.name)
        return side != "test" if side is not None else example.group in self.used_groups

    def grouped(self, example: Example) -> Example:
        """The example in the group that the training had it in."""
        return replace(example, group=self.groups.get(example.name, example.group))


def read_trained_on(bundle: Path) -> TrainedOn | None:
    """Of the run folder that a bundle lies in; None for a bundle that lies elsewhere. Raises InvalidInput."""
    prepared = bundle.parent.parent / "prepare"
    items, people = (_read(prepared / name) for name in (ITEMS_FILE, PARTICIPANTS_FILE))
    if items is None and people is None:
        return None
    entries: list[dict[str, Any]] = items or []
    used = {str(entry["group"]) for entry in entries if entry["side"] != "test"}
    for side, names in (people or {}).items():
        used |= set(names) if side != "test" else set()
    return TrainedOn(
        {str(entry["name"]): str(entry["side"]) for entry in entries},
        {str(entry["name"]): str(entry["group"]) for entry in entries},
        frozenset(used),
    )


@dataclass(frozen=True, slots=True)
class Answers:
    """problems: a line for each example that can't be answered. not_found: by label, where nothing was found to answer.

    as_background: by the data's label, examples that count as background. strangers: by the data's label, what was
    said of examples with a label that the bundle does not know; they are in no row. trained_on: examples left out.
    """

    asked: Asked
    problems: tuple[str, ...]
    not_found: Mapping[str, int]
    as_background: Mapping[str, int]
    strangers: Mapping[str, tuple[Prediction, ...]]
    trained_on: int


def ask(
    served: Served,
    manifest: Manifest,
    examples: Sequence[Example],
    choose: Choose,
    progress: Progress,
    trained_on: TrainedOn | None = None,
) -> Answers:
    """Raises InvalidInput where nothing is left to ask about, or nothing could be answered."""
    if not examples:
        raise InvalidInput("the data hold no labelled example; look at the layout that the task's README shows")
    unused = examples
    if trained_on is not None:
        unused = [trained_on.grouped(one) for one in examples if not trained_on.was_used(one)]
    if not unused:
        raise InvalidInput(
            f"the bundle was trained or validated on all {len(examples)} examples, or on others of their groups; "
            "bring other data, or let them count all the same by --with-training"
        )
    told = [(one, told_label(one.label, manifest)) for one in unused]
    background = Counter(one.label for one, label in told if label is not None and label != one.label)
    rows: list[tuple[Example, str, Prediction]] = []
    answered: list[tuple[Example, tuple[Prediction, ...]]] = []
    not_found: Counter[str] = Counter()
    strangers: dict[str, list[Prediction]] = {}
    problems: list[str] = []
    with progress.track("asking the bundle", len(told)) as bar:
        for one, label in told:
            predictions = _answered(served, one, problems, bar)
            if predictions is None:
                continue
            if label is None and one.label_at is None:
                strangers.setdefault(one.label, []).extend([choose(predictions)] if predictions else [])
            elif not predictions:
                not_found[label or one.label] += 1
            else:
                answered.append((replace(one, label=label or one.label), tuple(predictions)))
                rows += _rows(one, label or one.label, predictions, choose, manifest)
    if not rows:
        reasons = "\n  ".join(problems[:5])
        raise InvalidInput(
            f"none of {len(told)} examples gave an answer with a label of the bundle's "
            f"({', '.join(manifest.labels)})" + (f":\n  {reasons}" if problems else "")
        )
    asked = Asked(
        served=served,
        labels=manifest.labels,
        decision=manifest.decision,
        truth=np.array([manifest.labels.index(label) for _, label, _ in rows], np.int64),
        scores=score_matrix([prediction for _, _, prediction in rows], manifest.labels),
        groups=np.array([one.group for one, _, _ in rows], object),
        examples=tuple(one for one, _, _ in rows),
        predictions=tuple(prediction for _, _, prediction in rows),
        answered=tuple(answered),
        seed=manifest.lineage.seed,
        progress=progress,
    )
    said = {label: tuple(found) for label, found in strangers.items()}
    return Answers(asked, tuple(problems), dict(not_found), dict(background), said, len(examples) - len(unused))


def told_label(label: str, manifest: Manifest) -> str | None:
    """What a label of the data is to the bundle: itself, else the background, else nothing."""
    return label if label in manifest.labels else manifest.decision.background


def most_alarming(manifest: Manifest) -> Choose:
    """Of several windows the one that a person is alarmed by, or that comes nearest to it."""
    quiet = {manifest.decision.background, *manifest.decision.experimental}

    def rank(prediction: Prediction) -> tuple[float, float]:
        detected = (score.score for score in prediction.scores if score.detected)
        others = (score.score for score in prediction.scores if score.label not in quiet)
        return max(detected, default=-1.0), max(others, default=-1.0)

    return lambda predictions: max(predictions, key=rank)


def renamed(examples: Iterable[Example], names: Mapping[str, str]) -> tuple[Example, ...]:
    """With labels as the bundle names them, by the data's."""
    return tuple(replace(one, label=names.get(one.label, one.label)) for one in examples)


def _answered(served: Served, one: Example, problems: list[str], bar: Bar) -> list[Prediction] | None:
    """None for an example that can't be read or answered, which then stands among the problems."""
    try:
        return served.answer(one.read())
    except (InvalidInput, InputTooLarge, OSError) as error:
        problems.append(f"{one.name}: {error}")
        return None
    finally:
        bar.advance()


def _rows(
    one: Example, label: str, predictions: Sequence[Prediction], choose: Choose, manifest: Manifest
) -> list[tuple[Example, str, Prediction]]:
    if one.label_at is None:
        return [(one, label, choose(predictions))]
    found = []
    for prediction in predictions:
        span = prediction.region
        at = one.label_at(span) if isinstance(span, TimeSpan) else one.label
        told = None if at is None else told_label(at, manifest)
        if told is not None:
            found.append((one, told, prediction))
    return found


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InvalidInput(f"{path} can't be read ({error}); train again") from error
