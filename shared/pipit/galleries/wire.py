"""Between the proto messages of galleries and plain data, both ways."""

from __future__ import annotations

from pipit._pb.pipit.galleries.v1 import galleries_pb2 as pb
from pipit.faces.sealing import SealedPerson
from pipit.galleries.types import DeviceState, Entry, Listing, Tombstone
from pipit.rpc.timestamps import moment, timestamp


def entry_to_proto(entry: Entry) -> pb.Entry:
    """See the module."""
    return pb.Entry(
        id=entry.id,
        revision=entry.revision,
        embedders=[pb.EmbedderCount(embedder=digest, templates=count) for digest, count in entry.embedders],
        keeps_crops=entry.keeps_crops,
        key=entry.key,
    )


def entry_from_proto(message: pb.Entry) -> Entry:
    """See the module."""
    embedders = tuple((count.embedder, count.templates) for count in message.embedders)
    return Entry(message.id, message.revision, embedders, message.keeps_crops, message.key)


def sealed_to_proto(sealed: SealedPerson) -> pb.SealedPerson:
    """See the module."""
    entry = Entry(sealed.id, sealed.revision, sealed.embedders, sealed.keeps_crops, sealed.key)
    return pb.SealedPerson(
        entry=entry_to_proto(entry), wrapped_key=sealed.wrapped_key, body=sealed.body, crops=sealed.crops
    )


def sealed_from_proto(message: pb.SealedPerson) -> SealedPerson:
    """See the module."""
    entry = entry_from_proto(message.entry)
    return SealedPerson(
        id=entry.id,
        embedders=entry.embedders,
        keeps_crops=entry.keeps_crops,
        key=entry.key,
        wrapped_key=message.wrapped_key,
        body=message.body,
        crops=message.crops,
        revision=entry.revision,
    )


def tombstone_to_proto(tombstone: Tombstone) -> pb.Tombstone:
    """See the module."""
    return pb.Tombstone(id=tombstone.id, revision=tombstone.revision, at=timestamp(tombstone.at))


def tombstone_from_proto(message: pb.Tombstone) -> Tombstone:
    """See the module."""
    return Tombstone(message.id, message.revision, moment(message.at))


def listing_to_proto(listing: Listing) -> pb.ListResponse:
    """See the module."""
    return pb.ListResponse(
        revision=listing.revision,
        entries=[entry_to_proto(entry) for entry in listing.entries],
        tombstones=[tombstone_to_proto(tombstone) for tombstone in listing.tombstones],
    )


def listing_from_proto(gallery: str, message: pb.ListResponse) -> Listing:
    """See the module."""
    return Listing(
        gallery,
        message.revision,
        tuple(entry_from_proto(entry) for entry in message.entries),
        tuple(tombstone_from_proto(tombstone) for tombstone in message.tombstones),
    )


def device_to_proto(state: DeviceState) -> pb.DeviceState:
    """See the module."""
    return pb.DeviceState(device_id=state.device, revision=state.revision, at=timestamp(state.at))


def device_from_proto(message: pb.DeviceState) -> DeviceState:
    """See the module."""
    return DeviceState(message.device_id, message.revision, moment(message.at))
