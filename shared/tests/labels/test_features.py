from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from pipit.labels.features import ALIKE, LENGTH, SAME, features_of

RATE = 16_000


def wav(samples: Any, rate: int = RATE) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, "PCM_16", format="WAV")
    return stream.getvalue()


def chirp(low: float, high: float, seconds: float = 1.0) -> Any:
    moments = np.arange(int(RATE * seconds)) / RATE
    return 0.3 * np.sin(2 * np.pi * (low * moments + (high - low) * moments**2 / 2 / seconds))


def picture(form: str = "PNG", shift: int = 0, factor: float = 1.0, seed: int = 3) -> bytes:
    """Blurred noise, 160 x 120."""
    noise = np.random.default_rng(seed).integers(0, 255, (8, 10, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((164, 120), Image.Resampling.BICUBIC)
    image = image.crop((shift, 0, shift + 160, 120)).point(lambda value: value * factor)
    stream = io.BytesIO()
    image.save(stream, form)
    return stream.getvalue()


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def likeness(media_type: str, one: bytes, other: bytes) -> float:
    ones, others = features_of(media_type, one), features_of(media_type, other)
    assert ones is not None
    assert others is not None
    assert ones.shape == (LENGTH,)
    assert ones.dtype == np.float32
    assert np.linalg.norm(ones) == pytest.approx(1.0, abs=1e-5)
    return float(ones @ others)


def test_sounds() -> None:
    sound = chirp(300, 2000)
    assert likeness("audio/wav", wav(sound), wav(sound)) == pytest.approx(1.0, abs=1e-5)
    assert likeness("audio/wav", wav(sound), wav(sound * 0.5)) > SAME
    assert likeness("audio/wav", wav(sound), wav(chirp(3000, 6000))) < ALIKE


def test_pictures() -> None:
    assert likeness("image/png", picture(), picture("JPEG")) > SAME
    assert likeness("image/png", picture(), picture(factor=0.8)) > SAME
    assert likeness("image/png", picture(), picture(shift=2)) > ALIKE
    assert likeness("image/png", picture(), picture(seed=4)) < ALIKE


def test_numbers() -> None:
    values = np.random.default_rng(1).normal(size=(10, 96)).astype(np.float32)
    kind = "application/x-npz"
    gaps = np.where(values > 2, np.nan, values)
    assert likeness(kind, npz(landmarks=values), npz(landmarks=values + 0.001)) > SAME
    assert likeness(kind, npz(landmarks=values), npz(landmarks=gaps)) > 0.8
    assert likeness(kind, npz(landmarks=values), npz(landmarks=values[::-1])) < ALIKE
    assert likeness(kind, npz(few=np.array([1.0, 2.0])), npz(few=np.array([1.0, 2.0]))) == pytest.approx(1.0)


def bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("values.npy", bytes(65 << 20))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        ("audio/wav", b"no sound"),
        ("audio/wav", wav(chirp(300, 2000))[:200]),
        ("image/png", picture()[:300]),
        ("image/jpeg", b""),
        ("application/x-npz", b"PK\3\4 cut"),
        ("application/x-npz", npz(values=np.array(["text"]))),
        ("application/x-npz", npz(values=np.array([{}], object))),
        ("application/x-npz", npz()),
        ("application/x-npz", npz(values=np.zeros(9))),
        ("application/x-npz", bomb()),
        ("text/csv", b"1,2,3"),
    ],
)
def test_what_has_no_vector(media_type: str, content: bytes) -> None:
    assert features_of(media_type, content) is None
