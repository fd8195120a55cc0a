"""The settings of an inference server, from the environment (`PIPIT_SERVING_…`) or the command line."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_settings import CliSuppress, NoDecode, SettingsConfigDict

from pipit.bundle.manifest import TaskName
from pipit.rpc.connection import ConnectionSettings
from pipit.service.settings import Count, Paths, Port, ServiceSettings, split
from pipit.settings import load_settings


class ServingSettings(ServiceSettings):
    """Serves the models of one or more tasks.

    Bundles come from a registry (`registry`, `tasks`, `environment`), or from directories (`bundle`).
    """

    model_config = SettingsConfigDict(
        env_prefix="PIPIT_SERVING_",
        cli_prog_name="python -m pipit.serving",
        cli_kebab_case=True,
        cli_implicit_flags=True,
    )

    bundle: Paths = ()
    """Bundle directories to serve, separated by commas; no registry is asked."""
    registry: str = "127.0.0.1:50050"
    """The registry's address, `host:port`; `dns:///name:port` where the name has an address for each of its copies."""
    connection: CliSuppress[ConnectionSettings] = Field(default_factory=lambda: load_settings(ConnectionSettings))
    """How the registry is called: `PIPIT_TOKEN`, `PIPIT_CA`, `PIPIT_CERTIFICATE`, `PIPIT_KEY`, as for every client."""
    tasks: Annotated[tuple[TaskName, ...], NoDecode] = ()
    """Tasks to serve from the registry, separated by commas, or as a JSON list. The same goes for other lists here."""
    environment: str = "production"
    """The registry's environment whose versions are served."""
    device_id: str = Field(default_factory=socket.gethostname)
    """A stable name of this device."""
    cache_dir: Path = Path("~/.cache/pipit/bundles")
    """Folder that keeps bundles, so that a start needs no registry; and which versions have served well here."""
    cache_mib: Count = 2048
    """Largest size of that folder, in MiB."""
    prove_seconds: Annotated[float, Field(gt=0.0, le=86400.0)] = 300.0
    """Seconds that a new version may take to be loaded and proven."""
    prove_mib: Annotated[int, Field(ge=0)] = 0
    """MiB of memory that a new version may take meanwhile; 0: three quarters of all. Never more than is free."""
    trial_seconds: Annotated[float, Field(ge=0.0, le=86400.0)] = 60.0
    """Seconds that a new version must answer before it counts as good on this device."""
    standby: Literal["auto", "off"] = "auto"
    """Whether the version before stays loaded while a rollout is open, to go back to at once: `auto` where a tenth of
    all memory is free, or 512 MiB; `off` never."""
    untrusted: Literal["keep", "stop"] = "keep"
    """What becomes of a version that answers when the key that signed it is revoked: `keep` goes on answering with an
    alarm until the next start, `stop` ceases to answer. In both cases it is not loaded again."""
    variant: str = ""
    """Variant of the weights to run, for example "int8". Empty: each bundle's default."""

    port: Port = 50051
    """Port for calls; 0: the system chooses."""
    metrics_port: Port = 9464
    """Port for Prometheus; 0: the system chooses."""

    processes: Annotated[int, Field(ge=0, le=64)] = 0
    """Processes that compute: this one, and those that it begins beside itself once requests meet. 0: one for each core
    and at most 4, where memory allows."""
    concurrency: Count = Field(default_factory=lambda: os.cpu_count() or 1)
    """Requests that decode or run at once, and instances of a network that is not thread-safe."""
    queue: Annotated[int, Field(ge=0)] = 32
    """Requests that wait for their turn; one more gets RESOURCE_EXHAUSTED."""
    streams: Count = 64
    """Streams that may be open at once; one more gets RESOURCE_EXHAUSTED."""
    runtime_threads: Count = 1
    """Threads of one run of a network."""
    batch_rows: Count = 1
    """Rows that requests may share one run with, where the network gains from it; 1: no batching."""
    batch_delay_ms: Annotated[float, Field(ge=0.0, le=1000.0)] = 2.0
    """Milliseconds that a first request waits for others to share its run."""
    decode_mib: Annotated[int, Field(ge=16)] = 256
    """Memory for all pictures and recordings that are decoded at once, in MiB, of each process. What needs more by
    itself gets RESOURCE_EXHAUSTED, and so does what found none free for 10 seconds, or until its deadline."""
    max_rows: Count = 4096
    """Rows of a tensor that is sent for the network itself; more get RESOURCE_EXHAUSTED."""
    gallery: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")] = "home"
    """The people that tasks of faces name, by the gallery's name."""
    gallery_key: Path | None = None
    """File of the key that opens the gallery, as `pipit keys gallery` makes it. Not set: everybody is unknown."""
    gallery_dir: Path = Path("~/.local/share/pipit/galleries")
    """Folder for the gallery of a server without a registry; else for a sealed copy of the registry's."""
    keep_unknown: bool = False
    """Whether faces of unknown people are kept, sealed and on this device alone, for 24 hours, so that somebody can say
    who they are. Needs `gallery_key`."""
    recent_answers: Annotated[int, Field(ge=0)] = 4096
    """Answers that wait for somebody to say what they should have been (`Feedback`)."""
    replay_inputs: Annotated[int, Field(ge=0, le=32)] = 32
    """Inputs of each task that are kept in memory, and never on a disk, so that a rollout's version is tried on them
    before it answers; 0 keeps none."""
    replay_mib: Annotated[int, Field(ge=1, le=1024)] = 16
    """Largest size of the inputs of one task that are kept, in MiB. One over a quarter of it is not kept."""
    capture: Literal["consent", "never"] = "consent"
    """Whether inputs are kept on this device for a person's label: `consent` where one stands at the registry for this
    device and task, `never`, which also deletes what was kept."""
    capture_quota_mib: Annotated[int, Field(ge=1, le=1_000_000)] = 512
    """Largest size of what is kept of one task and waits to be sent, in MiB, whatever the consent allows."""
    face_networks: Path | None = None
    """Folder of the networks that find faces, as `python -m pipit.landmark_networks FOLDER` makes it, so that faces are
    blurred in pictures that are kept. Not set: this environment's own. Where there are none, no picture is kept but of
    tasks that look at faces."""
    max_message_mib: Annotated[int, Field(ge=1, le=1024)] = 16
    """Largest input in MiB; a larger one gets RESOURCE_EXHAUSTED."""

    @field_validator("bundle", "tasks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split(value)

    @model_validator(mode="after")
    def _check_source(self) -> ServingSettings:
        if bool(self.bundle) == bool(self.tasks):
            raise ValueError("set either tasks, to serve them from the registry, or bundle, to serve directories")
        if self.keep_unknown and self.gallery_key is None:
            raise ValueError("keep_unknown needs gallery_key, which unknown faces are sealed with")
        return self


def parse_arguments(arguments: list[str]) -> ServingSettings:
    """Flags win over the environment. Raises InvalidInput."""
    return load_settings(ServingSettings, _cli_parse_args=arguments)
