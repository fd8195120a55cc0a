from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pipit.errors import InvalidInput, NotFound
from pipit.training.recipe import Recipe
from pipit.training.source_set import Listing, SourceSet, settle_problems


@dataclass(frozen=True)
class Word:
    name: str


def recipe(*sources: dict[str, object], **changes: object) -> Recipe:
    data = [{"kind": "words", "licence": "none", **source} for source in sources]
    values = {"task": "test.words", "name": "words", "network": "none", "data": data, "split": {"rule": "group"}}
    return Recipe.model_validate({**values, **changes})


def read(folder: Path, source: Any) -> Listing[Word]:
    paths = sorted(folder.glob("*.txt"))
    names = [f"{source.path}/{path.name}" if source.path != "same" else path.name for path in paths]
    files = dict(zip(names, paths, strict=True))
    return Listing(tuple(map(Word, names)), files, (f"{folder}: odd",) if (folder / "odd").exists() else ())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("a/one.txt", "a/two.txt", "b/one.txt", "b/odd"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_data_sets_are_one_in_their_order_and_missing_ones_may_be_optional(data: Path, quiet: Any) -> None:
    settings = recipe({"path": "b"}, {"path": "gone", "optional": True}, {"path": "a"})
    sources = SourceSet(settings, data, read, "words")
    assert [item.name for item in sources.items()] == ["b/one.txt", "a/one.txt", "a/two.txt"]
    assert sources.by_name()["a/two.txt"] == Word("a/two.txt")
    assert sources.files() == {name: data / name for name in ("b/one.txt", "a/one.txt", "a/two.txt")}
    assert sources.absent() == ["gone"]
    assert sources.problems() == [f"{data / 'b'}: odd"]
    sources.tell(quiet)
    assert quiet.said == ["b: 1 words", "gone: no words", "a: 2 words"]


def test_a_data_set_that_is_missed_is_named(data: Path) -> None:
    with pytest.raises(NotFound, match="'gone' is not at"):
        SourceSet(recipe({"path": "a"}, {"path": "gone"}), data, read, "words").items()
    with pytest.raises(NotFound, match="PIPIT_DATA"):
        SourceSet(recipe({"path": "a"}), None, read, "words").files()


def test_a_name_that_two_items_bear_is_an_error(data: Path) -> None:
    with pytest.raises(InvalidInput, match=r"2 words bear a name twice, for example a/one\.txt"):
        SourceSet(recipe({"path": "a"}, {"path": "a"}), data, read, "words").items()


def test_two_files_of_one_name_are_an_error(data: Path) -> None:
    def tables(folder: Path, source: Any) -> Listing[Word]:
        return Listing((), {"table.csv": folder / "table.csv"})

    with pytest.raises(InvalidInput, match=r"a file of the name table\.csv"):
        SourceSet(recipe({"path": "a"}, {"path": "b"}), data, tables, "words").files()


def test_what_can_t_be_used_stops_a_training_unless_it_may_be_skipped(quiet: Any) -> None:
    strict = SimpleNamespace(recipe=recipe({"path": "a"}), progress=quiet)
    settle_problems(strict, [])  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"2 entries .* or set skip_bad_files:\n  first\n  second"):
        settle_problems(strict, ["first", "second"])  # type: ignore[arg-type]
    lenient = SimpleNamespace(recipe=recipe({"path": "a"}, skip_bad_files=True), progress=quiet)
    settle_problems(lenient, ["first", "second"])  # type: ignore[arg-type]
    assert quiet.said == ["left out, because they can't be used:\n  first\n  second"]
