"""A caller whose token names tasks: others don't answer it, and are not shown to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pipit._pb.open_inference.v2 import open_inference_pb2 as oip
from pipit._pb.open_inference.v2 import open_inference_pb2_grpc
from pipit._pb.pipit.faces.v1 import faces_pb2, faces_pb2_grpc
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.errors import PipitError
from pipit.rpc.auth import hash_token
from pipit.rpc.client import call_errors, open_channel

MINE, OTHER = "test.mine", "test.other"
ITEM = pb.Input(landmarks=pb.Landmarks(values=[0.1, 0.2, 0.3, 0.4]))


class Caller:
    """What one token gets."""

    def __init__(self, address: str, token: str) -> None:
        self.channel = open_channel(address, token)
        self.own = inference_pb2_grpc.InferenceServiceStub(self.channel)
        self.open = open_inference_pb2_grpc.GRPCInferenceServiceStub(self.channel)
        self.faces = faces_pb2_grpc.FaceServiceStub(self.channel)

    def classify(self, task: str = "") -> Any:
        return self.own.Classify(pb.ClassifyRequest(model=pb.ModelSelector(task=task), input=ITEM), timeout=30)

    def stream(self, task: str) -> Any:
        request = pb.ClassifyRequest(model=pb.ModelSelector(task=task), input=ITEM)
        return next(self.own.ClassifyStream(iter([pb.ClassifyStreamRequest(request=request)]), timeout=30))

    def infer(self, task: str) -> Any:
        rows = oip.InferTensorContents(fp32_contents=[0.1, 0.2, 0.3, 0.4])
        tensor = oip.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[1, 4], contents=rows)
        return self.open.ModelInfer(oip.ModelInferRequest(model_name=task, inputs=[tensor]), timeout=30)

    def asked(self, task: str) -> dict[str, str]:
        """Status of each call that asks a task."""
        calls: dict[str, Callable[[], Any]] = {
            "Classify": lambda: self.classify(task),
            "ClassifyStream": lambda: self.stream(task),
            "ModelInfer": lambda: self.infer(task),
            "ModelReady": lambda: self.open.ModelReady(oip.ModelReadyRequest(name=task), timeout=30),
            "ModelMetadata": lambda: self.open.ModelMetadata(oip.ModelMetadataRequest(name=task), timeout=30),
        }
        return {name: outcome(call) for name, call in calls.items()}


def outcome(call: Callable[[], Any]) -> str:
    try:
        with call_errors("it"):
            call()
    except PipitError as error:
        return error.status
    return "OK"


@pytest.fixture
def callers(serve: Any, make_bundle: Any, tmp_path: Path) -> Iterator[tuple[Caller, Caller]]:
    """Of one who may ask MINE alone, and of one who may ask both."""
    entries = [
        {"name": "doorbell", "roles": ["reader", "enroller"], "tasks": [MINE], "sha256": hash_token("doorbell")},
        {"name": "anna", "roles": ["reader"], "sha256": hash_token("anna")},
    ]
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text(json.dumps({"callers": entries}))
    bundles = tuple(make_bundle(version, task=task).path for version, task in (("1.0.0", MINE), ("2.0.0", OTHER)))
    address = f"127.0.0.1:{serve(bundle=bundles, tokens=tokens).server.port}"
    both = Caller(address, "doorbell"), Caller(address, "anna")
    yield both
    for one in both:
        one.channel.close()


def test_other_tasks_do_not_answer(callers: tuple[Caller, Caller]) -> None:
    doorbell, anna = callers
    assert set(doorbell.asked(MINE).values()) == {"OK"}
    assert set(doorbell.asked(OTHER).values()) == {"PERMISSION_DENIED"}
    assert set(anna.asked(MINE).values()) | set(anna.asked(OTHER).values()) == {"OK"}
    with pytest.raises(PipitError, match=f"doorbell may not ask {OTHER}"), call_errors("it"):
        doorbell.classify(OTHER)


def test_other_tasks_are_not_shown(callers: tuple[Caller, Caller]) -> None:
    for caller, tasks in zip(callers, ([MINE], [MINE, OTHER]), strict=True):
        models = caller.own.ListModels(pb.ListModelsRequest(), timeout=30).models
        index = caller.open.RepositoryIndex(oip.RepositoryIndexRequest(), timeout=30).models
        assert ([model.identity.task for model in models], [model.name for model in index]) == (tasks, tasks)
    doorbell, _ = callers
    with pytest.raises(PipitError) as caught, call_errors("it"):
        doorbell.classify("test.none")
    assert str(caught.value) == f"task 'test.none' is not served here; this server has {MINE}"


def test_who_has_one_task_need_not_name_it(callers: tuple[Caller, Caller]) -> None:
    doorbell, anna = callers
    assert doorbell.classify().model.task == MINE
    assert outcome(anna.classify) == "INVALID_ARGUMENT"
    short = pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=[1.0])))
    assert outcome(lambda: doorbell.own.Classify(short, timeout=30)) == "INVALID_ARGUMENT"


def test_answers_of_other_tasks_are_not_theirs_to_judge(callers: tuple[Caller, Caller]) -> None:
    doorbell, anna = callers
    request_id = anna.classify(OTHER).request_id
    feedback = pb.FeedbackRequest(request_id=request_id, label="")
    assert outcome(lambda: doorbell.own.Feedback(feedback, timeout=30)) == "NOT_FOUND"
    assert anna.own.Feedback(feedback, timeout=30).model.task == OTHER


def test_whose_tasks_name_no_faces_sees_no_people(callers: tuple[Caller, Caller], serve: Any, tmp_path: Path) -> None:
    """A key is there, so that people could be known."""
    from pipit.faces.sealing import GalleryKey

    GalleryKey.generate().save(tmp_path / "gallery.key")
    running = serve(
        tokens=tmp_path / "tokens.yaml",
        gallery_key=tmp_path / "gallery.key",
        gallery_dir=tmp_path / "g",
        keep_unknown=True,
    )
    doorbell = Caller(f"127.0.0.1:{running.server.port}", "doorbell")
    for call, request in (
        (doorbell.faces.Forget, faces_pb2.ForgetRequest(person="Anna")),
        (doorbell.faces.ListUnknown, faces_pb2.ListUnknownRequest()),
        (doorbell.faces.Ignore, faces_pb2.IgnoreRequest(cluster="1")),
    ):
        assert outcome(lambda call=call, request=request: call(request, timeout=30)) == "PERMISSION_DENIED"  # type: ignore[misc]
    doorbell.channel.close()
