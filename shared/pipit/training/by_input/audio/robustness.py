"""Whether answers about sounds stand what a house does to them: no alarm for nothing, events found all the same.

    quiet.alarm_rate, quiet.<kind>.alarm_rate     share of made sounds without any event that raise an alarm
    robust.<change>.detection_rate                share of recordings of events in which the event is detected
    robust.<change>.background_alarm_rate         share of recordings of background that raise an alarm
    robust.worst.detection_rate                   the lowest of all changes
    robust.worst.detection_drop                   by how much it is lower than that of unchanged recordings
    robust.worst.background_alarm_rate            the highest of all changes

Kinds and changes are those of `sound_changes`. An alarm is any label that an answer detects in any window; whatever
answers is asked through one function, so that training and `pipit evaluate` test the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipit.bundle.manifest import Metric
from pipit.files import write_atomically
from pipit.training import plots
from pipit.training.by_input.audio.sound_changes import RATE, Change, Sound, changes, quiet_test_sounds
from pipit.training.intervals import Estimate, grouped_share, proportion
from pipit.training.progress import LogProgress, Progress
from pipit.types import Prediction

Answer = Callable[[Iterable[tuple[Sound, int]]], Iterable[Sequence[Prediction]]]
"""The served pipeline: from sounds, mono samples and their rate in Hz, to one answer a window of each, in their order.
It may take some sounds ahead, to decode or to ask about several at once."""

CLIPS_A_LABEL = 12
"""Asked about under every change; four times as many of the background."""
UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class LabelledSound:
    """A recording that is read when it is asked about. label: one of the bundle's. group: what it was cut from."""

    name: str
    label: str
    group: str
    read: Callable[[], tuple[Sound, int]]


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """One change. by_label: detection rate of each. None: there was nothing to measure it on."""

    change: str
    detection: Estimate | None
    background_alarms: Estimate | None
    by_label: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class QuietReport:
    """One kind of sound without events. heard: which labels were detected in how many of its sounds."""

    kind: str
    alarms: Estimate
    heard: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Robustness:
    """What both tests found. false_alarms: names of the quiet sounds that raised an alarm, with what was detected."""

    quiet: tuple[QuietReport, ...]
    changes: tuple[ChangeReport, ...]
    false_alarms: Mapping[str, tuple[str, ...]]

    def metrics(self) -> dict[str, Metric]:
        """By the names of the module's text; what could not be measured is left out."""
        found: dict[str, Estimate | None] = {f"quiet.{one.kind}.alarm_rate": one.alarms for one in self.quiet}
        sounds = sum(one.alarms.samples for one in self.quiet)
        found["quiet.alarm_rate"] = proportion(len(self.false_alarms), sounds)
        for one in self.changes:
            found[f"robust.{one.change}.detection_rate"] = one.detection
            found[f"robust.{one.change}.background_alarm_rate"] = one.background_alarms
        rates = [one.detection for one in self.changes if one.detection is not None]
        alarms = [one.background_alarms for one in self.changes if one.background_alarms is not None]
        worst = min(rates, key=lambda rate: rate.value, default=None)
        found["robust.worst.detection_rate"] = worst
        if worst is not None:
            drop = rates[0].value - worst.value
            found["robust.worst.detection_drop"] = Estimate(drop, worst.samples)
        found["robust.worst.background_alarm_rate"] = max(alarms, key=lambda rate: rate.value, default=None)
        return {name: estimate.to_metric() for name, estimate in found.items() if estimate is not None}

    def to_json(self) -> dict[str, Any]:
        """Every field."""
        return asdict(self)

    def table(self) -> list[tuple[str, ...]]:
        """For people: a head, then a row for each kind and change with what was asked about and the two shares."""
        rows: list[tuple[str, ...]] = [("sounds", "asked", "event detected", "alarm without one")]
        rows += [(f"{one.kind}, nothing else", str(one.alarms.samples), "", _share(one.alarms)) for one in self.quiet]
        for change in self.changes:
            asked = sum(0 if one is None else one.samples for one in (change.detection, change.background_alarms))
            rows.append(
                (
                    change.change.replace("_", " "),
                    str(asked),
                    _share(change.detection),
                    _share(change.background_alarms),
                )
            )
        return rows


def measure_robustness(
    answer: Answer,
    sounds: Sequence[LabelledSound],
    background: str | None,
    *,
    experimental: Sequence[str] = (),
    clips_a_label: int = CLIPS_A_LABEL,
    seed: int = 1,
    progress: Progress | None = None,
) -> Robustness:
    """Asks `answer` about quiet sounds, and about some of `sounds` under every change.

    background: the label of recordings without events. Without one every sound is an event, and only detection is
    measured. Sounds of an experimental label are left out. Which are asked about follows from the seed; each group
    gives one before any gives a second.
    """
    chosen = sample_sounds([one for one in sounds if one.label not in experimental], background, clips_a_label, seed)
    quiet = list(quiet_test_sounds(seed)) if background is not None else []
    tests = changes()
    with (progress or LogProgress()).track(
        "sounds as a house changes them", len(quiet) + len(chosen) * len(tests)
    ) as bar:
        sounds_asked = chain(((samples, RATE) for _, _, samples in quiet), _changed(chosen, tests, seed))
        heard: list[set[str]] = []
        for answers in answer(sounds_asked):
            heard.append(detected_in(answers))
            bar.advance()
    in_quiet, in_changed = heard[: len(quiet)], heard[len(quiet) :]
    false_alarms = {name: tuple(sorted(hits)) for (_, name, _), hits in zip(quiet, in_quiet, strict=True) if hits}
    owns = [one.label for one in chosen for _ in tests]
    told = [(own in hits, bool(hits)) for own, hits in zip(owns, in_changed, strict=True)]
    by_test = np.array(told, bool).reshape(len(chosen), len(tests), 2)
    heard_in = {name: by_test[:, place] for place, name in enumerate(tests)}
    labels, groups = [one.label for one in chosen], np.array([one.group for one in chosen], object)
    return Robustness(
        quiet=_quiet_reports(quiet, false_alarms),
        changes=tuple(_change_report(name, hits, labels, groups, background, seed) for name, hits in heard_in.items()),
        false_alarms=false_alarms,
    )


def write_robustness(folder: Path, found: Robustness) -> tuple[Path, ...]:
    """Writes `robustness.json` and `robustness.png`, which the model card shows; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(found.to_json(), indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(folder / "robustness.json", content.encode())
    rows: list[tuple[str, Estimate | None, Estimate | None]]
    rows = [(f"{one.kind}, nothing else", None, one.alarms) for one in found.quiet]
    rows += [(one.change.replace("_", " "), one.detection, one.background_alarms) for one in found.changes]
    plots.plot_shares(folder / "robustness.png", rows, "event detected", "alarm without an event")
    return folder / "robustness.json", folder / "robustness.png"


def sample_sounds(
    sounds: Sequence[LabelledSound], background: str | None, clips_a_label: int, seed: int
) -> list[LabelledSound]:
    """At most so many of each label, four times as many of the background, of as many groups as there are."""
    generator = np.random.default_rng(seed)
    shuffled = [sounds[i] for i in generator.permutation(len(sounds))]
    turns: dict[tuple[str, str], int] = {}
    by_label: dict[str, list[tuple[int, int, LabelledSound]]] = {}
    for place, one in enumerate(shuffled):
        turn = turns[one.label, one.group] = turns.get((one.label, one.group), 0) + 1
        by_label.setdefault(one.label, []).append((turn, place, one))
    chosen = []
    for label in sorted(by_label):
        most = clips_a_label * (4 if label == background else 1)
        chosen += [one for _, _, one in sorted(by_label[label], key=lambda entry: entry[:2])[:most]]
    return chosen


def detected_in(predictions: Sequence[Prediction]) -> set[str]:
    """Labels that were detected in any part."""
    return {score.label for prediction in predictions for score in prediction.scores if score.detected}


def _changed(chosen: Sequence[LabelledSound], tests: Mapping[str, Change], seed: int) -> Iterator[tuple[Sound, int]]:
    for place, one in enumerate(chosen):
        samples, rate = one.read()
        generator = np.random.default_rng([seed, place])
        for change in tests.values():
            yield change(samples, rate, generator), rate


def _quiet_reports(
    quiet: Sequence[tuple[str, str, Sound]], false_alarms: Mapping[str, tuple[str, ...]]
) -> tuple[QuietReport, ...]:
    reports = []
    for kind in dict.fromkeys(kind for kind, _, _ in quiet):
        names = [name for other, name, _ in quiet if other == kind]
        alarms = [false_alarms[name] for name in names if name in false_alarms]
        rate = proportion(len(alarms), len(names))
        heard = sorted(label for labels in alarms for label in labels)
        if rate is not None:
            reports.append(QuietReport(kind, rate, {label: heard.count(label) for label in dict.fromkeys(heard)}))
    return tuple(reports)


def _change_report(
    name: str,
    hits: NDArray[np.bool_],
    labels: Sequence[str],
    groups: NDArray[Any],
    background: str | None,
    seed: int,
) -> ChangeReport:
    """hits: (sounds, 2): whether the own label was detected, and whether any was."""
    quiet = np.array([label == background for label in labels], bool)
    by_label = {}
    for label in sorted(set(labels) - {background}):
        own = np.array([other == label for other in labels], bool)
        share = grouped_share(hits[own, 0], groups[own], seed)
        if share is not None:
            by_label[label] = share
    return ChangeReport(
        name,
        grouped_share(hits[~quiet, 0], groups[~quiet], seed),
        grouped_share(hits[quiet, 1], groups[quiet], seed),
        by_label,
    )


def _share(found: Estimate | None) -> str:
    if found is None:
        return "-"
    interval = "" if found.low is None else f" ({found.low:.2f} to {found.high:.2f})"
    return f"{found.value:.2f}{interval}"
