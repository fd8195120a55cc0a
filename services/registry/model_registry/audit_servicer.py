"""`pipit.audit.v1.AuditService`: the audit log, for operators."""

# ruff: noqa: N802, D102 (the methods are named and described in the proto file)

from __future__ import annotations

from collections.abc import Iterator

import grpc
from pipit._pb.pipit.audit.v1 import audit_pb2 as pb
from pipit._pb.pipit.audit.v1 import audit_pb2_grpc
from pipit.rpc.callers import Role, caller
from pipit.rpc.places import Places

from model_registry.audit_log import AuditLog

SERVICE = pb.DESCRIPTOR.services_by_name["AuditService"].full_name
METHOD_ROLES = {f"/{SERVICE}/Read": frozenset({Role.OPERATOR})}
"""Who may call what, for AuthInterceptor."""


class AuditServicer(audit_pb2_grpc.AuditServiceServicer):  # type: ignore[misc]  # generated code has no types
    """Raises errors of the tree; ErrorInterceptor turns them into statuses."""

    def __init__(self, log: AuditLog, transfers: Places) -> None:
        self._log = log
        self._transfers = transfers

    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> Iterator[pb.ReadResponse]:
        caller().check_all_tasks("the log is")
        with self._transfers.take():
            for record in self._log.read(request.since):
                yield pb.ReadResponse(record=record)
