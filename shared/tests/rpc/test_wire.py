from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit._pb.open_inference.v2 import open_inference_pb2 as oi
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.errors import InputTooLarge
from pipit.rpc import wire
from pipit.rpc.server import _lenient, _Undecodable

LARGE = 1 << 20


def varint(number: int) -> bytes:
    coded = b""
    while number > 127:
        coded += bytes([number & 127 | 128])
        number >>= 7
    return coded + bytes([number])


def field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(data)) + data


@pytest.mark.parametrize(
    ("message", "data", "reason"),
    [
        (pb.ClassifyRequest, field(2, field(5, field(1, b"") * LARGE)), "more than 50000 fields"),
        (oi.ModelInferRequest, field(5, b"") * LARGE, "more than 50000 fields"),
        (oi.ModelInferRequest, field(7, b"") * LARGE, "more than 50000 fields"),
        (pb.ClassifyRequest, field(2, field(6, b"\x18\x01" * LARGE)), "more than 50000 fields"),
        (pb.ClassifyRequest, field(2, field(6, field(3, b"\1" * 5 * LARGE))), "5242880 bytes of integers one by one"),
        (oi.ModelInferRequest, field(5, field(5, field(3, b"\1" * 5 * LARGE))), "send them as raw bytes"),
        (pb.ClassifyRequest, b"\xff" * LARGE, "more than 50000 fields"),
    ],
)
def test_a_message_that_would_grow_is_refused_before_it_is_parsed(message: Any, data: bytes, reason: str) -> None:
    with pytest.raises(InputTooLarge, match=reason):
        wire.check_fields(data, message.DESCRIPTOR)
    decode = _lenient(message.FromString)
    assert decode is not None
    refused = decode(data)
    assert isinstance(refused, _Undecodable)
    assert isinstance(refused.error, InputTooLarge)


@pytest.mark.parametrize(
    "message",
    [
        pb.ClassifyRequest(input=pb.Input(image=bytes(16 * LARGE))),
        pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=[0.5] * LARGE))),
        pb.ClassifyRequest(
            input=pb.Input(
                sequence=pb.InputSequence(
                    items=[pb.Input(tensor=pb.Tensor(name="x", dtype="int8", shape=[1, 512], data=bytes(512)))] * 1024
                )
            )
        ),
        oi.ModelInferRequest(
            inputs=[
                oi.ModelInferRequest.InferInputTensor(
                    name="x", shape=[LARGE], contents=oi.InferTensorContents(uint_contents=[255] * LARGE)
                )
            ],
            raw_input_contents=[bytes(LARGE)],
        ),
    ],
    ids=["picture", "landmarks", "sequence", "typed"],
)
def test_what_people_send_is_parsed(message: Any) -> None:
    data = message.SerializeToString()
    assert len(data) > wire.UNCHECKED
    wire.check_fields(data, message.DESCRIPTOR)
    decode = _lenient(type(message).FromString)
    assert decode is not None
    assert decode(data) == message


@given(st.binary(max_size=200))
def test_bytes_that_are_no_message_are_left_to_the_parser(data: bytes) -> None:
    """Behind a picture that makes it large, anything may come."""
    picture = pb.ClassifyRequest(input=pb.Input(image=bytes(wire.UNCHECKED))).SerializeToString()
    wire.check_fields(picture + data, pb.ClassifyRequest.DESCRIPTOR)
