"""What a client sends and gets, to and from `pipit.inference.v1` messages. Proto types stop here."""

from __future__ import annotations

import numpy as np

from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.client.types import Answer, Refusal, Verdict
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage, Input, InputSequence, Landmarks, PcmAudio
from pipit.types import Box, Identity, LabelScore, ModelState, ModelStatus, Prediction, Region, StageTimes, TimeSpan


def input_to_message(item: Input) -> pb.Input:
    """Raises InvalidInput for sound that is neither float nor 16-bit."""
    if isinstance(item, EncodedImage):
        return pb.Input(image=item.data)
    if isinstance(item, EncodedAudio):
        return pb.Input(audio=item.data)
    if isinstance(item, PcmAudio):
        return pb.Input(pcm=_pcm(item))
    if isinstance(item, Landmarks):
        return pb.Input(landmarks=pb.Landmarks(values=item.values, aspect_ratio=item.aspect_ratio or 0.0))
    if isinstance(item, InputSequence):
        return pb.Input(sequence=pb.InputSequence(items=[input_to_message(one) for one in item.items]))
    values = np.ascontiguousarray(item.values)
    data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    return pb.Input(tensor=pb.Tensor(name=item.name, dtype=values.dtype.name, shape=item.values.shape, data=data))


def _pcm(item: PcmAudio) -> pb.PcmAudio:
    """Sound of one channel may lack its second axis, and 16-bit samples are sent as they are."""
    samples = np.asarray(item.samples)
    whole = samples.dtype == np.int16
    if samples.ndim not in (1, 2) or not (whole or samples.dtype.kind == "f"):
        raise InvalidInput(
            f"sound of {samples.dtype} and shape {samples.shape} can't be sent; give float32 (full scale at -1 and 1) "
            "or int16, shape (frames,) or (frames, channels)"
        )
    return pb.PcmAudio(
        samples=samples.astype("<i2" if whole else "<f4", copy=False).tobytes(),
        encoding=pb.PcmAudio.ENCODING_S16 if whole else pb.PcmAudio.ENCODING_F32,
        sample_rate=item.sample_rate,
        channels=1 if samples.ndim == 1 else samples.shape[1],
    )


def answer_from_message(reply: pb.ClassifyResponse) -> Answer:
    """The reply to one request."""
    times = reply.times
    return Answer(
        request_id=reply.request_id,
        predictions=tuple(_prediction(prediction) for prediction in reply.predictions),
        model=_identity(reply.model),
        times=StageTimes(times.decode_us / 1e6, times.queue_us / 1e6, times.run_us / 1e6, times.interpret_us / 1e6),
    )


def reply_from_message(reply: pb.ClassifyStreamResponse) -> Answer | Refusal:
    """One message of a stream."""
    if reply.WhichOneof("result") == "error":
        return Refusal(reply.error.request_id, reply.error.code, reply.error.message, reply.error.reason)
    return answer_from_message(reply.response)


def verdict_from_message(reply: pb.FeedbackResponse) -> Verdict:
    """What became of feedback."""
    return Verdict(_identity(reply.model), reply.predicted, reply.was_right)


_STATES = {
    pb.Model.STATE_LOADING: ModelState.LOADING,
    pb.Model.STATE_SERVING: ModelState.SERVING,
}


def status_from_message(model: pb.Model) -> ModelStatus:
    """One task of a server's list. A state that this client does not know is none that answers."""
    return ModelStatus(
        task=model.identity.task,
        environment=model.environment,
        state=_STATES.get(model.state, ModelState.NOT_SERVING),
        reason=model.reason,
        identity=_identity(model.identity) if model.identity.digest else None,
        labels=tuple(model.labels),
        input_kind=model.input_kind,
        signed_by=model.signed_by,
    )


def _identity(model: pb.ModelIdentity) -> Identity:
    return Identity(model.task, model.version, model.digest, model.variant)


def _prediction(prediction: pb.Prediction) -> Prediction:
    scores = tuple(LabelScore(s.label, s.score, s.detected, s.experimental) for s in prediction.scores)
    region_score = prediction.region_score if prediction.HasField("region_score") else None
    quality = prediction.quality if prediction.HasField("quality") else None
    return Prediction(
        scores, _region(prediction), prediction.label, prediction.unknown, prediction.uncertain, region_score, quality
    )


def _region(prediction: pb.Prediction) -> Region:
    kind = prediction.WhichOneof("region")
    if kind == "span":
        return TimeSpan(prediction.span.start_seconds, prediction.span.end_seconds)
    if kind == "box":
        box = prediction.box
        return Box(box.left, box.top, box.width, box.height)
    return None
