"""The settings of the console, from the environment (`PIPIT_CONSOLE_…`) or the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pipit.rpc.connection import ConnectionSettings
from pipit.rpc.targets import is_loopback_host
from pipit.service.settings import Count, Port, ServiceSettings, split
from pipit.settings import load_settings
from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict


class ConsoleSettings(ServiceSettings):
    """The web console beside one registry. Who may sign in, and as what, is the registry's to say: by its tokens."""

    model_config = SettingsConfigDict(env_prefix="PIPIT_CONSOLE_")

    registry: str = "127.0.0.1:50050"
    """The registry's address, `host:port`; `dns:///name:port` where the name has an address for each of its copies."""
    connection: ConnectionSettings = Field(default_factory=lambda: load_settings(ConnectionSettings))
    """How the registry and the inference servers are called: `PIPIT_CA`, `PIPIT_CERTIFICATE`, `PIPIT_KEY`, as for every
    client. `PIPIT_TOKEN` is the console's own, with which it fills its index of examples before anybody signs in; what
    people do goes with their own tokens."""
    servers: Annotated[tuple[str, ...], NoDecode] = ()
    """Inference servers that answer what is tried, `host:port` separated by commas."""
    prometheus: str = ""
    """Address of Prometheus, as `http://prometheus:9090`. Empty: none, and the page shows no curves."""
    environment: str = "production"
    """The environment that is shown first."""
    cache_dir: Path = Path("~/.cache/pipit/console")
    """Folder of the indexes of examples and labels, which are made anew where they are missing."""
    memory_mib: Count = 64
    """Memory for pictures and sounds that were looked at last, in MiB."""
    page: Path | None = None
    """Folder of the page's files. Not set: those that come with the console."""
    sessions: Count = 200
    """People signed in at once; one more signs out who was idle longest."""
    session_minutes: Annotated[float, Field(gt=0.0)] = 720.0
    """Minutes without a request after which somebody is signed out."""
    sync_seconds: Annotated[float, Field(gt=0.0)] = 1.0
    """How often the registry is asked for new examples and labels, of tasks that somebody looks at."""
    import_mib: Count = 2048
    """Largest file of examples and labels that may be imported, in MiB."""

    port: Port = 8080
    """Port for browsers; 0: the system chooses."""
    metrics_port: Port = 9470
    """Port for Prometheus; 0: the system chooses."""

    @field_validator("servers", mode="before")
    @classmethod
    def _split_servers(cls, value: object) -> object:
        return split(value)

    @model_validator(mode="after")
    def _check_tokens(self) -> Self:
        if self.tokens is not None:
            raise ValueError(
                "the console has no tokens of its own: people sign in with the registry's (PIPIT_REGISTRY_TOKENS)"
            )
        return self

    @property
    def is_anonymous(self) -> bool:
        """Whether other machines can call without a token: never, for without a session nothing is answered.

        A sign-in without a token is refused where it would be (`may_sign_in_by_name`).
        """
        return False

    @property
    def may_sign_in_by_name(self) -> bool:
        """Whether a name is enough where the registry asks for no tokens."""
        return self.allow_anonymous or is_loopback_host(self.host)
