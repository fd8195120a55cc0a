"""Classify, and bare tensors, through a real server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from emotion.expression.classes import LABELS
from emotion.expression.pipeline import ExpressionPipeline
from emotion.expression.synthetic import synthesise
from numpy.typing import NDArray
from pipit._pb.open_inference.v2 import open_inference_pb2 as v2
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.bundle import open_bundle
from pipit.inputs import EncodedImage, Landmarks
from pipit.runtimes import load_runtime
from pipit.runtimes.networks import open_pipeline

pytestmark = pytest.mark.slow

Pixels = NDArray[np.uint8]
Encode = Callable[..., pb.Input]
STRESS = "emotion.stress"


def _scores(prediction: pb.Prediction) -> dict[str, float]:
    return {score.label: score.score for score in prediction.scores}


def _landmarks(label: str = "happy", seed: int = 1) -> pb.Input:
    return pb.Input(landmarks=pb.Landmarks(values=synthesise(label, 1, np.random.default_rng(seed))))


def _here(bundles: dict[str, Path], item: EncodedImage | Landmarks) -> list[dict[str, float]]:
    """The same, computed in this process."""
    bundle = open_bundle(bundles["emotion.expression"])
    weights = bundle.weights(bundle.manifest.default_variant)
    with open_pipeline(bundle) as pipeline, closing(load_runtime(weights, "onnx")) as runtime:
        decoded = pipeline.decode(item)
        predictions = pipeline.interpret(runtime.run(decoded.tensors), decoded)
    return [{score.label: score.score for score in prediction.scores} for prediction in predictions]


def test_a_picture_gives_its_face_with_box_and_every_label(served: Any, photograph: Pixels, picture: Encode) -> None:
    item = picture(photograph)
    answer = served.ask(item, request_id="one")
    assert (answer.request_id, answer.model.task, answer.model.version) == ("one", "emotion.expression", "1.0.0")
    (prediction,) = answer.predictions
    assert prediction.WhichOneof("region") == "box"
    box = prediction.box
    assert 160 < box.left < 200
    assert 60 < box.top < 110
    assert 60 < box.width < 130
    assert 80 < box.height < 150
    scores = _scores(prediction)
    assert set(scores) == set(LABELS)
    assert sum(scores.values()) == pytest.approx(1.0, abs=1e-5)
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    assert [scores] == [pytest.approx(mine, abs=1e-6) for mine in _here(served.bundles, EncodedImage(item.image))]
    assert answer.times.decode_us > 0


def test_a_jpeg_and_several_faces(served: Any, people: tuple[Pixels, Pixels], picture: Encode) -> None:
    both = np.concatenate(people, axis=1)
    answer = served.ask(picture(both, "JPEG"), options=pb.ClassifyOptions(top_k=2))
    assert sorted(round(p.box.left) // 256 for p in answer.predictions) == [0, 1]
    assert [len(p.scores) for p in answer.predictions] == [2, 2]
    areas = [p.box.width * p.box.height for p in answer.predictions]
    assert areas == sorted(areas, reverse=True)


def test_nobody_in_the_picture_is_an_answer(served: Any, picture: Encode) -> None:
    answer = served.ask(picture(np.full((240, 320, 3), 90, np.uint8)))
    assert list(answer.predictions) == []
    assert answer.model.task == "emotion.expression"


@pytest.mark.parametrize("label", LABELS)
def test_landmarks_are_classified_as_they_are_here(served: Any, label: str) -> None:
    item = _landmarks(label)
    (prediction,) = served.ask(item).predictions
    assert prediction.WhichOneof("region") is None
    (mine,) = _here(served.bundles, Landmarks(np.array(item.landmarks.values, np.float32)))
    assert _scores(prediction) == pytest.approx(mine, abs=1e-6)


def test_the_shape_of_the_landmarks_picture_reaches_the_network(served: Any) -> None:
    values = list(_landmarks().landmarks.values)
    answers = [
        _scores(served.ask(pb.Input(landmarks=pb.Landmarks(values=values, aspect_ratio=ratio))).predictions[0])
        for ratio in (0.0, 1.0, 1.7)
    ]
    assert answers[0] == answers[1]
    assert answers[2] != pytest.approx(answers[1], abs=1e-3)


def test_stress_is_scored_once_a_sequence_fills_its_window(
    served: Any, people: tuple[Pixels, Pixels], picture: Encode
) -> None:
    pictures = [picture(people[number % 2]) for number in range(5)]
    answer = served.ask(pb.Input(sequence=pb.InputSequence(items=pictures)), STRESS)
    spans = [(p.span.start_seconds, p.span.end_seconds) for p in answer.predictions]
    assert spans == [(0, 3), (1, 4), (2, 5)]
    for prediction in answer.predictions:
        assert set(_scores(prediction)) == {"calm", "stressed"}
        assert sum(_scores(prediction).values()) == pytest.approx(1.0, abs=1e-6)


def test_stress_of_nobody_is_unknown(served: Any, picture: Encode) -> None:
    nobody = picture(np.full((240, 320, 3), 90, np.uint8))
    (prediction,) = served.ask(pb.Input(sequence=pb.InputSequence(items=[nobody] * 3)), STRESS).predictions
    assert prediction.unknown


def test_bare_tensors_by_the_open_inference_protocol(served: Any) -> None:
    metadata = served.tensors.ModelMetadata(v2.ModelMetadataRequest(name="emotion.expression"))
    (spec,) = metadata.inputs
    assert (spec.name, spec.datatype, list(spec.shape)) == ("features", "FP32", [-1, 2107])
    bundle = open_bundle(served.bundles["emotion.expression"])
    pipeline = ExpressionPipeline(bundle.manifest)
    faces = [Landmarks(synthesise(label, 1, np.random.default_rng(2))) for label in LABELS[:3]]
    rows = np.concatenate([pipeline.decode(face).tensors["features"] for face in faces])
    tensor = v2.ModelInferRequest.InferInputTensor(name="features", datatype="FP32", shape=rows.shape)
    answer = served.tensors.ModelInfer(
        v2.ModelInferRequest(
            model_name="emotion.expression", inputs=[tensor], raw_input_contents=[rows.astype("<f4").tobytes()]
        )
    )
    assert (answer.model_name, answer.model_version) == ("emotion.expression", "1.0.0")
    logits = np.frombuffer(answer.raw_output_contents[0], "<f4").reshape(answer.outputs[0].shape)
    assert logits.shape == (3, 7)
    best = [LABELS[place] for place in logits.argmax(axis=1)]
    asked = [served.ask(pb.Input(landmarks=pb.Landmarks(values=face.values))).predictions[0] for face in faces]
    assert best == [prediction.scores[0].label for prediction in asked]
    tensor.shape[:] = [3, 7]
    with pytest.raises(grpc.RpcError) as raised:
        served.tensors.ModelInfer(
            v2.ModelInferRequest(
                model_name="emotion.expression", inputs=[tensor], raw_input_contents=[np.zeros((3, 7), "<f4").tobytes()]
            )
        )
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "2107" in raised.value.details()
