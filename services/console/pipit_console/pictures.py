"""Examples as browsers can show and play them: thumbnails, log-mel pictures, PCM WAV."""

from __future__ import annotations

import io
import wave

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import EncodedAudio, EncodedImage
from pipit.inputs.audio import LIBROSA_22K, YAMNET, LogMel, LogMelParameters, decode_audio, resample
from pipit.inputs.image import decode_image
from pipit.pipelines.audio_windows import front_end_of

THUMBNAIL = 256
"""Pixels of the longer side."""
_QUALITY = 82
_COLOURS = np.array(
    # From dark to light, evenly lighter in grey too, as matplotlib's magma is.
    [(0, 0, 4), (40, 17, 89), (114, 31, 129), (183, 55, 121), (241, 96, 93), (254, 176, 120), (252, 253, 191)]
)


def thumbnail(media_type: str, content: bytes, parameters: LogMelParameters) -> tuple[str, bytes]:
    """Media type and bytes of a small picture: of a sound its log-mel. Raises NotFound for what has no look."""
    if media_type.startswith("image/"):
        picture = Image.fromarray(decode_image(EncodedImage(content), shorter_side=THUMBNAIL))
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=_QUALITY)
        return "image/jpeg", buffer.getvalue()
    if media_type.startswith("audio/"):
        size = THUMBNAIL, THUMBNAIL // 2
        return "image/png", _png(_log_mel(content, parameters).convert("RGB").resize(size, Image.Resampling.BILINEAR))
    raise NotFound(f"there is no picture of {media_type[:100] or 'this'}; its content can be downloaded")


def log_mel_picture(content: bytes, parameters: LogMelParameters) -> bytes:
    """PNG, one column a frame and one row a band, the lowest at the bottom. Raises InvalidInput, InputTooLarge."""
    return _png(_log_mel(content, parameters))


def pcm_wav(content: bytes) -> bytes:
    """Any sound as 16-bit mono WAV at its own rate. Raises InvalidInput, InputTooLarge."""
    samples, rate = decode_audio(EncodedAudio(content))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
    return buffer.getvalue()


def parameters_of(manifest: Manifest | None) -> LogMelParameters:
    """Those of the model's own spectrogram; librosa's where it has none. None: there is no model."""
    if manifest is None:
        return LIBROSA_22K
    try:
        return front_end_of(manifest.pipeline.parameters).log_mel
    except InvalidInput:
        return YAMNET if "yamnet" in manifest.networks else LIBROSA_22K


def level_db(content: bytes) -> float:
    """Of a sound's loudest tenth of a second, root mean square, relative to full scale. Raises InvalidInput."""
    samples, rate = decode_audio(EncodedAudio(content))
    length = max(1, rate // 10)
    blocks = np.pad(samples, (0, -len(samples) % length)).reshape(-1, length)
    loudest = float(np.sqrt(np.mean(np.square(blocks, dtype=np.float64), axis=1)).max())
    return max(-120.0, 20.0 * float(np.log10(max(loudest, 1e-6))))


def _log_mel(content: bytes, parameters: LogMelParameters) -> Image.Image:
    samples, rate = decode_audio(EncodedAudio(content))
    heard = resample(samples, rate, parameters.sample_rate)
    shortest = parameters.window_length
    values = LogMel(parameters)(np.pad(heard, (0, max(0, shortest - len(heard)))))
    return _colour(values[::-1])


def _colour(values: NDArray[np.float32]) -> Image.Image:
    low, high = float(values.min()), float(values.max())
    levels = np.round((values - low) / max(high - low, 1e-9) * 255.0).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(levels), "L").convert("P")
    steps = np.linspace(0.0, 1.0, len(_COLOURS))
    palette = [np.interp(np.linspace(0.0, 1.0, 256), steps, _COLOURS[:, channel]) for channel in range(3)]
    picture.putpalette(np.round(np.stack(palette, axis=1)).astype(np.uint8).tobytes())
    return picture


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
