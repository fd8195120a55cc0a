"""Pictures of recordings (`pipit data frames`), labelled by time, and split so that no programme stands on two sides.

A picture has hundreds of neighbours that look like it, and a programme has its own studio, colours and people. Sides
that share a recording or a programme flatter what is measured on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipit.data.duplicates import alike
from pipit.data.frames.manifest import MANIFEST, FrameRow, hash_of, read_manifest
from pipit.data.spans import Spans
from pipit.errors import InvalidInput, NotFound
from pipit.training.recipe import Split
from pipit.training.splits import Sides, split_samples

SPLIT = Split(rule="group", validation_share=0.15, test_share=0.15)
"""70 % train, 15 % validate, 15 % test."""


@dataclass(frozen=True, slots=True)
class TimedPicture:
    """A kept picture. row: its line of the manifest."""

    path: Path
    row: FrameRow
    label: str

    @property
    def group(self) -> str:
        """What a split keeps together: the programme, or else the recording."""
        return f"programme {self.row.programme}" if self.row.programme else self.recording_group

    @property
    def recording_group(self) -> str:
        """What a split keeps together where all recordings are of one programme."""
        return f"recording {self.row.recording}"


@dataclass(frozen=True, slots=True)
class TimedPictures:
    """unlabelled: pictures of a time that has no label. missing: files that somebody took away."""

    pictures: tuple[TimedPicture, ...]
    unlabelled: int
    missing: int

    def split(self, seed: int, rule: Split = SPLIT, *, by_recording: bool = False) -> Sides:
        """Folds are channels: `Split(rule="fold", test_folds=("one",))` tests on a channel that no other side has seen.

        A programme that stands in several recordings, or on several channels, is on one side alone, unless a split
        `by_recording` is asked for. Raises what `split_samples` raises.
        """
        return split_samples(
            rule,
            [picture.label for picture in self.pictures],
            [picture.recording_group if by_recording else picture.group for picture in self.pictures],
            [picture.row.channel for picture in self.pictures],
            seed,
        )

    def on_two_sides(self, sides: Sides) -> list[tuple[int, int]]:
        """Positions of pictures on different sides that are nearly the same, as those of a spot that is repeated."""
        side = np.zeros(len(self.pictures), np.int8)
        side[sides.validation], side[sides.test] = 1, 2
        pairs = alike([hash_of(picture.row.hash) for picture in self.pictures])
        return [(first, second) for first, second in pairs if side[first] != side[second]]


def read_timed_pictures(folders: Sequence[Path], spans: Spans, otherwise: str | None = None) -> TimedPictures:
    """The pictures of all collections at or below `folders`.

    otherwise: the label between spans; None leaves these pictures out. Raises NotFound without a collection or for a
    recording without labels, InvalidInput for labels of recordings that are not there, two recordings of one name, and
    a damaged manifest.
    """
    pictures, unlabelled, missing = [], 0, 0
    homes: dict[str, Path] = {}
    for home in (table.parent for folder in folders for table in sorted(folder.rglob(MANIFEST))):
        for row in read_manifest(home):
            other = homes.setdefault(row.recording, home)
            if other != home:
                raise InvalidInput(
                    f"{other} and {home} both hold a recording {row.recording}; labels can't tell them apart"
                )
            label = spans.label_at(row.recording, row.seconds, otherwise)
            if label is None:
                unlabelled += 1
            elif not (home / row.file).is_file():
                missing += 1
            else:
                pictures.append(TimedPicture(home / row.file, row, label))
    if not homes:
        raise NotFound(f"no {MANIFEST} is below {', '.join(map(str, folders))}; `pipit data frames` makes it")
    spans.require(homes)
    return TimedPictures(tuple(pictures), unlabelled, missing)
