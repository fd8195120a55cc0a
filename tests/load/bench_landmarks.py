"""Landmarks: how often a face is found, how near MediaPipe's own answer, and where the time goes.

    python tests/load/bench_landmarks.py [rounds]

Needs real faces (PIPIT_DATA with `expressions`, and `footprints` as pictures of nobody), the networks
(python -m pipit.data.landmark_networks) and scikit-image, which carries the photograph that times are taken on.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from measure import milliseconds, side_by_side, write_csv
from numpy.typing import NDArray
from PIL import Image
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image, decode_with_size
from pipit.inputs.landmarks import FaceAndBody, split_features
from pipit.inputs.landmarks.crop import crop, scaled
from pipit.settings import DataSettings, load_settings
from skimage.data import astronaut

ROUNDS = 200
FEW = 20
"""Rounds of what takes long."""
REFERENCE = Path(__file__).parents[2] / "shared/tests/inputs/landmarks/make_reference.py"
Picture = NDArray[np.uint8]
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/landmarks.csv`."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    networks, as_mediapipe = FaceAndBody.load(), FaceAndBody.load(tight_faces=False)
    data = load_settings(DataSettings).data
    if data is None:
        sys.exit("set PIPIT_DATA to the folder that holds `expressions` and `footprints`")
    sets = {
        "FER2013, 48 px": sorted((data / "expressions/fer2013").rglob("*.jpg")),
        "wild200, 100 to 200 px": sorted((data / "expressions/wild200").rglob("*.jpg")),
        "footprints, nobody in them": sorted((data / "footprints").rglob("*.jpg")),
    }
    rows = [*differences(networks), *times(networks, rounds), *large_pictures(networks)]
    for name, files in sets.items():
        rows += rates(name, files, {"as MediaPipe": as_mediapipe, "with a second look": networks})
    write_csv("landmarks", rows)


def differences(networks: FaceAndBody) -> list[Row]:
    """Over the single pictures of the tests' reference, each of about 512 px."""
    spec = spec_from_file_location("make_reference", REFERENCE)
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    expected = np.load(made.REFERENCE)
    face_errors, body_errors = [], []
    for name, picture in made.pictures(astronaut()).items():
        (found,) = networks.find(picture)
        size = np.array(picture.shape[1::-1], np.float32)
        face, body = split_features(found.features)
        theirs = max(expected[f"{name}/faces"], key=lambda points: np.ptp(points[:, 0]))
        face_errors.append(np.hypot(*((face - theirs)[:, :2] * size).T))
        body_errors.append(np.hypot(*((body - expected[f"{name}/body"][0])[:, :2] * size).T))
    return [
        row(f"{what}, off MediaPipe's, {statistic}", round(float(of(np.array(errors))), 4), "px", len(errors))
        for what, errors in (("face points", face_errors), ("body points", body_errors))
        for statistic, of in (("mean", np.mean), ("largest", np.max))
    ]


def times(networks: FaceAndBody, rounds: int) -> list[Row]:
    """One thread, a picture of 640 x 480."""
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:, 64:576] = astronaut()[:480]
    nobody = np.zeros_like(picture)
    data = jpeg(picture)
    faces, bodies = networks._faces, networks._bodies
    (face_at,) = faces.detect(picture, 0.5)
    assert bodies is not None
    body_at = bodies.detect(picture, 0.5)
    assert body_at is not None
    face_tracker, both_tracker = networks.open_stream(body=False), networks.open_stream()
    calls: dict[str, Callable[[], object]] = {
        "decode a JPEG of 640 x 480": lambda: decode_image(EncodedImage(data)),
        "face: detect": lambda: faces.detect(picture, 0.5),
        "face: crop, 192 px": lambda: scaled(crop(picture, face_at, 192, repeat_border=True), 0.0, 1.0),
        "face: crop and landmarks": lambda: faces.look(picture, face_at),
        "body: detect": lambda: bodies.detect(picture, 0.5),
        "body: crop, 256 px": lambda: scaled(crop(picture, body_at, 256, repeat_border=True), 0.0, 1.0),
        "body: crop and landmarks": lambda: bodies.look(picture, body_at),
        "one picture, face alone": lambda: networks.find(picture, body=False),
        "one picture, face and body": lambda: networks.find(picture),
        "next picture of a stream, face alone": lambda: face_tracker.find(picture),
        "next picture of a stream, face and body": lambda: both_tracker.find(picture),
        "one picture, nobody in it": lambda: networks.find(nobody),
    }
    return timing_rows(side_by_side(calls, rounds))


def large_pictures(networks: FaceAndBody) -> list[Row]:
    """A JPEG of 20 megapixels, whole and at reduced scale."""
    large = Image.new("RGB", (5480, 3650), "grey")
    large.paste(Image.fromarray(astronaut()).resize((3650, 3650), Image.Resampling.BICUBIC), (900, 0))
    data = jpeg(np.asarray(large))
    calls: dict[str, Callable[[], object]] = {
        "decode a JPEG of 20 megapixels, whole": lambda: decode_image(EncodedImage(data)),
        "decode a JPEG of 20 megapixels to 1370 x 913": lambda: decode_image(EncodedImage(data), shorter_side=720),
    }
    seconds = side_by_side(calls, FEW, warm_up=1)
    rows = timing_rows(seconds)
    whole, reduced = (float(np.median(values)) for values in seconds.values())
    rows.append(row("20 megapixels: times faster at reduced scale", round(whole / reduced, 2), "", FEW))
    small = decode_with_size(EncodedImage(data), shorter_side=720)
    (mine,) = networks.find(small.pixels, body=False, full_size=small.full_size)
    (theirs,) = networks.find(decode_image(EncodedImage(data)), body=False)
    off = (split_features(mine.features)[0] - split_features(theirs.features)[0])[:, :2] * [5480, 3650]
    share = float(np.hypot(*off.T).mean()) / theirs.box.width * 100
    return [*rows, row("20 megapixels: points moved by it, of the face's width", round(share, 2), "%", 1)]


def rates(name: str, files: Sequence[Path], ways: dict[str, FaceAndBody]) -> list[Row]:
    """The share of pictures with a face."""
    found = dict.fromkeys(ways, 0)
    for file in files:
        picture = decode_image(EncodedImage(file.read_bytes()), shorter_side=720)
        for way, networks in ways.items():
            found[way] += bool(networks.find(picture, body=False))
    return [
        row(f"face found in {name}, {way}", round(100 * count / len(files), 2), "%", len(files))
        for way, count in found.items()
    ]


def jpeg(picture: Picture) -> bytes:
    """Quality 90."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()


def timing_rows(seconds: dict[str, NDArray[Any]]) -> list[Row]:
    """Median and 95th percentile, in milliseconds."""
    return [
        {**row(name, milliseconds(values, 50), "ms", len(values)), "p95": milliseconds(values, 95)}
        for name, values in seconds.items()
    ]


def row(what: str, value: float, unit: str, samples: int) -> Row:
    """One line of the CSV. value: of times the median."""
    return {"what": what, "value": value, "unit": unit, "p95": "", "samples": samples}


if __name__ == "__main__":
    main()
