"""What each part takes until a face is a vector, in one process, on one thread; and what that would be on a Pi 4.

    PIPIT_DATA=… python tests/load/bench_faces.py [--calls N]

The picture is 640 x 480, a JPEG with one face, of the photograph that scikit-image carries. `bench_naming.py` has what
follows. The Pi 4's figures are estimates: see ASSUMED_RATE and SLOWER.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from ai_edge_litert.interpreter import Interpreter
from bench_emotion import multiply_adds
from face_vectors import EMBEDDERS, ask_embedder, encode
from home_security.faces.networks import Wanted, make_embedder
from measure import timed, write_csv
from numpy.typing import NDArray
from pipit.faces.alignment import TEMPLATES, cut_chip, similarity_to
from pipit.faces.finder import FaceFinder
from pipit.faces.quality import measure_quality
from pipit.inputs.image import decode_with_size
from pipit.landmarks import FaceAndBody
from pipit.landmarks.memory import Findings
from pipit.landmarks.networks import RUNTIME, network_paths
from pipit.runtimes import load_runtime
from pipit.settings import DataSettings, load_settings
from skimage.data import astronaut

ASSUMED_RATE = 5e9
"""Multiply-adds a second of one Cortex-A72 core in float32, as for sounds: an assumption, not a measurement."""
SLOWER = 8.0
"""One core of a Pi 4 against one of this machine in code that is no network: an assumption, not a measurement."""
QUIET = 0.1
"""The share of calls that are the fastest: what else runs on this machine slows these least."""
Row = dict[str, object]


def main() -> None:
    """Prints and writes docs/measured/faces_times.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args()
    data = load_settings(DataSettings).data
    if data is None:
        sys.exit("set PIPIT_DATA to the folder that holds `backbones`")
    with tempfile.TemporaryDirectory() as scratch:
        rows = [*finding(options.calls), *embedding(data, Path(scratch), options.calls)]
    write_csv("faces_times", rows, ("onnxruntime", "ai-edge-litert", "numpy", "pillow"))


def finding(calls: int) -> list[Row]:
    """Decoding, looking for faces, and all that `FaceFinder` does."""
    picture: NDArray[np.uint8] = np.zeros((480, 640, 3), np.uint8)
    picture[:, 64:576] = astronaut()[:480]
    item, nothing = encode(picture, "JPEG"), np.full_like(picture, 120)
    networks = {name: load_runtime(path, RUNTIME) for name, path in network_paths(body=False, far=True).items()}
    faces = FaceAndBody(networks, findings=Findings())
    finder = FaceFinder(networks, TEMPLATES["dlib"], Findings())
    (found,) = faces.find(picture, None, body=False)
    points = found.face.points
    rows = [
        *measured({"decode a JPEG of 640 x 480": lambda: decode_with_size(item, shorter_side=720)}, calls),
        *measured(
            {"find a face and its 468 points": lambda: faces.find(picture, None, body=False)}, calls, operations()
        ),
        *measured({"look where there is no face": lambda: faces.find(nothing, None, body=False)}, calls),
        *measured({"align it for dlib and judge its quality": lambda: align(picture, points)}, calls),
        *measured({"all of these, by FaceFinder": lambda: finder.find(item)}, calls),
    ]
    for network in networks.values():
        network.close()
    return rows


def align(picture: NDArray[np.uint8], points: NDArray[np.float32]) -> None:
    """As `FaceFinder` does: the chip of the embedder, and that by which the quality is measured."""
    chips = [
        cut_chip(picture, similarity_to(template, points), template.width, template.height)
        for template in (TEMPLATES["dlib"], TEMPLATES["arcface"])
    ]
    measure_quality(points, chips[1])


def operations() -> int:
    """Multiply-adds of the convolutions of both networks that look for a face, for one face."""
    total = 0
    for path in network_paths(body=False).values():
        interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
        shapes = {detail["index"]: detail["shape"] for detail in interpreter.get_tensor_details()}
        for operator in interpreter._get_ops_details():  # this API has no public way to the graph
            if operator["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D"):
                places = np.prod(shapes[operator["outputs"][0]][1:3])
                total += int(np.prod(shapes[operator["inputs"][1]]) * places)
    return total


def embedding(data: Path, folder: Path, calls: int) -> list[Row]:
    """One face; for the default with its mirror image too."""
    rows = []
    for name in EMBEDDERS:
        for flipped in (False, True) if name == EMBEDDERS[0] else (False,):
            embedder = make_embedder(name, Wanted(data), flipped=flipped)
            shape = (embedder.settings.height, embedder.settings.width, 3)
            chip = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
            count = multiply_adds(onnx.load_from_string(embedder.network.SerializeToString())) * (2 if flipped else 1)
            with ask_embedder(embedder, folder) as ask:
                what = f"embed by {name}{', with its mirror image' if flipped else ''}"
                (row,) = measured({what: lambda ask=ask, chip=chip: ask([chip])}, calls, count)
            row["megabytes"] = round(len(embedder.network.SerializeToString()) / 1e6, 2)
            rows.append(row)
    return rows


def measured(parts: Mapping[str, Callable[[], object]], calls: int, count: int = 0) -> list[Row]:
    """Side by side, so that what else runs here slows all alike. count: multiply-adds of one call."""
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for call in parts.values():
        call()
    for _ in range(calls):
        for name, call in parts.items():
            seconds[name].append(timed(call))
    return [row_of(name, values, count) for name, values in seconds.items()]


def row_of(name: str, seconds: Sequence[float], count: int) -> Row:
    """Medians, what a quiet machine takes, and what a Pi 4 is thought to."""
    quiet = float(np.quantile(seconds, QUIET))
    estimate = count / ASSUMED_RATE if count else quiet * SLOWER
    return {
        "what": name,
        "milliseconds": round(1e3 * float(np.median(seconds)), 3),
        "milliseconds_p10": round(1e3 * quiet, 3),
        "milliseconds_p95": round(1e3 * float(np.quantile(seconds, 0.95)), 3),
        "calls": len(seconds),
        "million_multiply_adds": round(count / 1e6, 1) if count else "",
        "milliseconds_on_a_pi_4_estimated": round(1e3 * estimate, 2),
        "by": "multiply-adds" if count else "ratio",
        "megabytes": "",
    }


if __name__ == "__main__":
    main()
