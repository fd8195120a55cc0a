"""Where the time of a picture goes before and in its networks, and how many calls a second two cores answer.

    python tests/load/bench_pictures.py --detector RUN/publish/bundle/weights/float32.onnx
    python tests/load/bench_pictures.py --detector … --before ../pipit-before       (made by: git worktree add)
    python tests/load/bench_pictures.py --detector … --threads                      (callers and threads instead)

With --before each part is timed in two processes, one with this code and one with that of another checkout, which take
turns round by round: read the ratios. Clock and processor time are told for each part, on one thread. Needs the
networks of landmarks (python -m pipit.landmark_networks); without --detector (ONNX, 320 px) that part is left out. The
photograph is scikit-image's; at 12 megapixels it is enlarged, and has the noise of a sensor, so that it is as long as a
camera's file.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import onnxruntime
from measure import write_csv
from numpy.typing import NDArray
from PIL import Image
from pipit.inputs import EncodedImage
from pipit.inputs.boxes import decode_yolo, letterbox, non_maximum_suppression
from pipit.inputs.image import decode_with_size
from pipit.inputs.pictures import plain_picture
from pipit.landmarks import FaceAndBody
from pipit.landmarks.body import refine
from pipit.landmarks.crop import crop, scaled
from pipit.landmarks.geometry import Rectangle
from pipit.landmarks.networks import network_paths
from pipit.runtimes import load_runtime
from servers import ROOT
from skimage.data import astronaut

PACKAGES = ("numpy", "pillow", "ai-edge-litert", "onnxruntime")
SCALES = {"1/8": 320, "1/4": 720, "1/2": 1280, "1/1": 3000}
"""Shorter side that is asked for, of 3,000 px: the detector, landmarks, a species' fine look, and all of it."""
DETECTOR_SIDE = 320
NOISE = 4.0
"""Grey levels, standard deviation."""
CALLERS, THREADS = (1, 2, 4), (1, 2)
INTERPRETERS = 2
"""That a server lets a network of landmarks have."""
Parts = dict[str, Callable[[], object]]
Times = dict[str, list[float]]
Row = dict[str, object]


def main() -> None:
    """Measures, and writes docs/measured/pictures.csv, or pictures_threads.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout to compare with")
    parser.add_argument("--detector", type=Path, help="ONNX file of a detector of footprints")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=4, help="of each part in a round")
    parser.add_argument("--threads", action="store_true", help="measure callers and threads, not parts")
    parser.add_argument("--seconds", type=float, default=0.7, help="of each number of callers, in a round")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        answer_rounds(options.detector, options.calls)
    elif options.threads:
        write_csv("pictures_threads", thread_rows(options.detector, options.rounds, options.seconds), PACKAGES)
    else:
        write_csv("pictures", part_rows(options), PACKAGES)


def part_rows(options: argparse.Namespace) -> list[Row]:
    """Each part, before and after."""
    checkouts = {"before": options.before, "after": ROOT} if options.before else {"after": ROOT}
    taken: dict[str, list[Times]] = {name: [] for name in checkouts}
    with ExitStack() as stack:
        ask = {name: stack.enter_context(worker(path, options)) for name, path in checkouts.items()}
        for _ in range(options.rounds):
            for name, ask_one in ask.items():
                taken[name].append(ask_one())
    return [part_row(part, taken, options) for part in taken["after"][0]]


def part_row(part: str, taken: Mapping[str, list[Times]], options: argparse.Namespace) -> Row:
    """Medians over rounds of the clock and the mean of processor time, in milliseconds."""
    row: Row = {"part": part, "before_ms": "", "before_cpu_ms": ""}
    clocks = {name: np.array([times[part][0] for times in rounds]) for name, rounds in taken.items()}
    for name, rounds in taken.items():
        row[f"{name}_ms"] = round(float(np.median(clocks[name])) * 1e3, 3)
        row[f"{name}_cpu_ms"] = round(float(np.mean([times[part][1] for times in rounds])) * 1e3, 3)
    ratio = float(np.median(clocks["after"] / clocks["before"])) if "before" in clocks else ""
    return {**row, "ratio": ratio and round(ratio, 3), "rounds": options.rounds, "calls": options.calls}


@contextmanager
def worker(checkout: Path, options: argparse.Namespace) -> Iterator[Callable[[], Times]]:
    """A process with the code of a checkout; each call is a round."""
    arguments = [sys.executable, __file__, "--worker", "--calls", str(options.calls)]
    if options.detector:
        arguments += ["--detector", str(options.detector)]
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve() / "shared")}
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None

        def ask() -> Times:
            asked.write("\n")
            asked.flush()
            times: Times = json.loads(answers.readline())
            return times

        yield ask
        asked.close()


def answer_rounds(detector: Path | None, calls: int) -> None:
    """The worker: a line asks for a round, and a line of JSON answers: seconds of clock and processor by part."""
    with ExitStack() as stack:
        parts = {
            **decoding_parts(),
            **landmark_parts(stack.enter_context(closing(FaceAndBody.load()))),
            **(detector_parts(detector, stack) if detector else {}),
        }
        for call in parts.values():
            call()
        for _ in sys.stdin:
            print(json.dumps({part: timed_calls(call, calls) for part, call in parts.items()}), flush=True)  # noqa: T201


def timed_calls(call: Callable[[], object], calls: int) -> tuple[float, float]:
    """The median by the clock and the mean by the processor, in seconds."""
    clocks, begun = [], process_time()
    for _ in range(calls):
        start = perf_counter()
        call()
        clocks.append(perf_counter() - start)
    return float(np.median(clocks)), (process_time() - begun) / calls


def small_picture() -> NDArray[np.uint8]:
    """640 x 480 with one person."""
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:, 64:576] = astronaut()[:480]
    return picture


def large_file() -> bytes:
    """A JPEG of 4,000 x 3,000 px, quality 90."""
    large = Image.fromarray(astronaut()).resize((4000, 4000), Image.Resampling.BICUBIC).crop((0, 0, 4000, 3000))
    noise = np.random.default_rng(0).normal(0, NOISE, (3000, 4000, 1))
    return jpeg(np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8))


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """Quality 90."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def decoding_parts() -> Parts:
    """A camera's file, and its stages at a quarter."""
    data, small = large_file(), EncodedImage(jpeg(small_picture()))
    item = EncodedImage(data)
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft(None, (960, 720))
        opened.load()
        loaded = opened.copy()
    return {
        "decode 640 x 480": partial(decode_with_size, small),
        **{
            f"decode 12 megapixels at {scale}": partial(decode_with_size, item, shorter_side=side)
            for scale, side in SCALES.items()
        },
        "of it: what leads to the scan, and the copy without notes": partial(plain_picture, data, "JPEG"),
        "of it: Pillow's picture to an array, at 1/4": partial(np.asarray, loaded),
    }


def landmark_parts(networks: FaceAndBody) -> Parts:
    """Of one face and one body, 640 x 480."""
    picture = small_picture()
    faces, bodies = networks._faces, networks._bodies
    assert bodies is not None
    (face_at,) = faces.detect(picture, 0.5)
    body_at = bodies.detect(picture, 0.5)
    assert body_at is not None
    whole = Rectangle(320, 240, 640, 640)
    seen = {
        "face_detector": scaled(crop(picture, whole, 128, repeat_border=False), -1.0, 1.0),
        "face_landmarks": scaled(crop(picture, face_at, 192, repeat_border=True), 0.0, 1.0),
        "body_detector": scaled(crop(picture, whole, 224, repeat_border=False), -1.0, 1.0),
        "body_landmarks": scaled(crop(picture, body_at, 256, repeat_border=True), 0.0, 1.0),
    }

    def run(name: str) -> dict[str, NDArray[np.float32]]:
        network = networks._networks[name]
        answers: dict[str, NDArray[np.float32]] = network.run({network.inputs[0].name: seen[name]})
        return answers

    answers = run("body_landmarks")
    points = answers["Identity"].reshape(-1, 5)[:, :2] / np.float32(256)
    heat = answers["Identity_3"][0]
    face_tracker, both_tracker = networks.open_stream(body=False), networks.open_stream()
    return {
        "face: upright crop, 128 px": lambda: crop(picture, whole, 128, repeat_border=False),
        "face: detector's network": lambda: run("face_detector"),
        "face: detect, all of it": lambda: faces.detect(picture, 0.5),
        "face: turned crop, 192 px": lambda: crop(picture, face_at, 192, repeat_border=True),
        "face: landmarks' network": lambda: run("face_landmarks"),
        "face: look, all of it": lambda: faces.look(picture, face_at),
        "face: one picture": lambda: networks.find(picture, body=False),
        "face: next picture of a stream": lambda: face_tracker.find(picture),
        "body: upright crop, 224 px": lambda: crop(picture, whole, 224, repeat_border=False),
        "body: detector's network": lambda: run("body_detector"),
        "body: turned crop, 256 px": lambda: crop(picture, body_at, 256, repeat_border=True),
        "body: landmarks' network": lambda: run("body_landmarks"),
        "body: points by their heat maps": lambda: refine(points, heat),
        "face and body: one picture": lambda: networks.find(picture),
        "face and body: next picture of a stream": lambda: both_tracker.find(picture),
    }


def detector_parts(file: Path, stack: ExitStack) -> Parts:
    """Of the photograph, decoded from 12 megapixels at 1/8 and at 1/4."""
    network = stack.enter_context(closing(load_runtime(file, "onnx")))
    (spec,) = network.inputs
    item = EncodedImage(large_file())
    fine, coarse = (decode_with_size(item, shorter_side=side).pixels for side in (720, DETECTOR_SIDE))
    values, placement = letterbox(coarse, DETECTOR_SIDE)
    (output,) = network.run({spec.name: values[np.newaxis]}).values()

    def read(raw: NDArray[np.float32]) -> object:
        return placement.undo(non_maximum_suppression(decode_yolo(raw, 0.25), 0.7).corners)

    def whole() -> object:
        seen, _ = letterbox(coarse, DETECTOR_SIDE)
        (raw,) = network.run({spec.name: seen[np.newaxis]}).values()
        return read(raw[0])

    return {
        "detector: letterbox of 500 x 375": lambda: letterbox(coarse, DETECTOR_SIDE),
        "detector: letterbox of 1,000 x 750": lambda: letterbox(fine, DETECTOR_SIDE),
        "detector: network": lambda: network.run({spec.name: values[np.newaxis]}),
        "detector: candidates, suppression, places": lambda: read(output[0]),
        "detector: all of it": whole,
    }


def thread_rows(detector: Path | None, rounds: int, seconds: float) -> list[Row]:
    """Calls a second of each network and of what is done in Python, for callers and threads of a run."""
    paths = network_paths()
    files = {
        "face landmarks (LiteRT)": (paths["face_landmarks"], "litert"),
        "body landmarks (LiteRT)": (paths["body_landmarks"], "litert"),
        **({"detector (ONNX Runtime)": (detector, "onnx")} if detector else {}),
    }
    ways: dict[tuple[str, int], Callable[[], object]] = {}
    with ExitStack() as stack:
        for name, (path, runtime) in files.items():
            for threads in THREADS:
                network = stack.enter_context(closing(load_runtime(path, runtime, threads, INTERPRETERS)))
                (spec,) = network.inputs
                shape = tuple(max(size, 1) for size in spec.shape)
                values = np.random.default_rng(0).random((1, *shape), np.float32)
                ways[name, threads] = partial(network.run, {spec.name: values})
        if detector:
            ways["detector, its threads spin while they wait", 2] = spinning(detector)
        item, picture = EncodedImage(large_file()), small_picture()
        ways["decode 12 megapixels at 1/4", 1] = partial(decode_with_size, item, shorter_side=720)
        ways["turned crop, 192 px", 1] = lambda: crop(
            picture, Rectangle(300, 200, 260, 260, 0.1), 192, repeat_border=True
        )
        for way in ways.values():
            way()
        taken: dict[tuple[str, int, int], list[tuple[float, float, float]]] = {}
        for _ in range(rounds):
            for (name, threads), way in ways.items():
                for callers in CALLERS:
                    taken.setdefault((name, threads, callers), []).append(side_by_side_callers(way, callers, seconds))
    rows: list[Row] = []
    for (name, threads, callers), measured in taken.items():
        a_second, latency, processor = (float(value) for value in np.median(measured, axis=0))
        rows.append(
            {
                "what": name,
                "threads of a run": threads,
                "callers": callers,
                "calls a second": round(a_second, 1),
                "median_ms": round(latency * 1e3, 2),
                "cpu_ms": round(processor * 1e3, 2),
                "rounds": rounds,
            }
        )
    return rows


def spinning(file: Path) -> Callable[[], object]:
    """A run over one row by two threads, as ONNX Runtime has them where nothing else is said."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    (port,) = session.get_inputs()
    values = np.random.default_rng(0).random((1, 3, DETECTOR_SIDE, DETECTOR_SIDE), np.float32)
    return lambda: session.run(None, {port.name: values})


def side_by_side_callers(call: Callable[[], object], callers: int, seconds: float) -> tuple[float, float, float]:
    """Calls a second, the median of their seconds, and seconds of the processor for each."""
    latencies: list[list[float]] = [[] for _ in range(callers)]
    together = threading.Barrier(callers + 1)

    def ask(own: list[float]) -> None:
        together.wait()
        end = perf_counter() + seconds
        while (start := perf_counter()) < end:
            call()
            own.append(perf_counter() - start)

    threads = [threading.Thread(target=ask, args=(own,)) for own in latencies]
    for thread in threads:
        thread.start()
    together.wait()
    begun, worked = perf_counter(), process_time()
    for thread in threads:
        thread.join()
    elapsed, worked = perf_counter() - begun, process_time() - worked
    everything = np.concatenate([np.array(own) for own in latencies])
    return len(everything) / elapsed, float(np.median(everything)), worked / len(everything)


if __name__ == "__main__":
    main()
