"""Both tasks of one process look at a picture once, with networks that the bundles bring and that are loaded once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from time import monotonic
from typing import Any

import grpc
import numpy as np
import pipit.runtimes.litert
import pytest
from emotion.expression.pipeline import ExpressionPipeline
from numpy.typing import NDArray
from pipit import landmark_networks
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.bundle import open_bundle
from pipit.inputs import EncodedImage
from pipit.landmarks import FaceAndBody
from pipit.landmarks import networks as networks_of_landmarks
from pipit.landmarks.detector import Detector
from pipit.landmarks.memory import RECENT, Findings
from pipit.pipelines.networks import open_networks, open_pipeline
from pipit.runtimes import load_runtime

pytestmark = pytest.mark.slow

Pixels = NDArray[np.uint8]
Encode = Callable[..., pb.Input]
EMOTION, STRESS = "emotion.expression", "emotion.stress"
FACES = ["face_detector", "face_landmarks"]
BODIES = ["body_detector", "body_landmarks"]


@pytest.fixture
def detections(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The input sizes of all detectors that run from now on: 128 finds faces, 224 bodies.

    Nothing that is found is forgotten meanwhile, however long a test takes.
    """
    sizes: list[int] = []
    begun = monotonic()
    monkeypatch.setattr(RECENT, "_clock", lambda: begun)
    find = Detector.find

    def counted(self: Detector, *arguments: Any) -> Any:
        sizes.append(self._size)
        return find(self, *arguments)

    monkeypatch.setattr(Detector, "find", counted)
    return sizes


def _steps(item: pb.Input) -> pb.Input:
    """One picture as a sequence that stress takes, and too short for an answer but not to be looked at."""
    return pb.Input(sequence=pb.InputSequence(items=[item]))


def _ask_stress(served: Any, item: pb.Input) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        served.ask(_steps(item), STRESS)
    assert "1 steps are fewer than a window of 3" in raised.value.details()


def test_a_picture_for_both_tasks_is_looked_at_once(
    served: Any, photograph: Pixels, picture: Encode, detections: list[int]
) -> None:
    item = picture(np.ascontiguousarray(photograph[:480]))
    first = served.ask(item).predictions
    assert detections == [128]
    _ask_stress(served, item)
    assert detections == [128, 224]
    # Expression asks again, so it looks again; what it finds then is news to stress, but for the body.
    assert served.ask(item).predictions == first
    assert detections == [128, 224, 128]
    # The other way round: expression takes what stress found.
    detections.clear()
    item = picture(np.ascontiguousarray(photograph[:481]))
    _ask_stress(served, item)
    assert detections == [128, 224]
    (prediction,) = served.ask(item).predictions
    assert detections == [128, 224]
    assert 160 < prediction.box.left < 200


def test_at_once_too(served: Any, photograph: Pixels, picture: Encode, detections: list[int]) -> None:
    item = picture(np.ascontiguousarray(photograph[:470]))
    with ThreadPoolExecutor(2) as threads:
        expression, stress = threads.submit(served.ask, item), threads.submit(_ask_stress, served, item)
        stress.result()
        assert len(expression.result().predictions) == 1
    assert sorted(detections) == [128, 224]


def test_answers_are_those_of_each_task_alone(
    bundles: dict[str, Path], photograph: Pixels, picture: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = EncodedImage(picture(photograph).image)
    expression, stress = (open_bundle(bundles[task]) for task in (EMOTION, STRESS))
    with ExitStack() as stack:
        pipelines = [stack.enter_context(open_pipeline(bundle)) for bundle in (expression, stress)]
        runtime = stack.enter_context(closing(load_runtime(expression.weights(), "onnx")))
        # Stress first: what expression then gets is what stress found.
        assert pipelines[1].open_stream().push(item) is None
        shared = pipelines[0].decode(item)
        networks = stack.enter_context(open_networks(expression.manifest.networks, expression.file))
        alone = ExpressionPipeline(expression.manifest, networks)
        alone._networks = FaceAndBody(networks, findings=Findings())
        apart = alone.decode(item)
        np.testing.assert_array_equal(shared.tensors["features"], apart.tensors["features"])
        assert shared.regions == apart.regions
        assert pipelines[0].interpret(runtime.run(shared.tensors), shared) == alone.interpret(
            runtime.run(apart.tensors), apart
        )


def test_a_device_needs_nothing_but_the_bundle(
    bundles: dict[str, Path], photograph: Pixels, picture: Encode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (landmark_networks, networks_of_landmarks):
        monkeypatch.setattr(module, "FOLDER", tmp_path)
    item = EncodedImage(picture(photograph).image)
    expected = {EMOTION: FACES, STRESS: [*FACES, *BODIES]}
    for task, path in bundles.items():
        bundle = open_bundle(path)
        assert list(bundle.manifest.networks) == expected[task]
        assert {f"networks/{name}.tflite" for name in expected[task]} <= set(bundle.manifest.files)
        with open_pipeline(bundle) as pipeline:
            stream = pipeline.open_stream()
            assert stream is not None
            stream.push(item)


def test_two_tasks_load_the_face_networks_once(bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class Counted(pipit.runtimes.litert.Interpreter):  # type: ignore[misc]
        def __init__(self, path: str, **options: Any) -> None:
            made.append(Path(path).stem)
            super().__init__(path, **options)

    monkeypatch.setattr(pipit.runtimes.litert, "Interpreter", Counted)
    # So many threads that no other test has a pool of it.
    with ExitStack() as stack:
        for path in bundles.values():
            stack.enter_context(open_pipeline(open_bundle(path), threads=3, instances=2))
    assert sorted(made) == sorted(2 * [*FACES, *BODIES])
