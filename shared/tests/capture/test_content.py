"""The bytes that are kept: as they came, without notes, and without faces."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pipit.capture.content import Content, content_of, has_picture
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage, Input, InputSequence, Landmarks, PcmAudio, TensorInput
from pipit.inputs.image import decode_image

PIXELS = np.zeros((24, 32, 3), np.uint8)
PIXELS[:, :, 0] = np.arange(32) * 8
PIXELS[:, :, 1] = np.arange(24)[:, np.newaxis] * 10
SECRET = b"52.5200 N 13.4050 E"


def file(form: str, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = SECRET.decode()
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, form, exif=exif)
    return stream.getvalue()


def unblurred(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    return pixels, 0


def blackened(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    return np.zeros_like(pixels), 2


def arrays(content: Content) -> dict[str, NDArray[np.generic]]:
    assert content.media_type == "application/x-npz"
    with np.load(io.BytesIO(content.data)) as loaded:
        return dict(loaded)


@pytest.mark.parametrize(("form", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
@pytest.mark.parametrize("blur", [None, unblurred])
def test_a_picture_stays_as_it_came_but_for_its_notes(form: str, media_type: str, blur: object) -> None:
    data = file(form)
    assert SECRET in data
    content = content_of(EncodedImage(data), blur)  # type: ignore[arg-type]
    assert (content.media_type, content.faces_blurred) == (media_type, 0)
    assert SECRET not in content.data
    assert np.array_equal(decode_image(EncodedImage(content.data)), decode_image(EncodedImage(data)))


def with_segment(marker: int, body: bytes) -> bytes:
    """A JPEG with one more segment at its begin."""
    data = file("JPEG")
    return data[:2] + bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


@pytest.mark.parametrize("blur", [None, unblurred])
@pytest.mark.parametrize(
    "data",
    [
        file("JPEG") + SECRET,
        file("JPEG") + file("JPEG"),
        file("PNG") + SECRET,
        with_segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\2\2" + SECRET[:12]),
        with_segment(0xEE, b"Adobe\0d\0\0\0\0\1" + SECRET),
    ],
    ids=["after the end", "a second picture", "after a PNG", "JFIF's small picture", "Adobe's rest"],
)
def test_nothing_comes_along_in_which_nobody_looked_for_faces(data: bytes, blur: object) -> None:
    content = content_of(EncodedImage(data), blur)  # type: ignore[arg-type]
    assert SECRET[:12] not in content.data
    assert content.data.count(b"\xff\xd8\xff") == (content.media_type == "image/jpeg")
    assert np.array_equal(decode_image(EncodedImage(content.data)), decode_image(EncodedImage(data)))


def test_a_progressive_jpeg_with_restarts_keeps_its_pixels_alone() -> None:
    stream = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", progressive=True, restart_marker_blocks=2)
    data = stream.getvalue()
    content = content_of(EncodedImage(data + SECRET), unblurred)
    assert SECRET not in content.data
    assert np.array_equal(decode_image(EncodedImage(content.data)), decode_image(EncodedImage(data)))


def test_what_is_below_transparency_is_not_kept_where_faces_are_blurred() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.dstack([PIXELS, np.zeros((24, 32), np.uint8)])).save(stream, "PNG")
    content = content_of(EncodedImage(stream.getvalue()), unblurred)
    assert content.media_type == "image/jpeg"
    assert np.asarray(Image.open(io.BytesIO(content.data))).min() > 250


def test_what_exif_turned_stands_upright_without_it() -> None:
    data = file("PNG", orientation=6)
    content = content_of(EncodedImage(data))
    assert (content.media_type, SECRET in content.data) == ("image/jpeg", False)
    upright = decode_image(EncodedImage(content.data))
    assert upright.shape == (32, 24, 3)
    assert np.abs(upright.astype(int) - decode_image(EncodedImage(data))).mean() < 12


def test_faces_are_gone_from_what_is_kept() -> None:
    content = content_of(EncodedImage(file("PNG")), blackened)
    assert (content.media_type, content.faces_blurred) == ("image/jpeg", 2)
    assert decode_image(EncodedImage(content.data)).max() == 0


def test_other_formats_become_a_jpeg_and_what_is_none_is_refused() -> None:
    assert content_of(EncodedImage(file("WEBP"))).media_type == "image/jpeg"
    with pytest.raises(InvalidInput):
        content_of(EncodedImage(b"no picture"))
    with pytest.raises(InvalidInput):
        content_of(EncodedImage(file("JPEG")[:200]), unblurred)


def test_of_pictures_that_belong_together_the_last_one_is_kept() -> None:
    first, last = EncodedImage(b"first"), EncodedImage(file("PNG"))
    assert content_of(InputSequence((first, last))).media_type == "image/png"
    assert has_picture(InputSequence((first,)))
    assert not has_picture(PcmAudio(np.zeros((1, 1), np.float32), 8))


def test_sound_is_kept_as_it_came_and_pcm_as_a_file() -> None:
    samples = np.array([[0.5, -0.5], [1.5, -1.0]], np.float32)
    content = content_of(PcmAudio(samples, 8000))
    assert content.media_type == "audio/wav"
    with wave.open(io.BytesIO(content.data)) as wav:
        assert (wav.getnchannels(), wav.getframerate(), wav.getsampwidth()) == (2, 8000, 2)
        assert np.frombuffer(wav.readframes(2), "<i2").tolist() == [16384, -16384, 32767, -32768]
    assert content_of(EncodedAudio(content.data)) == content
    assert content_of(EncodedAudio(b"fLaC")).media_type == "audio/flac"
    with pytest.raises(InvalidInput):
        content_of(EncodedAudio(b"?"))


def test_numbers_are_arrays_by_their_names() -> None:
    values = np.arange(4, dtype=np.float32)
    one = arrays(content_of(Landmarks(values, 1.5)))
    assert (one["landmarks"].tolist(), float(one["aspect_ratio"])) == ([0, 1, 2, 3], 1.5)
    assert list(arrays(content_of(TensorInput("physiology", values)))) == ["physiology"]
    assert list(arrays(content_of(TensorInput("../x", values)))) == ["values"]
    series = arrays(content_of(InputSequence((Landmarks(values), Landmarks(values + 1)))))
    assert series["landmarks"].tolist() == [[0, 1, 2, 3], [1, 2, 3, 4]]


@pytest.mark.parametrize(
    "items",
    [
        (),
        (Landmarks(np.zeros(3, np.float32)), Landmarks(np.zeros(4, np.float32))),
        (Landmarks(np.zeros(3, np.float32)), TensorInput("x", np.zeros(3))),
        (PcmAudio(np.zeros((1, 1), np.float32), 8),),
    ],
)
def test_what_makes_no_array_is_refused(items: tuple[Input, ...]) -> None:
    with pytest.raises(InvalidInput):
        content_of(InputSequence(items))
