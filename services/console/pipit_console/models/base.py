"""The two kinds of models, and what many routes give."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr


class Answer(BaseModel):
    """What a route gives. Every field is always there."""

    model_config = ConfigDict(frozen=True)


class Asked(BaseModel):
    """What a route takes. What it does not know is refused, so that a misspelt field is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    names: ClassVar[set[str]] = set()

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        Asked.names.add(cls.__name__)


class ErrorText(Answer):
    """code: as not_found. message: a sentence that says what to do."""

    code: str
    message: str


class ErrorBody(Answer):
    """The body of every answer that is no success."""

    error: ErrorText


class SignIn(Asked):
    """token: of the registry's file of tokens. name: where the registry asks for no tokens."""

    token: SecretStr = SecretStr("")
    name: str = ""


class SessionAnswer(Answer):
    """Who is signed in.

    roles: of viewer, labeller, operator. anonymous: the registry asks for no tokens. csrf: goes as X-Pipit-CSRF with
    whatever changes something. tasks: the only ones that may be asked; null: all.
    """

    name: str
    roles: list[str]
    anonymous: bool
    csrf: str
    tasks: list[str] | None


class Done(Answer):
    """It is done, and there is nothing to tell."""

    done: bool = True


class Deleted(Answer):
    """deleted: how many examples."""

    deleted: int
