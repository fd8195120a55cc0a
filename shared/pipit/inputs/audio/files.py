"""The one way in which sound files are opened: whole ones, and long ones piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


class SoundFile(soundfile.SoundFile):  # type: ignore[misc]
    """Read from front to back. soundfile would seek after each block, which costs MP3 its bit reservoir."""

    def seekable(self) -> bool:
        """No, whatever its source is."""
        return False

    @property
    def announced(self) -> int:
        """Frames by the header; 0 where it leaves them open, or where the format is a stream that may end anywhere."""
        frames = int(self.frames)
        return frames if frames < UNKNOWN_FRAMES else 0

    @property
    def lossless(self) -> bool:
        """Whether a file that ends early has lost something it promised."""
        return self.format not in _LOSSY


@contextmanager
def open_sound(file: BinaryIO) -> Iterator[SoundFile]:
    """A sound file, recognised by its first bytes.

    A WAV whose recorder left its length open, because it wrote into a pipe or was interrupted, is read to its end.
    Within it, what libsndfile can't decode raises InvalidInput; so does a WAV that was cut short, and what is no sound.
    """
    media = media_of(file.read(HEAD))
    file.seek(0)
    if media.kind is not Kind.SOUND or not media.taken:
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
            if sound.format not in FORMATS:
                raise InvalidInput(f"{sound.format} is not taken; {TAKEN}")
            yield sound
    except soundfile.LibsndfileError as error:
        raise InvalidInput(f"the audio file is damaged or cut short: {error.error_string}") from error


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


def read_pieces(path: Path, seconds: float = 1.0) -> Iterator[PcmAudio]:
    """A recording of any length, piece by piece: the samples that `decode_audio` makes of the whole, unmixed.

    16-bit samples stay what they are, shape (frames, channels), int16; all others are float32 with full scale at 1, and
    may go over it. Raises NotFound, and InvalidInput as `open_sound` does and for a file that can't be read.
    """
    with open_file(path) as file, open_sound(file) as sound:
        dtype = "int16" if sound.subtype == "PCM_16" else "float32"
        count, frames = max(1, round(seconds * sound.samplerate)), 0
        while len(read := sound.read(count, dtype=dtype, always_2d=True)):
            frames += len(read)
            yield PcmAudio(read, sound.samplerate)
        if not frames:
            raise InvalidInput("audio holds no samples; send at least one")
        check_whole(sound, frames)


def mix(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, channels) to a new array (frames,), the mean."""
    if samples.shape[1] == 1:
        return samples[:, 0].copy()
    mixed: NDArray[np.float32] = samples.mean(axis=1)
    return mixed
