"""Which signatures are good: keys from files, from a registry's lists, endorsed, expired, revoked, and remembered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pipit.bundle.keyring import Keyring
from pipit.bundle.keys import Endorsement, KeyList, SigningKey, endorse, is_endorsed, raw_key
from pipit.bundle.signing import key_id, save_public_key, sign
from pipit.errors import UntrustedSignature

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
FIRST, SECOND, THIRD, STRANGE = (Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in range(4))
MANIFEST = b"task: test.sounds\n"


def identity(key: Ed25519PrivateKey) -> str:
    return key_id(key.public_key())


def listed(
    key: Ed25519PrivateKey, by: Ed25519PrivateKey | None = None, expires_at: datetime | None = None
) -> SigningKey:
    endorsements = () if by is None else (endorse(by, key.public_key(), expires_at),)
    return SigningKey(raw_key(key.public_key()), expires_at=expires_at, endorsements=endorsements)


def revoked(key: SigningKey) -> SigningKey:
    return replace(key, revoked_at=NOON, revoked_reason="the laptop was stolen")


def accepts(keyring: Keyring, key: Ed25519PrivateKey, new: bool = True) -> bool:
    check = keyring.check_new if new else keyring.check
    try:
        return check(sign(key, MANIFEST), MANIFEST) == identity(key)
    except UntrustedSignature:
        return False


def test_while_no_key_is_trusted_nothing_has_to_be_signed() -> None:
    keyring = Keyring()
    keyring.follow(KeyList())
    assert not keyring.required
    assert keyring.check_new(b"", MANIFEST) is None
    assert keyring.check_new(sign(FIRST, MANIFEST), MANIFEST) is None
    assert keyring.trusts("unsigned")


def test_a_device_without_key_files_takes_the_first_list_and_later_only_what_is_endorsed() -> None:
    keyring = Keyring()
    keyring.follow(KeyList(1, (listed(FIRST),)))
    assert keyring.required
    assert accepts(keyring, FIRST)
    with pytest.raises(UntrustedSignature, match="not signed, but only bundles of trusted keys"):
        keyring.check_new(b"", MANIFEST)
    # Whoever has the registry, but no key, makes nothing run here.
    keyring.follow(KeyList(2, (listed(FIRST), listed(STRANGE), listed(SECOND, by=FIRST))))
    assert accepts(keyring, SECOND)
    assert not accepts(keyring, STRANGE)
    # One that was endorsed vouches for the next, also where both are told at once.
    keyring.follow(KeyList(3, (listed(THIRD, by=SECOND), listed(FIRST), listed(SECOND, by=FIRST))))
    assert accepts(keyring, THIRD)


def test_key_files_are_the_root_and_no_list_takes_their_place(tmp_path: Path) -> None:
    save_public_key(FIRST.public_key(), tmp_path / "first.pub")
    keyring = Keyring(files=[tmp_path / "first.pub"])
    keyring.follow(KeyList(1, (listed(STRANGE), listed(SECOND, by=FIRST))))
    assert [accepts(keyring, key) for key in (FIRST, SECOND, STRANGE)] == [True, True, False]


def test_files_are_read_again_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "trusted.pub"
    save_public_key(FIRST.public_key(), path)
    keyring = Keyring(files=[path])
    told: list[bool] = []
    keyring.on_change = lambda: told.append(keyring.trusts(identity(FIRST)))
    assert keyring.reload() is False
    assert told == []
    save_public_key(SECOND.public_key(), path)
    assert keyring.reload() is False
    assert told == [False]
    assert [accepts(keyring, key) for key in (FIRST, SECOND)] == [False, True]
    path.write_text("half a file")
    assert keyring.reload() is True
    assert accepts(keyring, SECOND)


def test_an_endorsement_holds_for_one_key_with_one_expiry_by_the_key_that_made_it() -> None:
    week = NOON + timedelta(days=7)
    good = listed(SECOND, by=FIRST, expires_at=week)
    assert is_endorsed(good, FIRST.public_key())
    assert not is_endorsed(good, THIRD.public_key())
    assert not is_endorsed(replace(good, expires_at=None), FIRST.public_key())
    assert not is_endorsed(replace(good, expires_at=week + timedelta(seconds=1)), FIRST.public_key())
    assert not is_endorsed(replace(good, public_key=raw_key(THIRD.public_key())), FIRST.public_key())
    # The signature of a manifest is no endorsement, and none is the signature of a manifest.
    forged = Endorsement(identity(FIRST), sign(FIRST, bytes.fromhex(good.public_key)).hex())
    assert not is_endorsed(replace(good, endorsements=(forged,)), FIRST.public_key())


def test_a_revoked_key_signs_nothing_any_more_and_endorses_nobody(tmp_path: Path) -> None:
    save_public_key(FIRST.public_key(), tmp_path / "first.pub")
    keyring = Keyring(files=[tmp_path / "first.pub"])
    keyring.follow(KeyList(2, (revoked(listed(FIRST)), listed(SECOND, by=FIRST))))
    # Who was away while the key was rotated and revoked still follows, for both are told at once.
    assert accepts(keyring, SECOND)
    for new in (True, False):
        assert not accepts(keyring, FIRST, new)
    with pytest.raises(UntrustedSignature, match=r"revoked \(2026-11-29: the laptop was stolen\)"):
        keyring.check(sign(FIRST, MANIFEST), MANIFEST)
    assert not keyring.trusts(identity(FIRST))
    keyring.follow(KeyList(3, (revoked(listed(FIRST)), listed(SECOND, by=FIRST), listed(STRANGE, by=FIRST))))
    assert not accepts(keyring, STRANGE)
    # A list that has forgotten it changes nothing.
    keyring.follow(KeyList(4, (listed(FIRST), listed(SECOND, by=FIRST))))
    assert not accepts(keyring, FIRST)


def test_with_every_key_revoked_nothing_is_taken() -> None:
    keyring = Keyring()
    keyring.follow(KeyList(1, (listed(FIRST),)))
    keyring.follow(KeyList(2, (revoked(listed(FIRST)),)))
    assert keyring.required
    assert not accepts(keyring, FIRST)
    with pytest.raises(UntrustedSignature, match="trusted keys \\(none\\)"):
        keyring.check(b"", MANIFEST)


def test_an_expired_key_brings_nothing_new_but_what_it_signed_before_stays_good() -> None:
    now = NOON
    keyring = Keyring(now=lambda: now)
    keyring.follow(KeyList(1, (listed(FIRST, expires_at=NOON + timedelta(hours=1)),)))
    assert accepts(keyring, FIRST)
    now = NOON + timedelta(hours=1)
    with pytest.raises(UntrustedSignature, match="expired at 2026-11-29 13:00 UTC"):
        keyring.check_new(sign(FIRST, MANIFEST), MANIFEST)
    assert accepts(keyring, FIRST, new=False)
    assert keyring.trusts(identity(FIRST))
    keyring.follow(KeyList(2, (listed(FIRST, expires_at=NOON + timedelta(hours=1)), listed(SECOND, by=FIRST))))
    assert not accepts(keyring, SECOND)


def test_a_registry_may_say_when_a_key_of_a_file_expires(tmp_path: Path) -> None:
    save_public_key(FIRST.public_key(), tmp_path / "first.pub")
    keyring = Keyring(files=[tmp_path / "first.pub"], now=lambda: NOON)
    assert accepts(keyring, FIRST)
    keyring.follow(KeyList(1, (listed(FIRST, expires_at=NOON),)))
    assert not accepts(keyring, FIRST)


@pytest.fixture
def restarted(tmp_path: Path) -> Callable[[], Keyring]:
    """A keyring whose memory is that of those before it."""
    return lambda: Keyring(memory=tmp_path / "cache" / "keys.json")


def test_what_was_learnt_outlives_a_restart(restarted: Callable[[], Keyring]) -> None:
    restarted().follow(KeyList(1, (listed(FIRST),)))
    restarted().follow(KeyList(2, (listed(FIRST), listed(SECOND, by=FIRST), listed(STRANGE))))
    assert [accepts(restarted(), key) for key in (FIRST, SECOND, STRANGE)] == [True, True, False]
    restarted().follow(KeyList(3, (revoked(listed(FIRST)), listed(SECOND, by=FIRST))))
    assert [accepts(restarted(), key, new=False) for key in (FIRST, SECOND)] == [False, True]


def test_two_processes_forget_no_revocation_of_each_other(restarted: Callable[[], Keyring]) -> None:
    both = (listed(FIRST), listed(SECOND))
    restarted().follow(KeyList(1, both))
    mine, theirs = restarted(), restarted()
    mine.follow(KeyList(2, (revoked(both[0]), both[1])))
    theirs.follow(KeyList(2, (both[0], revoked(both[1]))))
    assert [accepts(restarted(), key) for key in (FIRST, SECOND)] == [False, False]


def test_a_damaged_memory_keeps_no_device_from_starting(restarted: Callable[[], Keyring], tmp_path: Path) -> None:
    restarted().follow(KeyList(1, (listed(FIRST),)))
    (tmp_path / "cache" / "keys.json").write_bytes(b'{"accepted": {')
    keyring = restarted()
    assert not keyring.required
    keyring.follow(KeyList(2, (listed(FIRST),)))
    assert accepts(keyring, FIRST)


def test_what_is_no_key_in_a_list_is_passed_over() -> None:
    keyring = Keyring()
    keyring.follow(KeyList(1, (SigningKey("ab"), SigningKey("no hexadecimal"), listed(FIRST))))
    assert accepts(keyring, FIRST)
