"""The sound of a recording, part by part.

So that no single sign tells: levels of content and spots overlap, both have
speech, music and both together, some spots are a dialogue like a film's, and some programmes are hurried and loud.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ad_detection.channels.ambience import ambience
from ad_detection.channels.drawing import is_calm, kind_of
from ad_detection.channels.grammar import Part
from ad_detection.channels.looks import Channel, Draw
from ad_detection.channels.music import music
from ad_detection.channels.voices import RATE, Sound, make_voice, speech
from ad_detection.measure import AD

PARTS_OF_EPISODE = 10_000
"""More than a recording has, so that no two episodes sound alike."""
_BLEND = RATE // 50
"""Samples in which one part's sound gives way to the next one's."""


def sound_of(channel: Channel, parts: Sequence[Part]) -> Sound:
    """All of a recording: (samples,), 16 kHz, -1..1."""
    total = round(parts[-1].end * RATE)
    out = np.zeros(total + _BLEND, np.float32)
    ramp = np.linspace(0, 1, _BLEND, dtype=np.float32)
    for number, part in enumerate(parts):
        first, last = round(part.sound_start * RATE), min(total, round(part.sound_end * RATE))
        if last <= first:
            continue
        piece = _part(channel, part, number, last - first + _BLEND)
        piece[:_BLEND] *= ramp
        piece[-_BLEND:] *= ramp[::-1]
        if part.kind == "spot":
            piece[: int(channel.black * RATE)] = 0
        out[first : last + _BLEND] += piece
    return np.clip(out[:total], -1, 1)


def _part(channel: Channel, part: Part, number: int, samples: int) -> Sound:
    # A spot sounds the same whenever it is shown; a programme goes on, and its next episode says something else.
    is_own = part.kind in ("spot", "promotion")
    place = number + PARTS_OF_EPISODE * part.episode
    draw = np.random.default_rng([part.seed, 20] if is_own else [part.seed, place, round(part.start), 21])
    if part.kind == "spot":
        return _spot(draw, part.seed, samples, channel.level)
    if part.kind == "promotion":
        return _promotion(draw, channel, part.seed, samples)
    if part.kind == "montage":
        own = np.random.default_rng([part.seed, 22])
        return _at(music(draw, samples, own, calm=kind_of(part.seed) == "film"), _level(part.seed) + channel.level + 1)
    running = _programme(draw, part.seed, samples, channel.level)
    if part.kind == "sponsor":
        voice = make_voice(np.random.default_rng([part.brand, 23]), hurried=True)
        under = 0.3 * running / (np.abs(running).max() + 1e-6)
        return _at(speech(draw, samples, voice) + under, _level(part.brand) - 1)
    if part.kind == "beside" and draw.random() < 0.7:
        return _spot(np.random.default_rng([part.brand, 20]), part.brand, samples, channel.level)
    return running


def _programme(draw: Draw, seed: int, samples: int, level: float) -> Sound:
    own, kind = np.random.default_rng([seed, 24]), kind_of(seed)
    voices = [make_voice(own, hurried=own.random() < 0.3) for _ in range(2)]
    # Who speaks changes now and then.
    talk = speech(draw, samples, voices[0])
    turns = np.repeat(draw.random(samples // (6 * RATE) + 1) < 0.4, 6 * RATE)[:samples]
    talk = np.where(turns, speech(draw, samples, voices[1]), talk)
    if kind == "pitch":
        sound = 0.7 * talk + ambience(draw, samples, "crowd", 0.35)
    elif kind == "film":
        score = 0.5 * music(draw, samples, np.random.default_rng([seed, 25]), calm=True)
        speaking = np.repeat(draw.random(samples // (4 * RATE) + 1) < 0.55, 4 * RATE)[:samples]
        sound = talk * speaking + score * (1 - 0.6 * speaking) + 0.2 * ambience(draw, samples, "room", 0.4)
    elif kind == "street":
        sound = talk + 0.5 * ambience(draw, samples, "street", 0.3)
    else:
        bed = 0.15 if own.random() < 0.3 else 0.0
        sound = talk + 0.05 * ambience(draw, samples, "room", 0.1)
        if bed:
            sound = sound + bed * music(draw, samples, np.random.default_rng([seed, 25]), calm=False)
    return _at(np.asarray(sound, np.float32), _level(seed) + level, float(own.uniform(0.5, 2.0)))


def _spot(draw: Draw, brand: int, samples: int, level: float) -> Sound:
    own = np.random.default_rng([brand, 26])
    calm = is_calm(brand)
    voice = make_voice(own, hurried=not calm)
    way = own.random()
    song = music(draw, samples, np.random.default_rng([brand, 27]), calm=calm)
    if way < 0.5:
        sound = 0.5 * song + speech(draw, samples, voice)
    elif way < 0.7:
        sound = song
    elif way < 0.9:
        other = make_voice(own)
        turns = np.repeat(draw.random(samples // (3 * RATE) + 1) < 0.5, 3 * RATE)[:samples]
        sound = np.where(turns, speech(draw, samples, voice), speech(draw, samples, other))
        sound = sound + 0.2 * ambience(draw, samples, "street" if own.random() < 0.5 else "room", 0.3)
    else:
        sound = speech(draw, samples, voice) + 0.5 * ambience(draw, samples, "crowd", 0.5)
    drive = float(own.uniform(0.8, 2.0) if calm else own.uniform(1.5, 4.0))
    return _at(np.asarray(sound, np.float32), _level(brand, AD) + level - 3 * calm, drive)


def _promotion(draw: Draw, channel: Channel, seed: int, samples: int) -> Sound:
    voice = make_voice(np.random.default_rng([channel.number, 28]), hurried=True)
    song = music(draw, samples, np.random.default_rng([channel.number, 29]), calm=kind_of(seed) == "film")
    return _at(0.6 * song + speech(draw, samples, voice), _level(channel.number, AD) + channel.level, 2.0)


def _level(seed: int, label: str = "") -> float:
    """Of somebody's sound, dB of full scale."""
    draw = np.random.default_rng([seed, 30])
    return float(draw.normal(-21.0, 2.5) if label == AD else draw.normal(-23.5, 2.5))


def _at(sound: Sound, level: float, drive: float = 1.0) -> Sound:
    """At a level (RMS, dB of full scale). drive: how much it is compressed, that loud and soft come closer."""
    loud = np.sqrt(np.mean(sound**2)) + 1e-9
    pressed = np.tanh(drive * sound / (3 * loud))
    return np.asarray(pressed * (10 ** (level / 20) / (np.sqrt(np.mean(pressed**2)) + 1e-9)), np.float32)
