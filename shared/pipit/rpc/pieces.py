"""Many messages as several calls, or several messages of a stream: none becomes larger than a server takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import Message

from pipit.rpc.wire import UNCHECKED

_M = TypeVar("_M", bound=Message)


def pieces(messages: Iterable[_M], most: int = 1000, most_bytes: int = UNCHECKED // 2) -> Iterator[list[_M]]:
    """Lists of at most `most` messages and `most_bytes`, in their order; a larger message is a list of its own."""
    piece: list[_M] = []
    taken = 0
    for message in messages:
        size = message.ByteSize()
        if piece and (len(piece) == most or taken + size > most_bytes):
            yield piece
            piece, taken = [], 0
        piece.append(message)
        taken += size
    if piece:
        yield piece
