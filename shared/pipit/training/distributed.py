"""Which worker of a training this process is, where several train one network together.

Kubernetes numbers the pods of an Indexed Job (`JOB_COMPLETION_INDEX`); `PIPIT_WORKERS` says where they are. What
TensorFlow and torchrun want to know is made from these two. Worker 0 is the chief: it alone writes and publishes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from pipit.errors import InvalidInput
from pipit.settings import Settings, load_settings

_ADDRESS = re.compile(r"^(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):(?P<port>[0-9]{1,5})$")


class WorkerSettings(Settings):
    """What all workers of a training know."""

    workers: Annotated[tuple[str, ...], NoDecode] = ()
    """`host:port` of each worker in the order of their index, separated by commas. Not set: this one trains alone."""
    workers_wait_seconds: Annotated[float, Field(gt=0.0)] = 600.0
    """Seconds that a worker waits for the others before it trains."""

    @field_validator("workers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("workers")
    @classmethod
    def _check(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if not _ADDRESS.match(address):
                raise ValueError(f"{address!r} is not host:port")
        if len(set(value)) < len(value):
            raise ValueError("an address stands there twice")
        return value


class JobSettings(Settings):
    """What Kubernetes tells each pod of an Indexed Job."""

    model_config = SettingsConfigDict(env_prefix="JOB_")

    completion_index: Annotated[int, Field(ge=0)] | None = None
    """Counted from 0."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One process of a training. addresses: of all workers, `host:port`; empty for one that trains alone."""

    addresses: tuple[str, ...] = ()
    index: int = 0
    wait_seconds: float = 600.0

    @property
    def count(self) -> int:
        """Of workers."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this one writes what comes out."""
        return self.index == 0

    def tf_config(self) -> str:
        """The value of TF_CONFIG (https://www.tensorflow.org/guide/distributed_training#TF_CONFIG)."""
        return json.dumps(
            {"cluster": {"worker": list(self.addresses)}, "task": {"type": "worker", "index": self.index}}
        )

    def torchrun_variables(self) -> dict[str, str]:
        """What torchrun gives its processes (https://docs.pytorch.org/docs/stable/elastic/run.html)."""
        if not self.addresses:
            raise InvalidInput("a process that trains alone has no address to meet others at; set PIPIT_WORKERS")
        host, _, port = self.addresses[0].rpartition(":")
        return {
            "MASTER_ADDR": host.strip("[]"),
            "MASTER_PORT": port,
            "WORLD_SIZE": str(self.count),
            "RANK": str(self.index),
        }


ALONE = Worker()


def read_worker() -> Worker:
    """Which worker this is, from the environment. Raises InvalidInput that names the variable that is wrong."""
    settings, job = load_settings(WorkerSettings), load_settings(JobSettings)
    count = len(settings.workers)
    if count <= 1:
        return ALONE
    if job.completion_index is None:
        raise InvalidInput(
            f"PIPIT_WORKERS names {count} workers; set JOB_COMPLETION_INDEX to this one's number, 0 to {count - 1}"
        )
    if job.completion_index >= count:
        raise InvalidInput(
            f"JOB_COMPLETION_INDEX is {job.completion_index}, but PIPIT_WORKERS names {count} workers, 0 to {count - 1}"
        )
    return Worker(settings.workers, job.completion_index, settings.workers_wait_seconds)
