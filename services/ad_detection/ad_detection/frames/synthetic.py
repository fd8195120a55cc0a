"""SYNTHETIC channels: recordings that a program draws, programmes and breaks, as `pipit data frames` would leave them.

    programme ── break ── programme ── break ── …      each recording is one programme of one channel
                 promotion, spots of 15, 30 and 60 s, promotion: 118 to 216 s together

No frame is of real television, and no number measured on it says anything about that. For machines without recordings,
to try the way; for golden inputs; and to see what a network goes by, as when the logo is taken away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pipit.data.duplicates import perceptual_hash
from pipit.data.frames.manifest import FrameRow, append_row, hash_text, mend_manifest
from pipit.data.frames.naming import picture_name
from pipit.data.spans import Span, Spans
from pipit.data.spans.table import table_text
from pipit.files import write_atomically
from pipit.inputs import EncodedImage, Input

from ad_detection.frames.drawing import (
    Channel,
    Pixels,
    content_frame,
    encoded,
    make_channel,
    promotion_frame,
    spot_frame,
)
from ad_detection.labelled_frames import CONTENT, TABLE
from ad_detection.measure import AD

SHORTEST_BREAK, LONGEST_BREAK = 118, 216
"""Seconds."""
PROMOTION = 14
SPOTS, SPOT_SHARES = (15, 30, 60), (0.45, 0.45, 0.1)
LAST_SHOT = 4
"""Seconds at a spot's end that show the product."""
BRANDS = 40
"""Of a channel: the same spot comes again, in other programmes too."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a recording that is one thing. what: content, promotion or spot. seed: of its pictures."""

    start: float
    end: float
    what: str
    seed: int


@dataclass(frozen=True, slots=True)
class Size:
    """How much is drawn. seconds: of a recording. step: between its frames, seconds."""

    channels: tuple[int, ...] = (1, 2, 3, 4)
    programmes: int = 3
    seconds: float = 700.0
    step: float = 5.0


def write_synthetic_set(folder: Path, size: Size | None = None, *, logo: bool = True) -> Path:
    """Writes frames, `frames.csv`, `labels.csv` and `SYNTHETIC.txt`. The same numbers give the same pictures.

    logo: False takes the channels' logos away and leaves all else as it is.
    """
    size = size or Size()
    mend_manifest(folder)
    spans = []
    for number in size.channels:
        channel = make_channel(number)
        for programme in range(size.programmes):
            recording = f"channel{number}_programme{programme}"
            parts = make_parts(number, programme, size.seconds)
            (folder / recording).mkdir()
            spans += [Span(recording, p.start, p.end, CONTENT if p.what == CONTENT else AD) for p in parts]
            for scene, seconds in enumerate(np.arange(0.0, size.seconds, size.step).tolist()):
                pixels = frame_at(channel, parts, seconds, logo=logo)
                file = picture_name(recording, seconds)
                write_atomically(folder / file, encoded(pixels))
                bits = hash_text(perceptual_hash(pixels))
                programme_name, channel_name = f"programme{number}_{programme}", f"channel{number}"
                append_row(folder, FrameRow(file, recording, programme_name, channel_name, seconds, "", scene, bits, 0))
    write_atomically(folder / TABLE, table_text(Spans(spans)).encode())
    write_atomically(folder / "SYNTHETIC.txt", b"Drawn by a program; not one of these frames was ever broadcast.\n")
    return folder


def make_parts(channel: int, programme: int, seconds: float) -> tuple[Part, ...]:
    """What a recording shows, from its start to its end."""
    draw = np.random.default_rng([channel, programme, 11])
    seed = channel * 1000 + programme
    parts: list[Part] = []
    now = 0.0
    while now < seconds:
        end = now + float(draw.uniform(150, 330))
        parts.append(Part(now, end, CONTENT, seed))
        for what, length, own in _break(draw, channel):
            parts.append(Part(end, end + length, what, own))
            end += length
        now = end
    return tuple(Part(p.start, min(p.end, seconds), p.what, p.seed) for p in parts if p.start < seconds)


def frame_at(channel: Channel, parts: Sequence[Part], seconds: float, *, logo: bool = True) -> Pixels:
    """RGB, uint8, (180, 320, 3)."""
    part = next(part for part in parts if part.start <= seconds < part.end)
    since = seconds - part.start
    # Spots are cut faster than programmes.
    length = 2.0 if part.what != CONTENT else 6.0
    shot, moment = int((seconds if part.what == CONTENT else since) // length), since % length
    if part.what == CONTENT:
        return content_frame(channel, part.seed, shot, moment, logo=logo)
    if part.what == "promotion":
        return promotion_frame(channel, part.seed, shot, moment, logo=logo)
    return spot_frame(part.seed, shot, moment, last=part.end - seconds <= LAST_SHOT)


def golden_inputs(count: int, seed: int) -> Sequence[Input]:
    """`count` frames of a channel that no set has, in turn content and spot, PNG and JPEG."""
    channel = make_channel(10_000 + seed)
    frames = (
        spot_frame(90_000 + number, 1, 0.0, last=number % 4 == 1)
        if number % 2
        else content_frame(channel, 90_000 + number, number, 0.0, logo=True)
        for number in range(count)
    )
    return [EncodedImage(encoded(pixels, ("PNG", "JPEG")[number // 2 % 2])) for number, pixels in enumerate(frames)]


def _break(draw: np.random.Generator, channel: int) -> Iterator[tuple[str, float, int]]:
    """What, how long, and the seed of its pictures: between two promotions, spots until the break is long enough."""
    wanted = float(draw.uniform(SHORTEST_BREAK, LONGEST_BREAK - SPOTS[0]))
    lengths: list[int] = []
    while (filled := 2 * PROMOTION + sum(lengths)) < wanted:
        fitting = [spot for spot in SPOTS if filled + spot <= LONGEST_BREAK]
        shares = np.array(SPOT_SHARES[: len(fitting)])
        lengths.append(int(draw.choice(fitting, p=shares / shares.sum())))
    yield "promotion", PROMOTION, channel * 1000 + 500 + int(draw.integers(20))
    for length in lengths:
        yield "spot", length, channel * 1000 + 700 + int(draw.integers(BRANDS))
    yield "promotion", PROMOTION, channel * 1000 + 500 + int(draw.integers(20))
