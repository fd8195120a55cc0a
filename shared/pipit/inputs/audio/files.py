"""The one way in which sound files are opened: whole ones, and long ones piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.inputs import PcmAudio
from pipit.inputs.audio.mp3 import Tail, sound_from
from pipit.inputs.audio.wav import Mended, Samples, find_samples
from pipit.inputs.media import HEAD, Kind, media_of, open_file

FORMATS = frozenset({"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3"})
TAKEN = "send WAV, FLAC, Ogg Vorbis or Opus, or MP3"
UNKNOWN_FRAMES = 1 << 62
"""libsndfile counts this many, or more, where a header leaves the length open."""
_LOSSY = ("OGG", "MP3")
_LITTLE = ("WAV", "WAVEX", "RF64")
"""Formats whose integers have their lower byte first, RIFX aside."""


class SoundFile(soundfile.SoundFile):  # type: ignore[misc]
    """Read from front to back. soundfile would seek after each block, which costs MP3 its bit reservoir."""

    at: Samples | None = None
    """Where a WAV has its samples."""

    def seekable(self) -> bool:
        """No, whatever its source is."""
        return False

    @property
    def announced(self) -> int:
        """Frames by the header; 0 where it leaves them open, or where the format is a stream that may end anywhere."""
        frames = int(self.frames)
        return frames if frames < UNKNOWN_FRAMES else 0

    @property
    def plain(self) -> slice | None:
        """The bytes of the file that are nothing but its samples, 16-bit integers, the lower byte first.

        None where it has others, or where its header and libsndfile are of two minds about them.
        """
        if self.at is None or self.subtype != "PCM_16" or self.endian == "BIG" or self.format not in _LITTLE:
            return None
        size = 2 * self.channels * self.announced
        stated = self.at.there if self.at.left_open else self.at.promised
        return slice(self.at.start, self.at.start + size) if 0 <= stated - size < 2 * self.channels else None

    @property
    def lossless(self) -> bool:
        """Whether a file that ends early has lost something it promised."""
        return self.format not in _LOSSY


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """What a file says of itself. sample_rate: Hz."""

    seconds: float
    sample_rate: int
    channels: int


@contextmanager
def open_sound(file: BinaryIO, *, any_format: bool = False) -> Iterator[SoundFile]:
    """A sound file, recognised by its first bytes. any_format: whatever libsndfile reads, for files of one's own.

    A WAV whose recorder left its length open, because it wrote into a pipe or was interrupted, is read to its end.
    Within it, what libsndfile can't decode raises InvalidInput; so does a WAV that was cut short, and what is no sound.
    """
    media = media_of(file.read(HEAD))
    file.seek(0)
    if not any_format and (media.kind is not Kind.SOUND or not media.taken):
        # Nothing but the formats taken gets as far as libsndfile, which tries two dozen rare ones on anything.
        sound = media.kind in (Kind.SOUND, Kind.FILM)
        raise InvalidInput(f"{f'sound in {media.name} is not taken' if sound else 'not an audio file'}; {TAKEN}")
    samples = find_samples(file)
    if samples is not None and samples.missing:
        raise InvalidInput(
            f"the WAV file is cut short: its header announces {samples.promised} bytes of samples, "
            f"{samples.there} are there; send all of it"
        )
    source = _mended(file, samples)
    source.seek(0)
    try:
        with SoundFile(source) as sound:
            if not any_format and sound.format not in FORMATS:
                raise InvalidInput(f"{sound.format} is not taken; {TAKEN}")
            sound.at = samples
            yield sound
    except soundfile.LibsndfileError as error:
        what = "not audio that can be read" if any_format else "the audio file is damaged or cut short"
        raise InvalidInput(f"{what}: {error.error_string}") from error


def _mended(file: BinaryIO, samples: Samples | None) -> BinaryIO | Mended | Tail:
    if samples is not None:
        return Mended(file, samples) if samples.left_open else file
    file.seek(0)
    start = sound_from(file)
    return Tail(file, start) if start else file


def check_whole(sound: SoundFile, frames: int) -> None:
    """frames: that were read. Raises InvalidInput where a file that loses nothing holds fewer than it announced."""
    if sound.lossless and frames < sound.announced:
        raise InvalidInput(f"the audio file is cut short: {frames} of {sound.announced} frames; send all of it")


def read_pieces(
    path: Path, seconds: float = 1.0, *, floats: bool = False, any_format: bool = False
) -> Iterator[PcmAudio]:
    """A recording of any length, piece by piece: the samples that `decode_audio` makes of the whole, unmixed.

    16-bit samples stay what they are, shape (frames, channels), int16; all others are float32 with full scale at 1, and
    may go over it. floats: all of them are. any_format: see `open_sound`.

    Raises NotFound, and InvalidInput as `open_sound` does and for a file that can't be read.
    """
    with open_file(path) as file, open_sound(file, any_format=any_format) as sound:
        dtype = "int16" if sound.subtype == "PCM_16" and not floats else "float32"
        count, frames = max(1, round(seconds * sound.samplerate)), 0
        while len(read := sound.read(count, dtype=dtype, always_2d=True)):
            frames += len(read)
            yield PcmAudio(read, sound.samplerate)
        if not frames:
            raise InvalidInput("audio holds no samples; send at least one")
        check_whole(sound, frames)


def sound_info(path: Path) -> SoundInfo:
    """Of a file in any format of libsndfile. Raises as `read_part`."""
    with open_file(path) as file, open_sound(file, any_format=True) as sound:
        return SoundInfo(sound.announced / sound.samplerate, sound.samplerate, sound.channels)


def read_part(path: Path, start: float = 0.0, end: float | None = None) -> PcmAudio:
    """From one second to another, float32, (frames, channels), of a file in any format of libsndfile.

    What lies behind the end of the file is left out. Raises NotFound, and InvalidInput for what can't be read.
    """
    parts = []
    with open_file(path) as file, open_sound(file, any_format=True) as sound:
        rate = sound.samplerate
        begin = int(start * rate)
        left = None if end is None else round(end * rate) - begin
        if begin:
            sound.seek(begin)
        # Piece by piece until nothing comes: the length that a file states may be more than it holds.
        while left is None or left > 0:
            block = sound.read(rate if left is None else min(rate, left), dtype="float32", always_2d=True)
            if not len(block):
                break
            parts.append(block)
            left = None if left is None else left - len(block)
        return PcmAudio(np.concatenate(parts) if parts else np.zeros((0, sound.channels), np.float32), rate)


def mix(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, channels) to a new array (frames,), the mean."""
    if samples.shape[1] == 1:
        return samples[:, 0].copy()
    mixed: NDArray[np.float32] = samples.mean(axis=1)
    return mixed
