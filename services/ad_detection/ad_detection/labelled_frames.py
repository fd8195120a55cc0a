"""Frames of television, labelled by time or by folder: what every task that looks at frames reads.

    by time     what `pipit data frames` leaves, at any depth, and beside it labels.csv (`recording,start,end,label`),
                or an .edl or Comskip's .txt for each recording
    by folder   {ad,content}/<picture>, or {train,val,test}/{ad,content}/<picture>

A table that names content says it all, and what lies between its spans is left out. Elsewhere, what is no advertisement
is content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pipit.data.frames.manifest import MANIFEST
from pipit.data.spans.read import is_list, read_spans
from pipit.data.spans.table import read_table
from pipit.errors import InvalidInput
from pipit.training.by_input.pictures.listing import Picture, read_pictures
from pipit.training.by_input.pictures.timed import read_timed_pictures
from pipit.training.recipe import Split
from pipit.training.source_set import Listing

from ad_detection.measure import AD, CONTENT

SMALLEST = 32
"""Pixels that a picture needs on its shorter side."""
TABLE = "labels.csv"
PictureT = TypeVar("PictureT", bound=Picture)


@dataclass(frozen=True, slots=True)
class Frame(Picture):
    """A picture of a known time.

    programme: or recording; what a split keeps together. recording: with the folder's name. seconds: from its start.
    channel: "" where nobody said it.
    """

    programme: str = ""
    recording: str = ""
    seconds: float = 0.0
    channel: str = ""


def split_rule(rule: Split, test_channels: tuple[str, ...], validation_channels: tuple[str, ...] = ()) -> Split:
    """Channels that test, and that validate, where they are named, else programmes."""
    if not test_channels:
        return rule
    return Split(
        rule="fold",
        test_folds=test_channels,
        validation_folds=validation_channels,
        validation_share=rule.validation_share,
    )


def read_frames(
    folder: Path,
    source: str = "",
    rename: Mapping[str, str] | None = None,
    rule: Split | None = None,
    seed: int = 1,
    by_recording: bool = False,
) -> Listing[Picture]:
    """Lists a folder in either layout.

    source: its name in the recipe. rename: labels by their name there. rule: gives frames of a known time their
    side, by programme or by channel; None leaves it open. by_recording: recordings in place of programmes, where all
    are of one. Raises NotFound, InvalidInput.
    """
    if not any(folder.rglob(MANIFEST)):
        return read_pictures(folder, source, rename or {})
    table = folder / TABLE
    spans = read_table(table) if table.is_file() else read_spans(folder, AD)
    timed = read_timed_pictures([folder], spans, None if CONTENT in spans.labels else CONTENT)
    sides = [""] * len(timed.pictures)
    if rule is not None:
        found = timed.split(seed, rule, by_recording=by_recording)
        sides = ["-"] * len(timed.pictures)
        for side in ("train", "validation", "test"):
            for place in getattr(found, side).tolist():
                sides[place] = side
    frames = [
        Frame(
            path=one.path,
            name=f"{folder.name}/{one.path.relative_to(folder).as_posix()}",
            label=(rename or {}).get(one.label, one.label),
            source=source,
            side=side,
            programme=one.recording_group if by_recording else one.group,
            recording=f"{folder.name}/{one.row.recording}",
            seconds=one.row.seconds,
            channel=one.row.channel,
        )
        for one, side in zip(timed.pictures, sides, strict=True)
        # A programme that is also shown on a channel that tests is on no side.
        if side != "-"
    ]
    tables = [*folder.rglob(MANIFEST), *([table] if table.is_file() else _lists(folder))]
    files = {f"{folder.name}/{path.relative_to(folder).as_posix()}": path for path in tables}
    gone = [f"{folder}: {timed.missing} pictures of its {MANIFEST} are not there"] if timed.missing else []
    return Listing(tuple(frames), {**files, **{frame.name: frame.path for frame in frames}}, tuple(gone))


def of_others(listing: Listing[Picture], mixed: float) -> Listing[Picture]:
    """Of a data set that the training is not for: what tests there, and a share of what trains there, evenly spread."""
    training = 0
    kept: list[Picture] = []
    for picture in listing.items:
        if picture.side in ("", "test"):
            kept.append(replace(picture, side="test"))
        elif picture.side == "train":
            training += 1
            if int(training * mixed) > int((training - 1) * mixed):
                kept.append(picture)
    return replace(listing, items=tuple(kept))


def require_labels(listing: Listing[PictureT]) -> Listing[PictureT]:
    """Raises InvalidInput for labels that are neither."""
    others = sorted({picture.label for picture in listing.items} - {AD, CONTENT})
    if others:
        raise InvalidInput(
            f"labels {', '.join(others[:5])} are neither {AD} nor {CONTENT}; the data set's rename says what they are, "
            f"as in rename: {{{others[0]}: {AD}}}"
        )
    return listing


def programmes(pictures: tuple[Picture, ...]) -> dict[str, str]:
    """By the names of those of which they are known."""
    return {picture.name: picture.programme for picture in pictures if isinstance(picture, Frame)}


def _lists(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if is_list(path))
