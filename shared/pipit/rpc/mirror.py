"""Between proto messages and dataclasses whose fields have the same names, both ways.

| proto | dataclass |
|---|---|
| enum | StrEnum of the same names without their prefix, small |
| Timestamp | aware datetime; None: not set |
| optional | None: not set |
| repeated, map | tuple, dict |
| message | dataclass; None: not set |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message

from pipit.rpc.timestamps import moment, timestamp

_Read = Callable[[Message, Any], Any]
"""From a message, and the field's descriptor."""
M = TypeVar("M", bound=Message)
D = TypeVar("D")


def to_proto(value: Any, kind: type[M]) -> M:
    """A message of that kind. Raises KeyError for a field that it lacks."""
    message = kind()
    _fill(message, value)
    return message


def _fill(message: Message, value: Any) -> None:
    described = message.DESCRIPTOR.fields_by_name
    for entry in fields(value):
        _set(message, described[entry.name], getattr(value, entry.name))


def _set(message: Message, field: Any, value: Any) -> None:
    inside = getattr(message, field.name)
    if value is None:
        return
    if isinstance(value, Mapping):
        inside.update(value)
    elif isinstance(value, tuple) and field.message_type is not None:
        for one in value:
            _fill(inside.add(), one)
    elif isinstance(value, tuple):
        inside.extend(value)
    elif isinstance(value, datetime):
        inside.CopyFrom(timestamp(value))
    elif is_dataclass(value):
        inside.SetInParent()
        _fill(inside, value)
    elif field.enum_type is not None:
        number = field.enum_type.values_by_name[_prefix(field.enum_type) + value.upper()].number
        setattr(message, field.name, number)
    else:
        setattr(message, field.name, value)


def from_proto(message: Message, kind: type[D]) -> D:
    """A dataclass of that kind. What the message holds beyond its fields is left out.

    Raises InvalidInput for a time that no datetime can hold.
    """
    described, dataclass = message.DESCRIPTOR.fields_by_name, cast(Any, kind)
    return kind(**{name: read(message, described[name]) for name, read in _readers(dataclass)})


@cache
def _readers(kind: Any) -> tuple[tuple[str, _Read], ...]:
    hints = get_type_hints(kind)
    return tuple((entry.name, _reader(hints[entry.name])) for entry in fields(kind))


def _reader(hint: Any) -> _Read:
    container = get_origin(hint)
    if container in (Union, UnionType):
        inner = _converter(next(one for one in get_args(hint) if one is not NoneType))
        return lambda message, field: (
            inner(getattr(message, field.name), field) if message.HasField(field.name) else None
        )
    if container is tuple:
        inner = _converter(get_args(hint)[0])
        return lambda message, field: tuple(inner(one, field) for one in getattr(message, field.name))
    if container is Mapping:
        return lambda message, field: dict(getattr(message, field.name))
    inner = _converter(hint)
    return lambda message, field: inner(getattr(message, field.name), field)


def _converter(hint: Any) -> Callable[[Any, Any], Any]:
    """From what stands in a message, and its field's descriptor."""
    if hint is datetime:
        return lambda value, _: moment(value)
    if is_dataclass(hint):
        return lambda value, _: from_proto(value, cast(type[Any], hint))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return lambda value, field: hint(_enum_name(field.enum_type, value))
    return lambda value, _: value


def _enum_name(kind: EnumDescriptor, number: int) -> str:
    """A number that only a newer sender knows is as good as none."""
    found = kind.values_by_number.get(number) or kind.values_by_number[0]
    return found.name.removeprefix(_prefix(kind)).lower()


def _prefix(kind: EnumDescriptor) -> str:
    return kind.values_by_number[0].name.removesuffix("UNSPECIFIED")
