"""What is looked at is what a run prepared: counted, measured, and compared with itself."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage, Input, InputSequence, Landmarks, PcmAudio, TensorInput
from pipit.training.exploration import Counted, Explored, count_by, explore, find_twins, telling_facts
from pipit.training.progress import LogProgress

RATE = 8_000


def item(name: str, label: str, group: str, side: str = "train", **facts: Any) -> Explored:
    return Explored(name, label, group, side, facts)


ITEMS = [
    item("a", "dog", "rex", channel="one", fold=1, where="yard"),
    item("b", "dog", "rex", channel="one", fold=2, where="yard"),
    item("c", "cat", "tom", channel="two", fold=1, where="yard"),
    item("d", "dog", "bello", "test", fold=2, where="yard"),
]


def sound(level: float) -> PcmAudio:
    return PcmAudio(np.full((RATE, 1), level, np.float32), RATE)


def noise(seed: int, quality: int) -> EncodedImage:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((96, 96), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
    return EncodedImage(buffer.getvalue())


@pytest.fixture
def explored(tmp_path: Path) -> Callable[..., tuple[Explored, ...]]:
    """Of items by name, all of one label; sides in turn."""

    def run_over(**inputs: Input | Exception) -> tuple[Explored, ...]:
        entries = [
            {"name": name, "label": "x", "group": name, "side": ("train", "test")[number % 2], "fold": "1"}
            for number, name in enumerate(inputs)
        ]
        (tmp_path / "prepare").mkdir()
        (tmp_path / "prepare" / "items.json").write_text(json.dumps(entries))

        def input_of(name: str) -> Input:
            found = inputs[name]
            if isinstance(found, Exception):
                raise found
            return found

        trainer: Any = SimpleNamespace(
            sources=SimpleNamespace(by_name=lambda: {name: name for name in inputs}),
            input_of=input_of,
            items_are="things",
        )
        return explore(trainer, run_in(tmp_path))

    return run_over


def run_in(folder: Path) -> Any:
    return SimpleNamespace(
        folder=folder,
        progress=LogProgress(),
        read_json=lambda step, name: json.loads((folder / step / name).read_bytes()),
    )


def test_items_are_counted_with_their_groups() -> None:
    assert count_by(ITEMS, "label") == (Counted("dog", 3, 2), Counted("cat", 1, 1))
    assert count_by(ITEMS, "side") == (Counted("train", 3, 2), Counted("test", 1, 1))
    assert count_by(ITEMS, "channel") == (Counted("one", 2, 1), Counted("", 1, 1), Counted("two", 1, 1))


def test_facts_that_tell_something() -> None:
    # A number is no class of its own, and what all have in common divides nothing.
    assert telling_facts(ITEMS) == ("channel",)
    assert telling_facts(ITEMS, most=1) == ()


def test_every_item_is_measured(explored: Callable[..., tuple[Explored, ...]]) -> None:
    loud, quiet = explored(loud=sound(1.0), quiet=sound(0.1))
    assert (loud.name, loud.label, loud.group, loud.side, dict(loud.facts)) == (
        "loud",
        "x",
        "loud",
        "train",
        {"fold": "1"},
    )
    assert [one.measures["loudness"] for one in (loud, quiet)] == pytest.approx([0.0, -20.0], abs=0.01)
    assert loud.hash is None


def test_what_can_not_be_read_is_left_out(explored: Callable[..., tuple[Explored, ...]]) -> None:
    found = explored(a=InvalidInput("broken"), b=sound(0.5), c=OSError("gone"), d=EncodedImage(b"no picture"))
    assert [one.name for one in found] == ["b"]


def test_twins_by_their_bytes(explored: Callable[..., tuple[Explored, ...]]) -> None:
    found = explored(a=sound(0.5), b=sound(0.25), c=sound(0.5), d=sound(0.5))
    # Sides are train, test, train, test.
    assert [(pair.one.name, pair.other.name, pair.same_bytes, pair.torn) for pair in find_twins(found)] == [
        ("a", "c", True, False),
        ("a", "d", True, True),
    ]


def test_pictures_that_are_nearly_the_same(explored: Callable[..., tuple[Explored, ...]]) -> None:
    found = explored(a=noise(1, 95), b=noise(2, 95), c=noise(3, 95), d=noise(1, 40), e=noise(2, 95))
    assert [(pair.one.name, pair.other.name, pair.same_bytes, pair.torn) for pair in find_twins(found)] == [
        ("a", "d", False, True),
        ("b", "e", True, True),
    ]


def test_sequences_and_values_have_a_content_too(explored: Callable[..., tuple[Explored, ...]]) -> None:
    rows = [Landmarks(np.full(3, value, np.float32)) for value in (1.0, 2.0)]
    found = explored(
        a=InputSequence((rows[0], rows[1])),
        b=InputSequence((rows[1], rows[0])),
        c=TensorInput("x", np.ones((2, 2))),
        d=InputSequence((rows[0], rows[1])),
    )
    assert [(pair.one.name, pair.other.name) for pair in find_twins(found)] == [("a", "d")]
    assert [dict(one.measures) for one in found] == [{}, {}, {}, {}]


def test_a_run_without_items_is_told_what_to_do(tmp_path: Path) -> None:
    trainer: Any = SimpleNamespace()
    with pytest.raises(InvalidInput, match="run its step `prepare`"):
        explore(trainer, run_in(tmp_path))
