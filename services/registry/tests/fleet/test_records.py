"""What people made of devices, in a store that others write to as well."""

from __future__ import annotations

from pathlib import Path

import pytest
from model_registry.fleet.records import DeviceRecord, DeviceRecords
from model_registry.fleet.tokens import DeviceTokens
from pipit.errors import Conflict, IntegrityError, Unavailable
from pipit.rpc.auth import hash_token
from pipit.storage import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_what_can_not_be_read_is_said_and_not_written_over(store: LocalStore) -> None:
    records = DeviceRecords(store)
    records.change("pi-8", lambda record: record.with_token("8" * 64, ()))
    store.create("devices/pi-7.json", b"rotten")

    with pytest.raises(
        IntegrityError, match=r"devices/pi-7\.json in the store can't be read; restore it from a backup"
    ):
        records.get("pi-7")
    with pytest.raises(IntegrityError, match=r"devices/pi-7\.json"):
        records.change("pi-7", lambda record: record.with_token("7" * 64, ()))
    assert store.read("devices/pi-7.json").data == b"rotten"

    # The others are known all the same.
    later = DeviceRecords(store)
    assert [record.device_id for record in later.look()] == ["pi-8"]
    assert later.known("pi-8") == records.known("pi-8")


def test_who_is_always_too_late_gives_up(store: LocalStore) -> None:
    tries: list[int] = []

    def overtaken(record: DeviceRecord) -> DeviceRecord:
        tries.append(record.revision)
        DeviceRecords(store).change("pi-7", lambda other: other.with_token("b" * 64, ()))
        return record.with_token("a" * 64, ())

    with pytest.raises(Conflict, match="device pi-7 is being changed by many at once"):
        DeviceRecords(store).change("pi-7", overtaken)
    assert tries == list(range(16))
    assert DeviceRecords(store).get("pi-7").token == "b" * 64


def test_what_is_read_while_somebody_asks_is_not_taken_for_nothing(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "pipit-device.pi-7.random"
    DeviceRecords(store).change("pi-7", lambda record: record.with_token(hash_token(token), ()))

    def overtaken() -> DeviceRecords:
        """The first look at the store ends after somebody found nothing, and before they ask whether it has."""
        records = DeviceRecords(store)
        followed = records._followed
        known = followed.get

        def get(key: str) -> DeviceRecord | None:
            found = known(key)
            if not followed.complete:
                followed.look()
            return found

        monkeypatch.setattr(followed, "get", get)
        return records

    assert overtaken().get("pi-7").token == hash_token(token)
    tokens = DeviceTokens(overtaken())
    with pytest.raises(Unavailable, match="has not read its devices yet"):
        tokens.find(token)
    asking = tokens.find(token)
    assert asking is not None
    assert asking.device == "pi-7"
