"""Folders of SYNTHETIC recordings: films of made-up channels, and what they show when.

    <channel>/<programme>-<n>.mp4    320 x 180, AAC of 16 kHz
    labels.csv                       recording,start,end,label: ad or content
    truth.csv                        recording,start,end,kind,label,sound_start,sound_end: see `grammar`
    SYNTHETIC.txt                    says what it is

Channels have no logo, brand, programme or voice in common. So that numbers of different tasks can be put side by side,
each channel has one use:

    TRAINING     1 to 6       train; programmes of them validate
    TEST         7, 8         the test of a run
    FITTING      51, 52       whatever is fitted to scores of trained networks: weights of an ensemble, policies
    UNSEEN       101 to 104   reports, and nothing else

Channels 21, 31 to 38 and 41 are what recipes of `frames` go on with from a base that never saw them.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipit.data.spans import Span, Spans
from pipit.data.spans.table import table_text
from pipit.data.synthetic import MARK, Advance
from pipit.data.tables import rows_of
from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pydantic import TypeAdapter, ValidationError

from ad_detection.channels.drawing import KINDS, kind_of
from ad_detection.channels.film import write_film
from ad_detection.channels.grammar import Part, frame_at, make_parts
from ad_detection.channels.looks import Channel, make_channel
from ad_detection.channels.scenes import Pixels
from ad_detection.channels.sound import sound_of

TRAINING = (1, 2, 3, 4, 5, 6)
TEST = (7, 8)
FITTING = (51, 52)
UNSEEN = (101, 102, 103, 104)
MOST_FPS = 100
FINEST = 65_535
"""Of MPEG-4's clock, ticks a second."""
LABELS, TRUTH = "labels.csv", "truth.csv"
TRUTH_COLUMNS = ("recording", "start", "end", "kind", "label", "sound_start", "sound_end")
WORDS = b"""SYNTHETIC: a program drew these pictures and made this sound; nothing of it was ever broadcast.
What is measured on it says nothing about television.
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is made.

    channels: numbers, see above. programmes: of each. kinds: of programmes, others are left out. episodes: recordings
    of each programme. seconds: of a recording. fps: pictures a second, also less than one. logo: False takes the
    channels' logos away. sound: False leaves it out.
    """

    channels: tuple[int, ...] = (1, 2, 3, 7)
    programmes: int = 2
    kinds: tuple[str, ...] = KINDS
    episodes: int = 1
    seconds: float = 900.0
    fps: Fraction = Fraction(4)
    logo: bool = True
    sound: bool = True

    def __post_init__(self) -> None:
        if not (self.channels and self.programmes > 0 and self.episodes > 0 and set(self.kinds) & set(KINDS)):
            raise ValueError(f"there is nothing to make; of programmes there are {', '.join(KINDS)}")
        if min(self.channels) < 0 or not (0 < self.seconds < float("inf") and 0 < self.fps <= MOST_FPS):
            raise ValueError(f"channels are numbers from 0 on, seconds more than 0, and fps at most {MOST_FPS}")
        if max(self.fps.numerator, self.fps.denominator) > FINEST:
            raise ValueError(f"{float(self.fps):g} is too fine for a film's clock; write a fraction, as in 30000/1001")


@dataclass(frozen=True, slots=True)
class Recording:
    """name: as labels have it, its path without the ending."""

    channel: Channel
    name: str
    parts: tuple[Part, ...]


def recordings_of(size: Size) -> Iterator[Recording]:
    """What `write_channels` films."""
    for number in size.channels:
        for programme in range(size.programmes):
            kind = kind_of(number * 1000 + programme)
            if kind not in size.kinds:
                continue
            title = f"{kind}_{number}_{programme}"
            for episode in range(size.episodes):
                parts = make_parts(number, programme, size.seconds, episode)
                yield Recording(make_channel(number), f"channel{number}/{title}-{episode + 1}", parts)


def write_channels(folder: Path, size: Size | None = None, advance: Advance = lambda done, total: None) -> Path:
    """Films recordings into `folder`. The same size gives the same recordings. advance: counts seconds."""
    size = size or Size()
    recordings = tuple(recordings_of(size))
    total, done = round(len(recordings) * size.seconds), 0.0
    folder.mkdir(parents=True, exist_ok=True)
    for recording in recordings:
        path = folder / f"{recording.name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = sound_of(recording.channel, recording.parts) if size.sound else None
        write_film(path, _pictures(recording, size), size.fps, sound)
        done += size.seconds
        advance(round(done), total)
    spans = Spans(Span(one.name, part.start, part.end, part.label) for one in recordings for part in one.parts)
    write_atomically(folder / LABELS, table_text(spans).encode())
    write_atomically(folder / TRUTH, _truth(recordings).encode())
    write_atomically(folder / MARK, WORDS)
    return folder


def read_kinds(folder: Path) -> Spans:
    """What kind of thing is shown when, of `grammar.KINDS`, by `truth.csv`. Raises InvalidInput for another table."""
    rows = rows_of(folder / TRUTH, TRUTH_COLUMNS)
    return Spans(Span(row["recording"], float(row["start"]), float(row["end"]), row["kind"]) for _, row in rows)


def write_synthetic_set(folder: Path, advance: Advance, changes: Mapping[str, Any]) -> None:
    """`pipit data synthesise ad_detection.channels`: a small set, of three channels that train and one that tests."""
    write_channels(folder, changed(Size(), changes), advance)


def changed(size: Size, changes: Mapping[str, Any]) -> Size:
    """Another size, with values by the names of its fields, as a user gives them. Raises InvalidInput."""
    names = [field.name for field in fields(Size)]
    unknown = sorted(set(changes) - set(names))
    if unknown:
        raise InvalidInput(f"channels know no {', '.join(unknown)}; what can be set is {', '.join(names)}")
    try:
        return TypeAdapter(Size).validate_python({**asdict(size), **changes})
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise InvalidInput(f"such channels can't be made: {'; '.join(problems)}") from error


def _pictures(recording: Recording, size: Size) -> Iterator[Pixels]:
    # Times are rounded; the first picture is always there.
    for number in range(math.ceil(size.seconds * float(size.fps) - 1e-6)):
        seconds = float(number / size.fps)
        yield frame_at(recording.channel, recording.parts, seconds, logo=size.logo)


def _truth(recordings: tuple[Recording, ...]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TRUTH_COLUMNS)
    for one in recordings:
        for part in one.parts:
            times = [f"{value:.3f}" for value in (part.start, part.end, part.sound_start, part.sound_end)]
            writer.writerow((one.name, *times[:2], part.kind, part.label, *times[2:]))
    return text.getvalue()
