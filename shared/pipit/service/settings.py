"""The settings that every server has. A subclass adds its own, and says which ports are its usual ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from pipit.logging import LogFormat
from pipit.rpc.targets import is_loopback_host
from pipit.settings import Settings

Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0.0)]
Paths = Annotated[tuple[Path, ...], NoDecode]
"""Separated by commas, or as a JSON list; `split` them."""


def split(value: object) -> object:
    """A list as one string: separated by commas, or JSON. Anything else as it is."""
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        return json.loads(value)
    return tuple(part.strip() for part in value.split(",") if part.strip())


class ServiceSettings(Settings):
    """Ports, who is let in through them, and how the process speaks and ends."""

    host: str = "127.0.0.1"
    """Address to listen on, for calls; 0.0.0.0 is every network this machine is in. Any but loopback needs `tokens` or
    `allow_anonymous`, and `tls_certificate` with `tls_key` or `insecure`."""
    port: Port = 0
    """Port for calls; 0: the system chooses."""
    metrics_host: str = "127.0.0.1"
    """Address to listen on, for Prometheus, in plain text and without tokens: metrics hold no secrets."""
    metrics_port: Port = 0
    """Port for Prometheus; 0: the system chooses."""
    tls_certificate: Path | None = None
    """PEM file with the certificate chain. With `tls_key`, calls are encrypted."""
    tls_key: Path | None = None
    """PEM file with the certificate's key."""
    tls_client_ca: Path | None = None
    """PEM file of an authority. Where it is set, callers must show a certificate that leads to it, beside their
    token."""
    tokens: Path | None = None
    """File of the callers that are let in, and their roles (see `pipit.rpc.auth`). Not set: everybody may do all."""
    allow_anonymous: bool = False
    """Whether more than loopback may be listened on without tokens: whoever reaches the port may then do all."""
    insecure: bool = False
    """Whether more than loopback may be listened on without TLS: whoever is on the way may then listen to calls."""
    trusted_keys: Paths = ()
    """Public keys (PEM files), separated by commas. Where there is any, bundles must be signed by one of them, or by a
    key of the registry's list that one of them endorses."""
    reflection: bool = True
    """Whether clients may ask which services there are, as grpcurl and `buf curl` do."""
    grace_seconds: Seconds = 10.0
    """Seconds that calls have to end in when the server stops."""
    max_connections: Count = 1024
    """Connections at once; one more is closed at once. One without a call is closed after five minutes."""
    stall_seconds: Annotated[float, Field(gt=0.0)] = 60.0
    """Seconds after which a stream is cut whose client does not read what it is sent, or stops sending a bundle."""
    max_connection_age_seconds: Seconds = 0.0
    """Seconds after which a client is asked to connect anew, so that it finds new replicas; 0: never."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""
    log_format: LogFormat = "auto"
    """`console`, `json`, or `auto`: console on a terminal."""

    @field_validator("trusted_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        return split(value)

    @model_validator(mode="after")
    def _check_doors(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("set both of tls_certificate and tls_key, or none")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key: callers show certificates by TLS alone")
        prefix = str(self.model_config["env_prefix"])
        missing = []
        if self.is_anonymous and not self.allow_anonymous:
            missing.append(f"{prefix}TOKENS, or {prefix}ALLOW_ANONYMOUS=true where whoever reaches it may do all")
        if self.is_plain and not self.insecure:
            missing.append(
                f"{prefix}TLS_CERTIFICATE and {prefix}TLS_KEY, or {prefix}INSECURE=true in a network whose members may "
                "listen to each other's calls"
            )
        if missing:
            raise ValueError(f"other machines can reach {self.host}: set {'; and '.join(missing)}")
        return self

    @property
    def is_anonymous(self) -> bool:
        """Whether other machines can call without a token."""
        return self.tokens is None and not is_loopback_host(self.host)

    @property
    def is_plain(self) -> bool:
        """Whether calls of other machines are not encrypted."""
        return self.tls_certificate is None and not is_loopback_host(self.host)
