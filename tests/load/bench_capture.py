"""What keeping hard examples costs an answer, and how many faces are blurred, by their size.

    PIPIT_DATA=… python tests/load/bench_capture.py

Faces: one picture of each of 60 people, scaled until its face has a size, on a grey page as large as a camera picture.
What finds them before and after is what `home_security.faces` looks for faces with; what it can't find it can't name.
Writes docs/measured/capture.csv.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from measure import side_by_side, write_csv
from numpy.typing import NDArray
from PIL import Image
from pipit.capture.blur import FaceBlur, without
from pipit.capture.capture import Capture
from pipit.examples import Consent
from pipit.examples.client import ExampleClient
from pipit.inputs import EncodedImage
from pipit.inputs.memory import Budget
from pipit.landmarks import FaceAndBody
from pipit.landmarks.networks import RUNTIME, network_paths
from pipit.metrics import Metrics
from pipit.runtimes import load_runtime
from pipit.serving.keeping import Keeping
from pipit.settings import DataSettings, load_settings
from pipit.training.intervals import proportion
from pipit.types import Box, Identity, LabelScore, Prediction

HEIGHTS = (180, 90, 60, 40, 25)
"""Of the box around a face, pixels."""
PAGES = ((640, 480), (1280, 720))
PEOPLE = 60
GREY = 110
TASK = "bench.pictures"
_CALLS = 30
"""A round: fewer than may wait to be written."""
_ROUNDS = 400


def main() -> None:
    """The request path, then faces."""
    data = load_settings(DataSettings).data
    if data is None:
        sys.exit("set PIPIT_DATA to the folder that holds `faces`")
    rows = [*request_path(), *faces(data / "faces/lfw_known")]
    write_csv("capture", rows, ("ai-edge-litert", "numpy", "pillow"))


def request_path() -> list[dict[str, object]]:
    """Of one answer about a picture of 200 kB, in microseconds. Nothing is written meanwhile."""
    predictions = [Prediction((LabelScore("a", 0.5), LabelScore("b", 0.5)))]
    item = EncodedImage(bytes(200_000))
    model: Any = SimpleNamespace(
        identity=Identity(TASK, "1.0.0", "0" * 64, "float32"),
        manifest=SimpleNamespace(networks={}, files={}),
        names_people=False,
    )
    with tempfile.TemporaryDirectory() as folder, ExampleClient("127.0.0.1:1") as client:
        capture = Capture(Path(folder), (TASK,), "bench", 1 << 30, client, Metrics("inference"), Budget(1 << 30))
        keeping = Keeping(capture)

        def answer() -> None:
            # As `DataPlane.answer` and `DataPlane.remember` do it.
            kept = keeping.offer(model, item, None, predictions) if TASK in keeping.tasks else None
            if kept is not None:
                keeping.remember("request", kept)

        def way(consents: list[Consent]) -> Callable[[], None]:
            def run() -> None:
                for _ in range(_CALLS):
                    answer()

            def prepared() -> None:
                capture.use(consents)
                capture._queue.clear()
                capture._queued = 0

            run.prepare = prepared  # type: ignore[attr-defined]
            return run

        rows = []
        for name, consents in {
            "no consent": [],
            "consent, not kept": [Consent("bench", TASK, "", rate=0.0, random_rate=0.0)],
            "consent, kept": [Consent("bench", TASK, "", rate=0.0, random_rate=1.0)],
        }.items():
            run = way(consents)
            seconds = []
            for _ in range(_ROUNDS):
                run.prepare()  # type: ignore[attr-defined]
                seconds.append(float(side_by_side({name: run}, 1, 0)[name][0]) / _CALLS * 1e6)
            rows.append(
                row(f"request path: {name}", samples=_ROUNDS * _CALLS)
                | {"p50_us": round(float(np.median(seconds)), 2), "p95_us": round(float(np.percentile(seconds, 95)), 2)}
            )
    return rows


def faces(folder: Path) -> list[dict[str, object]]:
    """A row for each size of a page and of a face."""
    blur = FaceBlur()
    networks = {name: load_runtime(path, RUNTIME) for name, path in network_paths(body=False, far=True).items()}
    finder = FaceAndBody(networks)
    pictures = [np.asarray(Image.open(min(one.glob("*.jpg"))).convert("RGB")) for one in sorted(folder.iterdir())]
    large = [(pixels, found[0].box) for pixels in pictures if (found := finder.find(pixels, None, body=False))][:PEOPLE]
    rows = []
    for width, height in PAGES:
        for size in HEIGHTS:
            before, after, covered, others, seconds = 0, 0, 0, 0, []
            for pixels, box in large:
                page, face = placed(pixels, box, size, width, height)
                begun = time.perf_counter()
                boxes = blur.find(page)
                seconds.append(time.perf_counter() - begun)
                around = [one for one in boxes if one.upright.overlap(face) > 0.1]
                covered += bool(around)
                others += len(boxes) - len(around)
                if any(one.box.overlap(face) > 0.1 for one in finder.find(page, None, body=False)):
                    before += 1
                    blurred = without(page, boxes)
                    after += any(one.box.overlap(face) > 0.1 for one in finder.find(blurred, None, body=False))
            share = proportion(before - after, before)
            rows.append(
                row(f"faces of {size} px in {width} x {height}", samples=len(large))
                | {
                    "found_before": before,
                    "found_after": after,
                    "no_longer_found": "" if share is None else round(share.value, 3),
                    "no_longer_found_low": "" if share is None else round(share.low or 0.0, 3),
                    "blurred": round(covered / len(large), 3),
                    "blurred_beside_faces": round(others / len(large), 3),
                    "p50_us": round(float(np.median(seconds)) * 1e6),
                    "p95_us": round(float(np.percentile(seconds, 95)) * 1e6),
                }
            )
    for network in networks.values():
        network.close()
    blur.close()
    return rows


def row(what: str, samples: int) -> dict[str, object]:
    columns = (
        "found_before",
        "found_after",
        "no_longer_found",
        "no_longer_found_low",
        "blurred",
        "blurred_beside_faces",
    )
    return {"what": what, "samples": samples, "p50_us": "", "p95_us": ""} | dict.fromkeys(columns, "")


def placed(pixels: NDArray[np.uint8], box: Box, size: int, width: int, height: int) -> tuple[NDArray[np.uint8], Box]:
    """The picture on a page, not in its middle; and where its face lies there."""
    scale = size / box.height
    part = Image.fromarray(pixels).resize(
        (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)), Image.Resampling.LANCZOS
    )
    page = np.full((height, width, 3), GREY, np.uint8)
    left, top = (width - part.width) // 3, (height - part.height) // 3
    page[top : top + part.height, left : left + part.width] = np.asarray(part)
    return page, Box(box.left * scale + left, box.top * scale + top, box.width * scale, box.height * scale)


if __name__ == "__main__":
    main()
