"""Galleries that the registry keeps."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipit._pb.pipit.galleries.v1 import galleries_pb2 as pb
from pipit._pb.pipit.galleries.v1 import galleries_pb2_grpc
from pipit.faces.sealing import SealedPerson
from pipit.galleries import wire
from pipit.galleries.base import Changes, Galleries
from pipit.galleries.types import DeviceState, Listing, Tombstone
from pipit.rpc.client import ServerStream, call_errors, clean_token, open_channel, warn_of_plain_text


class RemoteGalleries(Galleries):
    """One channel; threads may share it. Close it, or use it as a context manager.

    Writing needs a token of the role enroller, acknowledging one of a device, the rest either.
    """

    def __init__(
        self,
        address: str,
        token: str | None = None,
        timeout: float = 30.0,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        ping_seconds: float = 30.0,
    ) -> None:
        """As `RegistryClient`."""
        # The token goes with each call and not with the channel, for others' calls go over it as well.
        self._channel = open_channel(address, None, ca, certificate, key, ping_seconds=ping_seconds)
        if token and ca is None:
            warn_of_plain_text(address)
        self._server = f"the registry at {address}"
        self._timeout = timeout
        self._metadata = _authorization(token)
        self._stub = galleries_pb2_grpc.GalleryServiceStub(self._channel)

    def as_caller(self, token: str | None, timeout: float | None = None) -> Self:
        """The same galleries, asked in the name of whoever has this token. Closed with the one it was made of.

        timeout: seconds for each call, where that is less than otherwise.
        """
        other = copy.copy(self)
        other._metadata = _authorization(token)
        if timeout is not None:
            other._timeout = min(self._timeout, timeout)
        return other

    def close(self) -> None:
        """Ends every call that is still running."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def list(self, gallery: str) -> Listing:
        """See Galleries."""
        return wire.listing_from_proto(gallery, self._call(self._stub.List, pb.ListRequest(gallery=gallery)))

    def get(self, gallery: str, person_id: str, crops: bool = False) -> SealedPerson:
        """See Galleries."""
        request = pb.GetRequest(gallery=gallery, id=person_id, crops=crops)
        return wire.sealed_from_proto(self._call(self._stub.Get, request).person)

    def put(self, gallery: str, sealed: SealedPerson, expected: int = 0, seen: int | None = None) -> int:
        """See Galleries."""
        request = pb.PutRequest(
            gallery=gallery, person=wire.sealed_to_proto(sealed), expected_revision=expected, seen_revision=seen
        )
        return int(self._call(self._stub.Put, request).revision)

    def forget(self, gallery: str, person_id: str) -> Tombstone:
        """See Galleries."""
        request = pb.ForgetRequest(gallery=gallery, id=person_id)
        return wire.tombstone_from_proto(self._call(self._stub.Forget, request).tombstone)

    def watch(self, gallery: str) -> Changes:
        """See Galleries."""
        call = self._stub.Watch(pb.WatchRequest(gallery=gallery), metadata=self._metadata)
        return ServerStream(call, self._server, lambda response: int(response.revision))

    def acknowledge(self, gallery: str, device: str, revision: int) -> None:
        """See Galleries."""
        self._call(self._stub.Acknowledge, pb.AcknowledgeRequest(gallery=gallery, device_id=device, revision=revision))

    def devices(self, gallery: str) -> tuple[DeviceState, ...]:
        """See Galleries."""
        response = self._call(self._stub.ListDevices, pb.ListDevicesRequest(gallery=gallery))
        return tuple(wire.device_from_proto(state) for state in response.devices)

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        with call_errors(self._server):
            return method(request, timeout=self._timeout, metadata=self._metadata)


def _authorization(token: str | None) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {clean_token(token)}"),) if token else ()
