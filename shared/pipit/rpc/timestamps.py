"""Times at the wire."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from pipit.errors import InvalidInput


def timestamp(moment: datetime) -> Timestamp:
    """A proto timestamp of an aware datetime."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def moment(message: Timestamp) -> datetime:
    """UTC. Raises InvalidInput for what no datetime can hold."""
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("the time is outside of the years 1 to 9999") from error
