"""Lists recordings of cries, and of what is none.

    cries        <label>/<file>, perhaps with the guide's metadata beside them; see `metadata`
    unlabelled   recordings of cries, in folders or not: nobody knows why; a student hears its teacher's answers to them
    esc50        whoever cries in it cries for no known reason; everything else is no cry
    background   recordings of any length, cut into pieces, in which nobody cries

A recording's group is its recorder: a baby never stands on two sides, whatever the guide's two files say, for networks
know babies by their voices (https://arxiv.org/abs/2509.02259).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pipit.errors import InvalidInput, NotFound
from pipit.inputs.audio.files import sound_info
from pipit.training.by_input.audio.clips import ENDINGS, Clip, read_clips
from pipit.training.by_input.audio.settings import SoundSource
from pipit.training.source_set import Listing

from baby_monitor.cry.labels import CRY, NO_CRY
from baby_monitor.cry.metadata import TRAIN, VALIDATION, MetadataEntry, find, read_metadata, recorder_of
from baby_monitor.cry.recipe import CrySource

LabelOf = Callable[[str], str | None]
"""From a label of the data to the task's: "" leaves it out, None says that it is not known."""
ESC50_CRY = "crying_baby"
SECONDS_OFF = 0.05
"""By which a recording may be longer or shorter than its entry says."""


def read_cries(folder: Path, source: CrySource, label_of: LabelOf) -> Listing[Clip]:
    """Lists one data set of a recipe. Raises InvalidInput for metadata that can't be read, NotFound for none."""
    if source.kind == "cries":
        return _read_labelled(folder, label_of)
    if source.kind == "unlabelled":
        paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ENDINGS and path.name[0] != "."]
        found = tuple(_clip(folder, path, CRY, recorder_of(path)) for path in paths)
        return Listing(found, {clip.name: clip.path for clip in found})
    listing = read_clips(folder, SoundSource.model_validate(source.model_dump()))
    clips = tuple(
        replace(clip, category=CRY if clip.category == ESC50_CRY else NO_CRY, background=False)
        for clip in listing.items
    )
    return replace(listing, items=clips)


def read_folder(folder: Path, with_metadata: bool = True) -> Listing[Clip]:
    """Every label as the data has it. Raises as `read_cries`, and NotFound for a folder without recordings.

    with_metadata: whether metadata that lie there say what there is, or the names of folders.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the recordings")
    listing = _read_labelled(folder, lambda category: category, with_metadata)
    if not listing.items and not listing.problems:
        raise NotFound(f"{folder} holds no recordings; put them into one folder per reason, for example hungry/")
    return listing


def _read_labelled(folder: Path, label_of: LabelOf, with_metadata: bool = True) -> Listing[Clip]:
    tables = [folder / name for name in (TRAIN, VALIDATION) if with_metadata and (folder / name).is_file()]
    found, problems = _by_metadata(folder, tables) if tables else _by_folder(folder)
    clips = []
    for clip in found:
        label = label_of(clip.category)
        if label is None:
            problems.append(f"{clip.path}: nobody knows the label {clip.category!r}; put it into the recipe's reasons")
        elif label:
            clips.append(replace(clip, category=label))
    files = {clip.name: clip.path for clip in clips} | {f"{folder.name}/{table.name}": table for table in tables}
    return Listing(tuple(clips), files, tuple(problems))


def _by_folder(folder: Path) -> tuple[list[Clip], list[str]]:
    clips, problems = [], []
    for path in sorted(folder.glob("*/*")):
        if path.name.startswith(".") or path.parent.name.startswith("."):
            continue
        if path.suffix.lower() not in ENDINGS:
            problems.append(f"{path}: {path.suffix or 'no ending'} is no sound; take it out of the folder")
            continue
        clips.append(_clip(folder, path, path.parent.name, recorder_of(path)))
    return clips, problems


def _by_metadata(folder: Path, tables: list[Path]) -> tuple[list[Clip], list[str]]:
    entries: list[MetadataEntry] = []
    problems: list[str] = []
    for table in tables:
        own, wrong = read_metadata(table)
        entries += own
        problems += wrong
    clips: dict[Path, tuple[Clip, str]] = {}
    for entry in entries:
        path = find(folder, entry.path)
        if path is None:
            problems.append(f"{entry.where}: {entry.path!r} is not in {folder}")
        elif path in clips:
            problems.append(f"{entry.where}: {entry.path!r} is listed by {clips[path][1]} too; keep one")
        elif fault := _fault(path, entry):
            problems.append(f"{entry.where}: {fault}")
        else:
            recorder = entry.recorder or recorder_of(path)
            clips[path] = _clip(folder, path, entry.emotion, recorder), entry.where
    return [clip for clip, _ in clips.values()], problems


def shared_recorders(folder: Path) -> list[str]:
    """Recorders of whom both of the guide's files have recordings: the trainer divides them anew."""
    sides = []
    for name in (TRAIN, VALIDATION):
        entries = read_metadata(folder / name)[0] if (folder / name).is_file() else []
        sides.append({entry.recorder or recorder_of(Path(entry.path)) for entry in entries})
    return sorted(sides[0] & sides[1])


def _fault(path: Path, entry: MetadataEntry) -> str:
    """What is wrong with a file beside its entry; "" if nothing."""
    try:
        found = sound_info(path)
    except InvalidInput as error:
        return f"{path}: {error}"
    if found.sample_rate != entry.sample_rate:
        return f"{path} has {found.sample_rate} samples a second, not {entry.sample_rate}"
    if abs(found.seconds - entry.duration) > SECONDS_OFF:
        return f"{path} lasts {found.seconds:.2f} s, not {entry.duration:.2f}"
    return ""


def _clip(folder: Path, path: Path, category: str, recorder: str) -> Clip:
    # An app of Donate-a-Cry is the same in every copy of it; other names mean nothing beyond their folder.
    group = recorder if recorder.startswith("donateacry/") else f"{folder.name}/{recorder}"
    return Clip(path, f"{folder.name}/{path.relative_to(folder).as_posix()}", category, group)


def baby_of(group: str) -> str:
    """A recorder by what its recordings are called, whatever the folder that they lie in. group: of a `Clip`."""
    return group.partition("/")[2]


def babies(clips: list[Clip]) -> dict[str, int]:
    """Recorders by label."""
    return dict(sorted(Counter(category for category, _ in {(c.category, c.recording) for c in clips}).items()))
