"""Who may call what: bearer tokens with roles, and with the tasks that a caller may ask.

A file names each caller by the SHA-256 of their token, so that reading the file gives no token away:

    callers:
      - name: anna
        roles: [publisher, operator]
        sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
      - name: doorbell
        roles: [reader]
        tasks: [garden.birds]              # no others are shown to it, or answer it; not given: all
        sha256: 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752

A token must be random and long (`python -c "import secrets; print(secrets.token_urlsafe(32))"`): a plain SHA-256
guards no password that can be guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated

import grpc
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipit.errors import InvalidInput, PermissionDenied, Unauthenticated
from pipit.plain_yaml import load_plain_yaml
from pipit.rpc.callers import ANYBODY, Caller, Role, calls_here
from pipit.rpc.handlers import Handler, Interceptor
from pipit.rpc.renewed import Renewed
from pipit.types import TASK_NAME

Metadata = Iterable[tuple[str, str | bytes]]
FindCaller = Callable[[str], Caller | None]
"""Whose token that is; None: nobody's who is known there."""
_SCHEME = "bearer "


class Tokens:
    """The known tokens; None: whoever calls may do everything."""

    def __init__(self, callers: Mapping[str, Caller] | None) -> None:
        """callers: by the SHA-256 of their token in hexadecimal."""
        self._given = callers
        self._elsewhere: FindCaller | None = None

    def look_elsewhere(self, find: FindCaller) -> None:
        """Asks there for tokens that are not among these. It must not wait: calls are let in on one thread."""
        self._elsewhere = find

    @property
    def _callers(self) -> Mapping[str, Caller] | None:
        return self._given

    @property
    def required(self) -> bool:
        """Whether a call needs a token."""
        return self._callers is not None

    def share(self, places: int) -> int:
        """How many of so many places one caller may hold: three of four, or all where there is no other caller."""
        others = len(self._callers or ()) > 1 or (self.required and self._elsewhere is not None)
        if not others or places < 2:
            return places
        return places - max(1, places // 4)

    def caller(self, metadata: Metadata) -> Caller:
        """Who calls. Raises Unauthenticated, and what it raises who is asked elsewhere."""
        callers = self._callers
        if callers is None:
            return ANYBODY
        value = next((value for key, value in metadata if key == "authorization"), "")
        if not isinstance(value, str) or not value.lower().startswith(_SCHEME):
            raise Unauthenticated("this server asks for a token; send 'authorization: Bearer <token>' (PIPIT_TOKEN)")
        token = value[len(_SCHEME) :].strip()
        caller = callers.get(hash_token(token))
        if caller is None and self._elsewhere is not None:
            caller = self._elsewhere(token)
        if caller is None:
            raise Unauthenticated("this server does not know the token; check PIPIT_TOKEN, or ask its operator")
        return caller


def hash_token(token: str) -> str:
    """What the file holds of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenFile(Tokens):
    """Those of a file, as it is now: a caller that is taken out of it is known no longer."""

    def __init__(self, path: Path, pause: float = 1.0) -> None:
        """pause: seconds between two looks at the file. Raises what `read_tokens` does."""
        super().__init__({})
        self._file = Renewed((path,), lambda: _read_callers(path), pause)

    @property
    def _callers(self) -> Mapping[str, Caller] | None:
        return self._file.value

    @property
    def is_stale(self) -> bool:
        """Whether the file can't be used as it is now, so that older tokens count."""
        return self._file.is_stale


def read_tokens(path: Path) -> Tokens:
    """Reads the file that this module describes, YAML or JSON. Raises InvalidInput that names what is wrong."""
    return Tokens(_read_callers(path))


def _read_callers(path: Path) -> dict[str, Caller]:
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
    callers = {entry.sha256: Caller(entry.name, entry.roles, entry.tasks) for entry in entries}
    if len(callers) < len(entries):
        raise InvalidInput(f"{path} gives one token to two callers; make a token for each")
    return callers


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@\-]{0,99}$")]
    roles: Annotated[frozenset[Role], Field(min_length=1)]
    tasks: Annotated[frozenset[Annotated[str, Field(pattern=TASK_NAME)]], Field(min_length=1)] | None = None
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
            caller = self._tokens.caller(details.invocation_metadata)
            self._check(caller, details.method)
            calls_here(caller)
        return handler

    def _check(self, caller: Caller, method: str) -> None:
        allowed = self._methods.get(method, frozenset())
        if caller.roles.isdisjoint(allowed):
            needed = " or ".join(sorted(allowed)) or "one that nobody has"
            call = method.rpartition("/")[2]
            raise PermissionDenied(f"{caller.name} may not call {call}: it needs the role {needed}")
