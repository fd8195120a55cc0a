from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pipit.cli.draw import LINE, draw
from pipit.errors import InvalidInput, NotFound
from pipit.pipelines import Box, LabelScore, Prediction


def test_a_box_and_bars_are_drawn_where_they_belong(tmp_path: Path) -> None:
    Image.new("RGB", (400, 400), (9, 9, 9)).save(tmp_path / "in.png")
    scores = (LabelScore("happy", 0.9), LabelScore("sad", 0.1))
    draw(tmp_path / "in.png", [Prediction(scores, Box(100, 50, 200, 300))], tmp_path / "out.png")
    drawn = np.asarray(Image.open(tmp_path / "out.png"))
    assert drawn.shape == (400, 400, 3)
    assert (drawn[350, 100:301] == LINE).all()  # The lower edge of the box.
    assert (drawn[50:351, 300] == LINE).all()
    assert tuple(drawn[55, 205]) == LINE  # Within the first bar: 0.9 of 120 pixels.
    assert tuple(drawn[55, 215]) == (9, 9, 9)
    assert (drawn[:, 310:] == 9).all()


def test_what_can_not_be_drawn_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "in.png")
    with pytest.raises(InvalidInput, match="names no format"):
        draw(tmp_path / "in.png", [], tmp_path / "out.abc")
    with pytest.raises(NotFound, match="no file"):
        draw(tmp_path / "none.png", [], tmp_path / "out.png")
