"""The design's table of statuses, as far as an inference server can raise them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from pipit._pb.open_inference.v2 import open_inference_pb2
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.errors import DeadlineExceeded
from pipit.serving.inference_servicer import InferenceServicer
from pipit.serving.open_inference import OpenInferenceServicer
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from tiny_server import Serve, Until

GOOD = pb.Input(landmarks=pb.Landmarks(values=[0.1, 0.2, 0.3, 0.4]))
HELD = pb.Input(image=b"held")


def request(item: pb.Input = GOOD, **model: str) -> pb.ClassifyRequest:
    return pb.ClassifyRequest(input=item, model=pb.ModelSelector(**model))


def tensor(**fields: Any) -> pb.Input:
    return pb.Input(tensor=pb.Tensor(**fields))


def status_of(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code().name, caught.value.details()


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (request(pb.Input()), "INVALID_ARGUMENT", "the request has no input"),
        (request(pb.Input(audio=b"no sound")), "INVALID_ARGUMENT", "can't take a EncodedAudio; send landmarks"),
        (request(pb.Input(landmarks=pb.Landmarks(values=[1, 2]))), "INVALID_ARGUMENT", "2 landmarks; send 4"),
        (request(pb.Input(landmarks=pb.Landmarks(values=[float("nan")] * 4))), "INVALID_ARGUMENT", "no finite number"),
        (request(tensor(dtype="float16")), "INVALID_ARGUMENT", "type 'float16'"),
        (request(tensor(dtype="float64", shape=[4], data=bytes(32))), "INVALID_ARGUMENT", "type 'float64'"),
        (request(tensor(dtype="int32", shape=[4], data=bytes(16))), "INVALID_ARGUMENT", "int32"),
        (request(tensor(dtype="float32", shape=[5], data=bytes(20))), "INVALID_ARGUMENT", "5"),
        (request(tensor(dtype="float32", shape=[0, 4])), "INVALID_ARGUMENT", "each at least 1"),
        (request(tensor(dtype="float32", shape=[10**9, 0])), "INVALID_ARGUMENT", "each at least 1"),
        (
            request(tensor(dtype="float32", shape=[5000, 4], data=bytes(80_000))),
            "RESOURCE_EXHAUSTED",
            "5000 rows in one request, the limit is 4096",
        ),
        (request(tensor(name="z", dtype="float32", shape=[1, 4], data=bytes(16))), "INVALID_ARGUMENT", "z"),
        (pb.ClassifyRequest(input=GOOD, options=pb.ClassifyOptions(min_score=2)), "INVALID_ARGUMENT", "min_score"),
        (pb.ClassifyRequest(input=GOOD, request_id="x" * 201), "INVALID_ARGUMENT", "at most 200"),
        (request(pb.Input(landmarks=pb.Landmarks(values=[1] * 101))), "RESOURCE_EXHAUSTED", "101 landmarks"),
        (request(pb.Input(image=bytes((1 << 20) + (1 << 16)))), "RESOURCE_EXHAUSTED", "larger than max"),
        (request(task="no.such"), "NOT_FOUND", "task 'no.such' is not served here; this server has test.tiny"),
        (request(task="test.tiny", version="9.9.9"), "NOT_FOUND", "9.9.9 is not served here; 1.0.0 is"),
        (request(task="test.tiny", environment="moon"), "NOT_FOUND", "not 'moon'"),
    ],
)
def test_bad_requests(serve: Serve, message: pb.ClassifyRequest, code: str, text: str) -> None:
    running = serve(max_message_mib=1)
    found, details = status_of(lambda: running.calls.Classify(message, timeout=30))
    assert found == code
    assert text in details
    # Nothing is left broken behind.
    assert len(running.calls.Classify(request(), timeout=30).predictions) == 1
    assert running.server.admission.running == 0


def test_what_goes_wrong_inside_is_internal_and_says_nothing_but_an_id(serve: Serve) -> None:
    running = serve()
    broken = pb.ClassifyRequest(input=pb.Input(image=b"broken"), request_id="mine")
    with capture_logs(processors=[merge_contextvars]) as logs:
        code, text = status_of(lambda: running.calls.Classify(broken, timeout=30))
    assert code == "INTERNAL"
    found = re.fullmatch(r"internal error ([0-9a-f]{12}); the server's log has more under this id", text)
    assert found
    entries = [entry for entry in logs if entry["event"] == "internal_error"]
    assert [(entry["error_id"], entry["request_id"], str(entry["exc_info"])) for entry in entries] == [
        (found.group(1), "mine", "secret of the house")
    ]


def test_a_task_that_is_still_loading_is_unavailable(serve: Serve, make_bundle: Callable[..., Any]) -> None:
    running = serve(wait=False, bundle=(make_bundle(golden_sign=-1.0).path,))
    code, text = status_of(lambda: running.calls.Classify(request(), timeout=30))
    assert code == "UNAVAILABLE"
    assert "test.tiny does not answer yet" in text


def test_a_task_must_be_named_where_there_are_several(serve: Serve, make_bundle: Callable[..., Any]) -> None:
    running = serve(bundle=(make_bundle().path, make_bundle(task="test.other", version="2.0.0").path))
    code, text = status_of(lambda: running.calls.Classify(request(), timeout=30))
    assert (code, text) == ("INVALID_ARGUMENT", "name a task; this server has test.other, test.tiny")
    assert running.calls.Classify(request(task="test.other"), timeout=30).model.version == "2.0.0"


def test_a_full_queue_is_exhausted_and_health_still_answers(serve: Serve, until: Until) -> None:
    running = serve(concurrency=1, queue=2)
    admission = running.server.admission
    running.gate.close()
    held = [running.calls.Classify.future(request(HELD)) for _ in range(3)]
    running.gate.wait_entered(1)
    until(lambda: admission.waiting == 2)
    found, details = status_of(lambda: running.calls.Classify(request(), timeout=30))
    assert found == "RESOURCE_EXHAUSTED"
    assert "1 requests run and 2 wait" in details
    assert running.health_of("test.tiny") == "SERVING"
    running.gate.open()
    assert [len(answer.result(30).predictions) for answer in held] == [1, 1, 1]
    until(lambda: admission.running == 0)


def test_work_whose_deadline_passes_in_the_queue_is_dropped(serve: Serve, until: Until) -> None:
    running = serve(concurrency=1, queue=2)
    running.gate.close()
    first = running.calls.Classify.future(request(HELD))
    running.gate.wait_entered(1)
    late = running.calls.Classify.future(request(HELD), timeout=0.2)
    code, _ = status_of(lambda: late.result(30))
    assert code == "DEADLINE_EXCEEDED"
    until(lambda: running.server.admission.waiting == 0)
    running.gate.open()
    assert len(first.result(30).predictions) == 1
    # Only the first was ever decoded.
    assert running.gate.inside.acquire(blocking=False) is False


class Expired:
    """The context of a call whose time is over by the server's clock."""

    def time_remaining(self) -> float:
        return 0.0

    def is_active(self) -> bool:
        return True


def test_a_call_whose_time_is_over_when_its_turn_comes_is_not_begun(serve: Serve) -> None:
    """Asked without the wire: on it the time that is left is rounded up, and a quick server may answer in that."""
    running = serve()
    plane, context = running.server.plane, Expired()
    servicer = InferenceServicer(plane)
    tensors = open_inference_pb2.ModelInferRequest(
        model_name="test.tiny",
        inputs=[{"name": "x", "datatype": "FP32", "shape": [1, 4], "contents": {"fp32_contents": [0.1] * 4}}],
    )
    with pytest.raises(DeadlineExceeded, match="before work began"):
        servicer.Classify(request(HELD), context)
    with pytest.raises(DeadlineExceeded, match="before work began"):
        OpenInferenceServicer(plane).ModelInfer(tensors, context)
    (answer,) = servicer.ClassifyStream(iter([pb.ClassifyStreamRequest(request=request(HELD))]), context)
    assert answer.error.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
    assert running.gate.inside.acquire(blocking=False) is False
    value = running.server.metrics.registry.get_sample_value
    counted = {"task": "test.tiny", "version": "", "code": "DEADLINE_EXCEEDED"}
    assert value("pipit_requests_total", counted) == 3.0
    assert value("pipit_requests_total", {"task": "test.tiny", "version": "1.0.0", "code": "OK"}) == 0.0


def test_a_caller_that_leaves_the_queue_is_not_worked_for(
    serve: Serve, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = serve(concurrency=1, queue=2)
    admission = running.server.admission
    enter, is_there = admission.enter, []

    def remember_caller(deadline: float | None, is_wanted: Callable[[], bool], bounded: bool) -> None:
        is_there.append(is_wanted)
        enter(deadline, is_wanted, bounded)

    monkeypatch.setattr(admission, "enter", remember_caller)
    running.gate.close()
    first = running.calls.Classify.future(request(HELD))
    running.gate.wait_entered(1)
    second = running.calls.Classify.future(request(HELD))
    until(lambda: admission.waiting == 1)
    second.cancel()
    # The cancellation is on its way; the turn must not come before it.
    until(lambda: not is_there[1]())
    running.gate.open()
    assert len(first.result(30).predictions) == 1
    until(lambda: running.server.admission.running == 0)
    assert running.gate.inside.acquire(blocking=False) is False


def test_callers_without_a_token_are_turned_away_but_probes_are_not(serve: Serve, tmp_path: Any) -> None:
    tokens = tmp_path / "tokens.yaml"
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    tokens.write_text(f"callers: [{{name: anna, roles: [reader], sha256: {digest}}}]")
    running = serve(tokens=tokens)
    code, text = status_of(lambda: running.calls.Classify(request(), timeout=30))
    assert code == "UNAUTHENTICATED"
    assert "token" in text
    good = (("authorization", "Bearer hello"),)
    assert running.calls.Classify(request(), timeout=30, metadata=good).model.task == "test.tiny"
    code, _ = status_of(
        lambda: running.calls.Classify(request(), timeout=30, metadata=(("authorization", "Bearer wrong"),))
    )
    assert code == "UNAUTHENTICATED"
    assert running.health_of("") == "SERVING"
