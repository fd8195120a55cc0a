from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from home_security.sounds.task import SoundsTrainer
from pipit.errors import InvalidInput, NotFound
from pipit.training.by_input.audio.clips import Clip, find_audio, recording_of
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.source_set import Listing
from pydantic import ValidationError

Read = Callable[..., Listing[Clip]]


def _write(path: Path, seconds: float = 0.2, **options: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, int(seconds * 22_050)), 22_050, **options)
    return path


def _esc50(folder: Path, rows: list[dict[str, str]]) -> Path:
    (folder / "meta").mkdir(parents=True)
    with (folder / "meta" / "esc50.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["filename", "fold", "target", "category", "esc10", "src_file", "take"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _row(filename: str, category: str, target: str = "0") -> dict[str, str]:
    fold, recording, take, _ = filename.split("-")
    return {
        "filename": filename,
        "fold": fold,
        "target": target,
        "category": category,
        "esc10": "False",
        "src_file": recording,
        "take": take,
    }


def test_esc50_is_read_by_name_whatever_number_a_class_has(tmp_path: Path, read_set: Read) -> None:
    # The guide's number of glass_breaking is 38, which ESC-50 gives to clock_tick.
    folder = _esc50(tmp_path, [_row("3-77-A-39.wav", "glass_breaking", "39"), _row("1-5-B-38.wav", "clock_tick", "38")])
    _write(folder / "audio" / "3-77-A-39.wav")
    _write(folder / "audio" / "1-5-B-38.ogg", format="OGG", subtype="VORBIS")
    listing = read_set(folder, "esc50")
    assert [(clip.category, clip.fold) for clip in listing.items] == [("glass_breaking", "3"), ("clock_tick", "1")]
    assert listing.items[1].path.suffix == ".ogg"
    assert listing.items[0].recording.endswith("/77")
    assert listing.problems == ()


def test_takes_of_one_recording_share_it_and_so_do_two_uploads_of_one_sound(tmp_path: Path, read_set: Read) -> None:
    names = ["2-28314-A-12.wav", "2-28314-B-12.wav", "2-30322-A-12.wav", "2-9-A-12.wav"]
    folder = _esc50(tmp_path, [_row(name, "crackling_fire") for name in names])
    for name in names:
        _write(folder / "audio" / name)
    recordings = [clip.recording for clip in read_set(folder, "esc50").items]
    assert recordings[0] == recordings[1] == recordings[2] != recordings[3]


def test_a_missing_file_is_named_with_its_line(tmp_path: Path, read_set: Read) -> None:
    folder = _esc50(tmp_path, [_row("1-1-A-0.wav", "dog"), _row("1-2-A-0.wav", "dog")])
    _write(folder / "audio" / "1-1-A-0.wav")
    listing = read_set(folder, "esc50")
    assert len(listing.items) == 1
    assert len(listing.problems) == 1
    assert "line 3" in listing.problems[0]
    assert "1-2-A-0.wav" in listing.problems[0]


def test_a_table_without_its_columns_says_which(tmp_path: Path, read_set: Read) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text("filename,fold,target\n")
    with pytest.raises(InvalidInput, match="category, src_file"):
        read_set(tmp_path, "esc50")


def test_a_missing_table_and_an_unknown_kind_are_refused(tmp_path: Path, read_set: Read) -> None:
    with pytest.raises(NotFound, match=r"esc50\.csv"):
        read_set(tmp_path, "esc50")
    with pytest.raises(ValidationError, match="'esc50', 'folders', 'table' or 'background'"):
        read_set(tmp_path, "urbansound", {})


@pytest.mark.parametrize("name", ["../secret.wav", "/etc/passwd", "a/../../secret.wav", "", ".."])
def test_a_table_reaches_no_file_outside_its_folder(tmp_path: Path, name: str) -> None:
    _write(tmp_path / "secret.wav")
    _write(tmp_path / "audio" / "a" / "b.wav")
    assert find_audio(tmp_path / "audio", name) is None


def test_folders_give_classes_recordings_and_every_file_that_is_no_sound(tmp_path: Path, read_set: Read) -> None:
    for name in ("siren/street_1.wav", "siren/street_2.flac", "siren/yard.wav", "rain/roof.wav"):
        _write(tmp_path / name)
    (tmp_path / "rain" / "notes.txt").write_text("wet")
    (tmp_path / "recordings.csv").write_text("file,recording\nrain/roof.wav,storm\nrain/gone.wav,storm\n")
    listing = read_set(tmp_path, "folders")
    found = {clip.path.name: clip.recording.split("/", 1)[1] for clip in listing.items}
    assert found == {
        "street_1.wav": "siren/street",
        "street_2.flac": "siren/street",
        "yard.wav": "siren/yard",
        "roof.wav": "storm",
    }
    assert Counter(clip.category for clip in listing.items) == {"siren": 3, "rain": 1}
    assert any("notes.txt" in problem for problem in listing.problems)
    assert any("rain/gone.wav" in problem for problem in listing.problems)


def test_a_folder_whose_name_is_nearly_a_security_class_is_a_problem(tmp_path: Path, read_set: Read) -> None:
    _write(tmp_path / "glass_break" / "a.wav")
    assert "glass_breaking" in read_set(tmp_path, "folders").problems[0]
    renamed = read_set(tmp_path, "folders", {"glass_break": "glass_breaking"})
    assert renamed.problems == ()
    assert renamed.items[0].category == "glass_breaking"


def test_a_table_of_labels_keeps_recordings_and_may_only_train(tmp_path: Path, read_set: Read) -> None:
    _write(tmp_path / "x_0.flac")
    (tmp_path / "labels.csv").write_text("filename,label,recording,fold\nx_0.flac,siren,x,3\n")
    (clip,) = read_set(tmp_path, "table", train_only=True).items
    assert (clip.category, clip.fold, clip.train_only) == ("siren", "3", True)
    assert clip.recording.endswith("/x")


@pytest.mark.parametrize(
    ("name", "recording"), [("hall_1.wav", "hall"), ("hall-12.wav", "hall"), ("hall.wav", "hall"), ("7.wav", "7")]
)
def test_takes_are_told_by_the_number_at_the_end(name: str, recording: str) -> None:
    assert recording_of(Path(name)) == recording


def test_long_recordings_are_cut_into_pieces_that_share_their_recording(tmp_path: Path, read_set: Read) -> None:
    _write(tmp_path / "kitchen.flac", seconds=12.4)
    _write(tmp_path / "hall.wav", seconds=2.0)
    _write(tmp_path / "gravel.wav", seconds=5.0)
    (tmp_path / "README.md").write_text("Where they come from.")
    (tmp_path / "broken.ogg").write_bytes(b"OggS")
    listing = read_set(tmp_path, "background", {"gravel": "footsteps"})
    pieces = [(clip.path.name, clip.category, clip.background, clip.start, clip.end) for clip in listing.items]
    assert pieces == [
        ("gravel.wav", "footsteps", False, 0.0, 5.0),
        ("hall.wav", "background", True, 0.0, 2.0),
        ("kitchen.flac", "background", True, 0.0, 5.0),
        ("kitchen.flac", "background", True, 5.0, 10.0),
    ]
    assert listing.items[2].recording == listing.items[3].recording
    assert listing.items[3].name == f"{tmp_path.name}/kitchen.flac@5"
    assert listing.items[3].file == f"{tmp_path.name}/kitchen.flac"
    assert set(listing.files) == {f"{tmp_path.name}/{name}" for name in ("gravel.wav", "hall.wav", "kitchen.flac")}
    assert [problem.split(": ")[0] for problem in listing.problems] == [str(tmp_path / "broken.ogg")]


@pytest.mark.parametrize(
    ("name", "recording"),
    [
        ("dcase2016__knock014.flac", "dcase2016"),
        ("urbansound__gun_shot__102305-6-0-0.flac", "102305"),
        ("arduino__alarm.6gnkb889.ingestion-7f474ccdc-xbf9j.s1.flac", "6gnkb889"),
        ("moodist__dog-barking.ogg", "moodist__dog-barking"),
    ],
)
def test_the_recipe_tells_what_in_a_name_is_the_recording(name: str, recording: str) -> None:
    recipe = load_recipe(
        find_recipe(SoundsTrainer.recipe_folder, "home_security.sounds", "yamnet"), SoundsTrainer.recipe_type
    )
    (source,) = [source for source in recipe.data if source.path == "sounds_events"]
    assert recording_of(Path(name), source.recording) == recording


@pytest.mark.parametrize(("expression", "why"), [("(", "no regular expression"), ("dcase", "has no group")])
def test_an_expression_that_tells_no_recording_is_refused(
    tmp_path: Path, read_set: Read, expression: str, why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        read_set(tmp_path, "folders", recording=expression)


@pytest.mark.data
def test_real_clips_are_all_found_under_their_names(real_data: Path, read_set: Read) -> None:
    listing = read_set(real_data / "esc50", "esc50")
    counts = Counter(clip.category for clip in listing.items)
    assert listing.problems == ()
    assert min(counts.values()) >= 12
    assert {"dog", "crying_baby", "siren", "glass_breaking"} <= set(counts)
    by_recording: dict[str, set[str]] = {}
    for clip in listing.items:
        by_recording.setdefault(clip.recording, set()).add(clip.fold)
    assert all(len(folds) == 1 for folds in by_recording.values())
