"""A client of the registry's audit log."""

from __future__ import annotations

from collections.abc import Iterator

from pipit._pb.pipit.audit.v1 import audit_pb2 as pb
from pipit._pb.pipit.audit.v1 import audit_pb2_grpc
from pipit.rpc.client import ServerStream
from pipit.rpc.service_client import ServiceClient


class AuditClient(ServiceClient):
    """See `ServiceClient`. Needs a token of the role operator."""

    stub = audit_pb2_grpc.AuditServiceStub

    def read(self, since: int = 1) -> Iterator[bytes]:
        """Records as they are stored, from number `since` on; `Chain` checks them."""
        call = self._stub.Read(pb.ReadRequest(since=since))
        return iter(ServerStream(call, self._name, lambda response: bytes(response.record)))
