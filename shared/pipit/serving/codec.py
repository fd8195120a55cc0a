"""`pipit.inference.v1` messages to and from what the data plane knows. Proto types stop here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import (
    EncodedAudio,
    EncodedImage,
    Input,
    InputSequence,
    Landmarks,
    PcmAudio,
    TensorInput,
)
from pipit.serving.types import Answer, Identity, ModelState, ModelStatus, Options, Selector, StageTimes
from pipit.types import Prediction, TimeSpan

TENSOR_TYPES = {
    name: np.dtype(name).newbyteorder("<") for name in ("float32", "int8", "uint8", "int16", "int32", "int64", "bool")
}
MAX_SEQUENCE = 1024
"""Items. Each costs far more here than on the wire."""
MAX_CHANNELS = 64
MAX_SAMPLE_RATE = 768_000
"""Hz; the fastest that audio hardware records with."""
MAX_ASPECT_RATIO = 100
_MAX_DIMENSIONS = 8
_FEW = 16
_INT16_FULL_SCALE = np.float32(1 / 32768)


def input_from_message(message: pb.Input) -> Input:
    """Raises InvalidInput, InputTooLarge."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise InvalidInput("the request has no input; set one of image, audio, pcm, landmarks, sequence, tensor")
    return _DECODERS[kind](getattr(message, kind))


def _pcm(message: pb.PcmAudio) -> PcmAudio:
    rate, channels = message.sample_rate, message.channels
    if not 0 < rate <= MAX_SAMPLE_RATE:
        raise InvalidInput(f"PCM with a sample rate of {rate} Hz; send 1 to {MAX_SAMPLE_RATE}")
    if not 0 < channels <= MAX_CHANNELS:
        raise InvalidInput(f"PCM with {channels} channels; send 1 to {MAX_CHANNELS}")
    if message.encoding == pb.PcmAudio.ENCODING_S16:
        width, dtype = 2, "<i2"
    elif message.encoding == pb.PcmAudio.ENCODING_F32:
        width, dtype = 4, "<f4"
    else:
        raise InvalidInput(f"PCM of encoding {message.encoding} is not known; send ENCODING_S16 or ENCODING_F32")
    if len(message.samples) % (width * channels):
        raise InvalidInput(
            f"{len(message.samples)} bytes of PCM are no whole number of frames of {channels} x {width} bytes"
        )
    samples = np.frombuffer(message.samples, dtype).astype(np.float32, copy=False).reshape(-1, channels)
    return PcmAudio(samples * _INT16_FULL_SCALE if width == 2 else samples, rate)


def _landmarks(message: pb.Landmarks) -> Landmarks:
    few = len(message.values) <= _FEW
    # A list costs less on the way into numpy than a field of few numbers does, and more than one of many.
    values = np.array(message.values[:] if few else message.values, np.float32)
    # A sum that is finite has no other numbers in it.
    if not (few and math.isfinite(sum(values.tolist()))) and not np.isfinite(values).all():
        raise InvalidInput("landmarks hold a value that is no finite number")
    aspect = message.aspect_ratio
    if not aspect:
        return Landmarks(values)
    if not 1 / MAX_ASPECT_RATIO <= aspect <= MAX_ASPECT_RATIO:
        raise InvalidInput(f"landmarks of a picture {aspect:g} times as wide as high; send its width over its height")
    return Landmarks(values, aspect)


def _sequence(message: pb.InputSequence) -> InputSequence:
    if len(message.items) > MAX_SEQUENCE:
        raise InputTooLarge(f"a sequence of {len(message.items)} inputs; send at most {MAX_SEQUENCE}")
    if any(item.WhichOneof("kind") == "sequence" for item in message.items):
        raise InvalidInput("a sequence holds a sequence; send its items themselves")
    return InputSequence(tuple(input_from_message(item) for item in message.items))


def _tensor(message: pb.Tensor) -> TensorInput:
    dtype = TENSOR_TYPES.get(message.dtype)
    if dtype is None:
        raise InvalidInput(f"tensor of type {message.dtype[:40]!r}; send one of {', '.join(TENSOR_TYPES)}")
    return TensorInput(message.name, array_from_bytes(message.data, dtype, message.shape))


def array_from_bytes(data: bytes, dtype: np.dtype[Any], shape: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """data: little-endian, C order. Raises InvalidInput unless shape and length fit together."""
    expected = values_of(shape) * dtype.itemsize
    if expected != len(data):
        raise InvalidInput(f"tensor of shape {list(shape)} needs {expected} bytes, but {len(data)} came")
    return np.frombuffer(data, dtype).reshape(tuple(shape))


def values_of(shape: Sequence[int]) -> int:
    """How many values a tensor of this shape holds.

    A size of 0 is refused: such a tensor holds nothing, but may claim any number of rows, for each of which something
    would be made here. Raises InvalidInput.
    """
    if len(shape) > _MAX_DIMENSIONS or any(size < 1 for size in shape):
        raise InvalidInput(
            f"tensor of shape {list(shape[:_MAX_DIMENSIONS])}; send up to {_MAX_DIMENSIONS} sizes, each at least 1"
        )
    return math.prod(shape)


_DECODERS: dict[str, Callable[[Any], Input]] = {
    "image": EncodedImage,
    "audio": EncodedAudio,
    "pcm": _pcm,
    "landmarks": _landmarks,
    "sequence": _sequence,
    "tensor": _tensor,
}

_ANY = Selector()
_ALL = Options()


def selector_from_message(request: pb.ClassifyRequest) -> Selector:
    """Which model is asked for."""
    if not request.HasField("model"):
        return _ANY
    model = request.model
    return Selector(model.task, model.version, model.environment)


def options_from_message(request: pb.ClassifyRequest) -> Options:
    """What of the answer is wanted. Raises InvalidInput."""
    if not request.HasField("options"):
        return _ALL
    options = request.options
    if not 0.0 <= options.min_score <= 1.0:
        raise InvalidInput(f"min_score {options.min_score} is no score; send 0 to 1")
    return Options(options.top_k, options.min_score)


def answer_to_message(answer: Answer, request_id: str) -> pb.ClassifyResponse:
    """The reply to one request."""
    # Filled in place, which takes less than half of the time of messages that are made apart and then copied in.
    message = pb.ClassifyResponse()
    message.request_id = request_id
    for prediction in answer.predictions:
        _fill_prediction(message.predictions.add(), prediction)
    _fill_identity(message.model, answer.model)
    _fill_times(message.times, answer.times)
    return message


def _fill_times(message: pb.StageTimes, times: StageTimes) -> None:
    message.decode_us = int(times.decode * 1e6)
    message.queue_us = int(times.queue * 1e6)
    message.run_us = int(times.run * 1e6)
    message.interpret_us = int(times.interpret * 1e6)


def _fill_prediction(message: pb.Prediction, prediction: Prediction) -> None:
    add = message.scores.add
    for score in prediction.scores:
        one = add()
        one.label = score.label
        one.score = score.score
        # What is false is not there.
        if score.detected:
            one.detected = True
        if score.experimental:
            one.experimental = True
    message.label = prediction.label
    if prediction.unknown:
        message.unknown = True
    if prediction.uncertain:
        message.uncertain = True
    if prediction.region_score is not None:
        message.region_score = prediction.region_score
    if prediction.quality is not None:
        message.quality = prediction.quality
    region = prediction.region
    if isinstance(region, TimeSpan):
        message.span.start_seconds, message.span.end_seconds = region.start, region.end
    elif region is not None:
        message.box.left, message.box.top = region.left, region.top
        message.box.width, message.box.height = region.width, region.height


def identity_to_message(identity: Identity) -> pb.ModelIdentity:
    """What answered."""
    message = pb.ModelIdentity()
    _fill_identity(message, identity)
    return message


def _fill_identity(message: pb.ModelIdentity, identity: Identity) -> None:
    message.task = identity.task
    message.version = identity.version
    message.digest = identity.digest
    message.variant = identity.variant


_STATES = {
    ModelState.LOADING: pb.Model.STATE_LOADING,
    ModelState.SERVING: pb.Model.STATE_SERVING,
    ModelState.NOT_SERVING: pb.Model.STATE_NOT_SERVING,
}


def status_to_message(status: ModelStatus) -> pb.Model:
    """One task of the list."""
    identity = pb.ModelIdentity(task=status.task) if status.identity is None else identity_to_message(status.identity)
    return pb.Model(
        identity=identity,
        state=_STATES[status.state],
        reason=status.reason,
        labels=status.labels,
        input_kind=status.input_kind,
        environment=status.environment,
        signed_by=status.signed_by,
    )
