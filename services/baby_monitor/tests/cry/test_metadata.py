from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from baby_monitor.cry.data import check_folder, index_folder
from baby_monitor.cry.metadata import DonatedName, donated_name, recorder_of
from baby_monitor.cry.reading import read_cries, read_folder
from baby_monitor.cry.recipe import CrySource
from pipit.errors import InvalidInput, NotFound

RATE = 8_000
DONATED = "0D1AD73E-4C5E-45F3-85C4-9A3CB71E8856-1430742197-1.0-m-04-hu"


def record(path: Path, seconds: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(1).normal(0.0, 0.1, int(RATE * seconds)), RATE)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two reasons, of six recorders each; anna is heard with both."""
    home = tmp_path / "baby_emotions"
    for emotion in ("hungry", "tired"):
        for recorder in ("anna", *(f"{emotion}{number}" for number in range(5))):
            for take in (1, 2):
                record(home / emotion / f"{recorder}_{take}.wav")
    return home


@pytest.fixture
def write(folder: Path) -> Callable[..., None]:
    """Writes the guide's files: `train` and `val`, of entries by id."""

    def write(**tables: dict[str, Any]) -> None:
        for name, content in tables.items():
            (folder / f"{name}_metadata.json").write_text(json.dumps(content))

    return write


def entry(path: str = "hungry/anna_1.wav", **changes: Any) -> dict[str, Any]:
    return {"path": path, "emotion": "hungry", "duration": 1.0, "sample_rate": RATE, **changes}


def test_names_of_donate_a_cry_tell_recorder_age_sex_and_reason() -> None:
    uuid = "0d1ad73e-4c5e-45f3-85c4-9a3cb71e8856"
    assert donated_name(Path(f"{DONATED}.wav")) == DonatedName(uuid, "male", "0 to 4 weeks", "hungry")
    later = donated_name(Path(f"{uuid}-1430742197123-1.7-f-72-dc.ogg"))
    assert later == DonatedName(uuid, "female", "7 months to 2 years", "discomfort")
    assert donated_name(Path("anna_1.wav")) is None
    assert recorder_of(Path(f"{DONATED}.wav")) == recorder_of(Path(f"{uuid}-99-1.1-m-04-ti.ogg"))
    assert recorder_of(Path("Anna_1.wav")) == recorder_of(Path("anna_2.wav")) == "anna"


def test_a_baby_is_one_group_whatever_the_reason(folder: Path) -> None:
    for reason in ("hungry", "tired"):
        record(folder / reason / f"{DONATED}.wav")
    listing = read_folder(folder)
    assert listing.problems == ()
    groups = {clip.recording for clip in listing.items}
    assert len(listing.items) == 26
    assert len(groups) == 12
    assert "baby_emotions/anna" in groups
    assert {clip.category for clip in listing.items if clip.recording == "baby_emotions/anna"} == {"hungry", "tired"}
    # In another copy of the corpus it is the same family.
    shutil.copytree(folder, folder.parent / "other")
    others = {clip.recording for clip in read_folder(folder.parent / "other").items}
    assert others & groups == {"donateacry/0d1ad73e-4c5e-45f3-85c4-9a3cb71e8856"}


def test_the_recipe_s_table_says_what_labels_mean(folder: Path) -> None:
    source = CrySource(kind="cries", path="baby_emotions", licence="")
    known = {"hungry": "hungry", "tired": ""}
    listing = read_cries(folder, source, known.get)
    assert {clip.category for clip in listing.items} == {"hungry"}
    assert listing.problems == ()
    assert len(listing.files) == 12
    listing = read_cries(folder, source, {"hungry": "pain"}.get)
    assert {clip.category for clip in listing.items} == {"pain"}
    assert len(listing.problems) == 12
    assert "nobody knows the label 'tired'; put it into the recipe's reasons" in listing.problems[0]


def test_an_index_names_every_recording_once_and_divides_no_recorder(folder: Path) -> None:
    found = index_folder(folder, 0.3)
    tables = {path.name: json.loads(path.read_text()) for path in found.entries}
    assert {name: len(table) for name, table in tables.items()} == {p.name: n for p, n in found.entries.items()}
    entries = [value for table in tables.values() for value in table.values()]
    assert len(entries) == 24
    assert entries[0].keys() == {"path", "emotion", "duration", "sample_rate", "recorder"}
    sides = [{value["recorder"] for value in table.values()} for table in tables.values()]
    assert len(sides) == 2
    assert sides[0].isdisjoint(sides[1])
    # What was written is what is read.
    assert sorted(clip.name for clip in read_folder(folder).items) == sorted(
        clip.name for clip in read_folder(folder, with_metadata=False).items
    )
    report = check_folder(folder, lambda done, total: None)
    assert (report.layout, report.problems, report.recordings) == ("metadata", (), 11)


def test_an_index_of_what_can_t_be_read_is_not_written(folder: Path) -> None:
    index_folder(folder, 0.2)
    before = (folder / "train_metadata.json").read_bytes()
    (folder / "hungry" / "broken.wav").write_bytes(b"RIFF")
    (folder / "hungry" / "notes.txt").write_text("cried a lot")
    with pytest.raises(InvalidInput, match=r"(?s)notes\.txt: \.txt is no sound.*broken\.wav: not audio"):
        index_folder(folder, 0.2)
    assert (folder / "train_metadata.json").read_bytes() == before
    with pytest.raises(NotFound, match="put them into one folder per reason"):
        index_folder(folder / "hungry", 0.2)


@pytest.mark.parametrize(
    ("train", "val", "says"),
    [
        ({"a": entry("hungry/gone.wav")}, {}, "train_metadata.json, 'a': 'hungry/gone.wav' is not in"),
        ({"a": entry(duration=2.0)}, {}, r"hungry/anna_1.wav lasts 1.00 s, not 2.00"),
        ({"a": entry(sample_rate=16_000)}, {}, "has 8000 samples a second, not 16000"),
        ({"a": entry(), "b": entry()}, {}, "'b': 'hungry/anna_1.wav' is listed by .*train_metadata.json, 'a' too"),
        ({"a": entry()}, {"a": entry()}, "val_metadata.json, 'a': .* is listed by .*train_metadata.json, 'a' too"),
        ({"a": {"path": "hungry/anna_1.wav"}}, {}, "'a': emotion, duration, sample_rate is missing"),
        ({"a": "hungry/anna_1.wav"}, {}, "is no entry; it needs path, emotion, duration, sample_rate"),
        ({"a": entry("../baby_emotions/../secret.wav")}, {}, "is not in"),
    ],
)
def test_every_bad_entry_is_named(
    folder: Path, write: Callable[..., None], train: dict[str, Any], val: dict[str, Any], says: str
) -> None:
    record(folder.parent / "secret.wav")
    good = {"good": entry("tired/anna_1.wav", emotion="tired")}
    write(train={**good, **train}, val=val)
    listing = read_folder(folder)
    assert len(listing.problems) == 1
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(listing.problems[0])
    assert "baby_emotions/tired/anna_1.wav" in {clip.name for clip in listing.items}


def test_an_id_that_stands_twice_in_one_file_is_named(folder: Path) -> None:
    one = json.dumps(entry())
    (folder / "train_metadata.json").write_text(f'{{"a": {one}, "a": {one}}}')
    listing = read_folder(folder)
    assert [problem.rpartition(": ")[2] for problem in listing.problems] == ["'a' is listed twice; keep one"]
    assert len(listing.items) == 1


def test_paths_of_the_guide_and_recorders_of_the_table_are_understood(folder: Path, write: Callable[..., None]) -> None:
    write(train={"a": entry("data/baby_emotions/hungry/anna_1.wav", recorder="Bert"), "b": entry("hungry/anna_2.wav")})
    assert {clip.recording for clip in read_folder(folder).items} == {"baby_emotions/bert", "baby_emotions/anna"}


def test_a_recorder_on_both_of_the_guide_s_sides_is_told(folder: Path, write: Callable[..., None]) -> None:
    write(train={"a": entry()}, val={"b": entry("hungry/anna_2.wav")})
    report = check_folder(folder, lambda done, total: None)
    assert report.problems == ()
    assert any(note.startswith("1 recorders stand in both") and "anna" in note for note in report.notes)


@pytest.mark.parametrize("content", ["[]", "{", "\udcff"])
def test_metadata_that_are_none_are_refused(folder: Path, content: str) -> None:
    (folder / "train_metadata.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidInput, match="make it anew with `pipit data index`"):
        read_folder(folder)
