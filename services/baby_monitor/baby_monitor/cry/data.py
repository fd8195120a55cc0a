"""The data of `baby_monitor.cry` as its commands see it: check, index, evaluate."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipit.bundle.manifest import Manifest
from pipit.data.check import Advance, DataReport
from pipit.data.index import Indexed
from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pipit.inputs.audio.files import sound_info
from pipit.training.by_input.audio.check import check_listing
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.evaluating import listed_examples
from pipit.training.examples import ExampleSet
from pipit.training.splits import cut_by_group

from baby_monitor.cry.labels import NO_CRY, REASONS
from baby_monitor.cry.metadata import TRAIN, VALIDATION, recorder_of
from baby_monitor.cry.reading import read_folder, shared_recorders

SEED = 1


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """`pipit data check baby_monitor.cry`. Raises NotFound, InvalidInput."""
    listing = read_folder(folder)
    has_metadata = (folder / TRAIN).is_file() or (folder / VALIDATION).is_file()
    found = sorted({clip.category for clip in listing.items})
    report = check_listing(folder, "metadata" if has_metadata else "folders", listing, advance, found)
    notes = [note for note in report.notes if not note.startswith("classes without data")]
    others = [name for name in found if name not in (*REASONS, NO_CRY)]
    if others:
        notes.append(f"not the guide's labels: {', '.join(others)}; the recipe's reasons have to say what they mean")
    if torn := shared_recorders(folder):
        notes.append(
            f"{len(torn)} recorders stand in both {TRAIN} and {VALIDATION}, for example {torn[0]}: "
            "training divides recordings anew, by recorder"
        )
    return replace(report, notes=tuple(notes))


def index_folder(folder: Path, validation_share: float) -> Indexed:
    """`pipit data index baby_monitor.cry`: the guide's two files, of every recording `<label>/<file>`.

    No recorder stands in both. Raises NotFound for a folder without recordings, InvalidInput that names what can't be
    read, or for too few recorders to divide.
    """
    listing = read_folder(folder, with_metadata=False)
    problems = list(listing.problems)
    entries: list[tuple[Clip, dict[str, Any]]] = []
    for clip in listing.items:
        try:
            found = sound_info(clip.path)
        except InvalidInput as error:
            problems.append(f"{clip.path}: {error}")
            continue
        entries.append((clip, _entry(folder, clip, found.seconds, found.sample_rate)))
    if problems:
        raise InvalidInput("repair these, or take them out of the folder:\n  " + "\n  ".join(problems))
    clips = [clip for clip, _ in entries]
    train, validation = cut_by_group(
        validation_share, [clip.category for clip in clips], [clip.recording for clip in clips], SEED
    )
    files = {}
    for name, chosen in ((TRAIN, train), (VALIDATION, validation)):
        content = {f"{index:05d}": entries[index][1] for index in chosen.tolist()}
        write_atomically(folder / name, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
        files[folder / name] = len(content)
    return Indexed(files)


def read_examples(folder: Path, manifest: Manifest) -> ExampleSet:
    """`pipit evaluate`: labels mean what they meant in training. Raises NotFound, InvalidInput."""
    listing = read_folder(folder)
    meaning = manifest.pipeline.parameters.get("reasons", {})
    named = [replace(clip, category=meaning.get(clip.category, clip.category)) for clip in listing.items]
    # What training left out is no cry of any reason here either.
    told = replace(listing, items=tuple(clip for clip in named if clip.category))
    # What a bundle of sounds is asked besides, faint and beside others, is about its alarms.
    return replace(listed_examples(told, manifest), further=())


def _entry(folder: Path, clip: Clip, seconds: float, rate: int) -> dict[str, Any]:
    return {
        "path": clip.path.relative_to(folder).as_posix(),
        "emotion": clip.category,
        "duration": round(seconds, 3),
        "sample_rate": rate,
        "recorder": recorder_of(clip.path),
    }
