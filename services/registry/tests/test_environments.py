"""Promotion, rollback, resolve and history through a real server, from several copies at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from model_registry.environments import Environments
from model_registry.server import RegistryServer
from model_registry.versions import Versions
from pipit.bundle import Bundle
from pipit.errors import Conflict, GatesFailed, IntegrityError, InvalidInput, NotFound, PipitError
from pipit.galleries import StoredGalleries
from pipit.registry import GateResult, RegistryClient
from pipit.storage import LocalStore, Stored

TASK = "test.sounds"


@pytest.fixture
def published(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> dict[str, str]:
    """Digests of three published versions."""
    bundles = {version: make_bundle(version, version.encode()) for version in ("1.0.0", "1.1.0", "2.0.0")}
    for bundle in bundles.values():
        client.publish(bundle.path)
    return {version: bundle.digest for version, bundle in bundles.items()}


def test_a_promotion_points_the_environment_to_the_version(client: RegistryClient, published: dict[str, str]) -> None:
    promotion = client.promote(TASK, "1.1.0", "production", "better on dogs")

    assert promotion.environment.version == "1.1.0"
    assert promotion.environment.digest == published["1.1.0"]
    assert promotion.environment.revision == 1
    assert promotion.gates == (GateResult("good", "accuracy", ">", 0.7, 0.9, passed=True),)
    assignment = client.resolve(TASK, "production", "pi-1")
    assert (assignment.version, assignment.digest, assignment.revision) == ("1.1.0", published["1.1.0"], 1)
    assert client.list_versions().environments == (promotion.environment,)


def test_promoting_again_changes_nothing(client: RegistryClient, published: dict[str, str]) -> None:
    first = client.promote(TASK, "1.0.0", "production")

    assert client.promote(TASK, "1.0.0", "production", "once more") == first
    assert len(client.history(TASK, "production")) == 1


def test_rollback_needs_no_version(client: RegistryClient, published: dict[str, str]) -> None:
    for version in published:
        client.promote(TASK, version, "production")

    assert client.rollback(TASK, "production", "false alarms").version == "1.1.0"
    assert client.rollback(TASK, "production").version == "1.0.0"
    with pytest.raises(NotFound, match=r"no version before 1\.0\.0"):
        client.rollback(TASK, "production")

    moves = client.history(TASK, "production")
    assert [(move.action, move.from_version, move.to_version) for move in moves] == [
        ("promote", "", "1.0.0"),
        ("promote", "1.0.0", "1.1.0"),
        ("promote", "1.1.0", "2.0.0"),
        ("rollback", "2.0.0", "1.1.0"),
        ("rollback", "1.1.0", "1.0.0"),
    ]
    assert moves[3].reason == "false alarms"
    assert moves[3].actor == "anonymous"


def test_environments_are_apart(client: RegistryClient, published: dict[str, str]) -> None:
    client.promote(TASK, "1.0.0", "production")
    client.promote(TASK, "2.0.0", "staging")

    assert client.resolve(TASK, "production").version == "1.0.0"
    assert client.resolve(TASK, "staging").version == "2.0.0"


@pytest.mark.parametrize(
    ("metrics", "text"),
    [
        ({"accuracy": 0.7, "size_mib": 2.0}, "good: accuracy is 0.7, must be > 0.7"),
        ({"size_mib": 2.0}, "good: accuracy is not measured, must be > 0.7"),
        (
            {"accuracy": 0.5, "size_mib": 6.0},
            "good: accuracy is 0.5, must be > 0.7; small: size_mib is 6, must be <= 5",
        ),
    ],
)
def test_gates_forbid_a_promotion(
    client: RegistryClient, make_bundle: Callable[..., Bundle], metrics: dict[str, float], text: str
) -> None:
    gates = [("good", "accuracy", ">", 0.7), ("small", "size_mib", "<=", 5.0)]
    version = client.publish(make_bundle(metrics=metrics, gates=gates).path).version
    assert not version.gates_passed

    with pytest.raises(GatesFailed) as refusal:
        client.promote(TASK, "1.0.0", "production")

    assert text in str(refusal.value)
    with pytest.raises(NotFound):
        client.resolve(TASK, "production")


@pytest.mark.parametrize(
    ("comparison", "limit", "passes"),
    [(">", 0.9, False), (">=", 0.9, True), ("<", 0.9, False), ("<=", 0.9, True), (">", 0.89, True), ("<", 0.91, True)],
)
def test_each_comparison(
    client: RegistryClient, make_bundle: Callable[..., Bundle], comparison: str, limit: float, passes: bool
) -> None:
    bundle = make_bundle(metrics={"accuracy": 0.9}, gates=[("gate", "accuracy", comparison, limit)])

    assert client.publish(bundle.path).version.gates_passed == passes


def test_an_override_is_kept_in_the_history(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> None:
    client.publish(make_bundle(metrics={"accuracy": 0.1}).path)

    for reason in ("", "  "):
        with pytest.raises(InvalidInput, match="needs a reason"):
            client.promote(TASK, "1.0.0", "staging", reason, override_gates=True)
    promotion = client.promote(TASK, "1.0.0", "staging", "only for a demonstration", override_gates=True)

    assert [gate.passed for gate in promotion.gates] == [False]
    (move,) = client.history(TASK, "staging")
    assert move.gates_overridden
    assert move.reason == "only for a demonstration"


def test_what_synthetic_data_made_reaches_production_by_an_override_alone(
    client: RegistryClient, make_bundle: Callable[..., Bundle]
) -> None:
    version = client.publish(make_bundle(synthetic=("synthetic_frames", "synthetic_sounds")).path).version
    assert version.gates_passed

    assert client.promote(TASK, "1.0.0", "staging").environment.version == "1.0.0"
    with pytest.raises(GatesFailed, match=r"SYNTHETIC data \(synthetic_frames, synthetic_sounds\).*train on real data"):
        client.promote(TASK, "1.0.0", "production")
    with pytest.raises(InvalidInput, match="needs a reason"):
        client.promote(TASK, "1.0.0", "production", override_gates=True)
    with pytest.raises(NotFound):
        client.resolve(TASK, "production")
    client.promote(TASK, "1.0.0", "production", "to show the way", override_gates=True)

    assert client.resolve(TASK, "production").version == "1.0.0"
    assert [move.gates_overridden for move in client.history(TASK, "staging")] == [False]
    (move,) = client.history(TASK, "production")
    assert move.gates_overridden
    assert move.reason == "to show the way"


def test_synthetic_data_and_gates_that_fail_are_told_together(
    client: RegistryClient, make_bundle: Callable[..., Bundle]
) -> None:
    client.publish(make_bundle(synthetic=("drawn",), metrics={"accuracy": 0.1}).path)

    with pytest.raises(GatesFailed, match=r"accuracy is 0\.1, must be > 0\.7.*SYNTHETIC data \(drawn\)"):
        client.promote(TASK, "1.0.0", "production")


def test_an_override_that_was_not_needed_is_none(client: RegistryClient, published: dict[str, str]) -> None:
    client.promote(TASK, "1.0.0", "production", override_gates=True)

    assert not client.history(TASK, "production")[0].gates_overridden


def test_an_expected_revision_guards_a_promotion(client: RegistryClient, published: dict[str, str]) -> None:
    client.promote(TASK, "1.0.0", "production", expected_revision=0)

    with pytest.raises(Conflict, match="at revision 1, not 0"):
        client.promote(TASK, "1.1.0", "production", expected_revision=0)

    assert client.promote(TASK, "1.1.0", "production", expected_revision=1).environment.revision == 2


def test_of_racing_promotions_with_one_expected_revision_one_wins(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    client: RegistryClient,
    published: dict[str, str],
) -> None:
    clients = [client, connect(start()), connect(start())]
    gate = threading.Barrier(len(clients))

    def promote(client: RegistryClient, version: str) -> str:
        gate.wait()
        try:
            return client.promote(TASK, version, "production", expected_revision=0).environment.version
        except Conflict:
            return "lost"

    with ThreadPoolExecutor(len(clients)) as pool:
        outcomes = list(pool.map(promote, clients, published))

    winners = [outcome for outcome in outcomes if outcome != "lost"]
    assert len(winners) == 1
    assert client.resolve(TASK, "production").version == winners[0]
    assert client.resolve(TASK, "production").revision == 1


def test_no_racing_promotion_is_lost(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    client: RegistryClient,
    published: dict[str, str],
) -> None:
    clients = [client, connect(start()), connect(start())]
    gate = threading.Barrier(len(clients))

    def promote(client: RegistryClient, version: str) -> None:
        gate.wait()
        client.promote(TASK, version, "production")

    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(promote, clients, published))

    moves = client.history(TASK, "production")
    assert {move.to_version for move in moves} == set(published)
    assert [move.revision for move in moves] == [1, 2, 3]
    assert [move.from_version for move in moves] == ["", *(move.to_version for move in moves[:-1])]


class Meddler(LocalStore):
    """Before each of its first writes, somebody else is quicker."""

    def __init__(self, root: Path, quicker: list[Callable[[], object]]) -> None:
        super().__init__(root)
        self._quicker = quicker

    def replace(self, key: str, data: bytes, etag: str) -> str:
        if self._quicker:
            self._quicker.pop()()
        return super().replace(key, data, etag)


def test_a_lost_race_is_run_again_a_few_times(
    client: RegistryClient, published: dict[str, str], tmp_path: Path
) -> None:
    client.promote(TASK, "1.0.0", "production")
    others = ["1.0.0", "1.1.0"]  # the last one moves first
    quicker: list[Callable[[], object]] = [
        lambda version=version: client.promote(TASK, version, "production") for version in others
    ]
    meddler = Meddler(tmp_path / "store", quicker)

    promotion = Environments(meddler, Versions(meddler), StoredGalleries(meddler)).promote(
        TASK, "2.0.0", "production", "anna"
    )

    assert promotion.environment.version == "2.0.0"
    assert promotion.environment.revision == 4
    assert client.history(TASK, "production")[-1].from_version == "1.0.0"


def test_a_race_that_is_always_lost_ends(client: RegistryClient, published: dict[str, str], tmp_path: Path) -> None:
    client.promote(TASK, "1.0.0", "production")
    quicker: list[Callable[[], object]] = [
        lambda number=number: client.promote(TASK, ("1.0.0", "1.1.0")[number % 2], "production") for number in range(40)
    ]
    meddler = Meddler(tmp_path / "store", quicker)

    with pytest.raises(Conflict, match="many at once"):
        Environments(meddler, Versions(meddler), StoredGalleries(meddler)).promote(TASK, "2.0.0", "production", "anna")


def test_of_two_rollbacks_at_once_one_is_enough(
    client: RegistryClient, published: dict[str, str], tmp_path: Path
) -> None:
    for version in published:
        client.promote(TASK, version, "production")
    meddler = Meddler(tmp_path / "store", [lambda: client.rollback(TASK, "production")])

    with pytest.raises(Conflict, match=r"moved to 1\.1\.0 meanwhile"):
        Environments(meddler, Versions(meddler), StoredGalleries(meddler)).rollback(TASK, "production", "anna")

    assert client.resolve(TASK, "production").version == "1.1.0"


def test_what_was_in_production_on_that_day(
    client: RegistryClient, published: dict[str, str], store: LocalStore
) -> None:
    begin = datetime(2026, 3, 1, 12, tzinfo=UTC)
    days = iter([0, 10, 20])
    environments = Environments(
        store, Versions(store), StoredGalleries(store), lambda: begin + timedelta(days=next(days))
    )
    environments.promote(TASK, "1.0.0", "production", "anna")
    environments.promote(TASK, "1.1.0", "production", "ben")
    environments.rollback(TASK, "production", "anna", "barks")

    def on(day: float) -> list[tuple[str, str]]:
        moves = client.history(TASK, "production", begin + timedelta(days=day))
        return [(move.to_version, move.actor) for move in moves]

    assert on(-0.1) == []
    assert on(0) == [("1.0.0", "anna")]
    assert on(9.9) == [("1.0.0", "anna")]
    assert on(15) == [("1.1.0", "ben")]
    assert on(400) == [("1.0.0", "anna")]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda c: c.resolve("no.task", "production"), NotFound, "nothing of task no.task was published"),
        (lambda c: c.resolve(TASK, "production"), NotFound, "was promoted to 'production'"),
        (lambda c: c.history(TASK, "production"), NotFound, "was promoted to"),
        (lambda c: c.rollback(TASK, "production"), NotFound, "was promoted to"),
        (lambda c: c.promote(TASK, "9.9.9", "production"), NotFound, "no version 9.9.9"),
        (lambda c: c.promote(TASK, "1.0", "production"), InvalidInput, "semantic version"),
        (lambda c: c.promote(TASK, "1.0.0", "Produc tion"), InvalidInput, "environment"),
        (lambda c: c.promote(TASK, "1.0.0", "production", "x" * 1001), InvalidInput, "1001 characters"),
        (lambda c: c.resolve("../up", "production"), InvalidInput, "task"),
    ],
)
def test_what_is_wrong_says_so(
    client: RegistryClient,
    published: dict[str, str],
    call: Callable[[RegistryClient], object],
    error: type[PipitError],
    text: str,
) -> None:
    with pytest.raises(error, match=text):
        call(client)

    assert client.list_versions().environments == ()


def test_a_pointer_that_can_not_be_read_says_which(
    client: RegistryClient, published: dict[str, str], store: LocalStore
) -> None:
    client.promote(TASK, "1.0.0", "production")
    stored: Stored = store.read(f"models/{TASK}/environments/production.json")
    store.replace(f"models/{TASK}/environments/production.json", b"{", stored.etag)

    with pytest.raises(IntegrityError, match=r"environments/production\.json in the store can't be read"):
        client.resolve(TASK, "production")
