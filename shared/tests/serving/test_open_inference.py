from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from pipit._pb.open_inference.v2 import open_inference_pb2 as pb
from pipit.errors import InvalidInput
from pipit.serving.open_inference_codec import response_from_tensors, tensors_from_request
from tiny import TASK
from tiny_server import Serve

ROWS = np.array([[0.1, 0.2, 0.3, 0.4], [1.0, 0.0, -1.0, 0.5]], np.float32)
DATATYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}


def softmax(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    logits = values @ (np.arange(12, dtype=np.float32).reshape(4, 3) / 10)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def tensor(name: str = "x", datatype: str = "FP32", shape: tuple[int, ...] = (2, 4), **contents: Any) -> Any:
    typed = pb.InferTensorContents(**contents) if contents else None
    return pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape, contents=typed)


def raw_request(**fields: Any) -> pb.ModelInferRequest:
    defaults = {"model_name": TASK, "inputs": [tensor()], "raw_input_contents": [ROWS.tobytes()]}
    return pb.ModelInferRequest(**(defaults | fields))


def test_raw_contents_are_answered_raw(serve: Serve) -> None:
    running = serve()
    answer = running.open_inference.ModelInfer(raw_request(id="mine", model_version="1.0.0"), timeout=30)
    assert (answer.model_name, answer.model_version, answer.id) == (TASK, "1.0.0", "mine")
    (output,) = answer.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("scores", "FP32", [2, 3])
    scores = np.frombuffer(answer.raw_output_contents[0], "<f4").reshape(2, 3)
    np.testing.assert_allclose(scores, softmax(ROWS), atol=1e-6)
    value = running.server.metrics.registry.get_sample_value
    assert value("pipit_request_seconds_count", {"task": TASK, "version": "1.0.0"}) == 1.0


def test_typed_contents_are_answered_typed(serve: Serve) -> None:
    request = pb.ModelInferRequest(model_name=TASK, inputs=[tensor(fp32_contents=ROWS.ravel())])
    answer = serve().open_inference.ModelInfer(request, timeout=30)
    assert list(answer.raw_output_contents) == []
    np.testing.assert_allclose(answer.outputs[0].contents.fp32_contents, softmax(ROWS).ravel(), atol=1e-6)


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (raw_request(model_name="no.such"), "NOT_FOUND", "task 'no.such' is not served here"),
        (raw_request(model_name=""), "INVALID_ARGUMENT", "name a model"),
        (raw_request(model_version="2.0.0"), "NOT_FOUND", "2.0.0 is not served here; 1.0.0 is"),
        (raw_request(inputs=[tensor(name="z")]), "INVALID_ARGUMENT", "z"),
        (raw_request(inputs=[]), "INVALID_ARGUMENT", "0 inputs with 1 raw contents"),
        (raw_request(inputs=[], raw_input_contents=[]), "INVALID_ARGUMENT", "at least one"),
        (raw_request(inputs=[tensor(shape=(3, 4))]), "INVALID_ARGUMENT", "needs 48 bytes, but 32 came"),
        (raw_request(inputs=[tensor(shape=(4, 2))]), "INVALID_ARGUMENT", "2"),
        (raw_request(inputs=[tensor(shape=(-2, -4))]), "INVALID_ARGUMENT", "each at least 1"),
        (raw_request(inputs=[tensor(datatype="FP64", shape=(1, 4))]), "INVALID_ARGUMENT", "float64"),
        (raw_request(inputs=[tensor(datatype="BYTES")]), "INVALID_ARGUMENT", "datatype 'BYTES'"),
        (raw_request(inputs=[tensor(fp32_contents=[1.0])]), "INVALID_ARGUMENT", "raw and typed"),
        (
            raw_request(inputs=[tensor(), tensor()], raw_input_contents=[ROWS.tobytes()] * 2),
            "INVALID_ARGUMENT",
            "twice",
        ),
        (raw_request(inputs=[tensor(shape=(0, 4))], raw_input_contents=[b""]), "INVALID_ARGUMENT", "at least 1"),
        (raw_request(inputs=[tensor(shape=(10**9, 0))], raw_input_contents=[b""]), "INVALID_ARGUMENT", "at least 1"),
        (
            raw_request(inputs=[tensor(shape=(5000, 4))], raw_input_contents=[bytes(80_000)]),
            "RESOURCE_EXHAUSTED",
            "5000 rows in one request, the limit is 4096",
        ),
        (
            pb.ModelInferRequest(model_name=TASK, inputs=[tensor(shape=(10**9, 4), fp32_contents=[1.0])]),
            "INVALID_ARGUMENT",
            "needs 4000000000 values in fp32_contents, but 1 came",
        ),
        (
            raw_request(inputs=[tensor(f"x{n}") for n in range(65)], raw_input_contents=[ROWS.tobytes()] * 65),
            "INVALID_ARGUMENT",
            "65 inputs; send at most 64",
        ),
        (
            raw_request(outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name="labels")]),
            "INVALID_ARGUMENT",
            "no output 'labels'; the network gives scores",
        ),
    ],
)
def test_wrong_requests(serve: Serve, request_: pb.ModelInferRequest, code: str, text: str) -> None:
    running = serve()
    with pytest.raises(grpc.RpcError) as caught:
        running.open_inference.ModelInfer(request_, timeout=30)
    assert caught.value.code().name == code
    assert text in caught.value.details()
    assert running.server.admission.running == 0


def test_a_network_is_described(serve: Serve) -> None:
    answer = serve().open_inference.ModelMetadata(pb.ModelMetadataRequest(name=TASK), timeout=30)
    metadata = pb.ModelMetadataResponse.TensorMetadata
    assert answer == pb.ModelMetadataResponse(
        name=TASK,
        versions=["1.0.0"],
        platform="pipit_onnx",
        inputs=[metadata(name="x", datatype="FP32", shape=[-1, 4])],
        outputs=[metadata(name="scores", datatype="FP32", shape=[-1, 3])],
    )


def test_server_and_models_say_whether_they_are_ready(
    serve: Serve, make_bundle: Callable[..., Any], until: Callable[..., None]
) -> None:
    running = serve(wait=False, bundle=(make_bundle().path, make_bundle(task="test.bad", golden_sign=-1.0).path))
    stub = running.open_inference
    until(lambda: running.server.hosts["test.bad"].status().state.name == "NOT_SERVING")
    until(lambda: running.server.hosts[TASK].is_serving)
    assert stub.ServerLive(pb.ServerLiveRequest(), timeout=30).live
    assert not stub.ServerReady(pb.ServerReadyRequest(), timeout=30).ready

    def ready(name: str, version: str = "") -> bool:
        return bool(stub.ModelReady(pb.ModelReadyRequest(name=name, version=version), timeout=30).ready)

    assert ready(TASK)
    assert ready(TASK, "1.0.0")
    assert not ready(TASK, "2.0.0")
    assert not ready("test.bad")
    with pytest.raises(grpc.RpcError) as caught:
        ready("no.such")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    index = stub.RepositoryIndex(pb.RepositoryIndexRequest(), timeout=30).models
    assert [(model.name, model.version, model.state) for model in index] == [
        ("test.bad", "", "UNAVAILABLE"),
        (TASK, "1.0.0", "READY"),
    ]
    assert "refused at the step golden" in index[0].reason
    only_ready = stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=True), timeout=30).models
    assert [model.name for model in only_ready] == [TASK]
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelMetadata(pb.ModelMetadataRequest(name="test.bad"), timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def as_classes(count: int) -> pb.ModelInferRequest.InferRequestedOutputTensor:
    output = pb.ModelInferRequest.InferRequestedOutputTensor(name="scores")
    output.parameters["classification"].int64_param = count
    return output


def unpacked(raw: bytes) -> list[bytes]:
    """Texts that each follow their length."""
    found = []
    while raw:
        (length,) = struct.unpack_from("<I", raw)
        found.append(raw[4 : 4 + length])
        raw = raw[4 + length :]
    return found


def class_of(text: bytes) -> tuple[float, int, str]:
    """Score, place and label. The last of the six digits depends on the processor."""
    score, place, label = text.decode().split(":")
    assert len(score.partition(".")[2]) == 6
    return float(score), int(place), label


@pytest.mark.parametrize("count", [2, 9])
def test_an_output_is_given_as_its_best_classes(serve: Serve, count: int) -> None:
    running = serve()
    labels = running.server.plane.hosts[TASK].status().labels
    scores = softmax(ROWS)
    best = np.argsort(-scores, axis=1)[:, :count]
    expected = [(pytest.approx(scores[row, one], abs=2e-6), one, labels[one]) for row in range(2) for one in best[row]]
    raw = running.open_inference.ModelInfer(raw_request(outputs=[as_classes(count)]), timeout=30)
    (output,) = raw.outputs
    assert (output.datatype, list(output.shape)) == ("BYTES", [2, min(count, 3)])
    assert [class_of(one) for one in unpacked(raw.raw_output_contents[0])] == expected
    typed = pb.ModelInferRequest(
        model_name=TASK, inputs=[tensor(fp32_contents=ROWS.ravel())], outputs=[as_classes(count)]
    )
    answer = running.open_inference.ModelInfer(typed, timeout=30)
    assert [class_of(one) for one in answer.outputs[0].contents.bytes_contents] == expected


def test_no_classes_can_not_be_asked_for(serve: Serve) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        serve().open_inference.ModelInfer(raw_request(outputs=[as_classes(0)]), timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "classification is 0; ask for 1 class or more" in caught.value.details()


def test_the_server_is_described(serve: Serve) -> None:
    answer = serve().open_inference.ServerMetadata(pb.ServerMetadataRequest(), timeout=30)
    assert (answer.name, list(answer.extensions)) == ("pipit", ["classification", "model_repository"])
    assert answer.version


@pytest.mark.parametrize("datatype", DATATYPES)
@given(data=st.data())
def test_every_type_comes_through_raw(datatype: str, data: st.DataObject) -> None:
    values = data.draw(numpy_strategies.arrays(DATATYPES[datatype], numpy_strategies.array_shapes(max_side=4)))
    request = pb.ModelInferRequest(
        inputs=[tensor(datatype=datatype, shape=values.shape)], raw_input_contents=[values.tobytes()]
    )
    decoded = tensors_from_request(request)["x"]
    assert (decoded.dtype.name, decoded.shape, decoded.tobytes()) == (
        values.dtype.name,
        values.shape,
        values.tobytes(),
    )
    response = response_from_tensors(request, "1.0.0", {"y": values})
    assert (response.outputs[0].datatype, list(response.outputs[0].shape)) == (datatype, list(values.shape))
    assert response.raw_output_contents[0] == values.tobytes()


@pytest.mark.parametrize("datatype", [name for name in DATATYPES if name != "FP16"])
@given(data=st.data())
def test_every_type_that_has_a_field_comes_through_typed(datatype: str, data: st.DataObject) -> None:
    values = data.draw(numpy_strategies.arrays(DATATYPES[datatype], numpy_strategies.array_shapes(max_side=4)))
    ask = pb.ModelInferRequest(inputs=[tensor(datatype=datatype, shape=values.shape)])
    answered = response_from_tensors(ask, "1.0.0", {"y": values}).outputs[0]
    sent = pb.ModelInferRequest.InferInputTensor(
        name="x", datatype=datatype, shape=answered.shape, contents=answered.contents
    )
    decoded = tensors_from_request(pb.ModelInferRequest(inputs=[sent]))["x"]
    assert decoded.dtype.name == values.dtype.name
    np.testing.assert_array_equal(decoded, values)


@pytest.mark.parametrize(("datatype", "value"), [("INT8", 128), ("INT16", -40_000), ("UINT8", 256)])
def test_values_that_do_not_fit_their_type_are_refused(datatype: str, value: int) -> None:
    field = "int_contents" if datatype.startswith("INT") else "uint_contents"
    request = pb.ModelInferRequest(inputs=[tensor(datatype=datatype, shape=(1,), **{field: [value]})])
    with pytest.raises(InvalidInput, match=f"outside of {datatype}"):
        tensors_from_request(request)


def test_half_precision_comes_raw_only() -> None:
    with pytest.raises(InvalidInput, match="FP16; send it in raw_input_contents"):
        tensors_from_request(pb.ModelInferRequest(inputs=[tensor(datatype="FP16", shape=(1,), fp32_contents=[1.0])]))
