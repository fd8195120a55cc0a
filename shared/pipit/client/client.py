"""A client of `pipit.inference.v1`: files, pictures and sound in, plain dataclasses out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.client.codec import answer_from_message, input_to_message, status_from_message, verdict_from_message
from pipit.client.inputs import Item, to_input
from pipit.client.stream import Stream
from pipit.client.types import Answer, Refusal, Verdict
from pipit.errors import InvalidInput
from pipit.rpc.client import call_errors, open_channel
from pipit.types import ModelStatus

AHEAD = 4
"""Inputs of a stream that are under way at the same time, besides the next one."""


class Client:
    """One connection to an inference server, for any number of threads. Close it, or use it as a context manager.

    Calls raise the errors of `pipit.errors`: Unavailable where the server can't be reached or is loading,
    DeadlineExceeded, InvalidInput and InputTooLarge for what it can't use, QueueFull, NotFound for a task or version
    that it does not serve, Unauthenticated and PermissionDenied.
    """

    def __init__(
        self,
        server: str,
        *,
        task: str = "",
        version: str = "",
        environment: str = "",
        top_k: int = 0,
        min_score: float = 0.0,
        timeout: float = 30.0,
        token: str | None = None,
        ca: str | os.PathLike[str] | None = None,
        certificate: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
    ) -> None:
        """It connects with the first call.

        server: host:port; see `pipit.rpc.client.open_channel` for more names. task: may be left out where the server
        has one, or be named in each call. version, environment: answer only if the server serves just this; at most
        one of them. top_k: labels of each prediction; 0: all. min_score: leave out labels with a lower one. timeout:
        seconds for a call, and for each answer of a stream. token: goes with each call, if the server asks for one. ca:
        PEM file that the server's certificate must lead to; None: calls are not encrypted. certificate, key: PEM files
        of the caller's own pair, for servers that ask for one.
        Raises InvalidInput for two pins or a file that can't be read.
        """
        if version and environment:
            raise InvalidInput("a client asks for a version or for an environment, not for both; leave one out")
        self._server = server
        self._timeout = timeout
        self._selector = pb.ModelSelector(task=task)
        if version:
            self._selector.version = version
        elif environment:
            self._selector.environment = environment
        self._options = pb.ClassifyOptions(top_k=top_k, min_score=min_score)
        self._channel = open_channel(
            server, token, *(None if path is None else Path(path) for path in (ca, certificate, key))
        )
        self._stub = inference_pb2_grpc.InferenceServiceStub(self._channel)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def classify(self, item: Item, task: str = "", *, timeout: float | None = None) -> Answer:
        """What is in one input. task, timeout: others than the client's. See `Item` for what may be given.

        Raises NotFound for a file that is not there, and what every call raises.
        """
        request = self._request(item, task)
        with call_errors(self._server):
            return answer_from_message(self._stub.Classify(request, timeout=timeout or self._timeout))

    def stream(self, items: Iterable[Item], task: str = "", *, ahead: int = AHEAD) -> Iterator[Answer | Refusal]:
        """Answers to inputs that follow each other, as they come and in their order.

        What the task takes as one recording (PcmAudio of a task that hears, frames or landmarks of one that looks at
        time) is cut into its windows, across the borders of the inputs; there an input may make nothing ready, one
        answer, or several. All else is answered one by one. An input that can't be answered gives a Refusal in its
        place, and the stream goes on.

        ahead: inputs that may be under way besides the next one. 0 for what is live: the next one is taken from `items`
        only once the last is answered, so that a camera leaves out what the server can't keep up with.
        """
        with self.open_stream(task) as stream:
            for item in items:
                stream.send(item)
                if stream.waiting > ahead:
                    yield from stream.receive()
            while stream.waiting:
                yield from stream.receive()
            yield from stream.finish()

    def open_stream(self, task: str = "") -> Stream:
        """A stream for whoever wants to know which input an answer belongs to."""
        return Stream(self._stub.ClassifyStream, lambda item: self._request(item, task), self._server, self._timeout)

    def models(self) -> tuple[ModelStatus, ...]:
        """The server's tasks: whether each answers, by which version, with which labels, and what it takes."""
        with call_errors(self._server):
            reply = self._stub.ListModels(pb.ListModelsRequest(), timeout=self._timeout)
        return tuple(status_from_message(model) for model in reply.models)

    def feedback(self, answer: Answer | str, label: str) -> Verdict:
        """Says what an answer should have been; it counts in the server's metrics, once for each answer.

        answer: or its request id. label: "" where none of the model's fits. Raises NotFound if the server does not
        remember the answer.
        """
        request_id = answer if isinstance(answer, str) else answer.request_id
        with call_errors(self._server):
            reply = self._stub.Feedback(pb.FeedbackRequest(request_id=request_id, label=label), timeout=self._timeout)
        return verdict_from_message(reply)

    def _request(self, item: Item, task: str) -> pb.ClassifyRequest:
        selector = self._selector
        if task:
            selector = pb.ModelSelector()
            selector.CopyFrom(self._selector)
            selector.task = task
        return pb.ClassifyRequest(model=selector, input=input_to_message(to_input(item)), options=self._options)
