"""How much a message becomes once it is parsed, told from its bytes.

Two bytes are an empty message within a message, which takes 40 to 80 bytes of memory: 16 MiB of them were 690 MB before
anything could look at them. So large messages are walked over first, as far as they may go.

Source: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from pipit.errors import InputTooLarge

UNCHECKED = 256 << 10
"""Bytes of a message that can't become much, whatever they are."""
MOST_FIELDS = 50_000
"""A sequence of 1,024 tensors has 8,000."""
MOST_PACKED = 4 << 20
"""Bytes of packed integers of variable length: each may become eight."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_GROWING = frozenset(
    {
        FieldDescriptor.TYPE_INT32,
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT32,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT32,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_ENUM,
    }
)


def check_fields(data: bytes, message: Descriptor) -> None:
    """Raises InputTooLarge for a message that would become many times its size.

    What is no message at all is left to the parser.
    """
    if len(data) <= UNCHECKED:
        return
    fields = packed = 0
    parts = [(0, len(data), message)]
    while parts:
        at, end, inside = parts.pop()
        while at < end:
            fields += 1
            if fields > MOST_FIELDS:
                raise InputTooLarge(f"the message has more than {MOST_FIELDS} fields; send it in parts")
            key, at = _varint(data, at, end)
            kind = key & 7
            if kind == _VARINT:
                _, at = _varint(data, at, end)
            elif kind == _FIXED64:
                at += 8
            elif kind == _FIXED32:
                at += 4
            elif kind == _BYTES:
                size, at = _varint(data, at, end)
                field = inside.fields_by_number.get(key >> 3)
                if field is not None and field.message_type is not None:
                    parts.append((at, min(at + size, end), field.message_type))
                elif field is not None and field.type in _GROWING:
                    packed += size
                at += size
    if packed > MOST_PACKED:
        raise InputTooLarge(
            f"the message has {packed} bytes of integers one by one, the limit is {MOST_PACKED}; send them as raw bytes"
        )


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number, and where it ends."""
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80 or shift > 63:
            break
        shift += 7
    return value, at
