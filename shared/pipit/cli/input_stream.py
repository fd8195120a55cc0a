"""One `ClassifyStream` call, driven by whoever sends: so that a sender knows which of its inputs are answered."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import grpc

from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.errors import DeadlineExceeded
from pipit.rpc.client import call_errors

_END = object()


class InputStream:
    """Not for several threads. Close it, or use it to its end with `finish`."""

    def __init__(
        self,
        open_call: Callable[[Iterator[pb.ClassifyStreamRequest]], Any],
        make_request: Callable[[pb.Input], pb.ClassifyRequest],
        server: str,
        timeout: float,
    ) -> None:
        """open_call: the stub's ClassifyStream. timeout: seconds for each answer."""
        self._make_request = make_request
        self._server = server
        self._timeout = timeout
        self._requests: queue.SimpleQueue[pb.ClassifyStreamRequest | None] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._numbers = count(1)
        self._unanswered: deque[str] = deque()
        self._call = open_call(iter(self._requests.get, None))
        threading.Thread(target=self._read, name="answers", daemon=True).start()

    def send(self, item: pb.Input, seconds: float | None) -> None:
        """seconds: when it was taken, from the stream's start."""
        request = self._make_request(item)
        request.request_id = f"{id(self):x}-{next(self._numbers)}"
        self._unanswered.append(request.request_id)
        self._requests.put(pb.ClassifyStreamRequest(request=request, seconds=seconds, answer_always=True))

    def receive(self) -> list[pb.ClassifyStreamResponse]:
        """Waits until the oldest input that was not is answered. Raises the errors of `pipit.errors`."""
        wanted = self._unanswered.popleft()
        replies = []
        while reply := self._next():
            replies.append(reply)
            if wanted in (reply.response.request_id, reply.error.request_id):
                break
        return [reply for reply in replies if reply.error.message or reply.response.HasField("model")]

    def finish(self) -> list[pb.ClassifyStreamResponse]:
        """Says that nothing more comes; gives what is still answered."""
        self._requests.put(None)
        replies = []
        while reply := self._next():
            replies.append(reply)
        return [reply for reply in replies if reply.error.message or reply.response.HasField("model")]

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
