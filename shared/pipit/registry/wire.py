"""Between the registry's proto messages and `pipit.registry.types`, both ways."""

from __future__ import annotations

from pipit._pb.pipit.registry.v1 import registry_pb2 as pb
from pipit.registry.types import Assignment, Environment, GateResult, Listing, MissingBlob, Move, PublishPlan, Version
from pipit.rpc.timestamps import moment, timestamp


def gate_to_proto(gate: GateResult) -> pb.GateResult:
    """See the module."""
    return pb.GateResult(
        name=gate.name,
        metric=gate.metric,
        comparison=gate.comparison,
        limit=gate.limit,
        value=gate.value,
        passed=gate.passed,
    )


def gate_from_proto(message: pb.GateResult) -> GateResult:
    """See the module."""
    value = message.value if message.HasField("value") else None
    return GateResult(message.name, message.metric, message.comparison, message.limit, value, message.passed)


def version_to_proto(version: Version) -> pb.Version:
    """See the module."""
    return pb.Version(
        task=version.task,
        version=version.version,
        name=version.name,
        digest=version.digest,
        published_at=timestamp(version.published_at),
        published_by=version.published_by,
        signed=version.signed,
        gates_passed=version.gates_passed,
        gates=[gate_to_proto(gate) for gate in version.gates],
        size=version.size,
    )


def version_from_proto(message: pb.Version) -> Version:
    """See the module."""
    return Version(
        task=message.task,
        version=message.version,
        name=message.name,
        digest=message.digest,
        published_at=moment(message.published_at),
        published_by=message.published_by,
        signed=message.signed,
        gates=tuple(gate_from_proto(gate) for gate in message.gates),
        size=message.size,
    )


def environment_to_proto(environment: Environment) -> pb.Environment:
    """See the module."""
    return pb.Environment(
        task=environment.task,
        name=environment.name,
        version=environment.version,
        digest=environment.digest,
        revision=environment.revision,
    )


def environment_from_proto(message: pb.Environment) -> Environment:
    """See the module."""
    return Environment(message.task, message.name, message.version, message.digest, message.revision)


def listing_from_proto(message: pb.ListVersionsResponse) -> Listing:
    """See the module."""
    return Listing(
        tuple(version_from_proto(version) for version in message.versions),
        tuple(environment_from_proto(environment) for environment in message.environments),
    )


def plan_to_proto(plan: PublishPlan) -> pb.PreparePublishResponse:
    """See the module."""
    missing = [pb.MissingBlob(digest=blob.digest, offset=blob.offset) for blob in plan.missing]
    return pb.PreparePublishResponse(published=plan.published, missing=missing)


def plan_from_proto(message: pb.PreparePublishResponse) -> PublishPlan:
    """See the module."""
    return PublishPlan(message.published, tuple(MissingBlob(blob.digest, blob.offset) for blob in message.missing))


def assignment_to_proto(assignment: Assignment) -> pb.Assignment:
    """See the module."""
    return pb.Assignment(
        task=assignment.task,
        environment=assignment.environment,
        version=assignment.version,
        digest=assignment.digest,
        revision=assignment.revision,
    )


def assignment_from_proto(message: pb.Assignment) -> Assignment:
    """See the module."""
    return Assignment(message.task, message.environment, message.version, message.digest, message.revision)


def move_to_proto(move: Move) -> pb.Move:
    """See the module."""
    return pb.Move(
        at=timestamp(move.at),
        actor=move.actor,
        action=move.action,
        from_version=move.from_version,
        to_version=move.to_version,
        reason=move.reason,
        gates_overridden=move.gates_overridden,
        revision=move.revision,
    )


def move_from_proto(message: pb.Move) -> Move:
    """See the module."""
    return Move(
        at=moment(message.at),
        actor=message.actor,
        action="rollback" if message.action == "rollback" else "promote",
        from_version=message.from_version,
        to_version=message.to_version,
        reason=message.reason,
        gates_overridden=message.gates_overridden,
        revision=message.revision,
    )
