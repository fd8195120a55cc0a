"""What a recording of a made-up channel shows, and when.

    programme ── break ── programme ── break ── …      each recording is one evening's part of one programme
    │            promotion, spots of 15, 30 and 60 s, promotion: 118 to 216 s together
    └ now and then a montage without the logo, and a sponsor who is named while the programme goes on

    kind        label     picture                                    sound
    programme   content   logo, but for titles                       speech, crowd, music: by the kind of programme
    montage     content   no logo, cut fast                          music
    sponsor     content   programme and logo, the sponsor's name     the sponsor's voice
    promotion   ad        the channel's logo, other programmes       the channel's voice and music
    spot        ad        no logo                                    the brand's
    beside      ad        programme in a window beside a spot        the spot's, or the programme's

Sound leads into a break, and picture leads out of it: the first advertisement is heard before it is seen, and the last
one is heard after it was seen. Labels go by the picture.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ad_detection.channels.drawing import (
    beside_frame,
    content_frame,
    promotion_frame,
    sponsor_frame,
    spot_frame,
)
from ad_detection.channels.looks import Channel, Draw, make_channel
from ad_detection.channels.scenes import HEIGHT, WIDTH, Pixels
from ad_detection.measure import AD, CONTENT

KINDS = {
    "programme": CONTENT,
    "montage": CONTENT,
    "sponsor": CONTENT,
    "promotion": AD,
    "spot": AD,
    "beside": AD,
}
"""With their labels."""
SHORTEST_BREAK, LONGEST_BREAK = 118, 216
"""Seconds."""
PROMOTION = 14
SPOTS, SPOT_SHARES = (15, 30, 60), (0.45, 0.45, 0.1)
LAST_SHOT = 4
"""Seconds at a spot's end that show the product."""
BRANDS = 40
"""Of a channel: the same spot comes again, in other programmes too."""
LONGEST_LEAD = 3.0
"""Seconds."""
SHOTS = {"programme": 6.0, "sponsor": 6.0, "montage": 1.5}
"""Seconds of a shot."""
AD_SHOT = 2.0
SHOTS_OF_EPISODE = 20_000
"""More than a recording has, so that no two episodes share one."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a recording that is one thing, in seconds; its sound has a start and an end of its own.

    seed: of its pictures and sound. brand: who is advertised beside the programme, or sponsors it. episode: of its
    programme, whose shots are its own.
    """

    start: float
    end: float
    kind: str
    seed: int
    sound_start: float
    sound_end: float
    brand: int = 0
    episode: int = 0

    @property
    def label(self) -> str:
        """Whether it is an advertisement or content, by the picture."""
        return KINDS[self.kind]


def make_parts(channel: int, programme: int, seconds: float, episode: int = 0) -> tuple[Part, ...]:
    """From start to end without gaps, in picture and in sound."""
    draw = np.random.default_rng([channel, programme, episode, 11])
    look, seed = make_channel(channel), channel * 1000 + programme
    parts: list[Part] = []
    now = 0.0
    while now < seconds:
        inside = list(_break(draw, look, seed))
        for kind, length, own, brand in (*_stretch(draw, look, seed), *inside):
            parts.append(Part(now, now + length, kind, own, now, now + length, brand, episode))
            now += length
        first, last = len(parts) - len(inside), len(parts) - 1
        _lead(parts, first, float(draw.uniform(0, LONGEST_LEAD) * (draw.random() < 0.8)))
        parts[last] = replace(parts[last], sound_end=now + float(draw.uniform(0, LONGEST_LEAD) * (draw.random() < 0.8)))
    for position in range(1, len(parts)):
        # What comes after a break is heard once the break's sound has ended.
        parts[position] = replace(parts[position], sound_start=parts[position - 1].sound_end)
    return tuple(
        replace(
            part,
            end=min(part.end, seconds),
            sound_start=min(part.sound_start, seconds),
            sound_end=min(part.sound_end, seconds),
        )
        for part in parts
        if part.start < seconds
    )


def part_at(parts: Sequence[Part], seconds: float) -> Part:
    """What is shown at a moment. Raises IndexError after the end."""
    return parts[bisect_right([part.end for part in parts], seconds)]


def frame_at(channel: Channel, parts: Sequence[Part], seconds: float, *, logo: bool = True) -> Pixels:
    """RGB, uint8, (180, 320, 3). logo: False takes the channel's logo away and leaves all else as it is."""
    part = part_at(parts, seconds)
    if part.label == AD:
        return _ad_frame(channel, part, seconds, logo=logo)
    length = SHOTS[part.kind]
    shot, moment = SHOTS_OF_EPISODE * part.episode + int(seconds // length), seconds % length
    if part.kind == "programme":
        return content_frame(channel, part.seed, shot, moment, logo=logo)
    if part.kind == "montage":
        return content_frame(channel, part.seed, 5000 + shot, moment, logo=False, captions=False)
    return sponsor_frame(channel, part.seed, shot, moment, part.brand, logo=logo)


def _ad_frame(channel: Channel, part: Part, seconds: float, *, logo: bool) -> Pixels:
    since, last = seconds - part.start, part.end - seconds <= LAST_SHOT
    shot, moment = int(since // AD_SHOT), since % AD_SHOT
    if part.kind == "promotion":
        return promotion_frame(channel, part.seed, shot, moment, logo=logo)
    if part.kind == "spot":
        dark = since < channel.black
        return np.zeros((HEIGHT, WIDTH, 3), np.uint8) if dark else spot_frame(part.seed, shot, moment, last=last)
    length = SHOTS["programme"]
    behind = SHOTS_OF_EPISODE * part.episode + int(seconds // length)
    running = content_frame(channel, part.seed, behind, seconds % length, logo=logo)
    return beside_frame(running, spot_frame(part.brand, shot, moment, last=last), channel.colours)


def _lead(parts: list[Part], first: int, lead: float) -> None:
    """Sound of a break begins before its picture."""
    before = parts[first - 1]
    lead = min(lead, (before.end - before.start) / 2)
    parts[first - 1] = replace(before, sound_end=before.sound_end - lead)


def _stretch(draw: Draw, channel: Channel, seed: int) -> Iterator[tuple[str, float, int, int]]:
    """Of a programme between two breaks: kind, length, seed, brand."""
    if draw.random() < 0.4:
        yield "sponsor", float(draw.uniform(6, 12)), seed, _brand(draw, channel)
    length = float(draw.uniform(140, 320))
    if draw.random() < 0.6:
        before = float(draw.uniform(0.2, 0.8)) * length
        yield "programme", before, seed, 0
        yield "montage", float(draw.uniform(12, 40)), seed, 0
        length -= before
    yield "programme", length, seed, 0
    if draw.random() < 0.4:
        yield "sponsor", float(draw.uniform(6, 12)), seed, _brand(draw, channel)


def _break(draw: Draw, channel: Channel, seed: int) -> Iterator[tuple[str, float, int, int]]:
    """Between two promotions, which some channels leave out, spots until it is long enough."""
    own = [draw.random() < channel.promotes for _ in range(2)]
    promoted = PROMOTION * sum(own)
    wanted = float(draw.uniform(SHORTEST_BREAK, LONGEST_BREAK - SPOTS[0]))
    lengths: list[int] = []
    while (filled := promoted + sum(lengths)) < wanted:
        fitting = [spot for spot in SPOTS if filled + spot <= LONGEST_BREAK]
        shares = np.array(SPOT_SHARES[: len(fitting)])
        lengths.append(int(draw.choice(fitting, p=shares / shares.sum())))
    if own[0]:
        yield "promotion", PROMOTION, _promoted(draw, channel), 0
    for position, length in enumerate(lengths):
        if position == 0 and not own[0] and draw.random() < 0.3:
            yield "beside", length, seed, _brand(draw, channel)
        else:
            yield "spot", length, _brand(draw, channel), 0
    if own[1]:
        yield "promotion", PROMOTION, _promoted(draw, channel), 0


def _promoted(draw: Draw, channel: Channel) -> int:
    return channel.number * 1000 + 500 + int(draw.integers(20))


def _brand(draw: Draw, channel: Channel) -> int:
    return channel.number * 1000 + 700 + int(draw.integers(BRANDS))
