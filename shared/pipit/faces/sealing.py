"""People as they lie on disks and in stores: sealed with AES-256-GCM (NIST SP 800-38D), one key a person.

    gallery's key (32 bytes, on devices that serve faces, nowhere else)
        └── wraps ──> person's key, fresh with each sealing
                          ├── seals ──> body: name, consent, templates
                          └── seals ──> crops, apart, for no device needs them to name anybody

Whoever loses the wrapped key can't read the person any more, whatever copies of the rest are left. What stands in the
clear beside it is bound into every seal, and so are the gallery's name and the person's id: a document that was moved
to another person or gallery, or mixed from two, does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pipit.errors import IntegrityError, InvalidInput, NotFound
from pipit.faces.gallery import Person
from pipit.faces.packing import LARGEST_BODY, LARGEST_CROPS, pack, unpack
from pipit.files import write_secret
from pipit.logging import get_logger

KEY_BYTES = 32
SEAL_BYTES = 28
"""What a seal adds: 12 of the nonce before, 16 of the tag behind."""
WRAPPED_BYTES = KEY_BYTES + SEAL_BYTES
LARGEST_SEALED_BODY = LARGEST_BODY + SEAL_BYTES
LARGEST_SEALED_CROPS = LARGEST_CROPS + SEAL_BYTES
_FORMAT = "pipit sealed person 1"
_NONCE_BYTES = 12
_LARGEST_FILE = 4096
_log = get_logger("faces.sealing")


@dataclass(frozen=True, slots=True)
class GalleryKey:
    """Opens every person of a gallery. secret: 32 random bytes."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise InvalidInput(f"a gallery's key has {KEY_BYTES} bytes, not {len(self.secret)}")

    @classmethod
    def generate(cls) -> Self:
        """A new key from the system's random source."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads the file that `save` wrote. Raises NotFound, and InvalidInput for what is no key."""
        try:
            with path.open("rb") as stream:
                text = stream.read(_LARGEST_FILE)
                status = os.fstat(stream.fileno())
        except FileNotFoundError as error:
            raise NotFound(
                f"there is no gallery key at {path}; make one with `pipit keys gallery {path}`, or copy the one of the "
                "device where people were enrolled"
            ) from error
        except OSError as error:
            raise InvalidInput(f"the gallery key at {path} can't be read: {error.strerror}") from error
        # A secret that was mounted into a container belongs to somebody else, and has to be readable.
        if status.st_mode & 0o007 and status.st_uid == os.geteuid():
            _log.warning("gallery_key_readable_by_all", file=path.name, advice="chmod 600")
        try:
            return cls(base64.b64decode(text.strip(), validate=True))
        except (binascii.Error, InvalidInput) as error:
            raise InvalidInput(
                f"{path} is not a gallery key: {KEY_BYTES} bytes in base64, as `pipit keys gallery` writes them"
            ) from error

    def save(self, path: Path) -> None:
        """Writes a file that its owner alone may read (0600). Raises AlreadyExists: a key is never written over."""
        write_secret(path, base64.b64encode(self.secret) + b"\n")

    @property
    def id(self) -> str:
        """A short name of the key for logs and errors, of which nobody learns the key: 16 hexadecimal digits."""
        return hashlib.sha256(b"pipit gallery key\0" + self.secret).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class SealedPerson:
    """Somebody, as whoever has no key sees them.

    embedders: how many templates there are, by the embedder's digest, sorted. key: id of the gallery's key.
    crops: empty also where they are kept but were not asked for; `keeps_crops` tells the two apart.
    revision: of the gallery, when the person was written; 0 for one who was not yet.
    """

    id: str
    embedders: tuple[tuple[str, int], ...]
    keeps_crops: bool
    key: str
    wrapped_key: bytes = field(repr=False)
    body: bytes = field(repr=False)
    crops: bytes = field(default=b"", repr=False)
    revision: int = 0


def seal(key: GalleryKey, gallery: str, person: Person) -> SealedPerson:
    """Seals with a new key of the person's own. Raises as `packing.pack` does.

    A person who was opened without crops (see `unseal`) would lose them: get them with crops before a change.
    """
    body, crops = pack(person)
    embedders = tuple(sorted(Counter(template.embedder for template in person.templates).items()))
    sealed = SealedPerson(person.id, embedders, bool(crops), key.id, b"", b"")
    own = os.urandom(KEY_BYTES)
    return replace(
        sealed,
        wrapped_key=_seal(key.secret, own, _bound(sealed, gallery, "key")),
        body=_seal(own, body, _bound(sealed, gallery, "body")),
        crops=_seal(own, crops, _bound(sealed, gallery, "crops")) if crops else b"",
    )


def unseal(key: GalleryKey, gallery: str, sealed: SealedPerson) -> Person:
    """Opens; templates have their crops if the document has them.

    Raises InvalidInput if another key sealed it, IntegrityError if it was changed or belongs elsewhere.
    """
    check_key(key, gallery, sealed)
    own = _open(key.secret, sealed.wrapped_key, _bound(sealed, gallery, "key"), sealed.id)
    body = _open(own, sealed.body, _bound(sealed, gallery, "body"), sealed.id)
    crops = _open(own, sealed.crops, _bound(sealed, gallery, "crops"), sealed.id) if sealed.crops else b""
    return unpack(sealed.id, body, crops)


def check_key(key: GalleryKey, gallery: str, sealed: SealedPerson) -> None:
    """Raises InvalidInput, which says what to do, if another key sealed this."""
    if sealed.key != key.id:
        raise InvalidInput(
            f"gallery {gallery} is sealed with the key {sealed.key}, but the key here is {key.id}; copy the key's file "
            "from a device that knows the people, or forget them and enrol them again"
        )


def _bound(sealed: SealedPerson, gallery: str, part: str) -> bytes:
    return json.dumps([_FORMAT, part, gallery, sealed.id, sealed.embedders, sealed.keeps_crops]).encode()


def _seal(key: bytes, data: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, bound)


def _open(key: bytes, data: bytes, bound: bytes, person_id: str) -> bytes:
    try:
        return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], bound)
    except (InvalidTag, ValueError):
        raise IntegrityError(
            f"the sealed document of person {person_id} was changed, or belongs to another gallery; "
            "restore the gallery from a backup, or forget the person and enrol them again"
        ) from None
