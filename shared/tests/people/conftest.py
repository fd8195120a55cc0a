"""A task that names people with blocks for faces: real in every part but the networks; and real servers of it.

A picture is grey; each face in it is a block of colour. Its hue says who it is, its side how large, and what else is
drawn on it makes two pictures of one person differ.
"""

from __future__ import annotations

import colorsys
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pipit.bundle import Bundle, Manifest, write_bundle, write_golden
from pipit.cli.main import app
from pipit.faces.embedding import unit_vectors
from pipit.faces.finder import Face, FacesDecoded
from pipit.faces.gallery import EMPTY, Gallery
from pipit.faces.quality import Quality
from pipit.faces.sealing import GalleryKey
from pipit.inputs import EncodedImage, Input
from pipit.inputs.image import decode_image
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from pipit.types import Box, Decoded, LabelScore, Prediction, Tensors
from typer.testing import CliRunner

TASK = "test.blocks"
DIMENSIONS = 64
NAMED_FROM = 0.6
HUES = 10
"""People whom one can draw."""
EMBEDDERS = {"1.0.0": "a" * 64, "2.0.0": "b" * 64}


def block(person: int, side: int, variation: int) -> NDArray[np.uint8]:
    red, green, blue = colorsys.hsv_to_rgb(person / HUES, 1.0, 1.0)
    pixels = np.empty((side, side, 3), np.uint8)
    pixels[:] = np.array([red, green, blue]) * 255
    # A quarter of it, in the middle, is darker by what the picture is: 0 to 9.
    quarter = slice(side // 4, 3 * side // 4)
    pixels[quarter, quarter] = (np.array([red, green, blue]) * (235 - 20 * variation)).astype(np.uint8)
    return pixels


def draw(*people: int, side: int = 120, variation: int = 0, light: int = 128) -> Image.Image:
    """Blocks of these people, from left to right, the first a little the largest."""
    picture = np.full((side + 80, 40 + len(people) * (side + 40), 3), light, np.uint8)
    for place, person in enumerate(people):
        left, size = 40 + place * (side + 40), side - 2 * place
        picture[40 : 40 + size, left : left + size] = block(person, size, variation)
    return Image.fromarray(picture)


def encode(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def find(pixels: NDArray[np.uint8]) -> list[tuple[Box, int, int]]:
    """Boxes, people and variations, largest first."""
    values = pixels.astype(np.int16)
    coloured = values.max(axis=2) - values.min(axis=2) > 60
    columns = np.flatnonzero(coloured.any(axis=0))
    found = []
    for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1) if len(columns) else []:
        rows = np.flatnonzero(coloured[:, run].any(axis=1))
        box = Box(float(run[0]), float(rows[0]), float(len(run)), float(len(rows)))
        red, green, blue = pixels[rows[0] + 4, run[0] + 4].astype(float) / 255
        person = round(colorsys.rgb_to_hsv(red, green, blue)[0] * HUES) % HUES
        middle = pixels[rows[0] + len(rows) // 2, run[0] + len(run) // 2].max()
        found.append((box, person, round((235 - float(middle)) / 20)))
    return sorted(found, key=lambda one: -one[0].area)


def vector(person: int, variation: int) -> NDArray[np.float32]:
    """Two pictures of one person have a cosine of 0.75; those of two people 0."""
    value = np.zeros(DIMENSIONS, np.float32)
    value[person], value[HUES + variation] = np.sqrt(0.75), 0.5
    return value


class BlocksPipeline:
    """Version 2.0.0 has another embedder: its axes are in another order."""

    def __init__(self, manifest: Manifest) -> None:
        version = str(manifest.version)
        self.embedder = EMBEDDERS[version]
        self._order = 1 if version == "1.0.0" else -1
        self.gallery = EMPTY

    def use_gallery(self, gallery: Gallery) -> None:
        self.gallery = gallery

    def decode(self, item: Input) -> FacesDecoded:
        assert isinstance(item, EncodedImage)
        pixels = decode_image(item)
        found = find(pixels)
        faces = tuple(
            Face(
                box,
                np.zeros((5, 2), np.float32),
                np.full((8, 8, 3), 10 * person, np.uint8),
                0.9,
                Quality(box.width, box.width / 2, 0.5, (variation % 3 - 1) * 20.0, float(pixels[0, 0, 0]) / 255, 0.75),
            )
            for box, person, variation in found
        )
        rows = [vector(person, variation)[:: self._order] for _, person, variation in found]
        values = np.array(rows, np.float32).reshape(-1, DIMENSIONS)
        return FacesDecoded({"x": values}, tuple(box for box, *_ in found), faces)

    def vectors(self, outputs: Tensors, decoded: Decoded) -> NDArray[np.float32]:
        if not decoded.regions:
            return np.zeros((0, DIMENSIONS), np.float32)
        return unit_vectors(outputs["y"])

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        assert isinstance(decoded, FacesDecoded)
        rows = self.vectors(outputs, decoded)
        return [self._name(row, face) for row, face in zip(rows, decoded.faces, strict=True)]

    def _name(self, row: NDArray[np.float32], face: Face) -> Prediction:
        scores = []
        for person in self.gallery.people:
            own = [template.vector for template in person.templates if template.embedder == self.embedder]
            against = max((float(one.vector @ row) for one in person.not_this), default=-1.0)
            if own:
                best = max(float(template @ row) for template in own)
                scores.append(LabelScore(person.name, max(0.0, best if against < best else 0.0)))
        scores.sort(key=lambda score: -score.score)
        named = scores and scores[0].score >= NAMED_FROM
        if named:
            scores[0] = replace(scores[0], detected=True)
        label = scores[0].label if named else ""
        return Prediction(tuple(scores), face.box, label, not label, False, face.presence, face.quality.score)

    def proof(self, outputs: Tensors, decoded: Decoded) -> NDArray[np.float32]:
        return self.vectors(outputs, decoded)

    def open_stream(self) -> None:
        return None


def identity() -> bytes:
    """y = x, as ONNX."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "blocks",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", DIMENSIONS])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", DIMENSIONS])],
        [numpy_helper.from_array(np.eye(DIMENSIONS, dtype=np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Bundle]:
    def make(version: str = "1.0.0") -> Bundle:
        golden = tmp_path / f"golden-{version}.npz"
        sample = EncodedImage(encode(draw(3, variation=1)))
        order = 1 if version == "1.0.0" else -1
        write_golden(golden, [sample], {"float32": [vector(3, 1)[np.newaxis, ::order]]})
        manifest = Manifest.model_validate(
            {
                "task": TASK,
                "version": version,
                "model_type": "blocks",
                "created_at": "2026-11-21T04:00:00Z",
                "labels": ["known", "unknown"],
                "input": {"kind": "image"},
                "pipeline": {
                    "name": TASK,
                    "parameters": {
                        "embedder": {"digest": EMBEDDERS[version], "dimensions": DIMENSIONS},
                        "quality": {"box": 100, "eyes": 30, "sharpness": 0.1, "yaw": 35, "dark": 0.2, "bright": 0.9},
                        "likeness": {"duplicate": 0.95, "alike": 0.3, "known": 0.6},
                    },
                },
                "variants": [{"name": "float32", "runtime": "onnx", "file": "float32.onnx"}],
                "default_variant": "float32",
                "metrics": {"accuracy": {"value": 0.9, "samples": 100}},
                "golden": {"tolerance": {"float32": 1e-5}},
                "lineage": {
                    "dataset_digest": "a" * 64,
                    "split_rule": "none",
                    "config_digest": "b" * 64,
                    "code_version": "0.1.0",
                    "seed": 7,
                },
                "files": {},
            }
        )
        return write_bundle(
            tmp_path / f"bundle-{version}", manifest, {"float32.onnx": identity(), "golden.npz": golden}
        )

    return make


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """File of a gallery's key."""
    path = tmp_path / "gallery.key"
    GalleryKey.generate().save(path)
    return path


Serve = Callable[..., InferenceServer]


@pytest.fixture
def serve(tmp_path: Path, key: Path, make_bundle: Callable[..., Bundle]) -> Iterator[Serve]:
    """Starts servers of blocks, with a gallery in a folder unless told otherwise; waits until they answer."""
    servers: list[InferenceServer] = []

    def start(**settings: Any) -> InferenceServer:
        given: dict[str, Any] = {
            "port": 0,
            "metrics_port": 0,
            "concurrency": 2,
            "grace_seconds": 1.0,
            "gallery_key": key,
            "gallery_dir": tmp_path / "galleries",
        }
        if "tasks" not in settings and "bundle" not in settings:
            path = tmp_path / "bundle-1.0.0"
            settings["bundle"] = (path if path.exists() else make_bundle().path,)
        server = InferenceServer(ServingSettings(**(given | settings)), BlocksPipeline)
        server.start()
        servers.append(server)
        wait_until(lambda: server.plane.is_ready)
        return server

    start.servers = servers  # type: ignore[attr-defined]  # for tests that stop one
    yield start
    for server in servers:
        server.stop(0.5)


@pytest.fixture
def server(serve: Serve) -> InferenceServer:
    return serve()


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < 60, "it never came true"
        pause.wait(0.02)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    return wait_until


class Pictures:
    """Pictures of people, as bytes and as files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    draw = staticmethod(draw)
    encode = staticmethod(encode)
    block = staticmethod(block)

    def of(self, *people: int, **options: Any) -> bytes:
        return encode(draw(*people, **options))

    def file(self, name: str, data: bytes) -> Path:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def files(self, person: int, count: int = 5, folder: str = "pictures") -> list[Path]:
        """From all sides."""
        return [
            self.file(f"{folder}/{person}-{number}.png", self.of(person, variation=number)) for number in range(count)
        ]


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    return Pictures(tmp_path)


@pytest.fixture(autouse=True)
def _silent(silent_log: None) -> None:
    """All of these tests."""


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device on a busy machine has its time to say that it has forgotten somebody."""
    monkeypatch.setattr("pipit.serving.faces_requests.ACKNOWLEDGE_SECONDS", 60.0)


@dataclass(frozen=True)
class Called:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, which has to be nothing but JSON."""
        return json.loads(self.out)


@pytest.fixture
def pipit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Called]:
    for name in ("REGISTRY", "SERVER", "TOKEN", "CA"):
        monkeypatch.delenv(f"PIPIT_{name}", raising=False)

    def call(*arguments: object, answer: str | None = None) -> Called:
        result = CliRunner(env={"COLUMNS": "180", "TERM": "dumb", "NO_COLOR": "1"}).invoke(
            app, [str(argument) for argument in arguments], prog_name="pipit", input=answer
        )
        return Called(result.exit_code, result.stdout, result.stderr)

    return call
