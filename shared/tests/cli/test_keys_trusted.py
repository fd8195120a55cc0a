"""Signed by default: what the first publish does, and how keys are trusted, rotated and revoked by commands."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipit.bundle.signing import generate_key, key_id, load_private_key, save_public_key, sign
from pipit.cli.exit_codes import ExitCode
from pipit.cli.signing import _lasts
from pipit.registry import RegistryClient

Pipit = Callable[..., Any]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Where this user's key will lie."""
    return tmp_path / "config" / "signing.pem"


def identity(path: Path) -> str:
    return key_id(load_private_key(path).public_key())


@pytest.fixture
def publish(pipit: Pipit, registry: str, make_bundle: Callable[..., Any]) -> Callable[..., Any]:
    made: dict[str, Path] = {}

    def call(version: str) -> Any:
        if version not in made:
            made[version] = make_bundle(version).path
        return pipit("publish", made[version], "--registry", registry, "--json")

    return call


def listed(registry: str) -> dict[str, bool]:
    with RegistryClient(registry) as client:
        return {key.id: key.revoked_at is None for key in client.list_keys().keys}


def test_the_first_publish_makes_a_key_says_where_and_makes_the_registry_trust_it(
    publish: Callable[..., Any], registry: str, key: Path
) -> None:
    called = publish("1.0.0")
    assert called.code == 0
    assert f"made the key {identity(key)} at {key}" in called.err.replace("\n", "")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert called.json()["version"]["signed_by"] == [identity(key)]
    assert listed(registry) == {identity(key): True}
    # The next ones say nothing more of it.
    second = publish("1.1.0")
    assert second.json()["version"]["signed_by"] == [identity(key)]
    assert "key" not in second.err


def test_who_has_no_key_that_the_registry_trusts_is_told_what_to_do(
    pipit: Pipit, publish: Callable[..., Any], registry: str, key: Path, tmp_path: Path
) -> None:
    owner = generate_key().public_key()
    save_public_key(owner, tmp_path / "owner.pub")
    assert pipit("keys", "trust", tmp_path / "owner.pub", "--registry", registry).code == 0
    called = publish("1.0.0")
    assert called.code == ExitCode.INTEGRITY
    assert "pipit keys generate" in called.err
    assert not key.exists()
    assert pipit("keys", "generate").code == 0
    assert publish("1.0.0").code == ExitCode.INTEGRITY
    trusted = pipit("keys", "trust", "--registry", registry)
    assert "no key that devices trust endorses it" in trusted.out.replace("\n", " ")
    assert publish("1.0.0").json()["version"]["signed_by"] == [identity(key)]


def test_an_old_registry_with_unsigned_versions_goes_on_until_somebody_says_so(
    pipit: Pipit, publish: Callable[..., Any], registry: str, make_bundle: Callable[..., Any], key: Path
) -> None:
    with RegistryClient(registry) as client:
        for version in ("1.0.0", "1.1.0"):
            client.publish(make_bundle(version).path)
        task = client.list_versions().versions[0].task
        client.promote(task, "1.1.0", "production")
    assert "unsigned" in pipit("models", "--registry", registry).out
    called = publish("1.2.0")
    assert called.code == 0
    assert "2 of its versions are unsigned" in called.err.replace("\n", " ")
    assert listed(registry) == {}
    refused = pipit("keys", "trust", "--registry", registry)
    assert refused.code == ExitCode.GATES_FAILED
    assert "pipit keys trust --sign" in refused.err
    assert pipit("keys", "trust", "--sign", "--registry", registry).code == 0
    assert listed(registry) == {identity(key): True}
    with RegistryClient(registry) as client:
        signers = {version.version: version.signed_by for version in client.list_versions().versions}
    assert signers["1.1.0"] == (identity(key),)
    assert signers["1.0.0"] == ()


def test_a_key_is_rotated_signs_what_is_in_use_and_the_old_one_is_revoked(
    pipit: Pipit, publish: Callable[..., Any], registry: str, key: Path
) -> None:
    version = publish("1.0.0").json()["version"]
    assert pipit("promote", version["task"], "1.0.0", "production", "--registry", registry).code == 0
    old = identity(key)
    rotated = pipit("keys", "rotate", "--expires", 30, "--registry", registry, "--json").json()
    assert (rotated["id"], rotated["before"]) == (identity(key), old)
    assert identity(Path(rotated["kept"])) == old
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    entries = {entry["id"]: entry for entry in pipit("keys", "list", "--registry", registry, "--json").json()["keys"]}
    assert [each["by"] for each in entries[identity(key)]["endorsements"]] == [old]
    assert entries[identity(key)]["expires_at"] is not None
    signed = pipit("keys", "sign", "--registry", registry, "--json").json()
    assert signed == {"id": identity(key), "signed": [version["name"]]}
    revoked = pipit("keys", "revoke", old, "--reason", "rotated", "--registry", registry, "--json").json()
    assert revoked["in_use"] == []
    assert listed(registry) == {old: False, identity(key): True}
    table = pipit("keys", "list", "--registry", registry).out
    assert "(yours)" in table
    assert "revoked" in table


def test_a_bundle_of_a_key_that_was_revoked_since_is_signed_with_yours(
    pipit: Pipit, publish: Callable[..., Any], registry: str, make_bundle: Callable[..., Any], key: Path
) -> None:
    publish("1.0.0")
    old = load_private_key(key)
    assert pipit("keys", "rotate", "--registry", registry).code == 0
    bundle = make_bundle("1.1.0")
    (bundle.path / "bundle.sig").write_bytes(sign(old, bundle.manifest_bytes))
    trusted = pipit("publish", bundle.path, "--registry", registry, "--json").json()
    assert trusted["version"]["signed_by"] == [key_id(old.public_key())]
    assert pipit("keys", "revoke", key_id(old.public_key()), "--registry", registry).code == 0
    bundle = make_bundle("1.2.0")
    (bundle.path / "bundle.sig").write_bytes(sign(old, bundle.manifest_bytes))
    called = pipit("publish", bundle.path, "--registry", registry, "--json")
    assert called.json()["version"]["signed_by"] == [identity(key)]


def test_revoking_names_what_nobody_else_signed(
    pipit: Pipit, publish: Callable[..., Any], registry: str, key: Path
) -> None:
    version = publish("1.0.0").json()["version"]
    assert pipit("promote", version["task"], "1.0.0", "production", "--registry", registry).code == 0
    called = pipit("keys", "revoke", identity(key), "--registry", registry)
    assert called.code == 0
    assert f"nobody else signed {version['name']}" in called.out
    assert publish("1.1.0").code == ExitCode.INTEGRITY


def test_the_public_half_can_be_given_away(pipit: Pipit, key: Path) -> None:
    assert pipit("keys", "generate").code == 0
    assert pipit("keys", "export").out == key.with_name("signing.pem.pub").read_text()
    assert pipit("keys", "show").out.strip() == identity(key)


def test_no_key_is_made_where_it_would_be_lost(
    monkeypatch: pytest.MonkeyPatch, publish: Callable[..., Any], registry: str, key: Path
) -> None:
    monkeypatch.setattr("pipit.cli.signing._lasts", lambda path: False)
    called = publish("1.0.0")
    assert called.code == 0
    assert "PIPIT_SIGNING_KEY" in called.err
    assert called.json()["version"]["signed"] is False
    assert not key.exists()
    assert listed(registry) == {}


@pytest.mark.parametrize(
    ("mounts", "lasts"),
    [
        ("overlay / overlay rw 0 0\n", False),
        ("/dev/sda1 / ext4 rw 0 0\n", True),
        ("overlay / overlay rw 0 0\n/dev/sda1 /home ext4 rw 0 0\n", True),
        ("/dev/sda1 / ext4 rw 0 0\ntmpfs /home tmpfs rw 0 0\n", False),
    ],
)
def test_what_lasts_is_told_by_the_file_system(monkeypatch: pytest.MonkeyPatch, mounts: str, lasts: bool) -> None:
    monkeypatch.setattr(Path, "read_text", lambda path, encoding: mounts)
    monkeypatch.setattr(Path, "exists", lambda path: path == Path("/home"))
    assert _lasts(Path("/home/anna/.config/pipit/signing.pem")) is lasts
