"""How small a face in a picture may be: whether it is found, and how like its vector stays to that of the large one.

    PIPIT_DATA=… python tests/load/face_sizes.py

One picture of each of the 70 people of development, made smaller and put into a grey picture of 640 x 480. They
are cut so tightly that chins and hair are missing, so that a camera's own pictures should do better. Writes
docs/measured/faces_sizes.csv.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from face_vectors import ask_embedder, encode, list_pictures
from home_security.faces.networks import Wanted, make_embedder
from measure import write_csv
from numpy.typing import NDArray
from PIL import Image
from pipit.faces.embedding import unit_vectors
from pipit.faces.finder import FaceFinder
from pipit.inputs import EncodedImage
from pipit.landmarks.memory import Findings
from pipit.landmarks.networks import FAR_NETWORKS, RUNTIME, network_paths
from pipit.runtimes import load_runtime
from pipit.settings import DataSettings, load_settings
from pipit.training.intervals import proportion

HEIGHTS = (120, 100, 80, 70, 60, 50, 40, 30, 20)
"""Of the box around a face, pixels."""
WIDTH, HEIGHT = 640, 480
GREY = 110


def main() -> None:
    """One row a size."""
    data = load_settings(DataSettings).data
    if data is None:
        sys.exit("set PIPIT_DATA to the folder that holds `faces` and `backbones`")
    pictures = list_pictures(data / "faces")
    paths = [pictures.paths[place] for place in np.flatnonzero(pictures.development & (pictures.index == 0))]
    networks = {name: load_runtime(path, RUNTIME) for name, path in network_paths(body=False, far=True).items()}
    near = {name: network for name, network in networks.items() if name not in FAR_NETWORKS}
    embedder = make_embedder("dlib", Wanted(data))
    finder, near_finder = (FaceFinder(those, embedder.settings.chip, Findings()) for those in (networks, near))
    rows = []
    with tempfile.TemporaryDirectory() as scratch, ask_embedder(embedder, Path(scratch)) as ask:
        whole = [finder.find(EncodedImage(path.read_bytes()))[0] for path in paths]
        vectors = unit_vectors(ask([face.chip for face in whole]))
        for height in HEIGHTS:
            likeness, near_by = [], 0
            for path, large, vector in zip(paths, whole, vectors, strict=True):
                image = Image.open(path).convert("RGB")
                side = round(image.height * height / large.box.height)
                page = placed(np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)))
                faces = finder.find(encode(page, "PNG"))
                near_by += bool(near_finder.find(encode(page, "PNG")))
                likeness += [float(unit_vectors(ask([face.chip]))[0] @ vector) for face in faces[:1]]
            estimate = proportion(len(likeness), len(paths))
            assert estimate is not None
            rows.append(
                {
                    "box_height_px": height,
                    "share_of_the_pictures_width": round(height / WIDTH, 3),
                    "found": round(estimate.value, 3),
                    "found_low": round(estimate.low or 0.0, 3),
                    "found_high": round(estimate.high or 0.0, 3),
                    "found_without_far_detector": round(near_by / len(paths), 3),
                    "median_cosine_with_the_large_face": round(float(np.median(likeness)), 3) if likeness else "",
                    "pictures": estimate.samples,
                }
            )
    for network in networks.values():
        network.close()
    write_csv("faces_sizes", rows, ("onnxruntime", "ai-edge-litert", "numpy", "pillow"))


def placed(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """In the middle of the large picture."""
    page = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
    top, left = (HEIGHT - pixels.shape[0]) // 2, (WIDTH - pixels.shape[1]) // 2
    page[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return page


if __name__ == "__main__":
    main()
