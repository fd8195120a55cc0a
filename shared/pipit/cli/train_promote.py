"""What `pipit train --publish --promote` does with its bundle, and how it says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipit.bundle import Bundle
from pipit.cli.output import print_line
from pipit.cli.promote import began, points_to
from pipit.cli.registry import connected, connected_fleet, print_gates
from pipit.cli.rollout_follow import how_to_follow
from pipit.cli.settings import CliSettings
from pipit.cli.signing import publish_signed
from pipit.errors import GatesFailed, RolloutOpen
from pipit.fleet import FleetClient, Started
from pipit.registry.types import Version


@dataclass(frozen=True, slots=True)
class Sent:
    """A bundle that was published. environment: to promote it to; empty: none.

    started: what came of that. refusal: why nothing did.
    """

    version: Version
    environment: str = ""
    started: Started | None = None
    refusal: GatesFailed | RolloutOpen | None = None

    @property
    def sentence(self) -> str:
        """What became of it, for the report."""
        if self.started is None:
            promote = f"`pipit promote {self.version.task} {self.version.version} staging`"
            return f"Published as version {self.version.version}, and not promoted; {promote} does that."
        if self.started.rollout is None:
            return f"Published as version {self.version.version}, and {self.environment} was pointed to it."
        return (
            f"Published as version {self.version.version}, and {self.environment} is on its way to it; "
            f"{how_to_follow(self.started.rollout)}."
        )

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON. promoted: the environment that points to it now; rollout: what leads one to it."""
        rollout = self.started.rollout if self.started else None
        moved = self.started is not None and rollout is None
        return {"promoted": self.environment if moved else None, "rollout": rollout}

    def show(self) -> None:
        """For people."""
        print_gates(self.version.gates)
        if self.started is not None and self.started.rollout is not None:
            for line in began(self.started.rollout):
                print_line(line)
        elif self.started is not None:
            print_line(points_to(self.started))
        elif self.refusal is not None:
            print_line(f"published {self.version.task} {self.version.version}, but not promoted")
        else:
            print_line(f"next: pipit promote {self.version.task} {self.version.version} staging")


def send(
    bundle: Bundle, settings: CliSettings, registry: str, environment: str, reason: str, *, allow_synthetic: bool
) -> Sent:
    """Publishes it, and leads the environment to it where one is named.

    allow_synthetic: also what comes from synthetic data; gates that fail are not overridden by that.
    """
    with connected(registry) as client:
        version = publish_signed(client, bundle.path, settings).version
    if not environment:
        return Sent(version)
    allowed = allow_synthetic and bool(bundle.manifest.lineage.synthetic)
    with connected_fleet(registry) as fleet:
        try:
            return Sent(version, environment, _start(fleet, version, environment, reason, allowed))
        except (GatesFailed, RolloutOpen) as refusal:
            return Sent(version, environment, refusal=refusal)


def _start(client: FleetClient, version: Version, environment: str, reason: str, allowed: bool) -> Started:
    try:
        return client.start_rollout(version.task, version.version, environment, reason=reason)
    except GatesFailed:
        if not allowed or not version.gates_passed:
            raise
    told = f"{reason}; from SYNTHETIC data, by --allow-synthetic"
    return client.start_rollout(version.task, version.version, environment, reason=told, override_gates=True)
