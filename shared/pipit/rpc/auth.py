"""Who may call what: bearer tokens with roles.

A file names each caller by the SHA-256 of their token, so that reading the file gives no token away:

    callers:
      - name: anna
        roles: [publisher, operator]
        sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

A token must be random and long (`python -c "import secrets; print(secrets.token_urlsafe(32))"`): a plain SHA-256
guards no password that can be guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import grpc
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipit.errors import InvalidInput, PermissionDenied, Unauthenticated
from pipit.plain_yaml import load_plain_yaml
from pipit.rpc.server import Handler, Interceptor

Metadata = Iterable[tuple[str, str | bytes]]
_SCHEME = "bearer "


class Role(StrEnum):
    """What a caller may do."""

    READER = "reader"
    """Ask and download."""
    DEVICE = "device"
    """The same; names a device, so that later calls for devices alone can be told apart."""
    PUBLISHER = "publisher"
    """Publish, and what a reader may."""
    OPERATOR = "operator"
    """Promote and roll back, and what a reader may."""
    ENROLLER = "enroller"
    """Say who people are, and what a reader may."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody known."""

    name: str
    roles: frozenset[Role]


ANYBODY = Caller("anonymous", frozenset(Role))
"""Who calls where no tokens are set."""


class Tokens:
    """The known tokens; None: whoever calls may do everything."""

    def __init__(self, callers: Mapping[str, Caller] | None) -> None:
        """callers: by the SHA-256 of their token in hexadecimal."""
        self._callers = callers

    @property
    def required(self) -> bool:
        """Whether a call needs a token."""
        return self._callers is not None

    def caller(self, metadata: Metadata) -> Caller:
        """Who calls. Raises Unauthenticated."""
        if self._callers is None:
            return ANYBODY
        value = next((value for key, value in metadata if key == "authorization"), "")
        if not isinstance(value, str) or not value.lower().startswith(_SCHEME):
            raise Unauthenticated("this server asks for a token; send 'authorization: Bearer <token>' (PIPIT_TOKEN)")
        caller = self._callers.get(hash_token(value[len(_SCHEME) :].strip()))
        if caller is None:
            raise Unauthenticated("this server does not know the token; check PIPIT_TOKEN, or ask its operator")
        return caller


def hash_token(token: str) -> str:
    """What the file holds of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_tokens(path: Path) -> Tokens:
    """Reads the file that this module describes, YAML or JSON. Raises InvalidInput that names what is wrong."""
    try:
        document = load_plain_yaml(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}") from error
    except (InvalidInput, UnicodeDecodeError) as error:
        # Not the parser's own text, which may repeat a line.
        raise InvalidInput(f"{path} is neither YAML nor JSON, or a key stands in it twice") from error
    try:
        entries = _File.model_validate(document).callers
    except ValidationError as error:
        # Not pydantic's whole text, which repeats what it was given.
        wrong = "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
        raise InvalidInput(f"{path} is not a list of callers: {wrong}") from error
    callers = {entry.sha256: Caller(entry.name, entry.roles) for entry in entries}
    if len(callers) < len(entries):
        raise InvalidInput(f"{path} gives one token to two callers; make a token for each")
    return Tokens(callers)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@\-]{0,99}$")]
    roles: Annotated[frozenset[Role], Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    callers: list[_Entry]


class AuthInterceptor(Interceptor):
    """Lets a call through to the roles that its method needs; a method that is not listed is for nobody.

    Put it inside of ErrorInterceptor. methods: full names, as `/package.Service/Method`. open_services: services
    that anybody may ask, such as health.
    """

    def __init__(
        self, tokens: Tokens, methods: Mapping[str, frozenset[Role]], open_services: Iterable[str] = ()
    ) -> None:
        self._tokens = tokens
        self._methods = methods
        self._open = tuple(f"/{service}/" for service in open_services)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler | None], details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """grpc.ServerInterceptor's one method. Raises Unauthenticated, PermissionDenied."""
        handler = continuation(details)
        if handler is not None and not details.method.startswith(self._open):
            self._check(self._tokens.caller(details.invocation_metadata), details.method)
        return handler

    def _check(self, caller: Caller, method: str) -> None:
        allowed = self._methods.get(method, frozenset())
        if not caller.roles & allowed:
            needed = " or ".join(sorted(allowed)) or "one that nobody has"
            call = method.rpartition("/")[2]
            raise PermissionDenied(f"{caller.name} may not call {call}: it needs the role {needed}")
