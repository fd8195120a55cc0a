"""Between the registry's proto messages and `pipit.registry.types`, both ways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from pipit._pb.pipit.registry.v1 import registry_pb2 as pb
from pipit.bundle.keys import Endorsement, KeyList, SigningKey
from pipit.registry.types import (
    Action,
    Assignment,
    Environment,
    GateResult,
    Listing,
    MissingBlob,
    Move,
    PublishPlan,
    Version,
    VersionContent,
)
from pipit.rpc.mirror import from_proto, to_proto
from pipit.rpc.timestamps import moment, timestamp

_ACTIONS: dict[str, Action] = {action: action for action in get_args(Action)}


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
        signed_by=version.signed_by,
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
        signed_by=tuple(message.signed_by),
    )


def content_to_proto(content: VersionContent) -> pb.GetVersionResponse:
    """See the module."""
    return pb.GetVersionResponse(
        version=version_to_proto(content.version),
        manifest=content.manifest,
        signature=content.signature,
        further_signatures=content.signatures[1:],
    )


def content_from_proto(message: pb.GetVersionResponse) -> VersionContent:
    """See the module."""
    signatures = (message.signature, *message.further_signatures) if message.signature else ()
    return VersionContent(version_from_proto(message.version), message.manifest, signatures)


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
    return to_proto(assignment, pb.Assignment)


def assignment_from_proto(message: pb.Assignment) -> Assignment:
    """See the module."""
    return from_proto(message, Assignment)


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
        action=_ACTIONS.get(message.action, "promote"),
        from_version=message.from_version,
        to_version=message.to_version,
        reason=message.reason,
        gates_overridden=message.gates_overridden,
        revision=message.revision,
    )


def key_to_proto(key: SigningKey) -> pb.SigningKey:
    """See the module."""
    return pb.SigningKey(
        public_key=bytes.fromhex(key.public_key),
        name=key.name,
        added_at=None if key.added_at is None else timestamp(key.added_at),
        added_by=key.added_by,
        expires_at=None if key.expires_at is None else timestamp(key.expires_at),
        revoked_at=None if key.revoked_at is None else timestamp(key.revoked_at),
        revoked_by=key.revoked_by,
        revoked_reason=key.revoked_reason,
        endorsements=endorsements_to_proto(key.endorsements),
    )


def key_from_proto(message: pb.SigningKey) -> SigningKey:
    """See the module."""
    return SigningKey(
        public_key=message.public_key.hex(),
        name=message.name,
        added_at=moment(message.added_at) if message.HasField("added_at") else None,
        added_by=message.added_by,
        expires_at=moment(message.expires_at) if message.HasField("expires_at") else None,
        revoked_at=moment(message.revoked_at) if message.HasField("revoked_at") else None,
        revoked_by=message.revoked_by,
        revoked_reason=message.revoked_reason,
        endorsements=endorsements_from_proto(message.endorsements),
    )


def endorsements_to_proto(endorsements: Iterable[Endorsement]) -> list[pb.Endorsement]:
    """See the module."""
    return [pb.Endorsement(key_id=each.by, signature=bytes.fromhex(each.signature)) for each in endorsements]


def endorsements_from_proto(messages: Iterable[pb.Endorsement]) -> tuple[Endorsement, ...]:
    """See the module."""
    return tuple(Endorsement(message.key_id, message.signature.hex()) for message in messages)


def keys_to_proto(keys: KeyList) -> pb.KeyList:
    """See the module."""
    return pb.KeyList(revision=keys.revision, keys=[key_to_proto(key) for key in keys.keys])


def keys_from_proto(message: pb.KeyList) -> KeyList:
    """See the module."""
    return KeyList(message.revision, tuple(key_from_proto(key) for key in message.keys))


def news_from_proto(message: pb.WatchResponse) -> Assignment | KeyList:
    """See the module."""
    return keys_from_proto(message.keys) if message.HasField("keys") else assignment_from_proto(message.assignment)


def news_to_proto(news: Assignment | KeyList) -> pb.WatchResponse:
    """See the module."""
    if isinstance(news, KeyList):
        return pb.WatchResponse(keys=keys_to_proto(news))
    return pb.WatchResponse(assignment=assignment_to_proto(news))


def key_from_request(message: pb.TrustKeyRequest) -> SigningKey:
    """See the module."""
    return SigningKey(
        message.public_key.hex(),
        message.name,
        expires_at=moment(message.expires_at) if message.HasField("expires_at") else None,
        endorsements=endorsements_from_proto(message.endorsements),
    )
