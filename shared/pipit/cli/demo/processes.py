"""Servers that the demo starts, and ends however it ends itself.

start ──> running ──stop──> SIGTERM ──(grace)──> ended
             │                    └──(too long)──> SIGKILL
             └── dies by itself: `require_alive` says so, with the end of its log
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pipit.errors import Unavailable

_POLL_SECONDS = 0.1
_LOG_LINES = 8
_PORTS = range(20_000, 30_000)
"""The system gives none of them to somebody who asks for any: until a process listens, seconds pass."""


@dataclass(frozen=True, slots=True)
class Server:
    """One started process. log: where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def require_alive(self) -> None:
        """Raises Unavailable, with the last lines of its log, if the process has ended."""
        code = self.process.poll()
        if code is None:
            return
        lines = self.log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
        raise Unavailable(f"the {self.name} ended with code {code}; its log ({self.log}) ends so:\n" + "\n".join(lines))

    def stop(self, grace: float) -> None:
        """Ends the process; hard, if it does not end within `grace` seconds."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(grace)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


class Servers:
    """Everything that was started; leaving the context ends all of it, the last one first."""

    def __init__(self, logs: Path, grace: float = 10.0) -> None:
        self._logs = logs
        self._grace = grace
        self._started: list[Server] = []

    def __enter__(self) -> Servers:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in reversed(self._started):
            server.stop(self._grace)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Server:
        """Starts a process in a session of its own, so that Ctrl-C reaches only us and we end it in order."""
        log = self._logs / f"{name.replace(' ', '-')}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        server = Server(name, process, log)
        self._started.append(server)
        return server


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Lets SIGTERM unwind the stack as Ctrl-C does, so that nothing is left running."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def free_port(wanted: int = 0) -> int:
    """A port of the loopback interface that was free a moment ago: `wanted` where that is. Raises Unavailable."""
    some = random.SystemRandom().sample(_PORTS, 100)
    for port in [wanted, *some] if wanted else some:
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise Unavailable("none of a hundred ports of 127.0.0.1 that were tried is free")


def wait_until_serving(server: Server, address: str, service: str, seconds: float) -> float:
    """Waits until grpc.health.v1 says SERVING for `service` at host:port; gives the seconds it took.

    Raises Unavailable if the process ends or the time runs out.
    """
    begin = time.monotonic()
    status = "no answer"
    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() - begin < seconds:
            server.require_alive()
            try:
                reply = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=1.0)
            except grpc.RpcError as error:
                status = getattr(error, "details", str)() or "no answer"
            else:
                status = health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
                if status == "SERVING":
                    return time.monotonic() - begin
            time.sleep(_POLL_SECONDS)
    raise Unavailable(
        f"the {server.name} at {address} does not serve {service or 'at all'} ({status}); see {server.log}"
    )
