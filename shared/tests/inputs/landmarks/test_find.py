from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image, decode_with_size
from pipit.inputs.landmarks import FaceAndBody, Thresholds, face_crop, split_features

Picture = NDArray[np.uint8]
ORIENTATION = 0x0112


def encoded(picture: Image.Image, form: str, **options: Any) -> EncodedImage:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return EncodedImage(file.getvalue())


def face_pixels(features: NDArray[np.float32], picture: Picture) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    pixels: NDArray[np.float32] = split_features(features)[0][:, :2] * np.array([width, height], np.float32)
    return pixels


def test_one_face_and_its_body(networks: FaceAndBody, photograph: Picture) -> None:
    (found,) = networks.find(photograph)
    assert found.features.shape == (1536,)
    assert found.features.dtype == np.float32
    assert found.presence > 0.99
    assert found.body_presence > 0.9
    points = face_pixels(found.features, photograph)
    assert (found.box.left, found.box.top) == pytest.approx(points.min(axis=0).tolist(), abs=1e-3)
    assert (found.box.left + found.box.width, found.box.top + found.box.height) == pytest.approx(
        points.max(axis=0).tolist(), abs=1e-3
    )


def test_nobody_is_an_answer(networks: FaceAndBody) -> None:
    assert networks.find(np.zeros((480, 640, 3), np.uint8)) == []
    assert networks.find(np.full((1, 1, 3), 128, np.uint8)) == []
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    assert networks.find(noise, faces=None) == []


def test_largest_face_first_and_all_when_asked(networks: FaceAndBody, photograph: Picture) -> None:
    head = photograph[40:240, 120:320]
    crowd = np.zeros((420, 640, 3), np.uint8)
    crowd[210:410, 20:220] = head
    crowd[10:410, 230:630] = head.repeat(2, axis=0).repeat(2, axis=1)
    crowd[20:200, 40:220] = np.array(Image.fromarray(head).resize((180, 180)))[:, ::-1]
    everybody = networks.find(crowd, faces=None)
    areas = [found.box.width * found.box.height for found in everybody]
    assert len(everybody) == 3
    assert areas == sorted(areas, reverse=True)
    assert [found.box for found in networks.find(crowd, faces=2)] == [found.box for found in everybody[:2]]
    assert [found.box for found in networks.find(crowd)] == [everybody[0].box]


def test_the_body_belongs_to_one_face(networks: FaceAndBody, photograph: Picture) -> None:
    pair = np.concatenate([photograph[:, 60:400], photograph[:, 60:400]], axis=1)
    found = networks.find(pair, faces=None)
    assert len(found) == 2
    bearers = [one for one in found if one.body_presence > 0]
    (other,) = [one for one in found if one.body_presence == 0]
    assert len(bearers) == 1
    assert not split_features(other.features)[1].any()
    nose = split_features(bearers[0].features)[1][0, :2] * [pair.shape[1], pair.shape[0]]
    box = bearers[0].box
    assert box.left < nose[0] < box.left + box.width
    assert box.top < nose[1] < box.top + box.height


def test_a_face_that_fills_the_picture_needs_a_second_look(
    networks: FaceAndBody, networks_folder: Path, photograph: Picture
) -> None:
    (whole,) = networks.find(photograph, body=False)
    tight = np.ascontiguousarray(photograph[90:150, 190:250])
    assert FaceAndBody.load(networks_folder, tight_faces=False).find(tight) == []
    (found,) = networks.find(tight, body=False)
    off = face_pixels(found.features, tight) + np.array([190, 90]) - face_pixels(whole.features, photograph)
    assert np.hypot(*off.T).mean() < 6


def test_without_the_body(networks: FaceAndBody, photograph: Picture) -> None:
    (with_body,) = networks.find(photograph)
    (without,) = networks.find(photograph, body=False)
    assert without.body_presence == 0
    assert not split_features(without.features)[1].any()
    np.testing.assert_array_equal(without.features[:1404], with_body.features[:1404])


def test_a_face_cut_by_the_border_reaches_over_it(networks: FaceAndBody, photograph: Picture) -> None:
    (whole,) = networks.find(photograph)
    (cut,) = networks.find(np.ascontiguousarray(photograph[:, 205:]))
    assert cut.box.left < 0
    assert cut.box.width == pytest.approx(whole.box.width, rel=0.3)
    seen = face_pixels(whole.features, photograph)[:, 0] > 215
    off = face_pixels(cut.features, photograph[:, 205:]) - face_pixels(whole.features, photograph)
    off[:, 0] += 205
    assert np.hypot(*off[seen].T).mean() < 6


@pytest.mark.parametrize(("form", "mode", "tolerance"), [
    ("PNG", "RGBA", 0.01),
    ("PNG", "P", 4),
    ("JPEG", "CMYK", 2),
    ("JPEG", "RGB", 2),
    ("PNG", "L", 4),
    ("WEBP", "RGB", 4),
])  # fmt: skip
def test_every_kind_of_file_gives_the_same_face(
    networks: FaceAndBody, photograph: Picture, form: str, mode: str, tolerance: float
) -> None:
    (expected,) = networks.find(photograph, body=False)
    picture = decode_image(encoded(Image.fromarray(photograph).convert(mode), form))
    (found,) = networks.find(picture, body=False)
    off = face_pixels(found.features, photograph) - face_pixels(expected.features, photograph)
    assert np.hypot(*off.T).mean() < tolerance


def test_turned_by_exif(networks: FaceAndBody, photograph: Picture) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    lying = Image.fromarray(photograph).transpose(Image.Transpose.ROTATE_90)
    (upright,) = networks.find(decode_image(encoded(lying, "PNG", exif=exif)))
    (expected,) = networks.find(photograph)
    np.testing.assert_array_equal(upright.features, expected.features)


def test_twenty_megapixels_at_reduced_scale(networks: FaceAndBody, photograph: Picture) -> None:
    """The box is in pixels of the whole, and the points are those that the whole gives."""
    large = Image.new("RGB", (5480, 3650), "grey")
    large.paste(Image.fromarray(photograph).resize((3650, 3650), Image.Resampling.BICUBIC), (900, 0))
    data = encoded(large, "JPEG", quality=90)
    reduced = decode_with_size(data, shorter_side=720)
    assert reduced.pixels.shape == (913, 1370, 3)
    (found,) = networks.find(reduced.pixels, full_size=reduced.full_size)
    whole = decode_image(data)
    (expected,) = networks.find(whole)
    off = face_pixels(found.features, whole) - face_pixels(expected.features, whole)
    assert np.hypot(*off.T).mean() < 0.02 * expected.box.width
    assert found.box.left == pytest.approx(expected.box.left, abs=0.03 * expected.box.width)
    assert found.box.width == pytest.approx(expected.box.width, rel=0.05)


@pytest.mark.parametrize("degrees", [0, 25, -40])
def test_the_aligned_crop_is_upright(networks: FaceAndBody, made: Any, photograph: Picture, degrees: float) -> None:
    picture = made.turned(photograph, degrees)
    (found,) = networks.find(picture)
    square = found.face.aligned
    # The points as the square sees them: 0..1 over it.
    turn = np.exp(-1j * square.rotation)
    across = (found.face.points[:, 0] - square.center_x) + 1j * (found.face.points[:, 1] - square.center_y)
    seen = across * turn / square.width + (0.5 + 0.5j)
    for side in (seen.real, seen.imag):
        assert side.min() + side.max() == pytest.approx(1, abs=1e-3)
    assert max(np.ptp(seen.real), np.ptp(seen.imag)) == pytest.approx(1, abs=1e-3)
    assert seen[33].imag == pytest.approx(seen[263].imag, abs=1e-3)
    assert seen[10].imag < seen[152].imag, "the forehead is above the chin"

    cropped = face_crop(picture, found, 128)
    assert cropped.shape == (128, 128, 3)
    (again,) = networks.find(cropped, body=False)
    points = split_features(again.features)[0]
    assert np.abs(points[[33, 263, 1, 61, 291], :2] - centred(seen[[33, 263, 1, 61, 291]], 1.2)).max() < 0.05


def centred(points: NDArray[Any], margin: float) -> NDArray[Any]:
    """Places in a square, as a square `margin` times as large about the same centre has them."""
    return (np.stack([points.real, points.imag], axis=1) - 0.5) / margin + 0.5


@pytest.mark.parametrize("picture", [
    np.zeros((4, 4), np.uint8),
    np.zeros((4, 4, 4), np.uint8),
    np.zeros((4, 4, 3), np.float32),
    np.zeros((0, 4, 3), np.uint8),
])  # fmt: skip
def test_what_is_no_picture(networks: FaceAndBody, picture: Any) -> None:
    with pytest.raises(InvalidInput, match="uint8 of shape"):
        networks.find(picture)


def test_no_face_wanted(networks: FaceAndBody) -> None:
    with pytest.raises(InvalidInput, match="at least 1, not 0"):
        networks.open_stream(0)


def test_missing_networks_say_how_to_get_them(tmp_path: Path) -> None:
    (tmp_path / "face_landmark.tflite").write_bytes(b"")
    with pytest.raises(NotFound, match=r"lacks face_detection_short_range\.tflite, .*python -m pipit\.data\.landmark"):
        FaceAndBody.load(tmp_path)


def test_high_thresholds_find_nothing(networks_folder: Path, photograph: Picture) -> None:
    assert FaceAndBody.load(networks_folder, thresholds=Thresholds(face_detection=0.999)).find(photograph) == []
    strict = FaceAndBody.load(networks_folder, thresholds=Thresholds(body_presence=1.0))
    assert strict.find(photograph)[0].body_presence == 0


class TestStreams:
    def test_the_face_is_followed_without_detection(
        self, networks: FaceAndBody, made: Any, photograph: Picture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        searched = []
        detect = networks._faces.detect
        monkeypatch.setattr(
            networks._faces, "detect", lambda *args, **options: searched.append(1) or detect(*args, **options)
        )
        tracker = networks.open_stream(body=False)
        for frame in made.frames(photograph):
            assert len(tracker.find(frame)) == 1
        assert len(searched) == 1
        tracker.forget()
        tracker.find(made.frames(photograph)[0])
        assert len(searched) == 2

    def test_a_face_that_leaves_is_gone_and_found_when_it_comes_back(
        self, networks: FaceAndBody, photograph: Picture
    ) -> None:
        tracker = networks.open_stream()
        assert len(tracker.find(photograph)) == 1
        assert tracker.find(np.zeros_like(photograph)) == []
        (again,) = tracker.find(photograph)
        np.testing.assert_array_equal(again.features, networks.find(photograph)[0].features)

    def test_a_cut_to_a_face_elsewhere_is_found_in_the_same_picture(
        self, networks: FaceAndBody, photograph: Picture
    ) -> None:
        left, right = np.zeros((400, 600, 3), np.uint8), np.zeros((400, 600, 3), np.uint8)
        left[:, :300], right[:, 300:] = photograph[:400, 70:370], photograph[:400, 70:370]
        tracker = networks.open_stream()
        (first,) = tracker.find(left)
        (second,) = tracker.find(right)
        assert second.box.left - first.box.left == pytest.approx(300, abs=5)

    def test_a_second_face_is_taken_on(self, networks: FaceAndBody, photograph: Picture) -> None:
        head = photograph[40:240, 120:320]
        pair = np.concatenate([head, head[:, ::-1]], axis=1)
        alone = pair.copy()
        alone[:, 200:] = 0
        tracker = networks.open_stream(faces=2, body=False)
        assert len(tracker.find(alone)) == 1
        assert len(tracker.find(pair)) == 2
        assert len(tracker.find(alone)) == 1

    def test_another_size_starts_anew(self, networks: FaceAndBody, photograph: Picture) -> None:
        tracker = networks.open_stream()
        tracker.find(photograph)
        smaller = np.ascontiguousarray(photograph[:400, :450])
        np.testing.assert_array_equal(tracker.find(smaller)[0].features, networks.find(smaller)[0].features)

    def test_streams_can_not_see_each_other(self, networks_folder: Path, made: Any, photograph: Picture) -> None:
        """Two streams side by side in threads over the same networks give what each gives alone."""
        shared = FaceAndBody.load(networks_folder, instances=2)
        forwards = made.frames(photograph)
        streams = [forwards, forwards[::-1]]

        def run(frames: list[Picture], barrier: threading.Barrier | None) -> list[NDArray[np.float32]]:
            tracker = shared.open_stream()
            answers = []
            for frame in frames:
                if barrier is not None:
                    barrier.wait(60)
                answers.append(tracker.find(frame)[0].features)
            return answers

        alone = [run(frames, None) for frames in streams]
        barrier = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            together = list(pool.map(lambda frames: run(frames, barrier), streams))
        np.testing.assert_array_equal(np.array(together), np.array(alone))
