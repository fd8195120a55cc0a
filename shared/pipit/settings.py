"""Settings come from the environment, once, at the start of a process: one class a process, built on `Settings`.

The docstring under a field is its documentation and states the unit. Nothing else reads the environment.

In containers a secret comes as a file: `/run/secrets/pipit_token` holds what `PIPIT_TOKEN` would. The variable wins.
"""

from __future__ import annotations

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

    model_config = SettingsConfigDict(
        env_prefix="PIPIT_", frozen=True, use_attribute_docstrings=True, env_ignore_empty=True
    )


class DataSettings(Settings):
    """Where data sets and pretrained networks lie."""

    data: Path | None = None
    """Folder with one sub-folder per data set (`backbones`, …). Not set: no real data on this machine."""


def load_settings(cls: type[S], **overrides: Any) -> S:
    """Reads the environment. Raises InvalidInput that names each variable that is missing or wrong."""
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
