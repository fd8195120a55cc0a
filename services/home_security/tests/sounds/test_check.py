from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from home_security.sounds.data import check_folder
from pipit.data.check import load_data_check
from pipit.errors import NotFound
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.audio.clips import layout_of

RATE = 8_000


def write(path: Path, seconds: float = 1.0, level: float = 0.3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, level * np.sin(np.arange(int(seconds * RATE)) * 0.3), RATE)


def ignore(done: int, total: int) -> None:
    pass


def test_is_found_by_its_task() -> None:
    assert load_data_check("home_security.sounds") is check_folder
    with pytest.raises(NotFound, match=r"home_security\.sounds"):
        load_data_check("home_security.smells")


def test_counts_what_can_be_used(tmp_path: Path) -> None:
    for take in range(4):
        write(tmp_path / "siren" / f"street_{take}.wav", 1.5)
    write(tmp_path / "kettle" / "kitchen.flac")
    seen: list[tuple[int, int]] = []
    report = check_folder(tmp_path, lambda done, total: seen.append((done, total)))
    assert report.layout == "folders"
    assert report.classes == {"kettle": 1, "siren": 4}
    assert report.recordings == 2
    assert report.seconds == 7.0
    assert report.problems == ()
    assert seen == [(n, 5) for n in range(1, 6)]
    assert report.notes[0].startswith("siren: only 1 recordings")
    assert report.notes[1] == "background, which keeps the house quiet: kettle"
    assert "gunshot" in report.notes[2]


def test_names_every_bad_file(tmp_path: Path) -> None:
    write(tmp_path / "dog" / "good.wav")
    write(tmp_path / "dog" / "silent.wav", level=0.0)
    (tmp_path / "dog" / "text.wav").write_text("this is no recording")
    (tmp_path / "dog" / "empty.ogg").write_bytes(b"")
    (tmp_path / "dog" / "notes.docx").write_bytes(b"x")
    write(tmp_path / "sirens" / "misspelt.wav")
    report = check_folder(tmp_path, ignore)
    named = {name for name in ("silent", "text", "empty", "notes", "sirens") if any(name in p for p in report.problems)}
    assert named == {"silent", "text", "empty", "notes", "sirens"}
    assert len(report.problems) == 5
    assert report.classes == {"dog": 1, "sirens": 1}


def test_knows_the_layouts_by_their_tables(tmp_path: Path) -> None:
    assert layout_of(tmp_path) == "folders"
    (tmp_path / "kitchen.wav").touch()
    assert layout_of(tmp_path) == "background"
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "a.wav").touch()
    assert layout_of(tmp_path) == "folders"
    (tmp_path / "labels.csv").touch()
    assert layout_of(tmp_path) == "table"
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").touch()
    assert layout_of(tmp_path) == "esc50"


def test_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="holds no recordings"):
        check_folder(tmp_path, ignore)
    with pytest.raises(NotFound, match="not a folder"):
        check_folder(tmp_path / "gone", ignore)


@pytest.mark.data
def test_finds_nothing_wrong_with_esc50() -> None:
    data = load_settings(DataSettings).data
    if data is None:
        pytest.skip("needs real data; set PIPIT_DATA")
    report = check_folder(data / "esc50", ignore)
    assert report.problems == ()
    assert sum(report.classes.values()) == 416
    assert report.classes["glass_breaking"] == 12
