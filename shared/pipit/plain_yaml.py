"""YAML as a notation for plain data: maps with text keys, lists, texts, numbers, true, false and null.

Scalars are read by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): `no`, `on` and
`2026-11-21` are texts. Refused, since a document must mean one thing to every reader and never more than it shows:
anchors and aliases (a page that unfolds to gigabytes), tags (they choose code), a key that stands twice, numbers that
are not finite, integers over 64 bits, nesting deeper than `DEEPEST`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.events import (
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from pipit.errors import InvalidInput

DEEPEST = 24
_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_BASES = {"0o": 8, "0x": 16}
_MOST_DIGITS = 30
_TOO_LARGE = 1 << 63
# libyaml where the wheel brings it: ten times as fast. Events only; neither loader's constructors ever run.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_plain_yaml(text: str) -> object:
    """The one document in `text`. Raises InvalidInput that says where and what."""
    try:
        return _document(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        raise InvalidInput(f"not YAML: {' '.join(str(error).split())[:300]}") from error


def dump_plain_yaml(document: object) -> str:
    """YAML that `load_plain_yaml` reads back as the same value. document: plain data only; keys keep their order."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def _document(events: Iterator[Event]) -> object:
    documents = 0
    value: object = None
    for event in events:
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise InvalidInput("more than one YAML document; leave the first")
            value = _node(next(events), events, "", 0)
    return value


def _node(event: Event, events: Iterator[Event], where: str, depth: int) -> object:
    place = where or "the document"
    if isinstance(event, NodeEvent) and event.anchor is not None:
        raise InvalidInput(f"{place[:200]}: YAML anchors and aliases are not allowed; write the value out")
    if isinstance(event, CollectionStartEvent | ScalarEvent) and event.tag is not None:
        raise InvalidInput(f"{place[:200]}: YAML tags such as {event.tag[:60]!r} are not allowed; leave the tag out")
    if depth > DEEPEST:
        raise InvalidInput(f"{place[:200]}: nested deeper than {DEEPEST} levels")
    if isinstance(event, MappingStartEvent):
        return _mapping(events, where, depth)
    if isinstance(event, SequenceStartEvent):
        items: list[object] = []
        for inner in events:
            if isinstance(inner, SequenceEndEvent):
                break
            items.append(_node(inner, events, _below(where, str(len(items))), depth + 1))
        return items
    if not isinstance(event, ScalarEvent):
        raise InvalidInput(f"{place[:200]}: not plain data")
    plain, _ = event.implicit
    return _scalar(event.value, place) if plain else event.value


def _mapping(events: Iterator[Event], where: str, depth: int) -> dict[str, object]:
    mapping: dict[str, object] = {}
    for event in events:
        if isinstance(event, MappingEndEvent):
            break
        if not isinstance(event, ScalarEvent) or event.anchor is not None or event.tag is not None:
            raise InvalidInput(f"{(where or 'the document')[:200]}: a key must be a plain text")
        key = event.value
        inside = _below(where, key)
        if key in mapping:
            raise InvalidInput(f"{inside[:200]}: the key stands twice; leave one")
        mapping[key] = _node(next(events), events, inside, depth + 1)
    return mapping


def _scalar(text: str, place: str) -> object:
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if _INTEGER.fullmatch(text) or _BASED.fullmatch(text):
        number = int(text, _BASES.get(text[:2], 10)) if len(text) <= _MOST_DIGITS else _TOO_LARGE
        if not -_TOO_LARGE <= number < _TOO_LARGE:
            raise InvalidInput(f"{place[:200]}: the integer does not fit 64 bits; quote it if it is a text")
        return number
    if _NOT_FINITE.fullmatch(text) or (_FLOAT.fullmatch(text) and not math.isfinite(float(text))):
        raise InvalidInput(f"{place[:200]}: the number is not finite; quote it if it is a text")
    return float(text) if _FLOAT.fullmatch(text) else text


def _below(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


class _Dumper(yaml.SafeDumper):
    """Quotes every text that YAML 1.1 or 1.2 could take for something else; no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        # The emitter's other styles lose the line breaks of Unicode (U+0085, U+2028, U+2029) between two texts.
        return self.represent_scalar("tag:yaml.org,2002:str", text, None if text.isprintable() else '"')


_Dumper.add_representer(str, _Dumper.represent_text)


for _tag, _pattern in (("int", _INTEGER), ("int", _BASED), ("float", _FLOAT)):
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern.pattern})\Z"), list("-+.0123456789")
    )
