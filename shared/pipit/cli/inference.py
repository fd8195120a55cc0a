"""A client of `pipit.inference.v1` for the command line: files in, plain dataclasses out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipit._pb.pipit.inference.v1 import inference_pb2, inference_pb2_grpc
from pipit.cli.input_stream import InputStream
from pipit.errors import InvalidInput, NotFound
from pipit.inputs.physiology import TENSOR, read_minutes
from pipit.rpc.client import call_errors, open_channel
from pipit.types import Box, LabelScore, Prediction, Region, TimeSpan

_IMAGES = {".jpg", ".jpeg", ".png", ".webp"}
_LARGEST_FILE = 64 << 20
_MINUTES = ".csv"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask and for what. version, environment: at most one; neither takes what the server serves."""

    server: str
    task: str = ""
    version: str = ""
    environment: str = ""
    token: str | None = None
    certificate_authority: Path | None = None
    top_k: int = 3
    min_score: float = 0.0
    timeout: float = 30.0
    """Seconds for one file, or for each answer of a stream."""


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Microseconds on the server."""

    decode: int
    queue: int
    run: int
    interpret: int

    @property
    def total(self) -> int:
        """All stages together."""
        return self.decode + self.queue + self.run + self.interpret


@dataclass(frozen=True, slots=True)
class Model:
    """What exactly answered."""

    task: str
    version: str
    digest: str
    variant: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply."""

    request_id: str
    model: Model
    predictions: tuple[Prediction, ...]
    times_us: StageTimes


@dataclass(frozen=True, slots=True)
class Refusal:
    """One part of a stream that could not be answered; the stream went on. code: a canonical gRPC status code."""

    request_id: str
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer had detected ("" for nothing), and whether that was right."""

    model: Model
    predicted: str
    was_right: bool


class InferenceClient:
    """One connection. Close it, or use it as a context manager. Raises the errors of `pipit.errors`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._channel = open_channel(target.server, target.token, target.certificate_authority)
        self._stub = inference_pb2_grpc.InferenceServiceStub(self._channel)

    def __enter__(self) -> InferenceClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def serving(self, task: str) -> str:
        """Digest of the bundle that answers for `task` now; empty if none does."""
        with call_errors(self._target.server):
            reply = self._stub.ListModels(inference_pb2.ListModelsRequest(), timeout=self._target.timeout)
        serving = (model for model in reply.models if model.state == inference_pb2.Model.STATE_SERVING)
        return next((model.identity.digest for model in serving if model.identity.task == task), "")

    def tasks(self) -> dict[str, str]:
        """The kind of input that each task of the server takes."""
        with call_errors(self._target.server):
            reply = self._stub.ListModels(inference_pb2.ListModelsRequest(), timeout=self._target.timeout)
        return {model.identity.task: model.input_kind for model in reply.models}

    def open_stream(self, task: str) -> InputStream:
        """For inputs that follow each other."""
        return InputStream(
            self._stub.ClassifyStream,
            lambda item: self._request(item, task),
            self._target.server,
            self._target.timeout,
        )

    def classify(self, item: inference_pb2.Input, task: str = "") -> Answer:
        """One input. task: another than the target's."""
        with call_errors(self._target.server):
            return _answer(self._stub.Classify(self._request(item, task), timeout=self._target.timeout))

    def classify_file(self, path: Path) -> Answer:
        """Sends a whole file. Raises NotFound if there is none and InvalidInput if it is too large to be sent whole."""
        return self.classify(_file_input(path))

    def classify_pcm(self, pieces: Iterable[bytes], sample_rate: int, channels: int) -> Iterator[Answer | Refusal]:
        """Sends one recording piece by piece, signed 16-bit; answers come as the server's windows fill up."""
        audio = (
            inference_pb2.PcmAudio(
                samples=piece,
                encoding=inference_pb2.PcmAudio.ENCODING_S16,
                sample_rate=sample_rate,
                channels=channels,
            )
            for piece in pieces
        )
        requests = (
            inference_pb2.ClassifyStreamRequest(request=self._request(inference_pb2.Input(pcm=pcm))) for pcm in audio
        )
        with call_errors(self._target.server):
            for reply in self._stub.ClassifyStream(requests):
                yield reply_of(reply)

    def feedback(self, request_id: str, label: str) -> Verdict:
        """Says what an answer should have been. Raises NotFound if the server does not remember it."""
        request = inference_pb2.FeedbackRequest(request_id=request_id, label=label)
        with call_errors(self._target.server):
            reply = self._stub.Feedback(request, timeout=self._target.timeout)
        return Verdict(_model(reply.model), reply.predicted, reply.was_right)

    def _request(self, item: inference_pb2.Input, task: str = "") -> inference_pb2.ClassifyRequest:
        target = self._target
        selector = inference_pb2.ModelSelector(task=task or target.task)
        if target.version:
            selector.version = target.version
        elif target.environment:
            selector.environment = target.environment
        options = inference_pb2.ClassifyOptions(top_k=target.top_k, min_score=target.min_score)
        return inference_pb2.ClassifyRequest(model=selector, input=item, options=options)


def _file_input(path: Path) -> inference_pb2.Input:
    if path.suffix.lower() == _MINUTES:
        minutes = read_minutes(path)
        return inference_pb2.Input(
            tensor=inference_pb2.Tensor(
                name=TENSOR, dtype="float32", shape=minutes.shape, data=minutes.astype("<f4").tobytes()
            )
        )
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise InvalidInput(f"{path} has {size / 1e6:.0f} MB; use --stream for long recordings")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}") from error
    if path.suffix.lower() in _IMAGES:
        return inference_pb2.Input(image=data)
    return inference_pb2.Input(audio=data)


def reply_of(reply: inference_pb2.ClassifyStreamResponse) -> Answer | Refusal:
    """One message of a stream."""
    if reply.WhichOneof("result") == "error":
        return Refusal(reply.error.request_id, reply.error.code, reply.error.message)
    return _answer(reply.response)


def _answer(reply: inference_pb2.ClassifyResponse) -> Answer:
    times = reply.times
    return Answer(
        request_id=reply.request_id,
        model=_model(reply.model),
        predictions=tuple(_prediction(prediction) for prediction in reply.predictions),
        times_us=StageTimes(times.decode_us, times.queue_us, times.run_us, times.interpret_us),
    )


def _model(model: inference_pb2.ModelIdentity) -> Model:
    return Model(model.task, model.version, model.digest, model.variant)


def _prediction(prediction: inference_pb2.Prediction) -> Prediction:
    scores = tuple(LabelScore(score.label, score.score, score.detected) for score in prediction.scores)
    region_score = prediction.region_score if prediction.HasField("region_score") else None
    return Prediction(scores, _region(prediction), prediction.unknown, prediction.uncertain, region_score)


def _region(prediction: inference_pb2.Prediction) -> Region:
    kind = prediction.WhichOneof("region")
    if kind == "span":
        return TimeSpan(prediction.span.start_seconds, prediction.span.end_seconds)
    if kind == "box":
        box = prediction.box
        return Box(box.left, box.top, box.width, box.height)
    return None
