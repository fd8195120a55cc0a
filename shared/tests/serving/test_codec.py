from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage, Input, InputSequence, Landmarks, PcmAudio, TensorInput
from pipit.serving import codec
from pipit.serving.types import Answer, Identity, ModelState, ModelStatus, Options, Selector, StageTimes
from pipit.types import Box, LabelScore, Prediction, TimeSpan


def test_encoded_files_come_through_untouched() -> None:
    assert codec.input_from_message(pb.Input(image=b"jpeg")) == EncodedImage(b"jpeg")
    assert codec.input_from_message(pb.Input(audio=b"flac")) == EncodedAudio(b"flac")


def test_sixteen_bit_pcm_becomes_float_with_full_scale_at_one() -> None:
    samples = np.array([[0, 16384], [-32768, 32767]], "<i2")
    message = pb.PcmAudio(samples=samples.tobytes(), encoding=pb.PcmAudio.ENCODING_S16, sample_rate=16_000, channels=2)
    audio = codec.input_from_message(pb.Input(pcm=message))
    assert isinstance(audio, PcmAudio)
    assert audio.sample_rate == 16_000
    assert audio.samples.dtype == np.float32
    np.testing.assert_allclose(audio.samples, [[0.0, 0.5], [-1.0, 32767 / 32768]], rtol=0, atol=1e-7)


@given(numpy_strategies.arrays("<f4", st.tuples(st.integers(0, 50), st.integers(1, 8))))
def test_float_pcm_comes_through_bit_by_bit(samples: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    message = pb.PcmAudio(
        samples=samples.tobytes(),
        encoding=pb.PcmAudio.ENCODING_F32,
        sample_rate=8_000,
        channels=samples.shape[1],
    )
    audio = codec.input_from_message(pb.Input(pcm=message))
    assert isinstance(audio, PcmAudio)
    assert audio.samples.shape == samples.shape
    assert audio.samples.tobytes() == samples.tobytes()


S16 = pb.PcmAudio.ENCODING_S16


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (pb.PcmAudio(samples=b"abcd", encoding=S16, sample_rate=0, channels=1), "sample rate of 0 Hz"),
        (pb.PcmAudio(samples=b"abcd", encoding=S16, sample_rate=10**7, channels=1), "sample rate of 10000000"),
        (pb.PcmAudio(samples=b"abcd", encoding=S16, sample_rate=8000, channels=0), "0 channels"),
        (pb.PcmAudio(samples=b"abcd" * 100, encoding=S16, sample_rate=8000, channels=200), "200 channels"),
        (pb.PcmAudio(samples=b"abcd", sample_rate=8000, channels=1), "encoding 0 is not known"),
        (pb.PcmAudio(samples=b"abc", encoding=S16, sample_rate=8000, channels=1), "3 bytes of PCM are no whole number"),
    ],
)
def test_pcm_that_can_not_be_is_refused(message: pb.PcmAudio, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        codec.input_from_message(pb.Input(pcm=message))


def test_landmarks_must_be_finite() -> None:
    item = codec.input_from_message(pb.Input(landmarks=pb.Landmarks(values=[0.5, -1.0])))
    assert isinstance(item, Landmarks)
    assert item.values.tolist() == [0.5, -1.0]
    for bad in (float("nan"), float("inf")):
        with pytest.raises(InvalidInput, match="no finite number"):
            codec.input_from_message(pb.Input(landmarks=pb.Landmarks(values=[bad])))


def test_landmarks_may_tell_the_shape_of_their_picture() -> None:
    def aspect_ratio(value: float) -> float | None:
        item = codec.input_from_message(pb.Input(landmarks=pb.Landmarks(values=[0.5], aspect_ratio=value)))
        assert isinstance(item, Landmarks)
        return item.aspect_ratio

    assert aspect_ratio(0.0) is None
    assert aspect_ratio(1.5) == 1.5
    for bad in (-1.0, 1e-9, 1e9, float("nan"), float("inf")):
        with pytest.raises(InvalidInput, match="send its width over its height"):
            aspect_ratio(bad)


def test_a_sequence_keeps_its_order_and_is_flat_and_short() -> None:
    items = [pb.Input(image=b"%d" % number) for number in range(3)]
    sequence = codec.input_from_message(pb.Input(sequence=pb.InputSequence(items=items)))
    assert sequence == InputSequence((EncodedImage(b"0"), EncodedImage(b"1"), EncodedImage(b"2")))
    nested = pb.Input(sequence=pb.InputSequence(items=[pb.Input(sequence=pb.InputSequence())]))
    with pytest.raises(InvalidInput, match="holds a sequence"):
        codec.input_from_message(nested)
    long = pb.Input(sequence=pb.InputSequence(items=[pb.Input(image=b"")] * (codec.MAX_SEQUENCE + 1)))
    with pytest.raises(InputTooLarge, match="1025 inputs; send at most 1024"):
        codec.input_from_message(long)


def test_nothing_is_no_input() -> None:
    with pytest.raises(InvalidInput, match="the request has no input"):
        codec.input_from_message(pb.Input())


@pytest.mark.parametrize("dtype", codec.TENSOR_TYPES)
@given(data=st.data())
def test_tensors_come_through(dtype: str, data: st.DataObject) -> None:
    values = data.draw(numpy_strategies.arrays(dtype, numpy_strategies.array_shapes(min_dims=0, max_side=4)))
    tensor = pb.Tensor(name="x", dtype=dtype, shape=values.shape, data=values.tobytes())
    item = codec.input_from_message(pb.Input(tensor=tensor))
    assert isinstance(item, TensorInput)
    assert (item.name, item.values.dtype.name, item.values.shape) == ("x", dtype, values.shape)
    assert item.values.tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (pb.Tensor(dtype="float16", shape=[1], data=b"ab"), "type 'float16'; send one of float32"),
        (pb.Tensor(dtype="O", shape=[1], data=b"abcdefgh"), "type 'O'"),
        (pb.Tensor(dtype="float32", shape=[2], data=b"abcd"), "needs 8 bytes, but 4 came"),
        (pb.Tensor(dtype="float32", shape=[-1], data=b"abcd"), r"shape \[-1\]"),
        (pb.Tensor(dtype="float32", shape=[10**9, 0]), r"shape \[1000000000, 0\]; send up to 8 sizes, each at least 1"),
        (pb.Tensor(dtype="int8", shape=[1] * 9, data=b"a"), "up to 8 sizes"),
        (pb.Tensor(dtype="int8", shape=[2**62, 2**62, 4], data=b""), "needs .* bytes, but 0 came"),
    ],
)
def test_tensors_that_can_not_be_are_refused(tensor: pb.Tensor, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        codec.input_from_message(pb.Input(tensor=tensor))


@given(st.binary(max_size=300))
def test_random_bytes_give_an_input_or_an_error_of_the_tree(data: bytes) -> None:
    message = pb.Input()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return
    try:
        item = codec.input_from_message(message)
    except (InvalidInput, InputTooLarge):
        return
    assert isinstance(item, Input)


def test_selector_and_options() -> None:
    assert codec.selector_from_message(pb.ClassifyRequest()) == Selector()
    assert codec.options_from_message(pb.ClassifyRequest()) == Options()
    request = pb.ClassifyRequest(
        model=pb.ModelSelector(task="a.b", version="1.2.0"), options=pb.ClassifyOptions(top_k=3, min_score=0.25)
    )
    assert codec.selector_from_message(request) == Selector("a.b", "1.2.0", "")
    assert codec.options_from_message(request) == Options(3, 0.25)
    request.model.environment = "staging"
    assert codec.selector_from_message(request) == Selector("a.b", "", "staging")


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_minimum_that_is_no_score_is_refused(score: float) -> None:
    with pytest.raises(InvalidInput, match="min_score"):
        codec.options_from_message(pb.ClassifyRequest(options=pb.ClassifyOptions(min_score=score)))


def test_an_answer_is_told_whole() -> None:
    answer = Answer(
        [
            Prediction(
                (LabelScore("siren", 0.75, True), LabelScore("dog", 0.25, experimental=True)),
                TimeSpan(0.5, 5.5),
                "siren",
                uncertain=True,
            ),
            Prediction((), Box(1.0, 2.0, 3.0, 4.0), unknown=True, region_score=0.5, quality=0.25),
            Prediction((LabelScore("dog", 1.0),)),
        ],
        Identity("a.b", "1.2.0", "f" * 64, "int8"),
        StageTimes(0.001, 0.002, 0.003, 0.0040005),
        frozenset({"dog", "siren"}),
    )
    message = codec.answer_to_message(answer, "42")
    assert message == pb.ClassifyResponse(
        request_id="42",
        predictions=[
            pb.Prediction(
                span=pb.TimeSpan(start_seconds=0.5, end_seconds=5.5),
                scores=[
                    pb.LabelScore(label="siren", score=0.75, detected=True),
                    pb.LabelScore(label="dog", score=0.25, experimental=True),
                ],
                label="siren",
                uncertain=True,
            ),
            pb.Prediction(box=pb.Box(left=1, top=2, width=3, height=4), unknown=True, region_score=0.5, quality=0.25),
            pb.Prediction(scores=[pb.LabelScore(label="dog", score=1.0)]),
        ],
        model=pb.ModelIdentity(task="a.b", version="1.2.0", digest="f" * 64, variant="int8"),
        times=pb.StageTimes(decode_us=1000, queue_us=2000, run_us=3000, interpret_us=4000),
    )


def test_a_task_without_a_model_is_listed_with_its_reason() -> None:
    status = ModelStatus("a.b", "staging", ModelState.LOADING, "being fetched")
    assert codec.status_to_message(status) == pb.Model(
        identity=pb.ModelIdentity(task="a.b"),
        state=pb.Model.STATE_LOADING,
        reason="being fetched",
        environment="staging",
    )
