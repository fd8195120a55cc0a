from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image
from pipit.errors import NotFound
from pipit.labels import LabelSet, SetItem

Build = Callable[..., tuple[LabelSet, Callable[[str], bytes]]]


def picture(number: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """A small PNG, another one for each number."""
    buffer = io.BytesIO()
    Image.new("RGB", size, (number % 256, number // 256 % 256, 7)).save(buffer, "PNG")
    return buffer.getvalue()


def labelled_set(items: Sequence[SetItem]) -> tuple[LabelSet, Callable[[str], bytes]]:
    """A set of pictures with these labels, and what reads their contents. Ids, digests and types are made up."""
    contents = {f"20261129-{number:032x}": picture(number) for number in range(len(items))}
    made = tuple(
        SetItem(
            example,
            hashlib.sha256(content).hexdigest(),
            "image/png",
            item.label,
            item.boxes,
            item.spans,
            item.group,
            item.held_out,
        )
        for (example, content), item in zip(contents.items(), items, strict=True)
    )
    names = [label for item in made for label in (item.label, *(o.label for o in (*item.boxes, *item.spans))) if label]

    def read(example: str) -> bytes:
        if example not in contents:
            raise NotFound(f"there is no example {example}")
        return contents[example]

    return LabelSet("kitchen", "test.task", "0" * 64, tuple(dict.fromkeys(names)), made), read


@pytest.fixture
def build() -> Build:
    return labelled_set


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Writes a file below the folder of the test."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
