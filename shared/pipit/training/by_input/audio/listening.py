"""False alarms an hour on long recordings of places where nothing happened, listened to as a stream is.

    background.false_alarms_per_hour      events in all recordings; the exact interval takes them for independent
    background.recordings_with_alarm      share of recordings with at least one, with Wilson's interval

Windows of one recording that overlap or touch are one event. Ten events in one recording may have one cause: the share
of recordings says so, and the report names each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipit.bundle.manifest import Metric
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import PcmAudio
from pipit.inputs.audio.files import read_pieces, sound_info
from pipit.training.alarms import FalseAlarms, false_alarms_per_hour
from pipit.training.by_input.audio.clips import ENDINGS
from pipit.training.by_input.audio.robustness import detected_in
from pipit.training.intervals import proportion
from pipit.training.progress import LogProgress, Progress
from pipit.types import Prediction, TimeSpan

Listen = Callable[[Iterable[PcmAudio]], Iterable[Prediction]]
"""The served pipeline: one recording in pieces to one answer a window, each with its time span."""
BLOCK_SECONDS = 10


@dataclass(frozen=True, slots=True)
class RecordingAlarms:
    """One recording. heard: which labels were detected in how many of its windows."""

    name: str
    alarms: FalseAlarms
    heard: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Listened:
    """What was heard in all recordings."""

    total: FalseAlarms
    recordings: tuple[RecordingAlarms, ...]

    def metrics(self) -> dict[str, Metric]:
        """By the names of the module's text."""
        loud = sum(one.alarms.events > 0 for one in self.recordings)
        share = proportion(loud, len(self.recordings))
        found = {"background.false_alarms_per_hour": self.total.to_metric()}
        return found if share is None else {**found, "background.recordings_with_alarm": share.to_metric()}

    def to_json(self) -> dict[str, Any]:
        """Every field."""
        return asdict(self)

    def table(self) -> list[tuple[str, ...]]:
        """For people: a head, all recordings together, then each with an alarm, the worst first."""
        rows: list[tuple[str, ...]] = [("recording", "minutes", "alarms", "an hour", "heard")]
        rows.append(("all", *_cells(self.total), ""))
        for one in sorted(self.recordings, key=lambda one: (-one.alarms.rate, one.name)):
            if one.alarms.events:
                rows.append(
                    (one.name, *_cells(one.alarms), ", ".join(f"{n} x {label}" for label, n in one.heard.items()))
                )
        return rows


def find_recordings(folder: Path) -> dict[str, Path]:
    """Every recording below `folder`, by its name in it. Raises NotFound for no folder, or none in it."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds recordings without events")
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ENDINGS]
    found = {path.relative_to(folder).as_posix(): path for path in paths if not path.name.startswith(".")}
    if not found:
        raise NotFound(f"{folder} holds no recordings ({', '.join(ENDINGS[:4])}, …)")
    return found


def listen_to_background(listen: Listen, recordings: Mapping[str, Path], progress: Progress | None = None) -> Listened:
    """Listens to recordings, by name, in which nothing happens that an alarm should be raised for.

    Raises InvalidInput that names a file which is no recording, or one without samples.
    """
    found: list[RecordingAlarms] = []
    windows: list[tuple[bool, str, float, float]] = []
    seconds: dict[str, float] = {}
    with (progress or LogProgress()).track("listening to background", len(recordings)) as bar:
        for name, path in recordings.items():
            heard: Counter[str] = Counter()
            own: list[tuple[bool, str, float, float]] = []
            seconds[name] = _length(path)
            for prediction in listen(read_pieces(path, BLOCK_SECONDS, floats=True, any_format=True)):
                labels = detected_in([prediction])
                heard.update(labels)
                span = prediction.region
                start, end = (span.start, span.end) if isinstance(span, TimeSpan) else (0.0, seconds[name])
                own.append((bool(labels), name, start, end))
            found.append(RecordingAlarms(name, _alarms(own, {name: seconds[name]}), dict(heard.most_common())))
            windows += own
            bar.advance()
    return Listened(_alarms(windows, seconds), tuple(found))


def _alarms(windows: Sequence[tuple[bool, str, float, float]], seconds: Mapping[str, float]) -> FalseAlarms:
    detected, names, starts, ends = zip(*windows, strict=True) if windows else ((), (), (), ())
    return false_alarms_per_hour(
        np.array(detected, bool), names, np.array(starts, np.float64), np.array(ends, np.float64), seconds
    )


def _length(path: Path) -> float:
    try:
        seconds = sound_info(path).seconds
    except InvalidInput as error:
        raise InvalidInput(f"{path} can't be read: {error}") from error
    if not seconds > 0.0:
        raise InvalidInput(f"{path} holds no samples; take it out of the folder")
    return seconds


def _cells(alarms: FalseAlarms) -> tuple[str, str, str]:
    return f"{alarms.hours * 60:.1f}", str(alarms.events), f"{alarms.rate:.1f} ({alarms.low:.1f} to {alarms.high:.1f})"
