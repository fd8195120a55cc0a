"""What belongs to the devices in one copy of the service, put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from pipit.metrics import Metrics
from pipit.storage import ObjectStore

from model_registry.audit_log import AuditLog
from model_registry.environments import Environments
from model_registry.fleet.devices import Devices
from model_registry.fleet.gauges import Gauges
from model_registry.fleet.hub import Offer
from model_registry.fleet.keeper import Keeper
from model_registry.fleet.moments import Moments
from model_registry.fleet.records import DeviceRecords
from model_registry.fleet.rollouts import Rollouts
from model_registry.fleet.sheets import Sheets
from model_registry.fleet.stands import Stands
from model_registry.fleet.steward import Steward
from model_registry.fleet.tokens import DeviceTokens
from model_registry.rollouts.settings import parse_rules
from model_registry.settings import RegistrySettings
from model_registry.versions import Versions

_LONGEST_PAUSE_SECONDS = 15.0
"""Between two reports in a rollout: the rules take who is silent for twice as long for lost."""


class FleetParts:
    """Starts and stops with its `keeper`."""

    def __init__(
        self,
        store: ObjectStore,
        settings: RegistrySettings,
        environments: Environments,
        versions: Versions,
        audit: AuditLog,
        metrics: Metrics,
        offer: Offer,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = monotonic,
        replica: str | None = None,
    ) -> None:
        """offer: to those who watch. now: an aware time. clock: seconds. replica: None: a random name.

        Raises InvalidInput for rules that are none.
        """
        self._settings = settings
        self.records = DeviceRecords(store, now)
        self.tokens = DeviceTokens(self.records)
        self.sheets = Sheets(store, settings.max_devices, now, clock, replica)
        self.devices = Devices(self.records, self.sheets, self.tokens)
        self.stands = Stands(store, environments.pointer)
        rules = parse_rules(settings.rollout_rules)
        self.rollouts = Rollouts(environments, versions, self.stands, self.devices, rules, Moments(clock))
        steward = Steward(environments, self.rollouts, self.stands, audit)
        gauges = Gauges(metrics, self.devices, self.rollouts, self.stands, clock)
        self.keeper = Keeper(
            self.records, self.sheets, self.stands, steward, gauges, offer, settings.poll_seconds, clock
        )
        environments.on_move(self.keeper.moved)

    def heard(self, environment: str) -> float:
        """A device of that environment has reported: gives the seconds until its next report."""
        self.keeper.reported(environment)
        is_open = environment in self.stands.open_names()
        if not is_open:
            return self._settings.report_seconds
        shared = min(_LONGEST_PAUSE_SECONDS, self.sheets.processes / self._settings.reports_per_second)
        return max(self._settings.rollout_report_seconds, shared)
