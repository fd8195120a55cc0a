"""Everything about examples that one copy of the service has, put together."""

from __future__ import annotations

from collections.abc import Callable

from pipit.metrics import Metrics
from pipit.rpc.places import Places
from pipit.storage import ObjectStore

from model_registry.audit_log import AuditLog
from model_registry.examples.consents import Consents
from model_registry.examples.intake import Intake
from model_registry.examples.pool import Pool
from model_registry.examples.servicer import ExampleServicer, ExampleTransfers
from model_registry.examples.sweeper import Sweeper
from model_registry.settings import RegistrySettings
from model_registry.uploads import MEBIBYTE


class ExampleParts:
    """The servicer, and the thread that deletes."""

    def __init__(
        self,
        store: ObjectStore,
        settings: RegistrySettings,
        uploads: Places,
        downloads: Places,
        audit: AuditLog,
        metrics: Metrics,
        pack_labels: Callable[[], None],
    ) -> None:
        """pack_labels: done with each sweep, as examples' own logs are packed."""
        consents = Consents(store)
        pool = Pool(store)

        def pack() -> None:
            pool.pack()
            pack_labels()

        self.servicer = ExampleServicer(
            store,
            pool,
            consents,
            Intake(store, pool, consents, settings.max_example_mib * MEBIBYTE),
            ExampleTransfers(uploads, downloads),
            metrics,
            audit,
        )
        self.sweeper = Sweeper(pool, consents, pack, audit, metrics, settings.sweep_seconds)
