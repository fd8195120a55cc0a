"""Several copies on one store, with no lease between them: they decide at once, and one of them makes each change."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from fleet_copies import PLACE, TASK
from model_registry import layout
from pipit.audit import Record
from pipit.errors import PipitError
from pipit.settings import Settings, load_settings
from pipit.storage import LocalStore, ObjectStore
from pydantic_settings import SettingsConfigDict

BAD = frozenset({"2.0.0"})


class S3TestSettings(Settings):
    model_config = SettingsConfigDict(env_prefix="PIPIT_TEST_S3_", frozen=True, env_ignore_empty=True)

    endpoint: str | None = None
    access_key: str = ""
    secret_key: str = ""


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, published: Callable[[], LocalStore]) -> ObjectStore:
    """With 1.0.0 in production: a folder, and a real S3 server where one is named."""
    local = published()
    if request.param == "folder":
        return local
    settings = load_settings(S3TestSettings)
    if settings.endpoint is None:
        pytest.skip("no real S3 server; name one by PIPIT_TEST_S3_ENDPOINT, _ACCESS_KEY and _SECRET_KEY")
    from pipit.storage.minio import MinioStore

    bucket = f"pipit-test-{uuid.uuid4().hex[:16]}"
    remote = MinioStore(
        settings.endpoint, bucket, settings.access_key, settings.secret_key, secure=False, timeout=120.0
    )
    remote.check()
    for key in local.list(""):
        remote.create(key, local.read(key).data)
    return remote


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


@pytest.mark.parametrize("bad", [frozenset(), BAD], ids=["good", "bad"])
def test_three_copies_lead_one_rollout(
    store: ObjectStore, copy_of: Callable[..., Any], fleet: Callable[..., Any], pool: ThreadPoolExecutor, bad: Any
) -> None:
    copies = [copy_of(store, name) for name in "abc"]
    devices = fleet(8, bad)
    devices.pool = pool
    devices.second(*copies)
    copies[0].round()
    before = copies[0].start().pointer
    pointer = devices.until_over(*copies, step=3)

    ends = "promote" if not bad else "stop"
    assert [(move.action, move.to_version) for move in pointer.moves()] == [
        ("promote", "1.0.0"),
        (ends, pointer.version),
    ]
    assert list(store.list(layout.rollouts(TASK))) == [layout.rollout(TASK, before.rollout.id)]
    notes = [Record.model_validate_json(data) for data in copies[0].audit.read(1)]
    changes = [record.action.partition(" ")[0] for record in notes if record.caller == "registry"]
    assert changes == (["advance"] * 3 + ["succeed"] if not bad else ["advance", "abort"])
    assert pointer.revision == before.revision + len(changes)
    verdicts = Counter(
        (sample.labels["verdict"], sample.value)
        for copy in copies
        for metric in copy.metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "pipit_rollout_verdicts_total"
    )
    assert verdicts == {("aborted" if bad else "succeeded", 1.0): 1}


def test_of_many_who_start_at_once_one_does(
    store: ObjectStore, copy_of: Callable[..., Any], fleet: Callable[..., Any], pool: ThreadPoolExecutor
) -> None:
    copies = [copy_of(store, name) for name in "abcdef"]
    fleet().second(*copies)
    for copy in copies:
        copy.round()

    def start(copy: Any) -> str:
        try:
            return str(copy.start("2.0.0" if copy in copies[:3] else "3.0.0").pointer.rollout.id)
        except PipitError as error:
            return type(error).__name__

    outcomes = list(pool.map(start, copies))
    assert outcomes.count("RolloutOpen") == 5
    assert copies[0].pointer.rollout.id in outcomes
    assert copies[0].pointer.revision == 2


def test_copies_come_and_go_while_it_is_led(
    published: Callable[[], LocalStore], copy_of: Callable[..., Any], fleet: Callable[..., Any]
) -> None:
    store, devices = published(), fleet()
    copy = copy_of(store, "0")
    devices.second(copy)
    copy.start()
    for number in range(1, 60):
        # Each lives for 20 seconds, and says nothing when it ends.
        copy = copy_of(store, str(number))
        for _ in range(20):
            devices.second(copy)
            if copy.pointer.rollout is None:
                break
        else:
            continue
        break
    assert (copy.pointer.version, copy.pointer.last_rollout.state) == ("2.0.0", "succeeded")


@pytest.mark.parametrize("wrong", [timedelta(days=-400), timedelta(hours=-2), timedelta(hours=2), timedelta(days=400)])
def test_a_wrong_clock_only_delays(
    published: Callable[[], LocalStore],
    copy_of: Callable[..., Any],
    fleet: Callable[..., Any],
    wrong: timedelta,
) -> None:
    store, devices = published(), fleet()
    right, off = copy_of(store, "right"), copy_of(store, "off", wrong)
    devices.second(right, off)
    began = right.start(when_silent="abort").pointer
    seconds = dict.fromkeys(range(3), 0)
    states = set()
    for _ in range(300):
        if right.pointer.rollout is None:
            break
        devices.second(off, right)
        rollout = right.pointer.rollout
        if rollout is not None:
            states.add(rollout.state)
            if rollout.state == "running":
                seconds[rollout.stage] += 1
    else:
        pytest.fail(f"it never ended: {right.rollouts.get(*PLACE, '').explanation}")
    assert right.pointer.last_rollout.id == began.rollout.id
    assert (right.pointer.version, right.pointer.last_rollout.state) == ("2.0.0", "succeeded")
    assert states == {"running"}
    assert seconds[0] >= 15
    assert seconds[1] >= 10
