"""`docs/landmarks.md` says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from pipit.inputs.landmarks.files import _DTYPES, FORMAT
from pipit.inputs.landmarks.networks import LandmarkSettings
from pipit.inputs.suffixes import PICTURES, VIDEOS


@pytest.fixture(scope="module")
def text() -> str:
    return (Path(__file__).parents[4] / "docs" / "landmarks.md").read_text("utf-8")


def test_lists_every_array_with_its_dtype(text: str) -> None:
    listed = dict(re.findall(r"^\| `([a-z_]+)` \| (\w+)", text, re.MULTILINE))
    heading = {"format": "text", "options": "text", "feature_names": "text", "box_names": "text"}
    kinds = {name: "text" if dtype is np.str_ else np.dtype(dtype).name for name, dtype in _DTYPES.items()}
    assert listed == {**heading, **kinds}
    assert f"`{FORMAT}`" in text


def test_lists_every_setting(text: str) -> None:
    listed = re.findall(r"^\| `PIPIT_(\w+)` \|", text, re.MULTILINE)
    assert listed == [name.upper() for name in LandmarkSettings.model_fields]


def test_lists_every_suffix(text: str) -> None:
    assert set(re.findall(r"`(\.\w+)`", text)) == PICTURES | VIDEOS
