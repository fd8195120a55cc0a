from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pipit.cli.demo.clips import Clip, unseen_clips
from pipit.errors import NotFound

FILES = {name: Path("/data") / name for name in ("a/dog_1.wav", "a/dog_2.wav", "a/rain.wav", "a/night.flac")}


def run_of(*entries: tuple[str, str, str]) -> Any:
    items = [{"name": name, "label": label, "side": side} for name, label, side in entries]
    return SimpleNamespace(folder="runs/one", read_json=lambda *_: items)


TRAINER: Any = SimpleNamespace(data_files=lambda: FILES)


def test_shown_are_files_of_the_test_side_by_label_and_pieces_of_long_recordings_are_left_out() -> None:
    run = run_of(
        ("a/rain.wav", "rain", "test"),
        ("a/dog_2.wav", "dog", "test"),
        ("a/dog_1.wav", "dog", "train"),
        ("a/night.flac@0", "night", "test"),
        ("a/night.flac@5", "night", "test"),
    )

    found = unseen_clips(run, TRAINER, ("dog", "none"), each=2)

    assert found == [Clip(FILES["a/dog_2.wav"], "dog"), Clip(FILES["a/rain.wav"], "rain")]


def test_a_test_side_without_the_labels_is_told() -> None:
    with pytest.raises(NotFound, match="no clips of dog"):
        unseen_clips(run_of(("a/rain.wav", "rain", "test")), TRAINER, ("dog",), each=2)
