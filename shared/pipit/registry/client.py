"""A client of the registry. Every call that answers once has a deadline; streams notice a dead peer by keep-alive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pipit._pb.pipit.registry.v1 import registry_pb2 as pb
from pipit._pb.pipit.registry.v1 import registry_pb2_grpc
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.keys import KeyList, SigningKey
from pipit.errors import Conflict, DeadlineExceeded, Unavailable
from pipit.logging import get_logger
from pipit.registry import wire
from pipit.registry.cancellation import Cancellation, Stall
from pipit.registry.types import (
    Assignment,
    Environment,
    Listing,
    MissingBlob,
    Move,
    Promotion,
    PublishedVersion,
    PublishPlan,
    PublishProgress,
    VersionContent,
)
from pipit.rpc.callers import ANYBODY, Caller, Role
from pipit.rpc.client import ServerStream, call_errors
from pipit.rpc.service_client import ServiceClient
from pipit.rpc.timestamps import timestamp

CHUNK_BYTES = 512 * 1024
_PASSING = (Unavailable, DeadlineExceeded, Conflict)
_FIRST_PAUSE = 0.5
_log = get_logger("registry.client")
Progress = Callable[[PublishProgress], None]
AssignmentStream = ServerStream[Assignment]
NewsStream = ServerStream[Assignment | KeyList]


class RegistryClient(ServiceClient):
    """See `ServiceClient`."""

    stub = registry_pb2_grpc.RegistryServiceStub

    def __init__(
        self,
        address: str,
        token: str | None = None,
        timeout: float = 30.0,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        ping_seconds: float = 30.0,
        stall_seconds: float = 60.0,
    ) -> None:
        """address: `host:port`. token, ca, certificate, key: see `open_channel`.

        timeout: seconds for each call that answers once.

        ping_seconds: how often an open stream asks for a sign of life; without one for 20 seconds more it breaks.
        stall_seconds: how long a download waits for more, whatever else the registry answers.
        """
        super().__init__(address, token, timeout, ca, certificate, key, ping_seconds=ping_seconds)
        self._stall_seconds = stall_seconds

    def publish(
        self, path: Path, progress: Progress | None = None, attempts: int = 4, signature: bytes | None = None
    ) -> PublishedVersion:
        """Sends the bundle in the directory `path`; what the registry has of it already is not sent again.

        signature: over its manifest; None: the one that lies in the directory, if any.

        A call that breaks is taken up where it ended, up to `attempts` times with growing pauses; so does a later
        `publish` of the same bundle. Raises what `open_bundle` raises, AlreadyExists if the version stands with
        other content, InputTooLarge over a limit, IntegrityError if the registry refuses the signature.
        """
        bundle = open_bundle(path)
        if signature is not None:
            bundle = replace(bundle, signature=signature)
        pause = threading.Event()
        for attempt in range(attempts):
            try:
                return self._publish_once(bundle, progress)
            except _PASSING as error:
                if attempt + 1 == attempts:
                    raise
                _log.warning("publish_broke_off", reason=str(error), attempt=attempt + 1)
                pause.wait(_FIRST_PAUSE * 2**attempt)
        raise AssertionError("attempts must be at least 1")

    def _publish_once(self, bundle: Bundle, progress: Progress | None) -> PublishedVersion:
        plan = self.prepare_publish(bundle.manifest_bytes, bundle.signature)
        with call_errors(self._name):
            response = self._stub.Publish(_publish_requests(bundle, plan, progress or _ignore))
        return _published(response)

    def add_signature(self, manifest: bytes, signature: bytes) -> PublishedVersion:
        """Signs a published version with one more key. Raises UntrustedSignature if the registry trusts it not.

        Raises InvalidInput if no such version was published.
        """
        begin = pb.PreparePublishRequest(manifest=manifest, signature=signature)
        return _published(self._call(self._stub.Publish, iter([pb.PublishRequest(begin=begin)])))

    def prepare_publish(self, manifest: bytes, signature: bytes = b"") -> PublishPlan:
        """What of a bundle the registry lacks. Raises AlreadyExists if the version stands with other content."""
        request = pb.PreparePublishRequest(manifest=manifest, signature=signature)
        return wire.plan_from_proto(self._call(self._stub.PreparePublish, request))

    def get_version(self, task: str, version: str) -> VersionContent:
        """Raises NotFound."""
        response = self._call(self._stub.GetVersion, pb.GetVersionRequest(task=task, version=version))
        return wire.content_from_proto(response)

    def list_versions(self, task: str = "") -> Listing:
        """Versions by task, newest first, and environments. task: empty for all."""
        return wire.listing_from_proto(self._call(self._stub.ListVersions, pb.ListVersionsRequest(task=task)))

    def promote(
        self,
        task: str,
        version: str,
        environment: str,
        reason: str = "",
        override_gates: bool = False,
        expected_revision: int | None = None,
        newer_than: int = 0,
    ) -> Promotion:
        """Points an environment to a version; nothing happens if it points there already.

        override_gates: promote although gates fail; needs a reason. expected_revision: only from this state.
        newer_than: a revision that devices have seen, of a store that fell behind them.
        Raises NotFound, GatesFailed with the gates that fail, Conflict for a lost race.
        """
        request = pb.PromoteRequest(
            task=task,
            version=version,
            environment=environment,
            reason=reason,
            override_gates=override_gates,
            expected_revision=expected_revision,
            newer_than=newer_than,
        )
        response = self._call(self._stub.Promote, request)
        gates = tuple(wire.gate_from_proto(gate) for gate in response.gates)
        return Promotion(wire.environment_from_proto(response.environment), gates)

    def rollback(self, task: str, environment: str, reason: str = "") -> Environment:
        """Points an environment to the version before. Raises NotFound if there is none, Conflict for a lost race."""
        request = pb.RollbackRequest(task=task, environment=environment, reason=reason)
        return wire.environment_from_proto(self._call(self._stub.Rollback, request).environment)

    def resolve(self, task: str, environment: str, device_id: str = "") -> Assignment:
        """Which version this device should run now. Raises NotFound if nothing was promoted."""
        request = pb.ResolveRequest(task=task, environment=environment, device_id=device_id)
        return wire.assignment_from_proto(self._call(self._stub.Resolve, request).assignment)

    def watch(self, tasks: tuple[str, ...] | list[str], environment: str, device_id: str = "") -> AssignmentStream:
        """The present assignment of each task, then each change, for as long as the registry stays in reach."""
        request = pb.WatchRequest(device_id=device_id, environment=environment, tasks=tasks)
        return ServerStream(
            self._stub.Watch(request), self._name, lambda response: wire.assignment_from_proto(response.assignment)
        )

    def follow(self, tasks: Sequence[str], environment: str, device_id: str = "") -> NewsStream:
        """What `watch` sends, and the keys that may sign: first of all, and after each change."""
        request = pb.WatchRequest(device_id=device_id, environment=environment, tasks=tasks, keys=True)
        return ServerStream(self._stub.Watch(request), self._name, wire.news_from_proto)

    def list_keys(self) -> KeyList:
        """The keys that may sign bundles, and those that were revoked."""
        return wire.keys_from_proto(self._call(self._stub.ListKeys, pb.ListKeysRequest()).keys)

    def trust_key(self, key: SigningKey, expected_revision: int | None = None) -> KeyList:
        """From now on the registry takes what this key signed. Of `key` its name, expiry and endorsements count.

        expected_revision: only from this state of the list. Raises AlreadyExists for a key that is listed with other
        facts, or was revoked; Conflict for a lost race.
        """
        request = pb.TrustKeyRequest(
            public_key=bytes.fromhex(key.public_key),
            name=key.name,
            expires_at=None if key.expires_at is None else timestamp(key.expires_at),
            endorsements=wire.endorsements_to_proto(key.endorsements),
            expected_revision=expected_revision,
        )
        return wire.keys_from_proto(self._call(self._stub.TrustKey, request).keys)

    def revoke_key(self, identity: str, reason: str = "") -> KeyList:
        """From now on nothing that this key signed is taken or served. Raises NotFound for an id that is not listed."""
        request = pb.RevokeKeyRequest(key_id=identity, reason=reason)
        return wire.keys_from_proto(self._call(self._stub.RevokeKey, request).keys)

    def download(self, digest: str, offset: int = 0, cancellation: Cancellation | None = None) -> Iterator[bytes]:
        """A blob from `offset`, in pieces; its digest is for the caller to check.

        Raises NotFound; Unavailable where it breaks off, is cancelled, or nothing came for `stall_seconds`.
        """
        cancellation = cancellation or Cancellation()
        cancellation.check()
        call = self._stub.Download(pb.DownloadRequest(digest=digest, offset=offset))
        stall = Stall(self._stall_seconds, call.cancel)
        try:
            with cancellation.ending(call.cancel), stall, call_errors(self._name):
                for response in call:
                    stall.moved()
                    yield response.data
        except Unavailable as error:
            if not stall.stalled:
                raise
            raise Unavailable(
                f"{self._name} sent nothing of a file for {self._stall_seconds:g} s; look at its log, and at the "
                "network between"
            ) from error
        finally:
            call.cancel()

    def history(self, task: str, environment: str, at: datetime | None = None) -> tuple[Move, ...]:
        """Every move, oldest first. at: only the one in force at this aware time, if any. Raises NotFound."""
        request = pb.HistoryRequest(task=task, environment=environment, at=None if at is None else timestamp(at))
        return tuple(wire.move_from_proto(move) for move in self._call(self._stub.History, request).moves)

    def who_am_i(self) -> Caller:
        """Who the registry takes this client for, and what they may; `ANYBODY` where it asks for no tokens."""
        response = self._call(self._stub.WhoAmI, pb.WhoAmIRequest())
        if response.anonymous:
            return ANYBODY
        # A role that only a newer registry knows is none here.
        roles = frozenset(role for role in Role if role in set(response.roles))
        tasks = None if response.all_tasks else frozenset(response.tasks)
        return Caller(response.name, roles, tasks, response.device)


def _published(response: pb.PublishResponse) -> PublishedVersion:
    return PublishedVersion(wire.version_from_proto(response.version), response.created, response.signature_added)


def _ignore(progress: PublishProgress) -> None:
    """Nobody asked."""


def _publish_requests(bundle: Bundle, plan: PublishPlan, progress: Progress) -> Iterator[pb.PublishRequest]:
    """The manifest, then each missing blob from where it ended."""
    begin = pb.PreparePublishRequest(manifest=bundle.manifest_bytes, signature=bundle.signature)
    yield pb.PublishRequest(begin=begin)
    paths = {entry.sha256: (relative, entry.size) for relative, entry in bundle.manifest.files.items()}
    total = sum(size for _, size in paths.values())
    sent = total - sum(paths[blob.digest][1] - blob.offset for blob in plan.missing)
    progress(PublishProgress(sent, total))
    for blob in plan.missing:
        relative, size = paths[blob.digest]
        for chunk in _chunks(bundle.file(relative), blob, size):
            yield pb.PublishRequest(chunk=chunk)
            sent += len(chunk.data)
            progress(PublishProgress(sent, total))


def _chunks(path: Path, blob: MissingBlob, size: int) -> Iterator[pb.BlobChunk]:
    """An empty file, and one of which all is there but was not put together, takes one empty chunk."""
    with path.open("rb") as file:
        offset = file.seek(blob.offset)
        while data := file.read(CHUNK_BYTES):
            yield pb.BlobChunk(digest=blob.digest, offset=offset, data=data)
            offset += len(data)
        if blob.offset == size:
            yield pb.BlobChunk(digest=blob.digest, offset=offset)
