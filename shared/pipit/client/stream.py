"""One `ClassifyStream` call, driven by whoever sends: so that a sender knows which of its inputs are answered."""

from __future__ import annotations

import queue
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from types import TracebackType
from typing import Any

import grpc

from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.client.codec import reply_from_message
from pipit.client.inputs import Item
from pipit.client.types import Answer, Refusal
from pipit.errors import DeadlineExceeded
from pipit.inputs.frame import Frame
from pipit.rpc.client import call_errors

_END = object()


class Stream:
    """Inputs that follow each other: a microphone's pieces, a camera's pictures. `Client.open_stream` makes it.

    Not for several threads. A context manager; or close it, or use it to its end with `finish`.
    """

    def __init__(
        self,
        open_call: Callable[[Iterator[pb.ClassifyStreamRequest]], Any],
        make_request: Callable[[Item], pb.ClassifyRequest],
        server: str,
        timeout: float,
    ) -> None:
        """open_call: the stub's ClassifyStream. timeout: seconds for each answer."""
        self._make_request = make_request
        self._server = server
        self._timeout = timeout
        self._requests: queue.SimpleQueue[pb.ClassifyStreamRequest | None] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[object] = queue.SimpleQueue()
        # The server keeps answers by their id, for feedback: no two streams of any client may share one.
        self._name = secrets.token_hex(6)
        self._numbers = count(1)
        self._unanswered: deque[str] = deque()
        self._call = open_call(iter(self._requests.get, None))
        threading.Thread(target=self._read, name="answers", daemon=True).start()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def waiting(self) -> int:
        """Inputs that were sent and are not answered."""
        return len(self._unanswered)

    def send(self, item: Item, seconds: float | None = None) -> None:
        """seconds: when it was taken, from the stream's start; a frame tells it itself. Raises as `Client.classify`."""
        if isinstance(item, Frame) and seconds is None:
            seconds = item.seconds
        request = self._make_request(item)
        request.request_id = f"{self._name}-{next(self._numbers)}"
        self._unanswered.append(request.request_id)
        self._requests.put(pb.ClassifyStreamRequest(request=request, seconds=seconds, answer_always=True))

    def receive(self) -> list[Answer | Refusal]:
        """Waits until the oldest input that was not is answered, and gives what was said; nothing if none was sent.

        Empty too where the input made nothing ready, as when a window of sound is not full yet. Raises the errors of
        `pipit.errors`.
        """
        if not self._unanswered:
            return []
        wanted = self._unanswered.popleft()
        replies = []
        while reply := self._next():
            replies.append(reply)
            if wanted in (reply.response.request_id, reply.error.request_id):
                break
        return _said(replies)

    def finish(self) -> list[Answer | Refusal]:
        """Says that nothing more comes; gives what is still answered."""
        self._requests.put(None)
        self._unanswered.clear()
        replies = []
        while reply := self._next():
            replies.append(reply)
        return _said(replies)

    def close(self) -> None:
        """Breaks off what is not answered yet. May be called again, and after `finish`."""
        self._requests.put(None)
        self._call.cancel()

    def _next(self) -> pb.ClassifyStreamResponse | None:
        """None at the end of the call."""
        try:
            reply = self._replies.get(timeout=self._timeout)
        except queue.Empty:
            self.close()
            raise DeadlineExceeded(
                f"{self._server} did not answer within {self._timeout:g} s; try again, or allow more time"
            ) from None
        if isinstance(reply, Exception):
            with call_errors(self._server):
                raise reply
        return reply if isinstance(reply, pb.ClassifyStreamResponse) else None

    def _read(self) -> None:
        """A thread of its own, so that waiting for an answer can end: in time, or by Ctrl-C."""
        try:
            for reply in self._call:
                self._replies.put(reply)
        except grpc.RpcError as error:
            self._replies.put(error)
        else:
            self._replies.put(_END)


def _said(replies: list[pb.ClassifyStreamResponse]) -> list[Answer | Refusal]:
    """Without the replies that say nothing but that an input was taken."""
    said = (reply for reply in replies if reply.error.message or reply.response.HasField("model"))
    return [reply_from_message(reply) for reply in said]
