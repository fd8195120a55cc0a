"""The audit log: every action is on it, by whom and with what came of it, and no record can be changed or left out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from model_registry import layout
from model_registry.audit_log import AuditLog
from model_registry.server import RegistryServer
from pipit.audit import AuditClient, Chain, Outcome, Record, digest_of
from pipit.bundle import Bundle
from pipit.errors import GatesFailed, IntegrityError, PermissionDenied, Unavailable
from pipit.faces.sealing import GalleryKey, seal
from pipit.metrics import Metrics
from pipit.registry import RegistryClient
from pipit.rpc.auth import hash_token
from pipit.storage import LocalStore

TASK = "test.sounds"
TOKENS = """
callers:
  - {{name: anna, roles: [publisher, operator], sha256: {anna}}}
  - {{name: reader, roles: [reader], sha256: {reader}}}
"""
Connect = Callable[..., RegistryClient]
Make = Callable[..., Bundle]


def raw(server: RegistryServer, token: str | None = None, since: int = 1) -> list[bytes]:
    with AuditClient(f"127.0.0.1:{server.port}", token) as client:
        return list(client.read(since))


def records(server: RegistryServer, token: str | None = None) -> list[Record]:
    return list(Chain().check(raw(server, token)))


def facts(record: Record) -> tuple[str, str, Outcome, str, str]:
    return record.action, record.subject, record.outcome, record.before, record.after


@pytest.fixture
def log(store: LocalStore) -> AuditLog:
    return AuditLog(store, Metrics("registry"))


def written(log: AuditLog, number: int) -> list[bytes]:
    for index in range(number):
        who = {"caller": "anna", "address": "ipv4:127.0.0.1:1", "action": "publish"}
        log.append({**who, "subject": f"{TASK} 1.0.{index}", "outcome": Outcome.ASKED})
    return list(log.read(1))


def test_every_action_stands_there_with_who_did_it_and_what_came_of_it(
    start: Callable[..., RegistryServer], connect: Connect, make_bundle: Make, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.yaml"
    tokens.write_text(TOKENS.format(anna=hash_token("anna's"), reader=hash_token("reader's")))
    server = start(tokens=tokens)
    client = connect(server, "anna's")
    first, second = make_bundle("1.0.0"), make_bundle("2.0.0", b"other", metrics={"accuracy": 0.1})
    client.publish(first.path)
    client.publish(second.path)
    client.promote(TASK, "1.0.0", "production", reason="tested")
    with pytest.raises(GatesFailed):
        client.promote(TASK, "2.0.0", "production")
    client.promote(TASK, "2.0.0", "production", reason="trial", override_gates=True)
    client.rollback(TASK, "production", reason="it barks")
    with pytest.raises(PermissionDenied):
        connect(server, "reader's").rollback(TASK, "production")

    found = records(server, "anna's")
    assert {record.caller for record in found} == {"anna"}
    assert all(record.address.startswith("ipv4:127.0.0.1:") for record in found)
    asked = [record for record in found if record.outcome is Outcome.ASKED]
    ended = [record for record in found if record.outcome is not Outcome.ASKED]
    assert [record.of for record in ended] == [record.sequence for record in asked]
    assert [facts(record) for record in ended] == [
        ("publish", f"{TASK} 1.0.0", Outcome.DONE, "", first.digest),
        ("publish", f"{TASK} 2.0.0", Outcome.DONE, "", second.digest),
        ("promote", f"production of {TASK} to 1.0.0", Outcome.DONE, "", "1.0.0, revision 1"),
        ("promote", f"production of {TASK} to 2.0.0", Outcome.FAILED, "1.0.0, revision 1", ""),
        ("promote", f"production of {TASK} to 2.0.0", Outcome.DONE, "1.0.0, revision 1", "2.0.0, revision 2"),
        ("rollback", f"production of {TASK}", Outcome.DONE, "2.0.0, revision 2", "1.0.0, revision 3"),
    ]
    assert "fails its quality gates" in ended[3].reason
    assert asked[-1].reason == "it barks"
    with pytest.raises(PermissionDenied):
        raw(server, "reader's")


def test_of_people_it_holds_ids_alone(
    registry: RegistryServer,
    galleries_of: Callable[..., object],
    make_person: Callable[..., object],
    gallery_key: GalleryKey,
) -> None:
    galleries = galleries_of(registry.port)
    galleries.put("home", seal(gallery_key, "home", make_person(1)))  # type: ignore[attr-defined,arg-type]
    galleries.forget("home", f"{1:032x}")  # type: ignore[attr-defined]

    found = records(registry)
    assert [(record.action, record.subject, record.after) for record in found if record.of] == [
        ("put person", f"{1:032x} of home", "revision 1"),
        ("forget person", f"{1:032x} of home", "revision 2"),
    ]
    assert not any(b"Anna" in data for data in raw(registry))


def test_what_is_changed_left_out_or_turned_round_is_found(log: AuditLog) -> None:
    whole = written(log, 5)
    assert [record.sequence for record in Chain().check(whole)] == [1, 2, 3, 4, 5]
    changed = [*whole[:2], whole[2].replace(b"anna", b"ben"), *whole[3:]]
    with pytest.raises(IntegrityError, match="record 3 of the audit log was changed"):
        list(Chain().check(changed))
    with pytest.raises(IntegrityError, match="record 3 of the audit log is missing: 4 is next"):
        list(Chain().check([*whole[:2], *whole[3:]]))
    with pytest.raises(IntegrityError, match="record 1 of the audit log is missing"):
        list(Chain().check(whole[1:]))
    with pytest.raises(IntegrityError, match="can't be read"):
        list(Chain().check([b"{}"]))
    # From the middle on, where the digest is known.
    assert [each.sequence for each in Chain(2, digest_of(whole[1])).check(whole[2:])] == [3, 4, 5]
    with pytest.raises(IntegrityError, match="record 2 of the audit log was changed"):
        list(Chain(2, digest_of(whole[0])).check(whole[2:]))


def test_a_gap_in_the_store_does_not_hide_what_comes_after(log: AuditLog, store: LocalStore) -> None:
    written(log, 4)
    store.delete(layout.audit_record(2))
    with pytest.raises(IntegrityError, match="record 2 of the audit log is missing: 3 is next"):
        list(Chain().check(log.read(1)))


def test_copies_that_write_at_once_make_one_chain(store: LocalStore) -> None:
    copies = [AuditLog(store, Metrics("registry")) for _ in range(3)]
    threads = [threading.Thread(target=written, args=(copy, 15)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = list(Chain().check(AuditLog(store, Metrics("registry")).read(1)))
    assert [record.sequence for record in found] == list(range(1, 46))
    assert len({record.subject for record in found}) == 15


def test_what_can_not_be_recorded_is_not_done(
    registry: RegistryServer, client: RegistryClient, make_bundle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.publish(make_bundle("1.0.0").path)
    before = raw(registry)
    create = LocalStore.create

    def refuse(store: LocalStore, key: str, data: bytes) -> str:
        if key.startswith(layout.AUDIT):
            raise Unavailable("the disk is full")
        return create(store, key, data)

    monkeypatch.setattr(LocalStore, "create", refuse)
    with pytest.raises(Unavailable, match="the disk is full"):
        client.promote(TASK, "1.0.0", "production")
    monkeypatch.undo()
    assert client.list_versions(TASK).environments == ()
    assert raw(registry) == before


def test_an_end_that_can_not_be_recorded_is_counted_and_the_action_stands(
    registry: RegistryServer, client: RegistryClient, make_bundle: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.publish(make_bundle("1.0.0").path)
    create = LocalStore.create
    kept: Iterator[bool] = iter([True, False])

    def refuse(store: LocalStore, key: str, data: bytes) -> str:
        if key.startswith(layout.AUDIT) and not next(kept):
            raise Unavailable("the disk is full")
        return create(store, key, data)

    monkeypatch.setattr(LocalStore, "create", refuse)
    assert client.promote(TASK, "1.0.0", "production").environment.version == "1.0.0"
    monkeypatch.undo()
    assert registry.metrics.registry.get_sample_value("pipit_registry_audit_lost_total") == 1.0
    # What was asked for stands, and that nothing says how it ended.
    assert [(record.action, record.outcome) for record in records(registry)][-1] == ("promote", Outcome.ASKED)
