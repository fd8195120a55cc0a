"""What a file is, by what is in it. Names play no part."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image
from pipit.errors import InvalidInput, NotFound
from pipit.inputs.media import HEAD, UNKNOWN, Kind, media_of, media_of_file

PIXELS = np.random.default_rng(2).integers(0, 256, (16, 16, 3), np.uint8)


def picture(form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, form)
    return file.getvalue()


def sound(form: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(2_000, np.float32), 16_000, format=form, subtype=subtype)
    return file.getvalue()


def film(form: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(PIXELS, "rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_pictures(form: str) -> None:
    media = media_of(picture(form)[:HEAD])
    assert (media.kind, media.name.upper(), media.taken) == (Kind.PICTURE, form, True)


@pytest.mark.parametrize(
    ("form", "subtype", "name"),
    [
        ("WAV", None, "WAV"), ("RF64", None, "WAV"), ("FLAC", None, "FLAC"), ("MP3", None, "MP3"),
        ("OGG", "VORBIS", "Ogg"), ("OGG", "OPUS", "Ogg"),
    ],
)  # fmt: skip
def test_sounds(form: str, subtype: str | None, name: str) -> None:
    media = media_of(sound(form, subtype)[:HEAD])
    assert (media.kind, media.name, media.taken) == (Kind.SOUND, name, True)


@pytest.mark.parametrize(
    ("form", "codec", "name"),
    [
        ("mp4", "mpeg4", "MP4 or MOV"),
        ("mov", "mpeg4", "MP4 or MOV"),
        ("matroska", "mpeg4", "WebM or Matroska"),
        ("avi", "mpeg4", "AVI"),
        ("mpegts", "mpeg2video", "MPEG transport stream"),
        ("mpeg", "mpeg2video", "MPEG"),
        ("flv", "flv", "FLV"),
    ],
)
def test_films(form: str, codec: str, name: str) -> None:
    media = media_of(film(form, codec)[:HEAD])
    assert (media.kind, media.name) == (Kind.FILM, name)


def test_landmark_files() -> None:
    file = io.BytesIO()
    np.savez(file, values=np.zeros(3))
    assert media_of(file.getvalue()).kind is Kind.LANDMARKS


@pytest.mark.parametrize(
    ("head", "kind", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Kind.PICTURE, "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Kind.PICTURE, "HEIC"),
        (b"FORM\0\0\0\0AIFF", Kind.SOUND, "AIFF"),
        (b"caff\0\1", Kind.SOUND, "CAF"),
        (b"#!AMR\n", Kind.SOUND, "AMR"),
    ],
)
def test_what_is_known_and_not_taken(head: bytes, kind: Kind, name: str) -> None:
    media = media_of(head)
    assert (media.kind, media.name, media.taken) == (kind, name, False)


def test_a_mif1_file_that_holds_av1_is_avif() -> None:
    assert media_of(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf").name == "AVIF"


@pytest.mark.parametrize("head", [b"", b"R", b"RIFF", b"a text", b"RIFF\0\0\0\0ABCD", bytes(HEAD)])
def test_what_is_not_known(head: bytes) -> None:
    assert media_of(head) is UNKNOWN


def test_a_file_that_can_not_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        media_of_file(tmp_path / "gone")
    with pytest.raises(InvalidInput, match="can't be read: File name too long"):
        media_of_file(tmp_path / ("x" * 300))
    with pytest.raises(InvalidInput, match="can't be read: Is a directory"):
        media_of_file(tmp_path)
