"""Encoded or PCM audio to mono float32."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, Input, PcmAudio, describe
from pipit.inputs.audio.files import SoundFile, check_whole, mix, open_sound
from pipit.inputs.audio.limits import DEFAULT_LIMITS, AudioLimits
from pipit.inputs.memory import room_for

BLOCK_VALUES = 1 << 16
_MONO = 4
"""Bytes of a sample."""
_SLACK = 4 << 20
"""Bytes that a decoder takes for a recording of any length."""
_FULL_SCALE = np.float32(1 / 32_768)
"""Of 16-bit samples; libsndfile's."""
_WORK = 700_000
"""Bytes that tasks make of each second: it is resampled, cut into windows that overlap up to fivefold, and each has a
spectrogram."""


def decode_audio(item: Input, limits: AudioLimits = DEFAULT_LIMITS) -> tuple[NDArray[np.float32], int]:
    """Mono samples, float32, shape (frames,), the mean of all channels, and their rate in Hz.

    WAV and FLAC that end early are refused; a WAV whose recorder left its length open is taken as it is. Ogg and MP3
    are streams: what is whole of them is decoded.
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
    return mix(samples)


def _decode_file(data: bytes, limits: AudioLimits) -> tuple[NDArray[np.float32], int]:
    limits.check_bytes(len(data), "the file has")
    with open_sound(io.BytesIO(data)) as sound:
        limits.check_form(sound.samplerate, sound.channels)
        limits.check_length(sound.announced, sound.samplerate)
        limits.check_work(sound.announced, sound.channels)
        expected = sound.announced or limits.max_frames(sound.samplerate)
        kept = _held(expected, sound.samplerate)
        with room_for(max(2 * _MONO * expected, kept) + _SLACK, kept) as room:
            pieces = []
            frames = 0
            for piece in _mono_pieces(data, sound, limits):
                frames += len(piece)
                if frames > expected:
                    room.more(_held(expected, sound.samplerate) + _MONO * expected)
                    expected *= 2
                pieces.append(piece)
            if not frames:
                raise InvalidInput("audio holds no samples; send at least one")
            samples = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        check_whole(sound, len(samples))
        return samples, sound.samplerate


def _held(frames: int, rate: int) -> int:
    """Bytes of a recording and of what a task makes of it. rate: Hz."""
    return _MONO * frames + _WORK * frames // rate


def _mono_pieces(data: bytes, sound: SoundFile, limits: AudioLimits) -> Iterator[NDArray[np.float32]]:
    if sound.plain is None:
        return _mono_blocks(sound, limits)
    return _mono_integers(memoryview(data)[sound.plain], sound.channels)


def _mono_integers(data: memoryview, channels: int) -> Iterator[NDArray[np.float32]]:
    """data: 16-bit samples, which need no decoder: libsndfile would fetch a few kilobytes at a time from Python.

    Their form, length and number are known to be within the limits, and 16 bits can't leave full scale.
    """
    if channels == 1:
        yield np.multiply(np.frombuffer(data, "<i2"), _FULL_SCALE, dtype=np.float32)
        return
    samples = np.frombuffer(data, "<i2").reshape(-1, channels)
    step = BLOCK_VALUES // channels
    for start in range(0, len(samples), step):
        yield mix(np.multiply(samples[start : start + step], _FULL_SCALE, dtype=np.float32))


def _mono_blocks(sound: SoundFile, limits: AudioLimits) -> Iterator[NDArray[np.float32]]:
    block = np.empty((BLOCK_VALUES // sound.channels, sound.channels), np.float32)
    frames = 0
    while len(read := sound.read(out=block)):
        frames += len(read)
        limits.check_length(frames, sound.samplerate)
        limits.check_work(frames, sound.channels)
        limits.check_values(read)
        yield mix(read)
