"""Frames one by one; for `pipit data check` and `pipit evaluate`. `ad_detection.labelled_frames` has their layouts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipit.bundle.manifest import Manifest
from pipit.data.check import Advance, DataReport
from pipit.errors import NotFound
from pipit.training.by_input.pictures.check import check_pictures
from pipit.training.by_input.pictures.evaluating import picture_examples
from pipit.training.examples import ExampleSet

from ad_detection.labelled_frames import SMALLEST, programmes, read_frames
from ad_detection.measure import measure_asked


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """`pipit data check ad_detection.frames`. Raises NotFound, InvalidInput."""
    return check_pictures(folder, read_frames, SMALLEST, advance)


def read_examples(folder: Path, manifest: Manifest) -> ExampleSet:
    """`pipit evaluate`: labels other than the bundle's are strangers. Raises NotFound, InvalidInput."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the frames")
    listing = read_frames(folder)
    groups = programmes(listing.items)
    found = picture_examples(listing)
    examples = tuple(replace(one, group=groups.get(one.name, one.group)) for one in found.examples)
    return replace(found, examples=examples, further=(measure_asked,))
