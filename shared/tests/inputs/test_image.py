from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage
from pipit.inputs.image import ImageLimits, decode_image, decode_with_size

ORIENTATION = 0x0112


def encode(image: Image.Image, form: str, **options: Any) -> EncodedImage:
    file = io.BytesIO()
    image.save(file, form, **options)
    return EncodedImage(file.getvalue())


def gradient(width: int = 40, height: int = 30) -> np.ndarray:
    """Red grows to the right, green downwards, blue is constant."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), np.full_like(x, 60)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(("form", "options", "tolerance"), [
    ("PNG", {}, 0),
    ("WEBP", {"lossless": True}, 0),
    ("JPEG", {"quality": 95, "subsampling": 0}, 8),
])  # fmt: skip
def test_decodes_each_format(form: str, options: dict[str, Any], tolerance: int) -> None:
    pixels = gradient()
    decoded = decode_image(encode(Image.fromarray(pixels), form, **options))
    assert decoded.dtype == np.uint8
    assert decoded.shape == (30, 40, 3)
    assert np.abs(decoded.astype(int) - pixels).max() <= tolerance


def test_turns_upright_from_every_exif_orientation() -> None:
    upright = gradient()
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    for orientation, pixels in stored.items():
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        decoded = decode_with_size(encode(Image.fromarray(np.ascontiguousarray(pixels)), "PNG", exif=exif))
        np.testing.assert_array_equal(decoded.pixels, upright, err_msg=f"orientation {orientation}")
        assert decoded.full_size == (40, 30)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_picture_with_unreadable_notes_is_taken_as_it_lies() -> None:
    data = encode(Image.fromarray(gradient()), "JPEG", quality=95, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    assert decode_image(data).shape == (30, 40, 3)


def test_grey_becomes_three_equal_channels() -> None:
    grey = gradient()[..., 0]
    decoded = decode_image(encode(Image.fromarray(grey), "PNG"))
    np.testing.assert_array_equal(decoded, np.repeat(grey[..., np.newaxis], 3, axis=2))


def test_16_bit_grey_is_scaled_not_cut_off() -> None:
    levels = np.array([[0, 257, 32_768, 65_535]], np.uint16)
    decoded = decode_image(encode(Image.fromarray(levels), "PNG"))
    assert decoded[0, :, 0].tolist() == [0, 1, 128, 255]


def test_black_and_white() -> None:
    decoded = decode_image(encode(Image.fromarray(np.array([[True, False]])), "PNG"))
    assert decoded.tolist() == [[[255] * 3, [0] * 3]]


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_transparent_becomes_white(form: str) -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 0], pixels[:2, :, 3] = 200, 255
    decoded = decode_image(encode(Image.fromarray(pixels), form, lossless=True))
    assert decoded[0, 0].tolist() == [200, 0, 0]
    assert decoded[3, 3].tolist() == [255, 255, 255]


def test_grey_with_alpha_and_half_transparent() -> None:
    pixels = np.full((2, 2, 2), 128, np.uint8)
    pixels[..., 0] = 0
    decoded = decode_image(encode(Image.fromarray(pixels, "LA"), "PNG"))
    assert decoded[0, 0].tolist() == [127] * 3


def test_palette_with_and_without_a_transparent_colour() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 250, 0, 0])
    palette.putpixel((1, 0), 1)
    assert decode_image(encode(palette, "PNG")).tolist() == [[[10, 20, 30], [250, 0, 0]]]
    assert decode_image(encode(palette, "PNG", transparency=0)).tolist() == [[[255] * 3, [250, 0, 0]]]


def test_cmyk() -> None:
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    red, green, blue = decode_image(encode(cyan, "JPEG", quality=95))[8, 8].tolist()
    assert red < 12
    assert green > 243
    assert blue > 243


def test_first_picture_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    decoded = decode_image(encode(frames[0], "WEBP", lossless=True, save_all=True, append_images=frames[1:]))
    assert decoded[4, 4].tolist() == [255, 0, 0]


def test_a_phones_file_of_two_pictures_is_a_jpeg() -> None:
    pictures = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    red, _, blue = decode_image(encode(pictures[0], "MPO", save_all=True, append_images=pictures[1:]))[8, 8].tolist()
    assert red > 240
    assert blue < 15


@pytest.mark.parametrize(
    ("enough", "size"),
    [(None, (640, 480)), (481, (640, 480)), (240, (320, 240)), (130, (320, 240)), (100, (160, 120)), (1, (80, 60))],
)
def test_a_jpeg_is_decoded_no_larger_than_needed(enough: int | None, size: tuple[int, int]) -> None:
    data = encode(Image.fromarray(gradient(640, 480)), "JPEG", quality=95)
    decoded = decode_with_size(data, shorter_side=enough)
    assert decoded.pixels.shape == (size[1], size[0], 3)
    assert decoded.full_size == (640, 480)
    whole = np.asarray(Image.fromarray(gradient(640, 480)).resize(size, Image.Resampling.BOX)).astype(int)
    assert np.abs(decoded.pixels - whole).mean() < 1.5


def test_full_size_of_a_turned_and_reduced_jpeg_is_that_of_the_upright_picture() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    decoded = decode_with_size(encode(Image.fromarray(gradient(640, 480)), "JPEG", exif=exif), shorter_side=120)
    assert decoded.pixels.shape == (160, 120, 3)
    assert decoded.full_size == (480, 640)


def test_png_stays_whole() -> None:
    assert decode_image(encode(Image.fromarray(gradient(64, 48)), "PNG"), shorter_side=8).shape == (48, 64, 3)


def test_too_many_bytes_or_pixels() -> None:
    data = encode(Image.fromarray(gradient()), "PNG")
    with pytest.raises(InputTooLarge, match=f"{len(data.data)} bytes, the limit is 10"):
        decode_image(data, ImageLimits(max_bytes=10))
    with pytest.raises(InputTooLarge, match="40 x 30 pixels, the limit is 1199 in all"):
        decode_image(data, ImageLimits(max_pixels=1199))
    assert decode_image(data, ImageLimits(max_pixels=1200)).shape == (30, 40, 3)


@pytest.mark.parametrize("side", [9_600, 20_000])
def test_a_small_file_that_unpacks_to_a_huge_picture(side: int) -> None:
    """9,600 squared is where Pillow warns, 20,000 squared where it refuses."""
    bomb = bytearray(encode(Image.new("1", (8, 8)), "PNG").data)
    header = side.to_bytes(4, "big") * 2 + bomb[24:29]
    bomb[16:29] = header
    import zlib

    bomb[29:33] = zlib.crc32(b"IHDR" + header).to_bytes(4, "big")
    with pytest.raises(InputTooLarge, match="the limit"):
        decode_image(EncodedImage(bytes(bomb)))


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"JPEG, PNG, WebP|damaged"):
        decode_image(EncodedImage(data))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_cut_short(form: str, kept: float) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))
    data = encode(noise, form).data
    with pytest.raises(InvalidInput):
        decode_image(EncodedImage(data[: int(len(data) * kept)]))


def test_another_kind_of_input() -> None:
    with pytest.raises(InvalidInput, match="takes a picture, not a recording"):
        decode_image(EncodedAudio(b"RIFF"))


FILES = {form: encode(Image.fromarray(gradient(32, 24)), form).data for form in ("PNG", "JPEG", "WEBP")}


@settings(max_examples=200, deadline=None)
@given(
    form=st.sampled_from(sorted(FILES)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damaged_bytes_give_a_picture_or_an_error_of_ours(form: str, changes: list[tuple[float, int]]) -> None:
    data = bytearray(FILES[form])
    for place, value in changes:
        data[int(place * len(data))] = value
    try:
        decoded = decode_image(EncodedImage(bytes(data)), ImageLimits(max_pixels=1_000_000))
    except (InvalidInput, InputTooLarge):
        return
    assert decoded.dtype == np.uint8
    assert decoded.shape[2] == 3


@pytest.mark.parametrize("form", ["BMP", "GIF", "TIFF"])
def test_further_formats_are_taken(form: str) -> None:
    pixels = gradient()
    decoded = decode_image(encode(Image.fromarray(pixels), form))
    # A GIF has 256 colours.
    assert np.abs(decoded.astype(int) - pixels).mean() < (12 if form == "GIF" else 2)


def test_a_turned_tiff_is_upright() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    upright = gradient()
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
    decoded = decode_with_size(encode(stored, "TIFF", exif=exif))
    np.testing.assert_array_equal(decoded.pixels, upright)
    assert decoded.full_size == (40, 30)


def test_a_heic_file_is_called_one() -> None:
    with pytest.raises(InvalidInput, match="HEIC is not taken; send a JPEG, PNG, WebP"):
        decode_image(EncodedImage(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)))


def test_a_tiff_of_fractions_is_refused() -> None:
    fractions = Image.fromarray(np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10))
    with pytest.raises(InvalidInput, match="save it with 8 or 16 bits a colour"):
        decode_image(encode(fractions, "TIFF"))


@pytest.mark.parametrize("note", ["icc", "ztxt", "itxt", "text"])
def test_a_png_is_no_worse_for_long_profiles_and_texts(note: str) -> None:
    pixels = gradient()
    long = "x" * 3_000_000
    options: dict[str, Any] = {}
    if note == "icc":
        options["icc_profile"] = bytes(3_000_000)
    else:
        info = PngImagePlugin.PngInfo()
        if note == "itxt":
            info.add_itxt("Comment", long, zip=True)
        else:
            info.add_text("Comment", long, zip=note == "ztxt")
        options["pnginfo"] = info
    np.testing.assert_array_equal(decode_image(encode(Image.fromarray(pixels), "PNG", **options)), pixels)
