"""Semantic versions (https://semver.org), compared as such: 1.10.0 is newer than 1.9.0."""

from __future__ import annotations

import re
from functools import total_ordering
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from pipit.errors import InvalidInput

_NUMBER = r"(?:0|[1-9][0-9]*)"
_PRE = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SYNTAX = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_PRE}(?:\.{_PRE})*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
_LONGEST = 100


@total_ordering
class SemanticVersion:
    """major.minor.patch[-prerelease][+build]. Raises InvalidInput for anything else."""

    __slots__ = ("_key", "_text")

    def __init__(self, text: str) -> None:
        match = _SYNTAX.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None:
            raise InvalidInput(f"{text[:_LONGEST]!r} is not a semantic version such as 1.2.0 or 2.0.0-rc.1")
        self._text = text
        numbers = tuple(int(part) for part in match.group(1, 2, 3))
        # Numeric identifiers sort before words, and any pre-release before the release itself.
        pre = tuple((0, int(p), "") if p.isdigit() else (1, 0, p) for p in (match.group(4) or "").split(".") if p)
        self._key = (numbers, not pre, pre)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"SemanticVersion({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SemanticVersion) and self._text == other._text

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, SemanticVersion):
            return NotImplemented
        # Build metadata has no rank in the standard; the text only makes the order total.
        return (self._key, self._text) < (other._key, other._text)

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        def parse(value: object) -> SemanticVersion:
            if isinstance(value, SemanticVersion):
                return value
            if not isinstance(value, str):
                raise ValueError("a version is a text such as '1.2.0'")  # noqa: TRY004 (pydantic wants ValueError)
            try:
                return cls(value)
            except InvalidInput as error:
                raise ValueError(str(error)) from error

        return core_schema.no_info_plain_validator_function(
            parse, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )
