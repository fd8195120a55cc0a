"""`pipit.inference.v1.InferenceService`: a thin layer of messages around the data plane."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from time import monotonic

import grpc
from structlog.contextvars import bind_contextvars

from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.errors import InvalidInput, PipitError, Unavailable
from pipit.rpc.server import status_of
from pipit.serving import codec
from pipit.serving.data_plane import DataPlane
from pipit.serving.stream import StreamSession
from pipit.serving.types import Answer

_MAX_REQUEST_ID = 200
_FAR = 1e8
"""Seconds; grpcio gives a huge number where a caller has set no deadline."""


def deadline_of(context: grpc.ServicerContext) -> float | None:
    """The caller's deadline on the monotonic clock; None for none."""
    remaining = context.time_remaining()
    return None if remaining is None or remaining > _FAR else monotonic() + remaining


class InferenceServicer(inference_pb2_grpc.InferenceServiceServicer):  # type: ignore[misc]  # generated code has no types
    """Classify, ClassifyStream, Feedback, ListModels."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        # A request id has to be told apart in logs, not to be guessed by nobody: a counter costs less than a UUID.
        self._prefix = secrets.token_hex(4)
        self._count = itertools.count(1)

    def Classify(  # noqa: N802 (gRPC's name)
        self, request: pb.ClassifyRequest, context: grpc.ServicerContext
    ) -> pb.ClassifyResponse:
        """Answers one input."""
        request_id = self._request_id(request)
        try:
            answer = self._classify(request, context)
            self._plane.remember(request_id, answer)
            return codec.answer_to_message(answer, request_id)
        except Exception:
            # Whoever logs the failure finds it there; grpcio gives each call a context of its own.
            bind_contextvars(request_id=request_id)
            raise

    def _classify(self, request: pb.ClassifyRequest, context: grpc.ServicerContext) -> Answer:
        selector = codec.selector_from_message(request)
        try:
            item, options = codec.input_from_message(request.input), codec.options_from_message(request)
        except Exception as error:
            self._plane.count_failure(selector.task, error)
            raise
        return self._plane.classify(item, selector, options, deadline_of(context), context.is_active)

    def ClassifyStream(  # noqa: N802
        self, request_iterator: Iterator[pb.ClassifyStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.ClassifyStreamResponse]:
        """Answers inputs in their order; what can't be answered gets an error in its place."""
        session: StreamSession | None = None
        request_id = ""
        try:
            for message in request_iterator:
                request = message.request
                if session is None:
                    selector, options = codec.selector_from_message(request), codec.options_from_message(request)
                    session = StreamSession(self._plane, selector, options, context.is_active)
                if self._plane.is_draining:
                    raise Unavailable("the server is shutting down; connect to another, or try again later")
                request_id = self._request_id(request)
                yield from self._push(session, message, request_id, deadline_of(context))
            if session is not None:
                yield from self._responses(session.finish(deadline_of(context)), request_id)
        finally:
            if session is not None:
                session.close()

    def _push(
        self, session: StreamSession, message: pb.ClassifyStreamRequest, request_id: str, deadline: float | None
    ) -> Iterator[pb.ClassifyStreamResponse]:
        try:
            answers = self._answers(session, message, deadline)
        except Exception as error:
            bind_contextvars(request_id=request_id)
            code, text = status_of(error, "ClassifyStream")
            reason = error.reason if isinstance(error, PipitError) else ""
            refusal = pb.StreamError(request_id=request_id, code=code.value[0], message=text, reason=reason)
            yield pb.ClassifyStreamResponse(error=refusal)
        else:
            yield from self._responses(answers, request_id)
            if message.answer_always and not answers:
                yield pb.ClassifyStreamResponse(response=pb.ClassifyResponse(request_id=request_id))

    def _answers(
        self, session: StreamSession, message: pb.ClassifyStreamRequest, deadline: float | None
    ) -> list[Answer]:
        try:
            item = codec.input_from_message(message.request.input)
        except Exception as error:
            self._plane.count_failure(session.task, error)
            raise
        return session.push(item, deadline, message.seconds if message.HasField("seconds") else None)

    def ListModels(  # noqa: N802
        self, request: pb.ListModelsRequest, context: grpc.ServicerContext
    ) -> pb.ListModelsResponse:
        """Lists the tasks of this server that the caller may ask."""
        hosts = self._plane.shown
        return pb.ListModelsResponse(models=[codec.status_to_message(hosts[task].status()) for task in sorted(hosts)])

    def Feedback(  # noqa: N802
        self, request: pb.FeedbackRequest, context: grpc.ServicerContext
    ) -> pb.FeedbackResponse:
        """Takes the right label of an earlier answer."""
        verdict = self._plane.judge(request.request_id, request.label)
        return pb.FeedbackResponse(
            model=codec.identity_to_message(verdict.model), predicted=verdict.predicted, was_right=verdict.was_right
        )

    def _responses(self, answers: list[Answer], request_id: str) -> Iterator[pb.ClassifyStreamResponse]:
        for answer in answers:
            self._plane.remember(request_id, answer)
            yield pb.ClassifyStreamResponse(response=codec.answer_to_message(answer, request_id))

    def _request_id(self, request: pb.ClassifyRequest) -> str:
        request_id = request.request_id
        if len(request_id) > _MAX_REQUEST_ID:
            raise InvalidInput(f"a request id of {len(request_id)} characters; send at most {_MAX_REQUEST_ID}")
        return request_id or f"{self._prefix}-{next(self._count)}"
