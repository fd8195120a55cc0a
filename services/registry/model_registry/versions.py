"""Published versions: their documents, their manifests, and lists of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import fields
from typing import Annotated

from pipit.bundle import Manifest, SemanticVersion, parse_manifest
from pipit.errors import IntegrityError, InvalidInput, NotFound
from pipit.files import sha256_bytes
from pipit.registry.types import GateResult, Version, VersionContent
from pipit.storage import ObjectStore
from pydantic import AwareDatetime, Field, ValidationError

from model_registry import layout
from model_registry.pointer import Document

_CACHED_DOCUMENTS = 4096


class VersionDocument(Document):
    """A published version as it is stored.

    digest: SHA-256 of its manifest. signature: over the manifest, in hexadecimal; empty if it is not signed.
    """

    task: str
    version: str
    name: str
    digest: str
    published_at: AwareDatetime
    published_by: str
    signature: Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$")]
    gates: tuple[GateResult, ...]
    size: int

    def to_version(self) -> Version:
        """What clients see of it."""
        stored = {field.name: getattr(self, field.name) for field in fields(Version) if field.name != "signed"}
        return Version(**stored, signed=bool(self.signature))


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
        return VersionContent(document.to_version(), self.manifest(document)[0], bytes.fromhex(document.signature))

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
        return tuple(self._read(key).to_version() for _, _, key in found)

    def any(self, task: str) -> bool:
        """Whether anything of this task was published."""
        return next(iter(self._store.list(layout.versions(task))), None) is not None

    def add(self, document: VersionDocument) -> None:
        """Publishes. Raises AlreadyExists if the version stands, with whatever content."""
        self._store.create(layout.version(document.task, document.version), document.to_bytes())

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
