"""`pipit label import`, `freeze`, `sets` and `export`, and training on a set, against a real registry."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from pipit.cli.exit_codes import ExitCode
from pipit.errors import InvalidInput, NotFound
from pipit.examples.client import ExampleClient
from pipit.labels.client import LabelClient
from pipit.labels.reference import read_reference
from pipit.training.by_input.audio.settings import Features, SoundRecipe, SoundSource
from pipit.training.by_input.audio.trainer import SoundTrainer
from pipit.training.label_data import fetch_label_data, with_label_data
from pipit.training.recipe import Split

TASK = "test.sounds"
Call = Callable[..., Any]


def tone(pitch: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.3 * np.sin(np.arange(800) * pitch / 40.0), 16_000, format="WAV")
    return buffer.getvalue()


@pytest.fixture
def call(pipit: Any, registry: str, monkeypatch: pytest.MonkeyPatch) -> Call:
    def call(*arguments: object) -> Any:
        monkeypatch.setenv("PIPIT_REGISTRY", registry)
        return pipit(*arguments)

    return call


@pytest.fixture
def brought(call: Call, tmp_path: Path) -> Any:
    """Three sounds with labels, one without, and what is none; imported."""
    for name, pitch in {"dog/1.wav": 1, "dog/2.wav": 2, "cat/3.wav": 3, "4.wav": 4}.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_bytes(tone(pitch))
    (tmp_path / "mine" / "cat" / "notes.txt").write_text("a cat")
    return call("label", "import", TASK, tmp_path / "mine", "--format", "folder", "--json")


def test_what_is_brought_twice_is_there_once(brought: Any, call: Call, tmp_path: Path, registry: str) -> None:
    first = json.loads(brought.out)
    assert (first["examples"], first["labelled"], len(first["problems"])) == (4, 3, 1)
    again = json.loads(call("label", "import", TASK, tmp_path / "mine", "--format", "folder", "--json").out)
    assert (again["examples"], again["labelled"]) == (4, 3)
    with ExampleClient(registry) as examples, LabelClient(registry) as labels:
        assert sorted(one.name for one in examples.list_examples(TASK).examples) == [
            "4.wav",
            "cat/3.wav",
            "dog/1.wav",
            "dog/2.wav",
        ]
        assert len({event.id for event in labels.read_events(TASK).events}) == 3


@pytest.mark.usefixtures("brought")
def test_a_frozen_set_goes_out_and_comes_back(call: Call, tmp_path: Path) -> None:
    frozen = json.loads(call("label", "freeze", TASK, "november", "--json").out)
    assert frozen["labels"] == {"cat": 1, "dog": 2}
    assert frozen["left_out"] == {"unlabelled": 1}
    assert frozen["command"] == f"pipit train {TASK} --additional-data labels://november@{frozen['digest']}"
    assert json.loads(call("label", "freeze", TASK, "november", "--json").out) == frozen
    assert [one["digest"] for one in json.loads(call("label", "sets", TASK, "--json").out)] == [frozen["digest"]]
    assert "november" in call("label", "sets").out

    reference = f"november@{frozen['digest'][:12]}"
    said = call("label", "export", TASK, "--format", "csv", "--out", tmp_path / "out.zip", "--set", reference)
    assert "3 items" in said.out
    back = json.loads(call("label", "import", "test.other", tmp_path / "out.zip", "--format", "csv", "--json").out)
    assert (back["examples"], back["labelled"], back["problems"]) == (3, 3, [])
    there = json.loads(call("label", "freeze", "test.other", "december", "--json").out)
    assert there["labels"] == frozen["labels"]


@pytest.mark.usefixtures("brought")
def test_mistakes_say_what_to_do(call: Call, tmp_path: Path) -> None:
    empty = call("label", "freeze", "test.nothing", "november")
    assert (empty.code, "label some first" in empty.err) == (ExitCode.BAD_INPUT, True)
    unknown = call("label", "export", TASK, "--format", "pascal", "--out", tmp_path / "x")
    assert (unknown.code, "folder, csv" in unknown.err) == (ExitCode.NOT_FOUND, True)
    assert not (tmp_path / "x").exists()
    call("label", "freeze", TASK, "november")
    other = call("label", "export", "test.other", "--format", "csv", "--out", tmp_path / "x", "--set", "november")
    assert (other.code, f"a data set of {TASK}" in other.err) == (ExitCode.BAD_INPUT, True)
    taken = call("label", "export", TASK, "--format", "csv", "--out", tmp_path / "mine")
    assert "is there already" in taken.err


def recipe(task: str = TASK) -> SoundRecipe:
    data = (SoundSource(kind="folders", path="own", licence="mine"),)
    features = Features(front_end="librosa_22k")
    return SoundRecipe(
        task=task, name="plain", network="small", data=data, split=Split(rule="group"), features=features
    )


@pytest.mark.usefixtures("brought")
def test_what_is_deleted_leaves_the_cache_of_those_who_train(call: Call, registry: str, tmp_path: Path) -> None:
    digest = json.loads(call("label", "freeze", TASK, "november", "--json").out)["digest"]
    wanted = with_label_data(recipe(), [f"labels://november@{digest[:8]}"])
    with ExampleClient(registry) as examples, LabelClient(registry) as labels:

        def fetch() -> Any:
            return fetch_label_data(wanted, SoundTrainer, examples, labels, tmp_path / "cache")

        pinned, (before,) = fetch()
        assert pinned.additional_data[0].path == f"labels://november@{digest}"
        assert (before.items, before.held_out, before.left_out) == (3, 0, ())
        files = sorted(before.folder.glob("*/*"))
        times = [file.stat().st_mtime_ns for file in files]
        assert [file.parent.name for file in files] == ["cat", "dog", "dog"]
        assert fetch()[1] == [before]
        assert [file.stat().st_mtime_ns for file in files] == times
        files[0].write_bytes(b"damaged")
        assert fetch()[1] == [before]
        assert files[0].read_bytes() == tone(3)
        examples.delete_examples(TASK, files[1].stem)
        after = fetch()[1][0]
        assert (after.items, after.left_out) == (2, (f"{files[1].stem} was deleted",))
        assert sorted(after.folder.glob("*/*")) == [files[0], files[2]]


@pytest.mark.usefixtures("brought")
def test_a_set_of_another_task_and_a_task_that_cannot_learn_of_it(call: Call, registry: str, tmp_path: Path) -> None:
    call("label", "freeze", TASK, "november")
    with ExampleClient(registry) as examples, LabelClient(registry) as labels:
        more = with_label_data(recipe("test.other"), ["labels://november"])
        with pytest.raises(InvalidInput, match=f"a data set of {TASK}"):
            fetch_label_data(more, SoundTrainer, examples, labels, tmp_path)
        twice = with_label_data(recipe(), ["labels://november", "november"])
        with pytest.raises(InvalidInput, match="named twice"):
            fetch_label_data(twice, SoundTrainer, examples, labels, tmp_path)
        with pytest.raises(InvalidInput, match="tasks of sounds and of pictures can"):
            fetch_label_data(recipe(), object, examples, labels, tmp_path)  # type: ignore[type-var]
        with pytest.raises(NotFound, match="november"):
            read_reference("november@00000000").fetch(labels)


@pytest.mark.parametrize("text", ["labels://", "labels://a b", "labels://a@xyz", "a@1234567", "https://a@12345678"])
def test_what_names_no_set(text: str) -> None:
    with pytest.raises(InvalidInput, match="labels://NAME"):
        read_reference(text)
