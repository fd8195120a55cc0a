"""Encoded or PCM audio to mono float32."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import soundfile
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, Input, PcmAudio, describe
from pipit.inputs.audio.limits import DEFAULT_LIMITS, AudioLimits
from pipit.inputs.audio.wav import data_span

FORMATS = frozenset({"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3"})
FIRST_BYTES = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"ID3")
BLOCK_VALUES = 1 << 16
UNKNOWN_FRAMES = 1 << 62
"""libsndfile counts this many, or more, where a header leaves the length open."""


def decode_audio(item: Input, limits: AudioLimits = DEFAULT_LIMITS) -> tuple[NDArray[np.float32], int]:
    """Mono samples, float32, shape (frames,), the mean of all channels, and their rate in Hz.

    WAV and FLAC that end early are refused. Ogg and MP3 are streams: what is whole of them is decoded.
    Memory follows what is decoded, never what a header claims.

    Raises InvalidInput for what is not audio, is damaged, empty or not finite, or has an impossible form;
    InputTooLarge for what is over a limit of size.
    """
    if isinstance(item, EncodedAudio):
        return _decode_file(item.data, limits)
    if isinstance(item, PcmAudio):
        return mono_pcm(item, limits), item.sample_rate
    raise InvalidInput(f"this task takes audio, not {describe(item)}; send an audio file or PCM")


def mono_pcm(item: PcmAudio, limits: AudioLimits) -> NDArray[np.float32]:
    """Shape (frames,). Raises as `decode_audio` does."""
    samples = item.samples
    if samples.ndim != 2 or samples.dtype != np.float32:
        raise InvalidInput(
            f"PCM must be float32 of shape (frames, channels), not {samples.dtype} of shape {samples.shape}"
        )
    limits.check_form(item.sample_rate, samples.shape[1])
    limits.check_length(samples.shape[0], item.sample_rate)
    if not samples.size:
        raise InvalidInput("audio holds no samples; send at least one")
    limits.check_values(samples)
    return _mix(samples)


class _ForwardFile(soundfile.SoundFile):  # type: ignore[misc]
    """Read from front to back. soundfile would seek after each block, which costs MP3 its bit reservoir."""

    def seekable(self) -> bool:
        return False


def _decode_file(data: bytes, limits: AudioLimits) -> tuple[NDArray[np.float32], int]:
    limits.check_bytes(len(data), "the file has")
    _check_first_bytes(data)
    _check_promise(data, limits)
    try:
        with _ForwardFile(io.BytesIO(data)) as sound:
            if sound.format not in FORMATS:
                raise InvalidInput(f"{sound.format} is not taken; send WAV, FLAC, Ogg Vorbis or MP3")
            limits.check_form(sound.samplerate, sound.channels)
            announced = sound.frames if sound.frames < UNKNOWN_FRAMES else 0
            limits.check_length(announced, sound.samplerate)
            pieces = list(_mono_blocks(sound, limits))
            rate, lossless = sound.samplerate, sound.format not in ("OGG", "MP3")
    except soundfile.LibsndfileError as error:
        raise InvalidInput(f"the audio file is damaged or cut short: {error.error_string}") from error
    if not pieces:
        raise InvalidInput("audio holds no samples; send at least one")
    samples = np.concatenate(pieces)
    if lossless and len(samples) < announced:
        raise InvalidInput(f"the audio file is cut short: {len(samples)} of {announced} frames; send all of it")
    return samples, rate


def _check_first_bytes(data: bytes) -> None:
    """Nothing but the formats taken gets as far as libsndfile, which tries two dozen rare ones on anything."""
    mpeg_frame = len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0
    if not mpeg_frame and not data.startswith(FIRST_BYTES):
        raise InvalidInput("not an audio file; send WAV, FLAC, Ogg Vorbis or MP3")


def _check_promise(data: bytes, limits: AudioLimits) -> None:
    span = data_span(data)
    if span is None:
        return
    start, size = span
    limits.check_bytes(size, "the WAV header announces")
    if start + size > len(data):
        raise InvalidInput(
            f"the WAV file is cut short: its header announces {size} bytes of samples, "
            f"{len(data) - start} are there; send all of it"
        )


def _mono_blocks(sound: _ForwardFile, limits: AudioLimits) -> Iterator[NDArray[np.float32]]:
    block = np.empty((BLOCK_VALUES // sound.channels, sound.channels), np.float32)
    frames = 0
    while len(read := sound.read(out=block)):
        frames += len(read)
        limits.check_length(frames, sound.samplerate)
        limits.check_values(read)
        yield _mix(read)


def _mix(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(frames, channels) to a new array (frames,)."""
    if samples.shape[1] == 1:
        return samples[:, 0].copy()
    mixed: NDArray[np.float32] = samples.mean(axis=1)
    return mixed
