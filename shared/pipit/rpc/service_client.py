"""What every client of one service has: a channel of its own or another client's, a name for errors, a deadline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import grpc

from pipit.rpc.client import call_errors, open_channel


class ServiceClient:
    """One channel; threads may share it. Close it, or use it as a context manager.

    Whatever a call raises is of `pipit.errors`: Unavailable where the server can't be reached.
    """

    stub: ClassVar[Any]
    """The generated class that calls the service; each client of a service names its own."""
    server: ClassVar[str] = "the registry"
    """How errors call the server, before its address."""

    def __init__(
        self,
        address: str,
        token: str | None = None,
        timeout: float = 30.0,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        channel: grpc.Channel | None = None,
        *,
        ping_seconds: float | None = None,
    ) -> None:
        """address: `host:port`. token, ca, certificate, key, ping_seconds: see `open_channel`.

        timeout: seconds for each call that answers once. channel: another client's to the same server, whose connection
        then serves both; it isn't closed here.
        """
        self.address = address
        self._name = f"{self.server} at {address}"
        self._timeout = timeout
        self._own: grpc.Channel | None = None
        if channel is None:
            channel = self._own = open_channel(address, token, ca, certificate, key, ping_seconds=ping_seconds)
        self.channel = channel
        """Other clients of the same server may share it, for as long as this one is open."""
        self._stub: Any = self.stub(channel)

    def close(self) -> None:
        """Ends every call that is still running, unless the channel is another client's."""
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        with call_errors(self._name):
            return method(request, timeout=self._timeout)
