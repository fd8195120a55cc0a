"""Opens a bundle directory: nothing of it is used before every byte of it is checked.

bundle.yaml  ->  signature (where keys are trusted)  ->  parse  ->  size and SHA-256 of each file
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipit.bundle.manifest import MANIFEST_FILE, SIGNATURE_FILE, FileEntry, Manifest
from pipit.bundle.manifest_file import MAX_MANIFEST_BYTES, parse_manifest
from pipit.bundle.signing import SIGNATURE_BYTES, verify
from pipit.errors import IntegrityError, NotFound
from pipit.files import sha256_bytes, sha256_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Verify = Callable[[bytes, bytes], str | None]
"""Takes a signature and the manifest's bytes, and gives the id of the key that signed; raises UntrustedSignature."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle directory that was whole and unchanged when it was opened."""

    path: Path
    manifest: Manifest
    manifest_bytes: bytes
    """`bundle.yaml`, byte for byte."""
    digest: str
    """SHA-256 of `manifest_bytes`: the bundle's identity."""
    signature: bytes = b""
    """Empty: not signed."""
    signed_by: str | None = None
    """Id of the trusted key that signed it; None where no key was asked for."""

    @property
    def signer(self) -> str:
        """For people: the id of the trusted key that signed it, "not checked" or "unsigned"."""
        return self.signed_by or ("not checked" if self.signature else "unsigned")

    def file(self, relative: str) -> Path:
        """Path of one of the manifest's files. Raises NotFound for any other."""
        if relative not in self.manifest.files:
            raise NotFound(f"bundle {self.manifest.name} has no file {relative!r}")
        return self.path / relative

    def weights(self, variant: str | None = None) -> Path:
        """The network of that variant, or of the default one. Raises NotFound."""
        return self.file(self.manifest.variant(variant).file)


def open_bundle(path: Path, trusted_keys: Iterable[Ed25519PublicKey] | Verify = ()) -> Bundle:
    """Reads and checks the bundle in the directory `path`. Files that the manifest does not name are ignored.

    trusted_keys: where there is any, one of them must have signed; or what decides, as a `Keyring` does.
    Raises NotFound if there is no bundle, IntegrityError for a missing or changed file or a link that leads out,
    UntrustedSignature for a missing or wrong signature, InvalidInput for a manifest that is wrong in itself.
    """
    manifest_bytes = _read(path, MANIFEST_FILE, MAX_MANIFEST_BYTES)
    if manifest_bytes is None:
        raise NotFound(f"{path} is not a bundle: it has no {MANIFEST_FILE}")
    signature = _read(path, SIGNATURE_FILE, SIGNATURE_BYTES) or b""
    if callable(trusted_keys):
        signed_by = trusted_keys(signature, manifest_bytes)
    else:
        keys = tuple(trusted_keys)
        signed_by = verify(signature, manifest_bytes, keys) if keys else None
    manifest = parse_manifest(manifest_bytes)
    for relative, entry in manifest.files.items():
        check_file(path, relative, entry)
    return Bundle(path, manifest, manifest_bytes, sha256_bytes(manifest_bytes), signature, signed_by)


def reopen_bundle(path: Path, digest: str) -> Bundle:
    """The bundle in the directory `path` for another process, once `open_bundle` has checked every byte of it.

    Raises IntegrityError if its manifest is another one by now.
    """
    manifest_bytes = _read(path, MANIFEST_FILE, MAX_MANIFEST_BYTES)
    if manifest_bytes is None or sha256_bytes(manifest_bytes) != digest:
        raise IntegrityError(f"the bundle in {path} has changed meanwhile; fetch it again")
    return Bundle(path, parse_manifest(manifest_bytes), manifest_bytes, digest)


def check_file(folder: Path, relative: str, entry: FileEntry) -> None:
    """Compares one file below `folder` with what the manifest says of it. Raises IntegrityError."""
    path = folder / relative
    try:
        if not _real(path).is_relative_to(_real(folder)):
            raise IntegrityError(f"{relative} is a link that leads out of the bundle; copy the file in its place")
        if not path.is_file():
            raise IntegrityError(f"{relative} is missing from the bundle at {folder}; fetch the bundle again")
        size = path.stat().st_size
        if size != entry.size:
            raise IntegrityError(f"{relative} has {size} bytes, not {entry.size}; fetch the bundle again")
        digest = sha256_file(path)
    except OSError as error:
        raise IntegrityError(f"{relative} can't be read: {error.strerror}") from error
    if digest != entry.sha256:
        raise IntegrityError(f"{relative} has SHA-256 {digest}, not {entry.sha256}; fetch the bundle again")


def _read(folder: Path, name: str, limit: int) -> bytes | None:
    """A file's content up to one byte over the limit, so that the reader of the content sees that it is too long."""
    path = folder / name
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            return stream.read(limit + 1)
    except OSError as error:
        raise IntegrityError(f"{name} can't be read: {error.strerror}") from error


def _real(path: Path) -> Path:
    # Unlike Path.resolve, gives an answer for a link that leads to itself.
    return Path(os.path.realpath(path))
