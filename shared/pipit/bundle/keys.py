"""What is known of the keys that sign bundles: whose each is, until when it may sign, and who vouches for it.

A key that is trusted endorses the next one, so that whoever trusts the first takes over the second without being
told. What is signed then begins with other bytes than any manifest, and can never be taken for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipit.bundle.signing import key_id
from pipit.errors import InvalidInput, UntrustedSignature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_BYTES = 32
_PURPOSE = b"pipit key endorsement 1\0"


@dataclass(frozen=True, slots=True)
class Endorsement:
    """by: id of the key that vouches. signature: in hexadecimal."""

    by: str
    signature: str


@dataclass(frozen=True, slots=True)
class SigningKey:
    """public_key: 32 bytes in hexadecimal. Times are aware. expires_at: from then on it signs nothing new.

    revoked_at: set where it may no longer sign, and what it signed is no longer taken.
    """

    public_key: str
    name: str = ""
    added_at: datetime | None = None
    added_by: str = ""
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str = ""
    revoked_reason: str = ""
    endorsements: tuple[Endorsement, ...] = ()

    @property
    def key(self) -> Ed25519PublicKey:
        """To verify with. Raises InvalidInput for what is no key."""
        return public_key(self.public_key)

    @property
    def id(self) -> str:
        """As logs and errors name it."""
        return key_id(self.key)

    def is_expired(self, now: datetime) -> bool:
        """Whether it may sign nothing new."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class KeyList:
    """What a registry says of keys. revision: counts the changes; 0 while nobody has told it of a key."""

    revision: int = 0
    keys: tuple[SigningKey, ...] = ()


def public_key(raw: str) -> Ed25519PublicKey:
    """Of its 32 bytes in hexadecimal. Raises InvalidInput."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 (see `pipit.bundle.signing`)

    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(raw))
    except ValueError as error:
        raise InvalidInput(f"{raw[:80]!r} is no Ed25519 public key: 32 bytes in hexadecimal") from error


def raw_key(key: Ed25519PublicKey) -> str:
    """The reverse of `public_key`."""
    return key.public_bytes_raw().hex()


def endorse(by: Ed25519PrivateKey, key: Ed25519PublicKey, expires_at: datetime | None = None) -> Endorsement:
    """Says with the key `by` that whoever trusts it may trust `key`, until it expires."""
    return Endorsement(key_id(by.public_key()), by.sign(_statement(raw_key(key), expires_at)).hex())


def is_endorsed(listed: SigningKey, by: Ed25519PublicKey) -> bool:
    """Whether the key `by` vouches for a listed one, with just the expiry that is listed."""
    identity, statement = key_id(by), _statement(listed.public_key, listed.expires_at)
    for endorsement in listed.endorsements:
        if endorsement.by != identity:
            continue
        if _is_signed(bytes.fromhex(endorsement.signature), statement, by):
            return True
    return False


def why_revoked(key: SigningKey) -> str:
    """When, and the reason if one was given; empty for a key that was not."""
    day = "" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d}"
    return f"{day}: {key.revoked_reason}" if key.revoked_reason else day


def find_signer(
    signature: bytes,
    manifest_bytes: bytes,
    known: Mapping[str, SigningKey],
    revoked: Mapping[str, str],
    now: datetime | None = None,
) -> str:
    """The id of the key that signed. Raises UntrustedSignature if none of `known` did, or one that may not.

    known: by id, revoked ones too. revoked: the reasons, by id. now: an aware time at which a key must not have
    expired; None: it may have, for the bundle is not new here.
    """
    names = ", ".join(identity for identity in known if identity not in revoked) or "none"
    if not signature:
        raise UntrustedSignature(
            f"the bundle is not signed, but only bundles of trusted keys ({names}) are accepted; `pipit keys sign` "
            "signs a version that was published"
        )
    signer = next((key for key in known.values() if _is_signed(signature, manifest_bytes, key.key)), None)
    if signer is None:
        raise UntrustedSignature(
            f"the signature is not that of a trusted key ({names}) over this manifest: "
            "the bundle was changed, or its maker's key is not trusted here"
        )
    if signer.id in revoked:
        raise UntrustedSignature(
            f"the bundle is signed with the key {signer.id}, which was revoked ({revoked[signer.id]}); if it is good, "
            "sign it with another key: pipit keys sign"
        )
    if now is not None and signer.is_expired(now):
        raise UntrustedSignature(
            f"the bundle is signed with the key {signer.id}, which expired at {signer.expires_at:%Y-%m-%d %H:%M} UTC; "
            "make the next key (pipit keys rotate), and sign with that (pipit keys sign)"
        )
    return signer.id


def _is_signed(signature: bytes, content: bytes, by: Ed25519PublicKey) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (as above)

    try:
        by.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _statement(raw: str, expires_at: datetime | None) -> bytes:
    until = "" if expires_at is None else expires_at.astimezone(UTC).isoformat(timespec="seconds")
    return _PURPOSE + bytes.fromhex(raw) + until.encode()
