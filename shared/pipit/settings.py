"""Settings come from the environment, once, at the start of a process: one class a process, built on `Settings`.

The docstring under a field is its documentation and states the unit. Nothing else reads the environment.

In containers a secret comes as a file: `/run/secrets/pipit_token` holds what `PIPIT_TOKEN` would. The variable wins.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipit.errors import InvalidInput

S = TypeVar("S", bound=BaseSettings)

SECRETS = Path("/run/secrets")
"""Where compose and Kubernetes mount secrets."""


class Settings(BaseSettings):
    """Base of the settings classes. A field `cache_dir` is read from `PIPIT_CACHE_DIR`."""

    model_config = SettingsConfigDict(env_prefix="PIPIT_", frozen=True, env_ignore_empty=True)


class DataSettings(Settings):
    """Where data sets and pretrained networks lie."""

    data: Path | None = None
    """Folder with one sub-folder per data set (`backbones`, …). Not set: no real data on this machine."""


class LandmarkSettings(Settings):
    """The networks that find faces and bodies."""

    landmarks_wheel: str | None = None
    """File, folder or URL of mediapipe's wheel, which they are taken from. Not set: the index that pip uses."""


def load_settings(cls: type[S], **overrides: Any) -> S:
    """Reads the environment. Raises InvalidInput that names each variable that is missing or wrong."""
    if {"-h", "--help"} & set(overrides.get("_cli_parse_args") or ()):
        describe(cls)
    if SECRETS.is_dir():
        overrides.setdefault("_secrets_dir", SECRETS)
    try:
        return cls(**overrides)
    except ValidationError as error:
        prefix = str(cls.model_config.get("env_prefix", "")).upper()
        lines = []
        for problem in error.errors():
            # A rule that holds between settings has no place of its own.
            variable = prefix + ("_".join(str(part) for part in problem["loc"]).upper() or "…")
            lines.append(f"{variable}: {problem['msg'].removeprefix('Value error, ')}")
        raise InvalidInput("settings are wrong; set these variables:\n  " + "\n  ".join(lines)) from error


def describe(cls: type[BaseSettings]) -> None:
    """Makes the docstring under each field its description.

    For those who ask for help. Pydantic would read the source of every class at every start, for a tenth of its time.
    """
    for base in reversed(cls.__mro__):
        if issubclass(base, Settings):
            for name, text in _docstrings(base):
                if name in cls.model_fields:
                    cls.model_fields[name].description = text


def _docstrings(cls: type) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(definition, ast.ClassDef)
    for field, text in pairwise(definition.body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                yield name, inspect.cleandoc(said)
