"""Published versions: their documents, their manifests, and lists of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from typing import Annotated

from pipit.bundle import Manifest, SemanticVersion, parse_manifest
from pipit.errors import AlreadyExists, IntegrityError, InvalidInput, NotFound
from pipit.files import sha256_bytes
from pipit.registry.types import GateResult, Version, VersionContent
from pipit.storage import ObjectStore
from pydantic import AwareDatetime, Field, ValidationError

from model_registry import layout
from model_registry.pointer import Document

_CACHED_DOCUMENTS = 4096


class VersionDocument(Document):
    """A published version as it is stored.

    digest: SHA-256 of its manifest. signature: over the manifest, in hexadecimal; empty if it was not signed when it
    was published. signed_by: the id of its key; empty if the registry knew none.
    """

    task: str
    version: str
    name: str
    digest: str
    published_at: AwareDatetime
    published_by: str
    signature: Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$")]
    signed_by: str = ""
    gates: tuple[GateResult, ...]
    size: int

    def to_version(self, signed_later: Iterable[str] = ()) -> Version:
        """What clients see of it. signed_later: ids of the keys whose signatures came afterwards."""
        ours = {"signed", "signed_by"}
        stored = {field.name: getattr(self, field.name) for field in fields(Version) if field.name not in ours}
        signed_by = tuple(filter(None, (self.signed_by, *signed_later)))
        return Version(**stored, signed=bool(self.signature or signed_by), signed_by=signed_by)


class Versions:
    """Reads what was published. Threads may share one."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        # A document is never changed, so that one that was read once need not be read again.
        self._documents: OrderedDict[str, VersionDocument] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, task: str, version: str) -> VersionDocument:
        """Raises NotFound; IntegrityError if the document can't be read."""
        key = layout.version(task, version)
        try:
            return self._read(key)
        except NotFound:
            raise NotFound(f"{task} has no version {version}; `pipit models` lists what there is") from None

    def manifest(self, document: VersionDocument) -> tuple[bytes, Manifest]:
        """The manifest, byte for byte and parsed. Raises IntegrityError if it is missing or was changed."""
        try:
            data = self._store.read(layout.blob(document.digest)).data
        except NotFound:
            data = b""
        if sha256_bytes(data) != document.digest:
            raise IntegrityError(
                f"the manifest of {document.task} {document.version} is missing or was changed in the store; "
                "restore the store from a backup, or publish a new version"
            )
        return data, parse_manifest(data)

    def content(self, task: str, version: str) -> VersionContent:
        """A version with its manifest and signature. Raises as `get` and `manifest` do."""
        document = self.get(task, version)
        later = self._signatures(document.digest)
        first = (bytes.fromhex(document.signature),) if document.signature else ()
        return VersionContent(
            document.to_version(later), self.manifest(document)[0], (*first, *(map(self._signature, later.values())))
        )

    def seen(self, document: VersionDocument) -> Version:
        """What clients see of it."""
        return document.to_version(self._signatures(document.digest))

    def add_signature(self, document: VersionDocument, key: str, signature: bytes) -> bool:
        """Keeps the signature of a further key; gives whether it is new."""
        if key == document.signed_by or signature.hex() == document.signature:
            return False
        try:
            self._store.create(layout.signature(document.digest, key), signature)
        except AlreadyExists:
            return False
        return True

    def list(self, task: str = "") -> tuple[Version, ...]:
        """By task, newest first. task: empty for all."""
        prefix = layout.versions(task) if task else layout.MODELS
        found: list[tuple[str, SemanticVersion, str]] = []
        for key in self._store.list(prefix):
            named = layout.version_of_key(key)
            # What somebody else put there is no version.
            with suppress(InvalidInput):
                if named is not None:
                    found.append((named[0], SemanticVersion(named[1]), key))
        found.sort(key=lambda entry: entry[1], reverse=True)
        found.sort(key=lambda entry: entry[0])
        later: dict[str, list[str]] = {}
        for signed in map(layout.signature_of_key, self._store.list(layout.SIGNATURES)):
            if signed is not None:
                later.setdefault(signed[0], []).append(signed[1])
        documents = [self._read(key) for _, _, key in found]
        return tuple(document.to_version(later.get(document.digest, ())) for document in documents)

    def any(self, task: str) -> bool:
        """Whether anything of this task was published."""
        return next(iter(self._store.list(layout.versions(task))), None) is not None

    def add(self, document: VersionDocument) -> None:
        """Publishes. Raises AlreadyExists if the version stands, with whatever content."""
        self._store.create(layout.version(document.task, document.version), document.to_bytes())

    def _signatures(self, digest: str) -> dict[str, str]:
        """Keys in the store of the signatures that came later, by the id of the key that signed."""
        keys = self._store.list(layout.signatures(digest))
        return {signed[1]: key for key in keys if (signed := layout.signature_of_key(key)) is not None}

    def _signature(self, key: str) -> bytes:
        return self._store.read(key).data

    def _read(self, key: str) -> VersionDocument:
        with self._lock:
            document = self._documents.get(key)
        if document is None:
            document = _parse(key, self._store.read(key).data)
            with self._lock:
                self._documents[key] = document
                if len(self._documents) > _CACHED_DOCUMENTS:
                    self._documents.popitem(last=False)
        return document


def _parse(key: str, data: bytes) -> VersionDocument:
    try:
        return VersionDocument.model_validate_json(data)
    except ValidationError as error:
        raise IntegrityError(f"{key} in the store can't be read; restore it from a backup") from error
