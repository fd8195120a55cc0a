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
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from pipit.rpc.timestamps import moment, timestamp

_Read = Callable[[Any], Any]
"""From a message."""
_SCALARS = frozenset({str, int, float, bool})
M = TypeVar("M", bound=Message)
D = TypeVar("D")


def to_proto(value: Any, kind: type[M]) -> M:
    """A message of that kind. Raises KeyError for a field that it lacks."""
    message = kind()
    _fill(message, value)
    return message


def _fill(message: Message, value: Any) -> None:
    for name, field in _fields(cast(Any, type(value)), message.DESCRIPTOR):
        _set(message, name, field, getattr(value, name))


@cache
def _fields(kind: Any, descriptor: Descriptor) -> tuple[tuple[str, FieldDescriptor], ...]:
    described = descriptor.fields_by_name
    return tuple((entry.name, described[entry.name]) for entry in fields(kind))


def _set(message: Message, name: str, field: Any, value: Any) -> None:
    if type(value) in _SCALARS:
        setattr(message, name, value)
    elif value is None:
        return
    elif isinstance(value, Mapping):
        getattr(message, name).update(value)
    elif isinstance(value, tuple) and field.message_type is not None:
        inside = getattr(message, name)
        for one in value:
            _fill(inside.add(), one)
    elif isinstance(value, tuple):
        getattr(message, name).extend(value)
    elif isinstance(value, datetime):
        getattr(message, name).CopyFrom(timestamp(value))
    elif is_dataclass(value):
        inside = getattr(message, name)
        inside.SetInParent()
        _fill(inside, value)
    elif field.enum_type is not None:
        setattr(message, name, field.enum_type.values_by_name[_prefix(field.enum_type) + value.upper()].number)
    else:
        setattr(message, name, value)


def from_proto(message: Message, kind: type[D]) -> D:
    """A dataclass of that kind. What the message holds beyond its fields is left out.

    Raises InvalidInput for a time that no datetime can hold.
    """
    return kind(**{name: read(message) for name, read in _readers(cast(Any, kind), message.DESCRIPTOR)})


@cache
def _readers(kind: Any, descriptor: Descriptor) -> tuple[tuple[str, _Read], ...]:
    # Made once for each kind: thousands of messages at a time are read by them.
    hints, described = get_type_hints(kind), descriptor.fields_by_name
    return tuple((entry.name, _reader(entry.name, hints[entry.name], described[entry.name])) for entry in fields(kind))


def _reader(name: str, hint: Any, field: Any) -> _Read:
    container = get_origin(hint)
    get: _Read = attrgetter(name)
    if container in (Union, UnionType):
        one = _converter(next(one for one in get_args(hint) if one is not NoneType), field)
        return lambda message: one(get(message)) if message.HasField(name) else None
    if container is tuple:
        each = _converter(get_args(hint)[0], field)
        return lambda message: tuple(map(each, get(message)))
    if container is Mapping:
        return lambda message: dict(get(message))
    if hint in _SCALARS:
        return get
    whole = _converter(hint, field)
    return lambda message: whole(get(message))


def _converter(hint: Any, field: Any) -> Callable[[Any], Any]:
    """From what stands in a message."""
    if hint is datetime:
        return moment
    if is_dataclass(hint):
        return lambda value: from_proto(value, cast(type[Any], hint))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        named = {number: hint(_enum_name(field.enum_type, number)) for number in field.enum_type.values_by_number}
        # A number that only a newer sender knows is as good as none.
        return lambda value: named.get(value, named[0])
    return _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _enum_name(kind: EnumDescriptor, number: int) -> str:
    return kind.values_by_number[number].name.removeprefix(_prefix(kind)).lower()


def _prefix(kind: EnumDescriptor) -> str:
    return kind.values_by_number[0].name.removesuffix("UNSPECIFIED")
