"""The guide's metadata, and what the names of Donate-a-Cry tell.

    baby_emotions/
        train_metadata.json    {"<id>": {"path": "hungry/one.wav", "emotion": "hungry",
                                         "duration": 6.9, "sample_rate": 8000}}
        val_metadata.json      the same
        <emotion>/<file>

An entry may have a `recorder` besides. Paths count from the folder; those that begin elsewhere, as in the guide, are
looked for by their last two parts.

Donate-a-Cry: `<recorder>-<time>-<version>-<sex>-<age>-<reason>.wav`, the recorder being one installed app, which one
family has. Source: https://github.com/gveres/donateacry-corpus
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipit.errors import InvalidInput
from pipit.training.by_input.audio.clips import recording_of

TRAIN, VALIDATION = "train_metadata.json", "val_metadata.json"
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAME = re.compile(
    rf"(?P<recorder>{_UUID})-(?P<time>\d+)-(?P<version>[\d.]+)-(?P<sex>[mf])-(?P<age>\d\d)-(?P<reason>[a-z]{{2}})", re.I
)
AGES: Mapping[str, str] = {
    "04": "0 to 4 weeks",
    "48": "4 to 8 weeks",
    "26": "2 to 6 months",
    "72": "7 months to 2 years",
    "22": "over 2 years",
}
REASONS_IN_NAMES: Mapping[str, str] = {
    "hu": "hungry",
    "bu": "needs burping",
    "bp": "belly pain",
    "dc": "discomfort",
    "ti": "tired",
    "lo": "lonely",
    "ch": "cold or hot",
    "sc": "scared",
    "dk": "don't know",
}


@dataclass(frozen=True, slots=True)
class DonatedName:
    """What a file name of Donate-a-Cry tells. Values that nobody explained stay as they are."""

    recorder: str
    sex: str
    age: str
    reason: str


def donated_name(path: Path) -> DonatedName | None:
    """None for other names."""
    found = _NAME.match(path.stem)
    if found is None:
        return None
    age, reason = found["age"], found["reason"].lower()
    sex = {"m": "male", "f": "female"}[found["sex"].lower()]
    return DonatedName(found["recorder"].lower(), sex, AGES.get(age, age), REASONS_IN_NAMES.get(reason, reason))


def recorder_of(path: Path) -> str:
    """Who recorded a file, by its name: the app of Donate-a-Cry, else the name without its number.

    `anna_1.wav` and `anna_2.wav` are of `anna`, whatever the reason.
    """
    donated = donated_name(path)
    return f"donateacry/{donated.recorder}" if donated is not None else recording_of(path).lower()


@dataclass(frozen=True, slots=True)
class MetadataEntry:
    """One entry. where: file and id, for people. duration, in seconds, and sample_rate, in Hz, as it claims them."""

    where: str
    path: str
    emotion: str
    duration: float
    sample_rate: int
    recorder: str = ""


def read_metadata(table: Path) -> tuple[list[MetadataEntry], list[str]]:
    """The entries of one file, and a line for each that is wrong. Raises InvalidInput for what is no such file."""
    twice: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.extend(key for i, (key, _) in enumerate(pairs) if key in {other for other, _ in pairs[:i]})
        return dict(pairs)

    try:
        content = json.loads(table.read_text("utf-8"), object_pairs_hook=unique)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidInput(f"{table} is no JSON: {error}; make it anew with `pipit data index`") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"{table} holds no entries by id; make it anew with `pipit data index`")
    entries, problems = [], [f"{table}: {key!r} is listed twice; keep one" for key in twice if key in content]
    for key, value in content.items():
        where = f"{table}, {key!r}"
        entry = _entry(where, value)
        if isinstance(entry, str):
            problems.append(f"{where}: {entry}")
        else:
            entries.append(entry)
    return entries, problems


def _entry(where: str, value: Any) -> MetadataEntry | str:
    if not isinstance(value, dict):
        return "is no entry; it needs path, emotion, duration, sample_rate"
    wanted: Mapping[str, type | tuple[type, ...]] = {
        "path": str,
        "emotion": str,
        "duration": (int, float),
        "sample_rate": int,
    }
    wrong = [
        key
        for key, kind in wanted.items()
        if not isinstance(value.get(key), kind) or isinstance(value[key], bool) or not value[key]
    ]
    if wrong:
        return f"{', '.join(wrong)} is missing or of the wrong kind"
    return MetadataEntry(
        where,
        value["path"],
        value["emotion"],
        float(value["duration"]),
        value["sample_rate"],
        str(value.get("recorder", "")).lower(),
    )


def find(folder: Path, path: str) -> Path | None:
    """The file that an entry's path means; None if there is none inside of `folder`."""
    parts = Path(path).parts
    for candidate in (folder / path, folder.joinpath(*parts[-2:])):
        if candidate.is_file() and candidate.resolve().is_relative_to(folder.resolve()):
            return candidate
    return None
