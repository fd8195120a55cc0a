"""Who made a bundle: Ed25519 (RFC 8032) over the bytes of `bundle.yaml`, 64 bytes in `bundle.sig`.

The manifest holds the digest of every other file, so that its signature covers all of them. Keys are PEM files
(PKCS #8 and SubjectPublicKeyInfo) that openssl reads too.

Each function imports what it needs of `cryptography`: that takes 11 ms and 7 MiB of a process, and one that
trusts no key opens bundles without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pipit.errors import InvalidInput, NotFound, UntrustedSignature
from pipit.files import open_atomically, sha256_bytes, write_secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_BYTES = 64
_LARGEST_KEY_FILE = 16 << 10


def generate_key() -> Ed25519PrivateKey:
    """A new signing key from the system's random source."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    return Ed25519PrivateKey.generate()


def save_private_key(key: Ed25519PrivateKey, path: Path) -> None:
    """Writes a PEM file that its owner alone may read (0600). Raises AlreadyExists: a key is never written over."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_secret(path, pem)


def save_public_key(key: Ed25519PublicKey, path: Path) -> None:
    """Writes a PEM file for the devices that trust this key."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with open_atomically(path) as stream:
        stream.write(pem)


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Raises NotFound, and InvalidInput for anything but an Ed25519 private key without a pass phrase."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    try:
        key = serialization.load_pem_private_key(_read_key(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidInput(f"{path} is not a PEM private key without a pass phrase") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput(f"{path} holds another kind of key; bundles are signed with Ed25519")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Raises NotFound, and InvalidInput for anything but an Ed25519 public key."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        key = serialization.load_pem_public_key(_read_key(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput(f"{path} is not a PEM public key; give the public half, not the private one") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidInput(f"{path} holds another kind of key; bundles are signed with Ed25519")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """A short name of a key for logs: the first 16 hexadecimal digits of the SHA-256 of its 32 raw bytes."""
    return sha256_bytes(key.public_bytes_raw())[:16]


def sign(key: Ed25519PrivateKey, manifest_bytes: bytes) -> bytes:
    """The content of `bundle.sig`: 64 bytes."""
    return key.sign(manifest_bytes)


def verify(signature: bytes, manifest_bytes: bytes, trusted_keys: Iterable[Ed25519PublicKey]) -> str:
    """The id of the trusted key that signed. Raises UntrustedSignature if none did, or if nothing was signed."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    keys = tuple(trusted_keys)
    known = ", ".join(key_id(key) for key in keys) or "none"
    if not signature:
        raise UntrustedSignature(f"the bundle is not signed, but only bundles of trusted keys ({known}) are accepted")
    for key in keys:
        try:
            key.verify(signature, manifest_bytes)
        except InvalidSignature:
            continue
        return key_id(key)
    raise UntrustedSignature(
        f"the signature is not that of a trusted key ({known}) over this manifest: "
        "the bundle was changed, or its maker's key is not trusted here"
    )


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_LARGEST_KEY_FILE)
    except FileNotFoundError as error:
        raise NotFound(f"there is no key at {path}") from error
    except OSError as error:
        raise InvalidInput(f"the key at {path} can't be read: {error.strerror}") from error
