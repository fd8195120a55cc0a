"""What can't be answered: its gRPC status, and a message that says what to do."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb

pytestmark = pytest.mark.slow

INVALID, TOO_LARGE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED
STRESS = "emotion.stress"


def _jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def _huge_png() -> bytes:
    """A header of 100,000 x 100,000 pixels, and hardly anything behind it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def _landmarks(count: int = 1536, value: float = 0.5) -> pb.Input:
    return pb.Input(landmarks=pb.Landmarks(values=[value] * count))


def _tensor(name: str, values: NDArray[np.float32]) -> pb.Input:
    data = np.ascontiguousarray(values, "<f4").tobytes()
    return pb.Input(tensor=pb.Tensor(name=name, dtype="float32", shape=values.shape, data=data))


def _sequence(*items: pb.Input) -> pb.Input:
    return pb.Input(sequence=pb.InputSequence(items=items))


MINUTE = _tensor("physiology", np.array([[70, 0.04, 5]], np.float32))
SOUND = pb.Input(pcm=pb.PcmAudio(samples=b"\0" * 64, encoding=pb.PcmAudio.ENCODING_S16, sample_rate=16_000, channels=1))
BAD = {
    "broken JPEG": (pb.Input(image=_jpeg()[:300]), INVALID, "damaged or cut short; send all of it"),
    "text": (
        pb.Input(image=b"a picture of my cat"),
        INVALID,
        "not a picture; send a JPEG, PNG, WebP, GIF",
    ),
    "no bytes": (pb.Input(image=b""), INVALID, "not a picture; send a JPEG, PNG, WebP, GIF"),
    "a GIF without a picture": (
        pb.Input(image=b"GIF89a" + b"\0" * 64),
        INVALID,
        "damaged or cut short; send all of it",
    ),
    "no input": (pb.Input(), INVALID, "set one of image, audio, pcm, landmarks, sequence, tensor"),
    "a recording": (pb.Input(audio=b"RIFF"), INVALID, "takes a picture or landmarks, not a recording"),
    "sound": (SOUND, INVALID, "takes a picture or landmarks, not sound"),
    "face alone": (_landmarks(1404), INVALID, "must be 1536 numbers, as docs/landmarks.md lists them, not 1404"),
    "no landmarks": (_landmarks(0), INVALID, "must be 1536 numbers"),
    "NaN": (_landmarks(value=float("nan")), INVALID, "no finite number"),
    "infinity": (_landmarks(value=float("inf")), INVALID, "no finite number"),
    "too many pixels": (pb.Input(image=_huge_png()), TOO_LARGE, "make it smaller"),
    "too many bytes": (pb.Input(image=b"x" * (17 << 20)), TOO_LARGE, "larger than max"),
    "a tensor of another shape": (_tensor("", np.zeros((1, 7), np.float32)), INVALID, "shape (rows, 2107), not (1, 7)"),
    "a tensor of NaN": (_tensor("", np.full((1, 2107), np.nan, np.float32)), INVALID, "send finite values"),
    "a minute": (MINUTE, INVALID, "this task takes a picture or landmarks, not a tensor named 'physiology'"),
    "an empty sequence": (_sequence(), INVALID, "the sequence is empty; send pictures or landmarks"),
    "sound in a sequence": (_sequence(_landmarks(), SOUND), INVALID, "takes a picture or landmarks, not sound"),
}
BAD_STRESS = {
    "one picture": (_landmarks(), INVALID, "1 steps are fewer than a window of 3; send a sequence, a step every 1 s"),
    "too short": (_sequence(_landmarks(), _landmarks()), INVALID, "2 steps are fewer than a window of 3"),
    "empty": (_sequence(), INVALID, "0 steps are fewer than a window of 3"),
    "too long": (_sequence(*[_landmarks(1)] * 1025), TOO_LARGE, "a sequence of 1025 inputs; send at most 1024"),
    "a minute": (MINUTE, INVALID, "takes landmarks, pictures, or a tensor named 'landmarks', not a tensor named 'phys"),
    "a recording": (pb.Input(audio=b"RIFF"), INVALID, "not a recording"),
    "a broken picture within": (
        _sequence(_landmarks(), pb.Input(image=_jpeg()[:300]), _landmarks()),
        INVALID,
        "damaged or cut short",
    ),
    "a short step within": (_sequence(*[_landmarks(1404)] * 3), INVALID, "(steps, 1536)"),
    "NaN": (_sequence(*[_landmarks(value=float("nan"))] * 3), INVALID, "no finite number"),
    "rows of another network": (_tensor("", np.zeros((3, 6), np.float32)), INVALID, "(rows, 3, 1538), not (1, 3, 6)"),
    "a sequence in a sequence": (_sequence(_sequence(_landmarks())), INVALID, "send its items themselves"),
}


def _refused(served: Any, item: pb.Input, task: str) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        served.ask(item, task)
    return raised.value.code(), raised.value.details()


@pytest.mark.parametrize("name", BAD)
def test_emotion_says_what_is_wrong(served: Any, name: str) -> None:
    item, status, message = BAD[name]
    code, details = _refused(served, item, "emotion.expression")
    assert code is status, details
    assert message in details


@pytest.mark.parametrize("name", BAD_STRESS)
def test_stress_says_what_is_wrong(served: Any, name: str) -> None:
    item, status, message = BAD_STRESS[name]
    code, details = _refused(served, item, STRESS)
    assert code is status, details
    assert message in details


def test_two_tasks_want_to_be_told_apart(served: Any) -> None:
    code, details = _refused(served, _landmarks(), "")
    assert code is INVALID
    assert details == "name a task; this server has emotion.expression, emotion.stress"


def test_a_stream_puts_an_error_in_the_place_of_an_answer(
    served: Any, photograph: NDArray[np.uint8], picture: Callable[..., pb.Input]
) -> None:
    good = picture(photograph)
    names = [name for name, (item, status, _) in BAD.items() if status is INVALID and name != "an empty sequence"]
    items = [(good, None), *((BAD[name][0], None) for name in names), (good, None)]
    answers = served.stream(items)
    assert [answer.WhichOneof("result") for answer in answers] == ["response", *["error"] * len(names), "response"]
    for number, (name, answer) in enumerate(zip(names, answers[1:-1], strict=True), start=1):
        assert (answer.error.request_id, answer.error.code) == (str(number), INVALID.value[0])
        assert BAD[name][2] in answer.error.message, name
    first, last = answers[0].response, answers[-1].response
    assert last.request_id == str(len(items) - 1)
    # The face was followed all along.
    assert last.predictions[0].box.left == pytest.approx(first.predictions[0].box.left, abs=3)
    assert [prediction.WhichOneof("region") for prediction in last.predictions] == ["box", "span"]
