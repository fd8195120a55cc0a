"""Publishing: the manifest first, then the content that is missing, and the version's document last of all.

Whatever breaks off before that document is written leaves nothing that can be listed; publishing again goes on from
there. The document is written only if absent, so that of two publishers of one version one wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pipit.bundle import MAX_MANIFEST_BYTES, Manifest, parse_manifest
from pipit.bundle.gates import evaluate_gates
from pipit.bundle.signing import SIGNATURE_BYTES
from pipit.errors import AlreadyExists, InputTooLarge, InvalidInput, NotFound
from pipit.files import sha256_bytes
from pipit.logging import get_logger
from pipit.registry.types import MissingBlob, PublishedVersion, PublishPlan
from pipit.rpc.callers import caller

from model_registry.keys import Keys
from model_registry.uploads import BlobWriter, Uploads
from model_registry.versions import VersionDocument, Versions

_log = get_logger("model_registry.publishing")


@dataclass(frozen=True, slots=True)
class PublishLimits:
    """What a bundle may be."""

    max_bundle_bytes: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a blob."""

    digest: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A bundle that may be published. blobs: bytes by digest. signed_by: empty while no key is listed."""

    manifest: Manifest
    manifest_bytes: bytes
    signature: bytes
    signed_by: str
    digest: str
    blobs: dict[str, int]


class Publisher:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(
        self,
        versions: Versions,
        uploads: Uploads,
        keys: Keys,
        limits: PublishLimits,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._versions = versions
        self._uploads = uploads
        self._keys = keys
        self._limits = limits
        self._now = now

    def prepare(self, manifest_bytes: bytes, signature: bytes) -> PublishPlan:
        """What of the bundle is missing here.

        Raises as `check` does, and AlreadyExists if the version stands with other content.
        """
        return self._plan(self.check(manifest_bytes, signature))

    def publish(self, candidate: Candidate, chunks: Iterable[Chunk], actor: str) -> PublishedVersion:
        """Takes the missing content and publishes what `check` gave.

        Raises AlreadyExists if the version stands with other content, IntegrityError for content that does not match
        its digest, InvalidInput if content is still missing when `chunks` ends, UntrustedSignature where the key may no
        longer sign by then. Of a version that stands the signature of a further key is kept; it raises InvalidInput
        while no key is listed, for then nobody knows whose it is.
        """
        plan = self._plan(candidate)
        if not plan.published:
            self._receive(candidate, plan, chunks)
            # Its key may have been revoked while the content came.
            signed_by = self._keys.signer(candidate.signature, candidate.manifest_bytes)
            candidate = replace(candidate, signed_by=signed_by)
            self._uploads.add_blob(candidate.digest, candidate.manifest_bytes)
            document = self._document(candidate, actor)
            try:
                self._versions.add(document)
            except AlreadyExists:
                # Somebody was quicker; `_standing` tells whether with the same content.
                _log.info("lost_publish_race", task=document.task, version=document.version)
            else:
                _log.info("published", task=document.task, version=document.version, by=actor)
                return PublishedVersion(self._versions.seen(document), created=True)
        standing = self._standing(candidate)
        if standing is None:
            raise NotFound("the version was removed from the store meanwhile; publish it again")
        added = self._add_signature(candidate, standing)
        return PublishedVersion(self._versions.seen(standing), created=False, signature_added=added)

    def _add_signature(self, candidate: Candidate, standing: VersionDocument) -> bool:
        if not candidate.signature or candidate.signature.hex() == standing.signature:
            return False
        if not candidate.signed_by:
            raise InvalidInput(
                f"{standing.name} was published with another signature, or none, and this registry knows no key that "
                "could have made the new one; have an operator run `pipit keys trust`, and publish again"
            )
        added = self._versions.add_signature(standing, candidate.signed_by, candidate.signature)
        if added:
            _log.info("signature_added", task=standing.task, version=standing.version, key=candidate.signed_by)
        return added

    def check(self, manifest_bytes: bytes, signature: bytes) -> Candidate:
        """What may be published. The signature is looked at before the manifest is parsed.

        Raises InvalidInput for a manifest that is wrong, InputTooLarge, UntrustedSignature where keys are listed and
        none of them signed, PermissionDenied for a task that is not the caller's.
        """
        if len(manifest_bytes) > MAX_MANIFEST_BYTES:
            raise InputTooLarge(f"the manifest has {len(manifest_bytes)} bytes; at most {MAX_MANIFEST_BYTES} are taken")
        if len(signature) not in {0, SIGNATURE_BYTES}:
            raise InvalidInput(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
        signed_by = self._keys.signer(signature, manifest_bytes)
        manifest = parse_manifest(manifest_bytes)
        caller().check_task(manifest.task)
        blobs: dict[str, int] = {}
        for relative, entry in manifest.files.items():
            if blobs.setdefault(entry.sha256, entry.size) != entry.size:
                raise InvalidInput(f"the manifest gives {relative} another size than a file of the same content")
        total = sum(blobs.values())
        if total > self._limits.max_bundle_bytes:
            raise InputTooLarge(
                f"the bundle has {total} bytes; this registry takes at most {self._limits.max_bundle_bytes}"
            )
        return Candidate(manifest, manifest_bytes, signature, signed_by, sha256_bytes(manifest_bytes), blobs)

    def _plan(self, candidate: Candidate) -> PublishPlan:
        if self._standing(candidate) is not None:
            return PublishPlan(published=True, missing=())
        missing = []
        for digest, size in candidate.blobs.items():
            here = self._uploads.blob_size(digest)
            if here is None:
                missing.append(MissingBlob(digest, min(self._uploads.end(digest), size)))
            elif here != size:
                raise InvalidInput(f"the manifest gives blob {digest} {size} bytes, but it has {here}")
        return PublishPlan(published=False, missing=tuple(missing))

    def _standing(self, candidate: Candidate) -> VersionDocument | None:
        """What was published under this version; None if nothing was. Raises AlreadyExists for other content."""
        task, version = candidate.manifest.task, str(candidate.manifest.version)
        try:
            document = self._versions.get(task, version)
        except NotFound:
            return None
        if document.digest != candidate.digest:
            raise AlreadyExists(
                f"{task} {version} was published with other content by {document.published_by} "
                f"at {document.published_at:%Y-%m-%d %H:%M} UTC; choose a new version number"
            )
        return document

    def _receive(self, candidate: Candidate, plan: PublishPlan, chunks: Iterable[Chunk]) -> None:
        missing = {blob.digest: blob.offset for blob in plan.missing}
        for digest in _received(self._uploads, candidate.blobs, missing, chunks):
            del missing[digest]
        if missing:
            raise InvalidInput(f"the content of {len(missing)} blobs is still missing; publish again to send the rest")

    def _document(self, candidate: Candidate, actor: str) -> VersionDocument:
        manifest = candidate.manifest
        return VersionDocument(
            task=manifest.task,
            version=str(manifest.version),
            name=manifest.name,
            digest=candidate.digest,
            published_at=self._now(),
            published_by=actor,
            signature=candidate.signature.hex(),
            signed_by=candidate.signed_by,
            gates=evaluate_gates(manifest),
            size=sum(entry.size for entry in manifest.files.values()),
        )


def _received(
    uploads: Uploads, sizes: dict[str, int], missing: dict[str, int], chunks: Iterable[Chunk]
) -> Iterator[str]:
    """Digest of each blob that is complete. What is not, when the chunks end or break off, is kept as parts."""
    writer: BlobWriter | None = None
    try:
        for chunk in chunks:
            if chunk.digest not in sizes:
                raise InvalidInput(f"the manifest names no file with the digest {chunk.digest[:64]!r}")
            if chunk.digest not in missing:
                continue  # another publisher completed it since this one asked
            if writer is None or writer.digest != chunk.digest:
                if writer is not None:
                    writer.keep()
                offset = min(uploads.end(chunk.digest), sizes[chunk.digest])
                writer = BlobWriter(uploads, chunk.digest, sizes[chunk.digest], offset)
            if writer.write(chunk.offset, chunk.data):
                writer = None
                yield chunk.digest
    finally:
        if writer is not None:
            writer.keep()
