"""Reads labelled recordings in four layouts, which a recipe may mix.

    esc50    audio/<fold>-<recording>-<take>-<target>.wav   meta/esc50.csv   (https://github.com/karolpiczak/ESC-50)
    folders  <class>/<file>        recordings.csv, optional: file,recording   for people's own recordings
    table    labels.csv: filename,label and, optional, recording,fold         for clips in one folder
    background   <file>            recordings of any length, cut into pieces        in which no class is heard

A recording is what several clips may be cut from. Clips of one recording never stand on both sides of a split.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Literal

from pipit.data.tables import composed, file_named, rows_of
from pipit.errors import InvalidInput
from pipit.inputs.audio.files import sound_info
from pipit.training.by_input.audio.settings import SoundSource
from pipit.training.recipe import Split
from pipit.training.sides import SIDES
from pipit.training.source_set import Listing
from pipit.training.splits import split_samples

ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".oga", ".opus", ".aiff", ".aif", ".au", ".caf", ".w64")
"""What soundfile reads. Of two files with one stem the earlier ending counts."""
TAKE = re.compile(r"[_\-. ](\d{1,4}|take\d+)$", re.IGNORECASE)
BACKGROUND_CATEGORY = "background"
"""Of what is heard in recordings in which no class is heard."""
SAME_RECORDING: Mapping[str, str] = {"30322": "28314"}
"""ESC-50: uploads to freesound under two numbers that hold the same sound (normalised cross-correlation 0.95; see
`docs/measured/sounds_copies.csv`)."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One labelled file.

    name: the same on every machine. category: the class as the data set names it. recording: clips that share it
    belong together. fold: the data set's own, "" if it has none. train_only: neither validates nor tests. start, end:
    of a piece of a long recording, in seconds. background: such a piece, in which other clips may be put.
    """

    path: Path
    name: str
    category: str
    recording: str
    fold: str = ""
    train_only: bool = False
    start: float = 0.0
    end: float | None = None
    background: bool = False

    @property
    def file(self) -> str:
        """The name of the file that it lies in, the same on every machine."""
        return self.name if self.end is None else self.name.rpartition("@")[0]


def read_clips(folder: Path, source: SoundSource, known: Sequence[str] = ()) -> Listing[Clip]:
    """Lists the clips of `folder`. known: classes of the task; a category that is nearly one of them is a problem.

    Raises InvalidInput for a table without its columns, NotFound for a missing table.
    """
    readers = {"esc50": _read_esc50, "folders": _read_folders, "table": _read_table, "background": _read_background}
    listing = readers[source.kind](folder, source)
    prefix = folder.name
    clips = tuple(
        replace(
            clip,
            name=f"{prefix}/{clip.name}",
            recording=f"{prefix}/{clip.recording}",
            category=source.rename.get(clip.category, clip.category),
            train_only=source.train_only,
        )
        for clip in listing.items
    )
    meant = {clip.category: name for clip in clips if (name := meant_class(clip.category, known)) is not None}
    misspelt = tuple(
        f"{folder}: class {category!r} looks like {name!r} but is another name; rename it, in the data or the recipe"
        for category, name in sorted(meant.items())
    )
    tables = {f"{prefix}/{name}": path for name, path in listing.files.items()}
    files = {clip.file: clip.path for clip in clips} | tables
    return Listing(clips, files, (*listing.problems, *misspelt))


def layout_of(folder: Path) -> Literal["esc50", "folders", "table", "background"]:
    """Which layout a folder has, by the table that lies in it, or by where its recordings lie."""
    if (folder / "meta" / "esc50.csv").is_file():
        return "esc50"
    if (folder / "labels.csv").is_file():
        return "table"
    return "background" if _recordings_in(folder) and not any(folder.glob("*/*")) else "folders"


def meant_class(category: str, known: Sequence[str]) -> str | None:
    """The class that `category` was probably meant to be, if it is only nearly its name.

    A misspelt folder would else become background and teach the network to keep quiet about it.
    """
    if category in known:
        return None
    matches = get_close_matches(category, known, n=1, cutoff=0.85)
    return matches[0] if matches else None


def _read_esc50(folder: Path, _: SoundSource) -> Listing[Clip]:
    table = folder / "meta" / "esc50.csv"
    clips: list[Clip] = []
    problems: list[str] = []
    for line, row in rows_of(table, ("filename", "fold", "category", "src_file"), problems):
        path = find_audio(folder / "audio", row["filename"])
        if path is None:
            problems.append(f"{table}, line {line}: {row['filename']!r} is not in {folder / 'audio'}")
            continue
        recording = SAME_RECORDING.get(row["src_file"], row["src_file"])
        clips.append(Clip(path, f"audio/{path.name}", row["category"], recording, row["fold"]))
    return Listing(tuple(clips), {"meta/esc50.csv": table}, tuple(problems))


def _read_table(folder: Path, _: SoundSource) -> Listing[Clip]:
    table = folder / "labels.csv"
    clips: list[Clip] = []
    problems: list[str] = []
    for line, row in rows_of(table, ("filename", "label"), problems):
        path = find_audio(folder, row["filename"])
        if path is None:
            problems.append(f"{table}, line {line}: {row['filename']!r} is not in {folder}")
            continue
        recording = row.get("recording") or recording_of(path)
        name = path.relative_to(folder).as_posix()
        clips.append(Clip(path, name, row["label"], recording, row.get("fold") or ""))
    return Listing(tuple(clips), {table.name: table}, tuple(problems))


def _read_folders(folder: Path, source: SoundSource) -> Listing[Clip]:
    table = folder / "recordings.csv"
    tables = {table.name: table} if table.is_file() else {}
    clips: list[Clip] = []
    problems: list[str] = []
    rows = rows_of(table, ("file", "recording"), problems) if tables else ()
    named = {composed(row["file"]): row["recording"] for _, row in rows}
    for path in sorted(folder.glob("*/*")):
        name = path.relative_to(folder).as_posix()
        if path.name.startswith(".") or path.parent.name.startswith("."):
            continue
        if path.suffix.lower() not in ENDINGS:
            problems.append(f"{path}: {path.suffix or 'no ending'} is no sound; take it out of the folder")
            continue
        recording = named.pop(composed(name), "") or f"{path.parent.name}/{recording_of(path, source.recording)}"
        clips.append(Clip(path, name, path.parent.name, recording))
    problems += [f"{table}: {name!r} is not in {folder}" for name in named]
    return Listing(tuple(clips), tables, tuple(problems))


def _read_background(folder: Path, source: SoundSource) -> Listing[Clip]:
    clips, problems = [], []
    for path in _recordings_in(folder):
        try:
            seconds = sound_info(path).seconds
        except InvalidInput as error:
            problems.append(f"{path}: {error}")
            continue
        category = path.stem if path.stem in source.rename else BACKGROUND_CATEGORY
        # A rest shorter than a piece is left out, unless it is all there is.
        for number in range(max(1, int(seconds / source.piece_seconds))):
            start = number * source.piece_seconds
            end = min(seconds, start + source.piece_seconds)
            clip = Clip(path, f"{path.name}@{start:g}", category, path.stem, start=start, end=end)
            clips.append(replace(clip, background=category == BACKGROUND_CATEGORY))
    return Listing(tuple(clips), {}, tuple(problems))


def _recordings_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in ENDINGS and path.name[0] != ".")


def recording_of(path: Path, expression: str = "") -> str:
    """The recording that a file name tells: `kitchen_3.wav` and `kitchen_4.wav` are takes of `kitchen`.

    expression: whose groups tell it instead, where they are found; see `SoundSource.recording`.
    """
    if expression and (found := re.search(expression, path.name)):
        return "".join(part for part in found.groups() if part)
    return TAKE.sub("", path.stem) or path.stem


def find_audio(folder: Path, filename: str) -> Path | None:
    """The file of that name, or of its stem with another ending; None if there is none inside `folder`."""
    path = file_named(folder, filename)
    if path is not None or not filename:
        return path
    others = (file_named(folder, str(PurePosixPath(filename).with_suffix(ending))) for ending in ENDINGS)
    return next((other for other in others if other is not None), None)


def split_clips(rule: Split, clips: Sequence[Clip], seed: int) -> dict[str, list[Clip]]:
    """The clips of each side, by recording, stratified by category where groups are drawn.

    Clips that may only train join the training side; those whose recording validates or tests are left out. Raises
    InvalidInput for a side without clips.
    """
    free = [clip for clip in clips if not clip.train_only]
    recordings = [clip.recording for clip in free]
    found = split_samples(rule, [clip.category for clip in free], recordings, [clip.fold for clip in free], seed)
    sides = {side: [free[i] for i in getattr(found, side)] for side in SIDES}
    held_out = {clip.recording for side in ("validation", "test") for clip in sides[side]}
    sides["train"] += [clip for clip in clips if clip.train_only and clip.recording not in held_out]
    return sides
