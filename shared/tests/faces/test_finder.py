"""Faces in picture files of many kinds: the same face makes the same chip."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pipit.errors import InvalidInput
from pipit.faces.alignment import TEMPLATES, ChipTemplate
from pipit.faces.finder import Face, FaceFinder
from pipit.inputs import EncodedImage, TensorInput
from pipit.landmarks import FaceAndBody
from pipit.landmarks.memory import Findings
from pipit.landmarks.networks import network_paths
from pipit.runtimes import Runtime, load_runtime

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def opened(networks_folder: Path) -> Iterator[dict[str, Runtime]]:
    loaded = {name: load_runtime(path, "litert") for name, path in network_paths(networks_folder, body=False).items()}
    yield loaded
    for runtime in loaded.values():
        runtime.close()


@pytest.fixture(scope="module")
def finder(opened: dict[str, Runtime]) -> FaceFinder:
    return FaceFinder(opened)


def encoded(picture: Picture | Image.Image, kind: str = "PNG", **options: Any) -> EncodedImage:
    file = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(file, kind, **options)
    return EncodedImage(file.getvalue())


def only(faces: tuple[Face, ...]) -> Face:
    assert len(faces) == 1
    return faces[0]


@pytest.fixture(scope="module")
def upright(finder: FaceFinder, photograph: Picture) -> Face:
    return only(finder.find(encoded(photograph)))


def difference(one: Face, other: Face) -> float:
    """Mean of the difference of two chips, grey levels; another person's is over 30."""
    return float(np.abs(one.chip.astype(int) - other.chip).mean())


def test_a_face_is_found_and_aligned(upright: Face) -> None:
    assert upright.chip.shape == (112, 112, 3)
    assert upright.presence > 0.9
    left_eye, right_eye, nose, left_mouth, right_mouth = upright.points
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert nose[1] < left_mouth[1]
    box = upright.box
    assert all(box.left < x < box.left + box.width and box.top < y < box.top + box.height for x, y in upright.points)
    assert upright.quality.box == pytest.approx(max(box.width, box.height), rel=1e-3)
    assert upright.quality.eyes == pytest.approx(float(np.hypot(*(right_eye - left_eye))), rel=1e-3)


@pytest.mark.parametrize("degrees", [15, -25])
def test_a_leaning_head_makes_the_same_chip(
    finder: FaceFinder, photograph: Picture, upright: Face, degrees: float
) -> None:
    leaning = Image.fromarray(photograph).rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    assert difference(only(finder.find(encoded(leaning))), upright) < 8


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_picture_that_exif_turns(finder: FaceFinder, photograph: Picture, upright: Face, orientation: int) -> None:
    turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    face = only(finder.find(encoded(Image.fromarray(photograph).transpose(turn), "PNG", exif=exif)))
    np.testing.assert_array_equal(face.chip, upright.chip)
    assert (face.box, face.quality) == (upright.box, upright.quality)


def test_grey_cmyk_and_infrared(finder: FaceFinder, photograph: Picture, upright: Face) -> None:
    image = Image.fromarray(photograph)
    grey = only(finder.find(encoded(image.convert("L"))))
    assert (grey.chip[..., 0] == grey.chip[..., 2]).all()
    assert np.abs(grey.points - upright.points).max() < 3
    cmyk = only(finder.find(encoded(image.convert("CMYK"), "JPEG", quality=95)))
    assert difference(cmyk, upright) < 8
    # A night camera: grey, dim, with noise.
    noise = np.random.default_rng(0).normal(0, 3, photograph.shape[:2])
    dim = np.clip(np.asarray(image.convert("L")) * 0.3 + noise, 0, 255).astype(np.uint8)
    night = only(finder.find(encoded(dim)))
    assert np.abs(night.points - upright.points).max() < 4
    assert night.quality.exposure == pytest.approx(0.3 * upright.quality.exposure, abs=0.05)
    assert night.quality.score < upright.quality.score


def test_a_large_photograph_is_decoded_small_and_its_face_is_told_in_full_pixels(
    finder: FaceFinder, photograph: Picture, upright: Face
) -> None:
    large = Image.fromarray(photograph).resize((2048, 2048), Image.Resampling.BICUBIC)
    face = only(finder.find(encoded(large, "JPEG", quality=95)))
    assert face.box.width == pytest.approx(4 * upright.box.width, rel=0.03)
    assert np.abs(face.points - 4 * upright.points).max() < 10
    assert face.quality.eyes == pytest.approx(4 * upright.quality.eyes, rel=0.03)
    assert difference(face, upright) < 6


def test_a_small_face_of_a_large_photograph_is_cut_from_the_pixels_that_it_has(
    opened: dict[str, Runtime], photograph: Picture
) -> None:
    """The search needs half of them; a chip cut from that half would lack what is fine."""
    template = replace(TEMPLATES["dlib"], width=300, height=300, places=doubled(TEMPLATES["dlib"]))
    finder = FaceFinder(opened, template)
    page = np.asarray(Image.fromarray(photograph).resize((1500, 1500), Image.Resampling.BICUBIC))[:1440, :1440]
    page = np.clip(page + np.random.default_rng(0).normal(0, 12, page.shape[:2])[..., np.newaxis], 0, 255)
    image = Image.fromarray(page.astype(np.uint8))
    whole = only(finder.find(encoded(image)))
    reduced = only(finder.find(encoded(image, "JPEG", quality=95)))
    coarse = only(finder.find(encoded(image.resize((720, 720), Image.Resampling.BOX))))
    assert grain(reduced) == pytest.approx(grain(whole), rel=0.05)
    assert grain(coarse) < 0.9 * grain(whole)
    np.testing.assert_allclose(reduced.points, whole.points, atol=6)
    np.testing.assert_allclose(2 * coarse.points, whole.points, atol=6)


def grain(face: Face) -> float:
    """Deviation between neighbours, grey levels."""
    return float(np.diff(face.chip.astype(int), axis=1).std())


def doubled(template: ChipTemplate) -> dict[str, tuple[float, float]]:
    return {name: (2 * x + 0.5, 2 * y + 0.5) for name, (x, y) in template.places.items()}


def test_a_face_of_twenty_pixels_is_no_good(finder: FaceFinder, photograph: Picture, upright: Face) -> None:
    """It may be found or not; where it is, its quality says that it is of no use."""
    side = round(512 * 20 / upright.box.height)
    faces = finder.find(encoded(Image.fromarray(photograph).resize((side, side), Image.Resampling.BOX)))
    assert len(faces) <= 1
    for face in faces:
        assert face.quality.box < 30
        assert face.quality.score <= 0.15


def test_no_face_and_a_drawing(finder: FaceFinder) -> None:
    assert finder.find(encoded(np.full((300, 400, 3), 120, np.uint8))) == ()
    assert finder.find(encoded(np.random.default_rng(1).integers(0, 255, (300, 300, 3)).astype(np.uint8))) == ()
    page = Image.new("RGB", (300, 300), "white")
    pen = ImageDraw.Draw(page)
    pen.line([(150, 20), (60, 280), (240, 280), (150, 20)], fill="black", width=4)
    assert finder.find(encoded(page)) == ()


def test_several_faces_come_largest_first(finder: FaceFinder, photograph: Picture, upright: Face) -> None:
    page = Image.new("RGB", (420, 240), (90, 110, 120))
    head = Image.fromarray(photograph[30:240, 120:330])
    page.paste(head.resize((140, 140), Image.Resampling.BICUBIC), (20, 50))
    page.paste(head, (190, 20))
    large, small = finder.find(encoded(page))
    assert large.box.area > 1.7 * small.box.area
    assert large.box.left > 200 > small.box.left
    assert difference(large, upright) < 6


def test_chips_are_of_the_template(opened: dict[str, Runtime], photograph: Picture) -> None:
    item = encoded(photograph)
    eyes = {}
    for name, template in TEMPLATES.items():
        face = only(FaceFinder(opened, template).find(item))
        assert face.chip.shape == (template.height, template.width, 3)
        # Found again in the chip, the eyes are as far apart as in the template.
        page = Image.new("RGB", (300, 300), (128, 128, 128))
        page.paste(Image.fromarray(face.chip), (70, 70))
        eyes[name] = only(FaceFinder(opened).find(encoded(page))).quality.eyes / template.eyes_apart
    assert eyes == pytest.approx(dict.fromkeys(TEMPLATES, 1.0), abs=0.12)


def test_what_another_task_found_is_not_searched_again(opened: dict[str, Runtime], photograph: Picture) -> None:
    findings = Findings()
    item = encoded(photograph)
    others = FaceAndBody(opened, findings=findings).open_stream(1, body=False).find_encoded(item)
    kept = len(findings)
    face = only(FaceFinder(opened, findings=findings).find(item))
    assert len(findings) == kept == 2
    assert face.box == others.found[0].box


def test_what_is_no_picture_is_refused(finder: FaceFinder) -> None:
    with pytest.raises(InvalidInput, match="not a picture"):
        finder.find(EncodedImage(b"no picture"))
    with pytest.raises(InvalidInput, match="takes a picture"):
        finder.find(TensorInput("faces", np.zeros(3, np.float32)))


@pytest.fixture(scope="module")
def far_network(networks_folder: Path) -> Iterator[dict[str, Runtime]]:
    """The detector for faces far away."""
    paths = network_paths(networks_folder, body=False, far=True)
    (name,) = paths.keys() - network_paths(networks_folder, body=False).keys()
    runtime = load_runtime(paths[name], "litert")
    yield {name: runtime}
    runtime.close()


@pytest.mark.parametrize("width", [1280, 1600])
def test_a_face_far_away_is_found_by_the_detector_for_such(
    opened: dict[str, Runtime], far_network: dict[str, Runtime], photograph: Picture, upright: Face, width: int
) -> None:
    page = np.full((960, width, 3), 100, np.uint8)
    left = (width - 512) // 2
    page[:512, left : left + 512] = photograph
    item = encoded(page)
    assert FaceFinder(opened).find(item) == ()
    face = only(FaceFinder({**opened, **far_network}).find(item))
    assert difference(face, upright) < 10
    np.testing.assert_allclose(face.points - (left, 0), upright.points, atol=3)


def test_a_face_near_by_is_shared_with_a_task_that_has_no_such_detector(
    opened: dict[str, Runtime], far_network: dict[str, Runtime], photograph: Picture, upright: Face
) -> None:
    findings = Findings()
    item = encoded(photograph)
    FaceAndBody(opened, findings=findings).open_stream(1, body=False).find_encoded(item)
    kept = len(findings)
    face = only(FaceFinder({**opened, **far_network}, findings=findings).find(item))
    assert len(findings) == kept == 2
    np.testing.assert_array_equal(face.chip, upright.chip)


def test_where_there_is_no_face_the_detector_for_those_far_away_finds_none_either(
    opened: dict[str, Runtime], far_network: dict[str, Runtime]
) -> None:
    finder = FaceFinder({**opened, **far_network})
    assert finder.find(encoded(np.full((480, 640, 3), 120, np.uint8))) == ()
    assert finder.find(encoded(np.random.default_rng(1).integers(0, 255, (480, 640, 3)).astype(np.uint8))) == ()
