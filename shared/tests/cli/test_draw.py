from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pipit.cli.draw import LINE, OTHER, draw, draw_over
from pipit.errors import InvalidInput, NotFound
from pipit.types import Box, LabelScore, Prediction, TimeSpan


def test_a_box_and_bars_are_drawn_where_they_belong(tmp_path: Path) -> None:
    Image.new("RGB", (400, 400), (9, 9, 9)).save(tmp_path / "in.png")
    scores = (LabelScore("happy", 0.9), LabelScore("sad", 0.5))
    draw(tmp_path / "in.png", [Prediction(scores, Box(100, 50, 200, 300), "happy")], tmp_path / "out.png")
    drawn = np.asarray(Image.open(tmp_path / "out.png"))
    assert drawn.shape == (400, 400, 3)
    assert (drawn[350, 100:301] == LINE).all()  # The lower edge of the box.
    assert (drawn[50:351, 300] == LINE).all()
    assert tuple(drawn[55, 205]) == LINE  # Within the first bar: 0.9 of 120 pixels.
    assert tuple(drawn[55, 215]) == (9, 9, 9)
    assert (drawn[:, 310:] == 9).all()
    assert tuple(drawn[69, 156]) == OTHER  # The second bar: the answer does not say it.


def test_what_belongs_to_no_box_stands_below_each_other(tmp_path: Path) -> None:
    pixels = np.full((200, 200, 3), 9, np.uint8)
    parts = [Prediction((LabelScore(label, 1.0),), TimeSpan(0, 1), label) for label in ("a", "b")]
    draw_over(pixels, parts, tmp_path / "out.png")
    drawn = np.asarray(Image.open(tmp_path / "out.png"))
    rows = (drawn[:, 55] == LINE).all(axis=1)
    assert np.flatnonzero(np.diff(rows.astype(int))).size == 3  # The first from the top on, a gap, the second.


def test_what_can_not_be_drawn_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "in.png")
    with pytest.raises(InvalidInput, match="names no format"):
        draw(tmp_path / "in.png", [], tmp_path / "out.abc")
    with pytest.raises(NotFound, match="no file"):
        draw(tmp_path / "none.png", [], tmp_path / "out.png")


def test_what_the_detector_said_stands_in_the_box_and_no_face_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipit.cli.draw._points", lambda pixels: pytest.fail("looked for faces"))
    Image.new("RGB", (400, 400), (9, 9, 9)).save(tmp_path / "in.png")
    scores = (LabelScore("lynx", 0.75), LabelScore("puma", 0.25))

    def drawn(region_score: float) -> np.ndarray:
        prediction = Prediction(scores, Box(350, 380, 50, 20), region_score=region_score)
        draw(tmp_path / "in.png", [prediction], tmp_path / "out.png")
        return np.asarray(Image.open(tmp_path / "out.png"))

    found, stand_in = drawn(0.5), drawn(0.0)
    assert (found != stand_in).any()


def test_bars_do_not_leave_the_picture(tmp_path: Path) -> None:
    Image.new("RGB", (400, 400), (9, 9, 9)).save(tmp_path / "in.png")
    draw(
        tmp_path / "in.png",
        [Prediction((LabelScore("lynx", 1.0),), Box(390, 395, 10, 5), "lynx")],
        tmp_path / "out.png",
    )
    pixels = np.asarray(Image.open(tmp_path / "out.png"))
    assert tuple(pixels[388, 399]) == LINE
    assert tuple(pixels[388, 281]) == LINE
