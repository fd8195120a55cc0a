"""What `bench_peers.py` asks every server for, over gRPC or HTTP/1.1:

tensor   one row of log-mel, float32, through the network: its logits
clip     a WAV of 5 s at 22,050 Hz, mono, 16 bit: decode, log-mel, network, the score of every label
empty    a call that does nothing
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from typing import Literal

import grpc
import numpy as np
from numpy.typing import NDArray
from pipit._pb.open_inference.v2 import open_inference_pb2 as oip
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from servers import TASK

Protocol = Literal["grpc", "http"]
Scores = Mapping[str, float]
"""By label; of `tensor` by the logit's position; of `empty` none."""
CALLS = ("tensor", "clip", "empty")
INFER, CLASSIFY = "/inference.GRPCInferenceService/ModelInfer", "/pipit.inference.v1.InferenceService/Classify"
OPEN_MODEL = "sounds"
TIMEOUT = 30.0
"""Seconds; some servers take their time for the first answer."""


class NotYet(Exception):
    """The server does not answer so far."""


@dataclass(frozen=True)
class Inputs:
    """What is sent. log_mel: float32, (1, bands, frames, 1). wav: an encoded recording of one window."""

    log_mel: NDArray[np.float32]
    wav: bytes


@dataclass(frozen=True)
class Call:
    """One kind of request; its bytes are the same every time.

    body: of gRPC the message without its prefix. scores: what an answer's bytes say.
    """

    protocol: Protocol
    path: str
    body: bytes
    scores: Callable[[bytes], Scores]
    media_type: str = "application/octet-stream"

    @property
    def sent(self) -> bytes:
        """The body as it lies on the wire: gRPC has five bytes before a message."""
        return struct.pack(">BI", 0, len(self.body)) + self.body if self.protocol == "grpc" else self.body

    @property
    def headers(self) -> dict[str, str]:
        """Of the request."""
        return (
            {"content-type": "application/grpc", "te": "trailers"}
            if self.protocol == "grpc"
            else {"content-type": self.media_type}
        )

    def answer(self, port: int) -> bytes:
        """One call on a connection of its own. Raises NotYet."""
        if self.protocol == "grpc":
            with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.enable_http_proxy", 0)]) as channel:
                try:
                    answer: bytes = channel.unary_unary(self.path)(self.body, timeout=TIMEOUT)
                except grpc.RpcError as error:
                    raise NotYet(str(error)) from error
                return answer
        connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        try:
            connection.request("POST", self.path, self.body, self.headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, HTTPException) as error:
            raise NotYet(str(error)) from error
        finally:
            connection.close()
        if response.status != 200:
            raise NotYet(f"{response.status}: {content[:500]!r}")
        return content

    def ask(self, port: int) -> Scores:
        """What the server says. Raises NotYet."""
        return self.scores(self.answer(port))


def by_position(values: Sequence[float]) -> Scores:
    """Logits as scores."""
    return {str(position): value for position, value in enumerate(values)}


def differences(said: Scores, wanted: Scores) -> float:
    """The largest difference of two answers; infinite where they speak of different labels."""
    if said.keys() != wanted.keys():
        return float("inf")
    return max((abs(said[label] - wanted[label]) for label in wanted), default=0.0)


def _classified(answer: bytes) -> Scores:
    predictions = pb.ClassifyResponse.FromString(answer).predictions
    return {score.label: score.score for prediction in predictions for score in prediction.scores}


def _inferred(answer: bytes) -> Scores:
    (raw,) = oip.ModelInferResponse.FromString(answer).raw_output_contents
    return by_position(np.frombuffer(raw, np.float32).tolist())


def _silent(answer: bytes) -> Scores:
    return {}


def _labelled(answer: bytes) -> Scores:
    scores, labels = oip.ModelInferResponse.FromString(answer).raw_output_contents
    names = []
    while labels:
        (length,) = struct.unpack_from("<I", labels)
        names.append(labels[4 : 4 + length].decode())
        labels = labels[4 + length :]
    return dict(zip(names, np.frombuffer(scores, np.float32).tolist(), strict=True))


def infer_request(inputs: Inputs, model: str = TASK) -> bytes:
    """`tensor` as a message of the Open Inference Protocol."""
    tensor = oip.ModelInferRequest.InferInputTensor(name="log_mel", datatype="FP32", shape=inputs.log_mel.shape)
    request = oip.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[inputs.log_mel.tobytes()])
    content: bytes = request.SerializeToString()
    return content


def _pipit_messages(inputs: Inputs, empty: Call) -> dict[str, Call]:
    clip = pb.ClassifyRequest(model=pb.ModelSelector(task=TASK), input=pb.Input(audio=inputs.wav))
    return {
        "tensor": Call("grpc", INFER, infer_request(inputs), _inferred),
        "clip": Call("grpc", CLASSIFY, clip.SerializeToString(), _classified),
        "empty": empty,
    }


def pipit_calls(inputs: Inputs) -> dict[str, Call]:
    """`empty` is a `Classify` of a bundle that does nothing, with all that a server does around it."""
    nothing = pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=[1.0])))
    return _pipit_messages(inputs, Call("grpc", CLASSIFY, nothing.SerializeToString(), _classified))


def grpcio_calls(inputs: Inputs) -> dict[str, Call]:
    """The same messages."""
    return _pipit_messages(inputs, Call("grpc", "/peers.Nothing/Nothing", b"", _silent))


def open_inference_calls(inputs: Inputs) -> dict[str, Call]:
    """All three by `ModelInfer` of one model: the name of the input says which it is, and no input asks for nothing."""
    wav = oip.ModelInferRequest.InferInputTensor(name="wav", datatype="BYTES", shape=[1])
    # Triton's form of a string in raw contents: its length goes before it.
    raw = struct.pack("<I", len(inputs.wav)) + inputs.wav
    clip = oip.ModelInferRequest(model_name=OPEN_MODEL, inputs=[wav], raw_input_contents=[raw])
    nothing = oip.ModelInferRequest(model_name=OPEN_MODEL)
    return {
        "tensor": Call("grpc", INFER, infer_request(inputs, OPEN_MODEL), _inferred),
        "clip": Call("grpc", INFER, clip.SerializeToString(), _labelled),
        "empty": Call("grpc", INFER, nothing.SerializeToString(), _silent),
    }


def litserve_calls(inputs: Inputs) -> dict[str, Call]:
    """One path for all: the first byte says which call it is."""
    return {
        kind: replace(call, path="/predict", body=kind[:1].encode() + call.body)
        for kind, call in http_calls(inputs).items()
    }


def bentoml_calls(inputs: Inputs) -> dict[str, Call]:
    """Media types are looked at."""
    calls = http_calls(inputs)
    calls["clip"] = replace(calls["clip"], media_type="audio/wav")
    calls["empty"] = replace(calls["empty"], media_type="application/json")
    return calls


def http_calls(inputs: Inputs) -> dict[str, Call]:
    """Bytes in, JSON out."""
    return {
        "tensor": Call("http", "/tensor", inputs.log_mel.tobytes(), lambda answer: by_position(json.loads(answer))),
        "clip": Call("http", "/clip", inputs.wav, json.loads),
        "empty": Call("http", "/empty", b"{}", _silent),
    }
