"""Classify and ClassifyStream through a real server that serves a bundle this domain made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from emotion.stress.recipe import StressRecipe
from emotion.stress.synthetic import synthesise_block
from emotion.stress.train import StressTrainer
from numpy.typing import NDArray
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.serving import InferenceServer, ServingSettings
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps

pytestmark = pytest.mark.slow

Calls = inference_pb2_grpc.InferenceServiceStub


@pytest.fixture(scope="module")
def calls(synthetic: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calls]:
    folder = tmp_path_factory.mktemp("served")
    recipe = load_recipe(
        find_recipe(StressTrainer.recipe_folder, "emotion.stress", "synthetic"), StressRecipe, {"epochs": 6}
    )
    trainer = StressTrainer(recipe, synthetic.parent)
    with open_run(trainer, folder / "runs") as run:
        run_steps(run, actions_of(trainer))
        bundle = make_bundle(trainer, run, FIRST_VERSION, folder / "bundle")
    server = InferenceServer(ServingSettings(port=0, metrics_port=0, bundle=(bundle.path,), grace_seconds=5.0))
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{server.port}")
    deadline = time.monotonic() + 60.0
    while not server.plane.is_ready:
        assert time.monotonic() < deadline, server.hosts["emotion.stress"].status()
        time.sleep(0.02)
    yield Calls(channel)
    channel.close()
    server.stop(grace=5.0)


def _tensor(values: NDArray[np.float32], name: str = "physiology") -> pb.Input:
    data = np.ascontiguousarray(values, "<f4").tobytes()
    return pb.Input(tensor=pb.Tensor(name=name, dtype="float32", shape=values.shape, data=data))


def _minutes(count: int, seed: int = 1, conditions: str = "RRRRRRTTTTTT") -> NDArray[np.float32]:
    return synthesise_block(conditions, count, np.random.default_rng(seed))


def _stressed(prediction: pb.Prediction) -> float:
    assert {score.label for score in prediction.scores} == {"calm", "stressed"}
    assert sum(score.score for score in prediction.scores) == pytest.approx(1.0, abs=1e-6)
    return next(score.score for score in prediction.scores if score.label == "stressed")


def test_a_sequence_a_tensor_and_a_window_are_classified(calls: Calls) -> None:
    values = _minutes(12)
    sequence = pb.Input(sequence=pb.InputSequence(items=[_tensor(step) for step in values]))
    by_sequence, by_tensor = (
        calls.Classify(pb.ClassifyRequest(input=item)).predictions for item in (sequence, _tensor(values))
    )
    assert [(p.span.start_seconds, p.span.end_seconds) for p in by_sequence] == [
        (60.0 * i, 60.0 * i + 300.0) for i in range(8)
    ]
    scores = [_stressed(prediction) for prediction in by_sequence]
    assert scores == [_stressed(prediction) for prediction in by_tensor]
    assert scores[-1] > scores[1]  # Calm first, then stressed.
    window = calls.Classify(pb.ClassifyRequest(input=_tensor(np.zeros((5, 6), np.float32), "")))
    assert len(window.predictions) == 1
    assert window.predictions[0].unknown  # Every mask says that nothing was measured.


def test_a_stream_scores_once_its_window_is_full_and_sees_no_other(calls: Calls) -> None:
    values = _minutes(9)
    alone = [_stressed(p) for p in calls.Classify(pb.ClassifyRequest(input=_tensor(values))).predictions]

    def requests(steps: NDArray[np.float32], name: str) -> Iterator[pb.ClassifyStreamRequest]:
        for number, step in enumerate(steps):
            yield pb.ClassifyStreamRequest(
                request=pb.ClassifyRequest(input=_tensor(step), request_id=f"{name} {number}")
            )

    other = calls.ClassifyStream(requests(_minutes(9, seed=2) * np.float32(1.2), "other"))
    answers = list(calls.ClassifyStream(requests(values, "one")))
    assert [answer.response.request_id for answer in answers] == [f"one {number}" for number in range(4, 9)]
    assert [_stressed(answer.response.predictions[0]) for answer in answers] == pytest.approx(alone, abs=1e-6)
    assert answers[0].response.predictions[0].span == pb.TimeSpan(start_seconds=0.0, end_seconds=300.0)
    assert len(list(other)) == 5


def test_bad_steps_are_errors_in_their_place(calls: Calls) -> None:
    values = _minutes(6)
    items = [_tensor(step) for step in values[:4]]
    items += [_tensor(np.array([-1, 1, 1], np.float32)), pb.Input(landmarks=pb.Landmarks(values=[0.5] * 1536))]
    items += [_tensor(step) for step in values[4:]]
    stream = calls.ClassifyStream(
        pb.ClassifyStreamRequest(request=pb.ClassifyRequest(input=item, request_id=str(number)))
        for number, item in enumerate(items)
    )
    found = [(answer.WhichOneof("result"), answer.error.request_id, answer.error.message) for answer in stream]
    assert [kind for kind, _, _ in found] == ["error", "error", "response", "response"]
    assert found[0][1:] == (
        "4",
        "heart rate, RMSSD and skin conductance are above 0; send NaN or 999 for what is missing",
    )
    assert found[1][1] == "5"
    assert "not landmarks" in found[1][2]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (_tensor(_minutes(4)), "4 steps are fewer than a window of 5"),
        (_tensor(np.zeros((5, 7), np.float32), "rows"), "input 'rows' must have the shape (rows, 5, 6)"),
        (pb.Input(image=b"\xff\xd8\xff"), "not a picture"),
        (pb.Input(sequence=pb.InputSequence()), "0 steps"),
    ],
)
def test_what_can_not_be_scored_says_why(calls: Calls, item: pb.Input, message: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        calls.Classify(pb.ClassifyRequest(input=item))
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert message in raised.value.details()
