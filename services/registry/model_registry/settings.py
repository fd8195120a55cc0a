"""The settings of the registry service, from the environment (`PIPIT_REGISTRY_…`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pipit.service.settings import Count, Port, Seconds, ServiceSettings
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict


class RegistrySettings(ServiceSettings):
    """One copy of the service. The store is a local folder, or MinIO where `minio_endpoint` is set."""

    model_config = SettingsConfigDict(env_prefix="PIPIT_REGISTRY_")

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

    port: Port = 50050
    """Port for calls; 0: the system chooses."""
    metrics_port: Port = 9460
    """Port for Prometheus; 0: the system chooses."""

    threads: Count = 16
    """Calls that are answered at once, streams not counted."""
    max_watchers: Count = 2000
    """Devices that may watch this copy at once, and as many again that follow galleries; one more gets
    RESOURCE_EXHAUSTED."""
    max_connections: Count = 4096
    """Connections at once; one more is closed at once. A device that also follows a gallery has two."""
    max_transfers: Count = 16
    """Downloads at once; one more gets RESOURCE_EXHAUSTED."""
    max_publishes: Count = 4
    """Publishes at once, beside downloads; one more gets RESOURCE_EXHAUSTED."""
    max_bundle_mib: Count = 2048
    """Largest bundle, in MiB."""
    max_uploads: Count = 8
    """Examples that are uploaded at once; one more gets RESOURCE_EXHAUSTED."""
    max_example_mib: Annotated[int, Field(ge=1, le=256)] = 32
    """Largest example that is kept for labelling, in MiB; each upload holds as much in memory."""
    sweep_seconds: Annotated[float, Field(gt=0.0)] = 3600.0
    """How often examples are looked for that are older than their consents allow."""
    part_mib: Annotated[int, Field(ge=1, le=256)] = 8
    """MiB of each publish that are held in memory before they are stored."""
    poll_seconds: Annotated[float, Field(gt=0.0)] = 2.0
    """How often the store is asked for moves that came through other copies of the service, and whether it is there."""
    max_devices: Count = 20_000
    """Processes of devices whose reports this copy keeps, for a day; one more gets RESOURCE_EXHAUSTED."""
    report_seconds: Annotated[float, Field(gt=0.0, le=30.0)] = 30.0
    """How often devices are asked to report while no rollout of their environment is open."""
    rollout_report_seconds: Annotated[float, Field(gt=0.0, le=15.0)] = 2.0
    """How often they are asked to while one is; the rules take one that is silent for 30 s for lost."""
    reports_per_second: Count = 500
    """Reports that this copy asks for in a second, at most: of more devices than that allows, each is then asked less
    often, at least every 15 s. A thousand keep a processor core busy."""
    rollout_rules: str = ""
    """Numbers of the rules that stop rollouts, in JSON by task, `*` for all. Empty: those that come with the
    registry."""
    grace_seconds: Seconds = 10.0
    """Seconds that calls have to end in when the server stops, or their connection is too old."""
