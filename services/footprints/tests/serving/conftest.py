"""Bundles of small real networks: a detector that finds bright cells, a classifier that names their colour."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from footprints.detector.pipeline import DetectorPipeline
from footprints.species.pipeline import SpeciesPipeline
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle import Bundle, Manifest, run_once, write_bundle, write_golden
from pipit.inputs import EncodedImage
from pipit.runtimes import load_runtime
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings

SIZE = 320
CELL = 16
"""Side of the one box that an anchor can give, in pixels of the letterbox."""
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
GROUND = (40, 40, 40)

Paint = Callable[..., Image.Image]


def _model(nodes: list[Any], source: Any, target: Any, constants: dict[str, Any]) -> bytes:
    values = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "small", [source], [target], values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def detector_network() -> bytes:
    """Score of a cell: the mean of its brightest channel. Its box is the cell."""
    cells = SIZE // CELL
    middle = (np.arange(cells, dtype=np.float32) + 0.5) * CELL
    down, across = np.meshgrid(middle, middle, indexing="ij")
    side = np.full((cells, cells), CELL, np.float32)
    boxes = np.stack([across, down, side, side]).reshape(1, 4, -1)
    return _model(
        [
            helper.make_node("ReduceMax", ["images", "channels"], ["brightest"], keepdims=1),
            helper.make_node("AveragePool", ["brightest"], ["means"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
            helper.make_node("Reshape", ["means", "flat"], ["scores"]),
            helper.make_node("Shape", ["scores"], ["rows"], end=1),
            helper.make_node("Concat", ["rows", "box"], ["all"], axis=0),
            helper.make_node("Expand", ["boxes", "all"], ["every"]),
            helper.make_node("Concat", ["every", "scores"], ["output0"], axis=1),
        ],
        helper.make_tensor_value_info("images", TensorProto.FLOAT, ["rows", 3, SIZE, SIZE]),
        helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["rows", 5, cells * cells]),
        {
            "channels": np.array([1], np.int64),
            "flat": np.array([0, 1, -1], np.int64),
            "box": np.array([4, cells * cells], np.int64),
            "boxes": boxes,
        },
    )


def species_network() -> bytes:
    """Softmax of the mean colour."""
    return _model(
        [
            helper.make_node("ReduceMean", ["crops", "space"], ["colour"], keepdims=0),
            helper.make_node("Mul", ["colour", "sharpness"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["scores"]),
        ],
        helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["rows", 224, 224, 3]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["rows", 3]),
        {"space": np.array([1, 2], np.int64), "sharpness": np.float32(1 / 32)},
    )


def paint_cells(width: int, height: int, cells: dict[tuple[int, int], str], ground: Any = GROUND) -> Image.Image:
    """A picture whose letterbox has a cell of that colour in each (column, row) of its own grid of 16 pixels.

    Exact where the longer side is a multiple of 320.
    """
    side = max(width, height) * CELL / SIZE
    pixels = np.full((height, width, 3), ground, np.uint8)
    for (column, row), colour in cells.items():
        left, top, right, bottom = (round(edge * side) for edge in (column, row, column + 1, row + 1))
        pixels[top:bottom, left:right] = COLOURS[colour]
    return Image.fromarray(pixels)


def encode_picture(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def paint() -> Paint:
    return paint_cells


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    return encode_picture


@pytest.fixture(scope="session")
def cell_output() -> Callable[..., NDArray[np.float32]]:
    """A detector's raw output, (5, boxes), of (centre across, down, width, height, score)."""
    return lambda *boxes: np.array(boxes, np.float32).reshape(-1, 5).T


def _document(task: str, labels: tuple[str, ...], **more: Any) -> dict[str, Any]:
    return {
        "task": task,
        "version": "1.0.0",
        "model_type": "small",
        "created_at": "2026-11-21T04:00:00Z",
        "labels": labels,
        "input": {"kind": "image"},
        "pipeline": {"name": task, "parameters": more.pop("parameters", {})},
        "variants": [{"name": "float32", "runtime": "onnx", "file": "weights/float32.onnx"}],
        "default_variant": "float32",
        "golden": {"tolerance": {"float32": 1e-4}},
        "lineage": {
            "dataset_digest": "a" * 64,
            "split_rule": "none",
            "config_digest": "b" * 64,
            "code_version": "0.1.0",
            "seed": 7,
        },
        "files": {},
    } | more


@pytest.fixture(scope="session")
def network_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("networks")
    (folder / "detector.onnx").write_bytes(detector_network())
    (folder / "species.onnx").write_bytes(species_network())
    return {name: folder / f"{name}.onnx" for name in ("detector", "species")}


@pytest.fixture(scope="session")
def finder_network(network_files: dict[str, Path]) -> Iterator[Any]:
    """The detector, opened."""
    runtime = load_runtime(network_files["detector"], "onnx")
    yield runtime
    runtime.close()


@pytest.fixture(scope="session")
def species_manifest() -> Manifest:
    return Manifest.model_validate(
        _document(
            "footprints.species",
            tuple(COLOURS),
            parameters={"margin": 0.25, "detector": {"threshold": 0.8}},
            networks={"detector": {"runtime": "onnx", "file": "networks/detector.onnx"}},
            decision={"unknown_below": 0.5, "thresholds": {"red": 0.7}},
        )
    )


@pytest.fixture(scope="session")
def detector_manifest() -> Manifest:
    return Manifest.model_validate(
        _document(
            "footprints.detector", ("print",), parameters={"threshold": 0.8}, decision={"thresholds": {"print": 0.9}}
        )
    )


@pytest.fixture(scope="session")
def species_pipeline(species_manifest: Manifest, finder_network: Any) -> SpeciesPipeline:
    return SpeciesPipeline(species_manifest, {"detector": finder_network})


@pytest.fixture(scope="session")
def species_runtime(network_files: dict[str, Path]) -> Iterator[Any]:
    runtime = load_runtime(network_files["species"], "onnx")
    yield runtime
    runtime.close()


@pytest.fixture(scope="session")
def species_bundle(
    species_manifest: Manifest,
    species_pipeline: SpeciesPipeline,
    species_runtime: Any,
    network_files: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    folder = tmp_path_factory.mktemp("species")
    inputs = [EncodedImage(encode_picture(paint_cells(320, 192, {(3, 4): "red", (9, 2): "blue"})))]
    scores = [run_once(item, species_manifest.labels, species_pipeline, species_runtime) for item in inputs]
    write_golden(folder / "golden.npz", inputs, {"float32": scores})
    files: dict[str, Path | bytes] = {
        "weights/float32.onnx": network_files["species"],
        "networks/detector.onnx": network_files["detector"],
        "golden.npz": folder / "golden.npz",
    }
    return write_bundle(folder / "bundle", species_manifest, files)


@pytest.fixture(scope="session")
def detector_bundle(
    detector_manifest: Manifest,
    finder_network: Any,
    network_files: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    folder = tmp_path_factory.mktemp("detector")
    pipeline = DetectorPipeline(detector_manifest)
    inputs = [EncodedImage(encode_picture(paint_cells(320, 192, {(3, 4): "red", (9, 2): "blue"})))]
    scores = [run_once(item, detector_manifest.labels, pipeline, finder_network) for item in inputs]
    write_golden(folder / "golden.npz", inputs, {"float32": scores})
    files: dict[str, Path | bytes] = {
        "weights/float32.onnx": network_files["detector"],
        "golden.npz": folder / "golden.npz",
    }
    return write_bundle(folder / "bundle", detector_manifest, files)


@pytest.fixture(scope="session")
def address(species_bundle: Bundle, detector_bundle: Bundle) -> Iterator[str]:
    """host:port of a real server of both tasks, once it serves."""
    settings = ServingSettings(
        bundle=(species_bundle.path, detector_bundle.path), port=0, metrics_port=0, concurrency=4, grace_seconds=5.0
    )
    server = InferenceServer(settings)
    server.start()
    deadline = time.monotonic() + 240.0
    while not server.plane.is_ready:
        assert time.monotonic() < deadline, [host.status() for host in server.hosts.values()]
        time.sleep(0.02)
    yield f"127.0.0.1:{server.port}"
    server.stop(5.0)


@pytest.fixture(scope="session")
def calls(address: str) -> Iterator[Any]:
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        yield inference_pb2_grpc.InferenceServiceStub(channel)
