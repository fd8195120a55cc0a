"""The seven emotions, and the names and numbers that data sets give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pipit.errors import InvalidInput

LABELS = ("happy", "sad", "neutral", "angry", "surprised", "fearful", "disgusted")
"""In the order of the network's output."""

Contempt = Literal["leave_out", "disgusted", "neutral"]
"""What becomes of AffectNet's eighth class."""

FOLDER_NAMES: Mapping[str, str] = {
    **{label: label for label in LABELS},
    "happiness": "happy",
    "sadness": "sad",
    "anger": "angry",
    "surprise": "surprised",
    "fear": "fearful",
    "disgust": "disgusted",
}
"""Names of folders and labels, in lower case."""

FER2013 = {0: "angry", 1: "disgusted", 2: "fearful", 3: "happy", 4: "sad", 5: "surprised", 6: "neutral"}
RAF_DB = {1: "surprised", 2: "fearful", 3: "disgusted", 4: "happy", 5: "sad", 6: "angry", 7: "neutral"}
DFEW = {1: "happy", 2: "sad", 3: "neutral", 4: "angry", 5: "surprised", 6: "disgusted", 7: "fearful"}
AFFECTNET = {
    0: "neutral",
    1: "happy",
    2: "sad",
    3: "surprised",
    4: "fearful",
    5: "disgusted",
    6: "angry",
    7: "contempt",
}


def label_named(name: str, contempt: Contempt = "leave_out") -> str | None:
    """The label of a folder or class name; None for one that is left out. Raises InvalidInput for an unknown one."""
    wanted = name.strip().lower()
    if wanted == "contempt":
        return None if contempt == "leave_out" else contempt
    if wanted not in FOLDER_NAMES:
        raise InvalidInput(f"{name!r} is no emotion; name the folder happy, sad, neutral, angry, …")
    return FOLDER_NAMES[wanted]
