"""What is older than its consent allows is deleted, by itself, and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from example_builders import CONSENT, DEVICE, TASK, imported, made
from model_registry.audit_log import AuditLog
from model_registry.examples.consents import Consents
from model_registry.examples.pool import Pool
from model_registry.examples.sweeper import Sweeper
from model_registry.server import RegistryServer
from pipit.audit import Chain
from pipit.examples.client import ExampleClient
from pipit.metrics import Metrics
from pipit.storage import LocalStore

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("registry")


@pytest.fixture
def sweeper(store: LocalStore, metrics: Metrics) -> Sweeper:
    pool = Pool(store, lambda: NOON)
    return Sweeper(pool, Consents(store), pool.pack, AuditLog(store, metrics), metrics, 3600.0)


def fill(client: ExampleClient, last: int = 30) -> dict[str, str]:
    """Ids by what they are. last: days since the last day that is kept was taken."""
    client.give_consent(replace(CONSENT, keep_days=30))
    client.give_consent(replace(CONSENT, device_id="pi-8", keep_days=0))
    of = {
        "old": made(1, taken_at=NOON - timedelta(days=31)),
        "last day": made(2, taken_at=NOON - timedelta(days=last)),
        "kept for ever": made(3, taken_at=NOON - timedelta(days=3000), device_id="pi-8"),
        "brought": imported(4),
    }
    for example, content in of.values():
        client.upload(example, content)
    return {what: example.id for what, (example, _) in of.items()}


def test_what_is_too_old_is_deleted_whether_the_consent_holds_or_not(
    registry: RegistryServer,
    examples_of: Callable[..., ExampleClient],
    sweeper: Sweeper,
    store: LocalStore,
    metrics: Metrics,
) -> None:
    client = examples_of(registry)
    ids = fill(client)
    client.withdraw_consent(DEVICE, TASK)
    sweeper.sweep()
    sweeper.sweep()
    page = client.list_examples(TASK)
    assert [one.id for one in page.examples] == [ids["last day"], ids["kept for ever"], ids["brought"]]
    assert page.deleted == (ids["old"],)
    assert not list(store.list(f"examples/{TASK}/{ids['old']}/"))
    labels = {"task": TASK, "reason": "retention"}
    assert metrics.registry.get_sample_value("pipit_examples_deleted_total", labels) == 1
    last = list(Chain().check(AuditLog(store, metrics).read(1)))[-1]
    assert (last.caller, last.action, last.after) == ("registry", "delete examples", "1 deleted")
    assert [row.deleted for row in client.departures(device_id=DEVICE)] == [1, 0]


def test_a_registry_sweeps_by_itself_until_it_ends(
    start: Callable[..., RegistryServer],
    examples_of: Callable[..., ExampleClient],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    server = start(sweep_seconds=0.05)
    client = examples_of(server)
    # The registry's own clock may have come to the next day by now.
    ids = fill(client, last=29)
    eventually(lambda: client.list_examples(TASK).deleted == (ids["old"],))
    sweeper = server._sweeper
    server.stop(0)
    # A stop waits for a second, in which a sweep may not have ended.
    eventually(lambda: not sweeper._thread.is_alive())


def test_a_task_that_can_not_be_swept_keeps_no_other_from_it(
    registry: RegistryServer, examples_of: Callable[..., ExampleClient], sweeper: Sweeper, store: LocalStore
) -> None:
    client = examples_of(registry)
    ids = fill(client)
    client.give_consent(replace(CONSENT, task="test.broken"))
    store.create(f"arrivals/test.broken/{1:020}.json", b"nonsense")
    with pytest.raises(ValueError, match="JSON"):
        sweeper.sweep()
    assert client.list_examples(TASK).deleted == (ids["old"],)
