"""Right labels that come back, and what a bundle expects: both only show in metrics."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.bundle.manifest import Expectations, ScoreHistogram
from pipit.errors import NotFound
from pipit.metrics import Metrics
from pipit.serving.meters import ModelMeters
from pipit.serving.recent import RecentAnswers
from pipit.serving.types import Answer, Identity, StageTimes
from pipit.types import LabelScore, Prediction
from tiny_server import Serve

IDENTITY = Identity("test.tiny", "1.0.0", "f" * 64, "float32")
NONE, DOG = LabelScore("none", 0.99), LabelScore("dog", 0.6, True)
UNKNOWN = Prediction((LabelScore("dog", 0.3),), unknown=True)


def answer(*predictions: Prediction) -> Answer:
    return Answer(predictions, IDENTITY, StageTimes(0, 0, 0, 0), frozenset({"none", "dog", "siren"}))


def classify(running: Any, request_id: str) -> None:
    item = pb.Input(landmarks=pb.Landmarks(values=[3, 3, 3, 3]))
    running.calls.Classify(pb.ClassifyRequest(input=item, request_id=request_id), timeout=30)


def status_of(running: Any, request_id: str, label: str) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        running.calls.Feedback(pb.FeedbackRequest(request_id=request_id, label=label), timeout=30)
    return caught.value.code().name, caught.value.details()


def test_a_right_label_is_counted_beside_the_answer(serve: Serve) -> None:
    running = serve()
    for request_id, label in (("a", "high"), ("b", "low"), ("c", "")):
        classify(running, request_id)
        verdict = running.calls.Feedback(pb.FeedbackRequest(request_id=request_id, label=label), timeout=30)
        assert (verdict.predicted, verdict.was_right) == ("high", label == "high")
        assert (verdict.model.task, verdict.model.version) == ("test.tiny", "1.0.0")
    value = running.server.metrics.registry.get_sample_value
    for label in ("high", "low", ""):
        labels = {"task": "test.tiny", "version": "1.0.0", "predicted": "high", "label": label}
        assert value("pipit_feedback_total", labels) == 1.0


def test_each_answer_takes_one_label_that_its_model_knows(serve: Serve) -> None:
    running = serve(recent_answers=1)
    classify(running, "first")
    classify(running, "second")
    assert status_of(running, "first", "high")[0] == "NOT_FOUND"
    code, text = status_of(running, "second", "loud")
    assert (code, "high, low, middle" in text) == ("INVALID_ARGUMENT", True)
    running.calls.Feedback(pb.FeedbackRequest(request_id="second", label="high"), timeout=30)
    assert status_of(running, "second", "high")[0] == "NOT_FOUND"


def test_answers_of_streams_take_labels_too(serve: Serve) -> None:
    running = serve()
    item = pb.Input(landmarks=pb.Landmarks(values=[3, 3, 3, 3]))
    request = pb.ClassifyStreamRequest(request=pb.ClassifyRequest(input=item, request_id="of a stream"))
    assert len(list(running.calls.ClassifyStream(iter([request])))) == 1
    verdict = running.calls.Feedback(pb.FeedbackRequest(request_id="of a stream", label="high"), timeout=30)
    assert verdict.was_right


@pytest.mark.parametrize(
    ("predictions", "predicted"),
    [
        ([], ""),
        ([UNKNOWN], ""),
        ([Prediction((NONE, LabelScore("dog", 0.4)), label="none"), UNKNOWN], "none"),
        ([Prediction((NONE,), label="none"), Prediction((DOG, LabelScore("none", 0.3)), label="dog")], "dog"),
        ([Prediction((DOG,), label="dog"), Prediction((LabelScore("siren", 0.7, True),), label="siren")], "siren"),
    ],
)
def test_what_an_answer_of_several_parts_predicts(predictions: list[Prediction], predicted: str) -> None:
    recent = RecentAnswers(4)
    recent.remember("1", answer(*predictions))
    assert recent.judge("1", "dog").predicted == predicted


def test_of_two_answers_to_one_request_the_later_one_counts_and_lives() -> None:
    recent = RecentAnswers(2)
    for request_id, label in (("1", "dog"), ("2", "dog"), ("1", "siren"), ("3", "dog")):
        recent.remember(request_id, answer(Prediction((LabelScore(label, 0.9, True),), label=label)))
    with pytest.raises(NotFound, match="only the last 2"):
        recent.judge("2", "dog")
    assert recent.judge("1", "dog").predicted == "siren"
    assert recent.judge("3", "dog").was_right


def test_none_is_remembered_where_none_is_wanted() -> None:
    recent = RecentAnswers(0)
    recent.remember("1", answer())
    with pytest.raises(NotFound):
        recent.judge("1", "")


def test_expectations_are_exposed_with_the_ends_of_the_servers_own_buckets() -> None:
    metrics = Metrics("inference")
    ends = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    reference = ScoreHistogram(upper=ends, share=tuple(end / 2 for end in ends), samples=20)
    meters = ModelMeters(metrics, IDENTITY, ("low", "high"))
    meters.show_expectations(Expectations(latency_budget_ms=40.0, best_scores=reference))
    spoken = Prediction((LabelScore("low", 0.5), LabelScore("high", 0.3, True)), label="high", uncertain=True)
    meters.answered(StageTimes(0, 0, 0, 0), [spoken, Prediction((LabelScore("low", 0.2),), unknown=True)])
    value = metrics.registry.get_sample_value
    version = {"task": "test.tiny", "version": "1.0.0"}
    assert [value("pipit_labels_total", version | {"label": label}) for label in ("low", "high")] == [0.0, 1.0]
    assert value("pipit_score_sum", version) == 0.7
    assert value("pipit_unknown_total", version) == value("pipit_hard_examples_total", version) == 1.0
    assert value("pipit_latency_budget_seconds", version) == 0.04
    for end in ("0.1", "0.5", "1.0"):
        assert value("pipit_score_reference_ratio", version | {"le": end}) == float(end) / 2
    assert value("pipit_score_reference_ratio", version | {"le": "+Inf"}) == 1.0
    buckets = {s.labels["le"] for f in metrics.registry.collect() for s in f.samples if s.name == "pipit_score_bucket"}
    shown = {
        s.labels["le"] for f in metrics.registry.collect() for s in f.samples if s.name == "pipit_score_reference_ratio"
    }
    assert shown == buckets
