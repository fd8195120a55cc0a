"""What a copy knows of an environment, those who watch it there are told, whoever has read it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from model_registry.audit_log import AuditLog
from model_registry.environments import Environments
from model_registry.fleet.hub import Item
from model_registry.fleet.parts import FleetParts
from model_registry.pointer import Pointer
from model_registry.settings import RegistrySettings
from model_registry.versions import Versions
from pipit.galleries import StoredGalleries
from pipit.metrics import Metrics
from pipit.storage import LocalStore

PLACE = ("test.sounds", "production")


def test_what_somebody_here_has_read_is_told_here_in_the_next_round(tmp_path: Path) -> None:
    store, metrics = LocalStore(tmp_path), Metrics("registry")
    versions = Versions(store)
    here = Environments(store, versions, StoredGalleries(store))
    there = Environments(store, versions, StoredGalleries(store))
    told: list[Item] = []
    settings = RegistrySettings(store=tmp_path)
    audit = AuditLog(store, metrics)
    fleet = FleetParts(store, settings, here, versions, audit, metrics, lambda key, item: told.append(item))

    def move(version: str, digit: str) -> Pointer:
        at = datetime.now(UTC)
        return there.change(*PLACE, lambda pointer: pointer.promoted(version, digit * 64, "anna", at))

    first = move("1.0.0", "a")
    fleet.keeper.round()
    assert told[-1] == first

    second = move("1.1.0", "b")
    # As a look at the rollout does, or a change for which this copy came too late.
    fleet.stands.offer(here.pointer(*PLACE))
    fleet.keeper.round()
    assert told[-1] == second
