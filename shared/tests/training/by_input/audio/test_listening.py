"""False alarms in long recordings, counted by an answer that is told what to hear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pipit.answers import predict
from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import PcmAudio
from pipit.inputs.audio import StreamWindows
from pipit.training.by_input.audio.listening import find_recordings, listen_to_background
from pipit.training.intervals import poisson_rate
from pipit.types import Prediction

RATE = 8_000


def listen(pieces: Iterable[PcmAudio]) -> Iterator[Prediction]:
    """Windows of 2 s, one each second; a bang is whatever is loud."""
    windows = StreamWindows(RATE, 2.0, 1.0)

    def answered(rows: np.ndarray, spans: list) -> Iterator[Prediction]:
        for row, span in zip(rows, spans, strict=True):
            score = 0.9 if np.abs(row).max() > 0.5 else 0.1
            yield predict(np.array([1 - score, score], np.float32), ("none", "bang"), Decision(background="none"), span)

    for piece in pieces:
        yield from answered(*windows.push(piece))
    yield from answered(*windows.finish())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A quiet recording of 9 s, and one of 60 s with bangs at 10.5, 11.5 and 40.5 s: two events."""
    sound = np.zeros(60 * RATE, np.float32)
    for second in (10.5, 11.5, 40.5):
        sound[int(second * RATE)] = 0.9
    (tmp_path / "kitchen").mkdir()
    soundfile.write(tmp_path / "kitchen/evening.flac", sound, RATE)
    soundfile.write(tmp_path / "night.wav", sound[: 9 * RATE], RATE)
    (tmp_path / "README.md").write_text("recordings")
    return tmp_path


def test_events_are_counted_by_recording_and_together(folder: Path) -> None:
    found = listen_to_background(listen, find_recordings(folder))
    kitchen, night = found.recordings
    assert (kitchen.name, kitchen.alarms.events, kitchen.heard) == ("kitchen/evening.flac", 2, {"bang": 5})
    assert (night.name, night.alarms.events, night.alarms.windows) == ("night.wav", 0, 8)
    assert found.total.hours == pytest.approx(69 / 3600)
    metrics = found.metrics()
    rate = metrics["background.false_alarms_per_hour"]
    assert (rate.value, rate.low, rate.high) == pytest.approx(poisson_rate(2, 69 / 3600))
    assert rate.samples == 59 + 8
    assert metrics["background.recordings_with_alarm"].value == 0.5
    head, all_of_them, *others = found.table()
    assert head[0] == "recording"
    assert all_of_them[:3] == ("all", "1.1", "2")
    assert [row[0] for row in others] == ["kitchen/evening.flac"]
    assert others[0][-1] == "5 x bang"
    assert found.to_json()["total"]["events"] == 2


def test_what_can_not_be_listened_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is not a folder"):
        find_recordings(tmp_path / "gone")
    with pytest.raises(NotFound, match="holds no recordings"):
        find_recordings(tmp_path)
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    with pytest.raises(InvalidInput, match=r"broken\.wav can't be read"):
        listen_to_background(listen, find_recordings(tmp_path))
    soundfile.write(tmp_path / "broken.wav", np.zeros(0), RATE)
    with pytest.raises(InvalidInput, match="no samples"):
        listen_to_background(listen, find_recordings(tmp_path))
