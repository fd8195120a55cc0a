"""A client of the registry's audit log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from pipit._pb.pipit.audit.v1 import audit_pb2 as pb
from pipit._pb.pipit.audit.v1 import audit_pb2_grpc
from pipit.rpc.client import ServerStream, open_channel


class AuditClient:
    """One channel. Close it, or use it as a context manager. Needs a token of the role operator."""

    def __init__(
        self,
        address: str,
        token: str | None = None,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        channel: grpc.Channel | None = None,
    ) -> None:
        """As `RegistryClient`.

        channel: another client's to the same registry, whose connection then serves both; it isn't closed here.
        """
        self._own = open_channel(address, token, ca, certificate, key) if channel is None else None
        self._server = f"the registry at {address}"
        self._stub = audit_pb2_grpc.AuditServiceStub(self._own or channel)

    def read(self, since: int = 1) -> Iterator[bytes]:
        """Records as they are stored, from number `since` on; `Chain` checks them."""
        call = self._stub.Read(pb.ReadRequest(since=since))
        return iter(ServerStream(call, self._server, lambda response: bytes(response.record)))

    def close(self) -> None:
        """Ends every call that is still running."""
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
