from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from pipit.training.by_input.pictures.mistakes import COLUMNS, SIDE, write_contact_sheet


def test_mistakes_are_on_a_sheet_and_right_answers_are_not(tmp_path: Path) -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.4, 0.35, 0.25]], np.float32)
    crops = np.zeros((4, 224, 224, 3), np.uint8)
    assert write_contact_sheet(tmp_path / "sheet.png", crops, np.array([0, 0, 1, 1]), scores, "abc") == 2
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == COLUMNS * SIDE
