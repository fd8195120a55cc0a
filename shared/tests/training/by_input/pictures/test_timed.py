from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipit.data.frames.manifest import FrameRow, append_row, hash_text, mend_manifest
from pipit.data.spans import Span, Spans
from pipit.data.spans.table import table_text
from pipit.errors import InvalidInput, NotFound
from pipit.training.by_input.pictures.timed import read_timed_pictures
from pipit.training.recipe import Split


def collection(folder: Path, recording: str, programme: str, channel: str, seed: int = 0) -> None:
    """Forty pictures, one a second, none like another."""
    folder.mkdir(parents=True, exist_ok=True)
    mend_manifest(folder)
    (folder / recording).mkdir()
    generator = np.random.default_rng(seed)
    for second in range(40):
        file = f"{recording}/{second}.jpg"
        (folder / file).write_bytes(b"picture")
        bits = hash_text(generator.random(63) > 0.5)
        append_row(folder, FrameRow(file, recording, programme, channel, float(second), "", second, bits, 0))


def breaks(*recordings: str) -> Spans:
    return Spans([Span(name, 10, 25, "ad") for name in recordings])


@pytest.fixture
def channels(tmp_path: Path) -> tuple[Path, Spans]:
    """Ten programmes of two recordings, half of them on each of two channels."""
    names = [f"p{programme}-{number}" for programme in range(10) for number in range(2)]
    for seed, name in enumerate(names):
        programme = name.partition("-")[0]
        collection(tmp_path / "frames" / name, name, programme, "one" if programme < "p5" else "two", seed)
    return tmp_path / "frames", breaks(*names)


def test_pictures_get_the_label_of_their_time(tmp_path: Path) -> None:
    collection(tmp_path / "a", "evening", "", "one")
    timed = read_timed_pictures([tmp_path], breaks("evening"), otherwise="content")
    assert [picture.label for picture in timed.pictures] == ["content"] * 10 + ["ad"] * 15 + ["content"] * 15
    assert timed.pictures[0].path == tmp_path / "a" / "evening" / "0.jpg"
    assert timed.pictures[0].group == "recording evening"
    (tmp_path / "a" / "evening" / "12.jpg").unlink()
    only = read_timed_pictures([tmp_path], breaks("evening"))
    assert (len(only.pictures), only.unlabelled, only.missing) == (14, 25, 1)


def test_no_programme_stands_on_two_sides(channels: tuple[Path, Spans]) -> None:
    timed = read_timed_pictures([channels[0]], channels[1], otherwise="content")
    sides = timed.split(seed=3)
    groups = [{timed.pictures[i].group for i in side} for side in (sides.train, sides.validation, sides.test)]
    assert all(not one & other for one, other in combinations(groups, 2))
    # As near to 70, 15 and 15 % as ten programmes come.
    assert [len(group) for group in groups] == [6, 2, 2]
    assert len(sides.train) + len(sides.validation) + len(sides.test) == 800
    again = read_timed_pictures([channels[0]], channels[1], otherwise="content").split(seed=3)
    assert [list(side) for side in (again.train, again.validation, again.test)] == [
        list(side) for side in (sides.train, sides.validation, sides.test)
    ]


def test_a_channel_that_no_other_side_has_seen(channels: tuple[Path, Spans]) -> None:
    timed = read_timed_pictures([channels[0]], channels[1], otherwise="content")
    sides = timed.split(0, Split(rule="fold", test_folds=("two",), validation_share=0.15))
    assert {timed.pictures[i].row.channel for i in sides.test} == {"two"}
    assert {timed.pictures[i].row.channel for i in (*sides.train, *sides.validation)} == {"one"}
    assert len(sides.test) == 400


def test_a_picture_that_two_sides_share_is_found(channels: tuple[Path, Spans]) -> None:
    timed = read_timed_pictures([channels[0]], channels[1], otherwise="content")
    sides = timed.split(0)
    assert timed.on_two_sides(sides) == []
    folder, spans = channels
    collection(folder / "copy", "copy", "p10", "two", seed=0)  # shows what p0-0 shows
    timed = read_timed_pictures([folder], spans | breaks("copy"), otherwise="content")
    positions = {picture.row.recording: [] for picture in timed.pictures}  # type: dict[str, list[int]]
    for position, picture in enumerate(timed.pictures):
        positions[picture.row.recording].append(position)
    sides = timed.split(0)
    pairs = sorted(tuple(sorted(pair)) for pair in zip(positions["copy"], positions["p0-0"], strict=True))
    side = {i: name for name in ("train", "validation", "test") for i in getattr(sides, name)}
    assert timed.on_two_sides(sides) == [pair for pair in pairs if side[pair[0]] != side[pair[1]]]


def test_what_does_not_fit_together(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no frames\.csv is below .*; `pipit data frames` makes it"):
        read_timed_pictures([tmp_path], breaks("evening"))
    collection(tmp_path / "a", "evening", "", "")
    with pytest.raises(NotFound, match="no labels are known of evening"):
        read_timed_pictures([tmp_path], breaks("morning"))
    with pytest.raises(InvalidInput, match="labels name 1 recordings that are not there, for example morning"):
        read_timed_pictures([tmp_path], breaks("evening", "morning"))
    collection(tmp_path / "b", "evening", "", "")
    with pytest.raises(InvalidInput, match="both hold a recording evening; labels can't tell them apart"):
        read_timed_pictures([tmp_path], breaks("evening"))


def test_what_the_page_on_training_shows(
    channels: tuple[Path, Spans], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[5] / "docs" / "training.md").read_text("utf-8")
    section = page.split("### Pictures of recordings\n", 1)[1].split("\n## ", 1)[0]
    program = section.split("```python\n", 1)[1].split("```", 1)[0].replace('"evening"', '"p0-0"')
    _, spans = channels
    (tmp_path / "labels.csv").write_text(table_text(spans), "utf-8")
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(compile(program, "training.md", "exec"), found)
    assert found["spans"] == spans
    assert len(found["sides"].train) == 480
