from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from tiny_server import Serve

VALUES = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
LABELS = ("low", "middle", "high")


def softmax(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    logits = np.atleast_2d(values) @ (np.arange(12, dtype=np.float32).reshape(4, 3) / 10)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def landmarks(values: np.ndarray[Any, Any] = VALUES) -> pb.Input:
    return pb.Input(landmarks=pb.Landmarks(values=values))


def scores(prediction: pb.Prediction) -> dict[str, float]:
    return {score.label: score.score for score in prediction.scores}


def test_an_answer_has_scores_identity_times_and_the_request_id(serve: Serve, make_bundle: Callable[..., Any]) -> None:
    bundle = make_bundle()
    running = serve(bundle=(bundle.path,))
    answer = running.calls.Classify(pb.ClassifyRequest(input=landmarks(), request_id="mine"), timeout=30)
    assert answer.request_id == "mine"
    assert answer.model == pb.ModelIdentity(task="test.tiny", version="1.0.0", digest=bundle.digest, variant="float32")
    (prediction,) = answer.predictions
    assert [score.label for score in prediction.scores] == ["high", "middle", "low"]
    assert scores(prediction) == pytest.approx(dict(zip(LABELS, softmax(VALUES)[0], strict=True)), abs=1e-6)
    assert prediction.WhichOneof("region") is None
    assert answer.times.run_us > 0


def test_ids_that_the_server_makes_differ(serve: Serve) -> None:
    running = serve()
    ids = {running.calls.Classify(pb.ClassifyRequest(input=landmarks()), timeout=30).request_id for _ in range(20)}
    assert len(ids) == 20
    assert "" not in ids


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (pb.ClassifyOptions(top_k=1), ["high"]),
        (pb.ClassifyOptions(top_k=2), ["high", "middle"]),
        (pb.ClassifyOptions(top_k=9), ["high", "middle", "low"]),
        (pb.ClassifyOptions(min_score=0.33), ["high", "middle"]),
        (pb.ClassifyOptions(top_k=1, min_score=0.9), ["high"]),  # That is what the answer says.
    ],
)
def test_only_the_labels_that_are_asked_for_come(
    serve: Serve, options: pb.ClassifyOptions, expected: list[str]
) -> None:
    answer = serve().calls.Classify(pb.ClassifyRequest(input=landmarks(), options=options), timeout=30)
    assert [score.label for score in answer.predictions[0].scores] == expected


def test_regions_come_with_their_rows(serve: Serve) -> None:
    samples = np.arange(10, dtype=np.float32) / 10
    pcm = pb.PcmAudio(samples=samples.tobytes(), encoding=pb.PcmAudio.ENCODING_F32, sample_rate=8, channels=1)
    answer = serve().calls.Classify(pb.ClassifyRequest(input=pb.Input(pcm=pcm)), timeout=30)
    assert [(p.span.start_seconds, p.span.end_seconds) for p in answer.predictions] == [(0.0, 0.5), (0.5, 1.0)]
    expected = softmax(samples[:8].reshape(2, 4))
    for prediction, row in zip(answer.predictions, expected, strict=True):
        assert scores(prediction) == pytest.approx(dict(zip(LABELS, row, strict=True)), abs=1e-6)


def test_an_input_in_which_nothing_is_found_has_an_empty_answer(serve: Serve) -> None:
    pcm = pb.PcmAudio(samples=b"", encoding=pb.PcmAudio.ENCODING_F32, sample_rate=8, channels=1)
    answer = serve().calls.Classify(pb.ClassifyRequest(input=pb.Input(pcm=pcm)), timeout=30)
    assert list(answer.predictions) == []
    assert answer.model.version == "1.0.0"


@pytest.mark.parametrize("shape", [(4,), (1, 4), (3, 4)])
def test_a_tensor_goes_past_the_decoding(serve: Serve, shape: tuple[int, ...]) -> None:
    values = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    tensor = pb.Tensor(dtype="float32", shape=shape, data=values.tobytes())
    answer = serve().calls.Classify(pb.ClassifyRequest(input=pb.Input(tensor=tensor)), timeout=30)
    for prediction, row in zip(answer.predictions, softmax(values), strict=True):
        assert scores(prediction) == pytest.approx(dict(zip(LABELS, row, strict=True)), abs=1e-6)


def test_a_tensor_that_is_no_input_of_the_network_is_decoded_by_the_task(serve: Serve) -> None:
    running = serve()
    values = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)
    raw = pb.Tensor(name="tenfold", dtype="float32", shape=(1, 4), data=(10 * values).astype("<f4").tobytes())
    (prediction,) = running.calls.Classify(pb.ClassifyRequest(input=pb.Input(tensor=raw)), timeout=30).predictions
    assert scores(prediction) == pytest.approx(dict(zip(LABELS, softmax(values)[0], strict=True)), abs=1e-6)
    unknown = pb.Tensor(name="y", dtype="float32", shape=(1, 4), data=values.tobytes())
    with pytest.raises(grpc.RpcError, match="this task can't take a TensorInput"):
        running.calls.Classify(pb.ClassifyRequest(input=pb.Input(tensor=unknown)), timeout=30)


@pytest.mark.parametrize("batch_rows", [1, 8])
def test_callers_at_once_each_get_their_own_answer(serve: Serve, batch_rows: int) -> None:
    running = serve(concurrency=4, queue=64, batch_rows=batch_rows, batch_delay_ms=5.0)
    inputs = np.random.default_rng(7).normal(size=(64, 4)).astype(np.float32)

    def ask(values: np.ndarray[Any, Any]) -> dict[str, float]:
        answer = running.calls.Classify(pb.ClassifyRequest(input=landmarks(values)), timeout=30)
        return scores(answer.predictions[0])

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, inputs))
    for answer, row in zip(answers, softmax(inputs), strict=True):
        assert answer == pytest.approx(dict(zip(LABELS, row, strict=True)), abs=1e-5)
    registry = running.server.metrics.registry
    labels = {"task": "test.tiny", "version": "1.0.0"}
    assert registry.get_sample_value("pipit_batch_rows_sum", labels) == 64.0
    runs = registry.get_sample_value("pipit_batch_rows_count", labels)
    assert runs == 64.0 if batch_rows == 1 else runs < 64.0


def test_models_are_listed(serve: Serve, make_bundle: Callable[..., Any]) -> None:
    good, bad = make_bundle(), make_bundle(task="test.bad", golden_sign=-1.0)
    running = serve(wait=False, bundle=(good.path, bad.path))
    running.server.hosts["test.bad"].status()

    def listed() -> list[pb.Model]:
        return list(running.calls.ListModels(pb.ListModelsRequest(), timeout=30).models)

    while pb.Model.STATE_LOADING in {model.state for model in listed()}:
        pass
    refused, serving = listed()
    assert serving == pb.Model(
        identity=pb.ModelIdentity(task="test.tiny", version="1.0.0", digest=good.digest, variant="float32"),
        state=pb.Model.STATE_SERVING,
        labels=LABELS,
        input_kind="landmarks",
        signed_by="unsigned",
    )
    assert refused.identity == pb.ModelIdentity(task="test.bad")
    assert refused.state == pb.Model.STATE_NOT_SERVING
    assert refused.reason.startswith("version 1.0.0 was refused at the step golden: golden sample 0")
