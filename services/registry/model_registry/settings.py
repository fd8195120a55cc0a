"""The settings of the registry service, from the environment (`PIPIT_REGISTRY_…`)."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pipit.logging import LogFormat
from pipit.settings import Settings
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0.0)]


class RegistrySettings(Settings):
    """One copy of the service. The store is a local folder, or MinIO where `minio_endpoint` is set."""

    model_config = SettingsConfigDict(env_prefix="PIPIT_REGISTRY_", extra="ignore")

    store: Path = Path("~/.local/share/pipit/registry")
    """Folder of the store; made where it is missing."""
    minio_endpoint: str = ""
    """`host:port` of MinIO, or of another S3 with conditional writes. Empty: the folder is used."""
    minio_bucket: str = "pipit"
    """Bucket; made where it is missing. It must not keep versions."""
    minio_access_key: str = ""
    """Access key."""
    minio_secret_key: SecretStr = SecretStr("")
    """Secret key."""
    minio_secure: bool = True
    """Whether MinIO is spoken to by TLS."""
    minio_region: str = "us-east-1"
    """What the server calls its region."""

    host: str = "127.0.0.1"
    """Address to listen on, for calls. Any but loopback needs `tokens`, or `allow_anonymous`."""
    port: Port = 50050
    """Port for calls; 0: the system chooses."""
    metrics_host: str = "127.0.0.1"
    """Address to listen on, for Prometheus."""
    metrics_port: Port = 9460
    """Port for Prometheus; 0: the system chooses."""
    tls_certificate: Path | None = None
    """PEM file with the certificate chain. With `tls_key`, calls are encrypted."""
    tls_key: Path | None = None
    """PEM file with the certificate's key."""
    tokens: Path | None = None
    """File of the callers that are let in, and their roles (see `pipit.rpc.auth`). Not set: everybody may do all."""
    allow_anonymous: bool = False
    """Whether a registry without `tokens` may listen on more than loopback."""
    trusted_keys: Annotated[tuple[Path, ...], NoDecode] = ()
    """Public keys (PEM files), separated by commas. Where there is any, one of them must have signed a bundle."""
    reflection: bool = True
    """Whether clients may ask which services there are, as grpcurl and `buf curl` do."""

    threads: Count = 16
    """Calls that are answered at once, streams not counted."""
    max_watchers: Count = 256
    """Devices that may watch this copy at once; one more gets RESOURCE_EXHAUSTED."""
    max_transfers: Count = 16
    """Publishes and downloads at once; one more gets RESOURCE_EXHAUSTED."""
    max_bundle_mib: Count = 2048
    """Largest bundle, in MiB."""
    part_mib: Annotated[int, Field(ge=1, le=256)] = 8
    """MiB of an upload that are held in memory before they are stored."""
    poll_seconds: Seconds = 2.0
    """How often the store is asked for moves that came through other copies of the service, and whether it is there."""
    grace_seconds: Annotated[float, Field(ge=0.0)] = 10.0
    """Seconds that calls have to end in when the server stops, or their connection is too old."""
    max_connection_age_seconds: Annotated[float, Field(ge=0.0)] = 0.0
    """Seconds after which a client is asked to connect anew, so that it finds new copies; 0: never."""

    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""
    log_format: LogFormat = "auto"
    """`console`, `json`, or `auto`: console on a terminal."""

    @field_validator("trusted_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> RegistrySettings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("set both of tls_certificate and tls_key, or none")
        if self.tokens is None and not self.allow_anonymous and not _is_loopback(self.host):
            raise ValueError(
                f"whoever reaches {self.host} could change what every device runs: set tokens, "
                "or allow_anonymous=true in a network where that is wanted"
            )
        return self


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
