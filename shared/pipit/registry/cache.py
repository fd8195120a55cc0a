"""Bundles on a device's disk: what was fetched once serves again, even while the registry is away.

<root>/bundles/<digest>/          whole bundles, by the SHA-256 of their manifest; appear by one rename
<root>/partial/<digest>/<sha256>  files that are being fetched; a broken download goes on from its end
<root>/assignments/<task>/<environment>.json   what the device ran last
<root>/good/<task>/<environment>.json          what it ran last that counts as good
<root>/locks/                     between processes and threads; they end with the process that holds them

fetch:  in use  ->  here and good?  --yes-->  serve it
                         | no
        manifest -> digest, signature -> room -> files -> check all -> rename
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Set
from dataclasses import replace
from pathlib import Path

from pipit.bundle import MANIFEST_FILE, SIGNATURE_FILE, open_bundle, parse_manifest
from pipit.bundle.keyring import Keyring
from pipit.errors import (
    DeadlineExceeded,
    IntegrityError,
    InvalidInput,
    NotFound,
    PipitError,
    Unavailable,
    UntrustedSignature,
)
from pipit.files import cache_errors, link_or_copy, sha256_bytes, sync_folder, write_atomically
from pipit.locks import SharedLock, exclusive_lock
from pipit.logging import get_logger
from pipit.registry.cancellation import Cancellation
from pipit.registry.client import RegistryClient
from pipit.registry.downloads import download_file
from pipit.registry.remembered import RememberedAssignments
from pipit.registry.space import CacheSpace
from pipit.registry.types import Assignment, VersionContent

_log = get_logger("registry.cache")


class BundleCache:
    """See the module. Threads and processes may share one.

    max_bytes: of all bundles together; where it is reached the least recently used go, but none that is in use, held or
    remembered. A device needs room for two: the bundle that serves, and the next one, or the one to go back to; for a
    third while one that serves does not count as good yet.
    keyring: whose signatures a bundle must have, fetched or found here; None: nobody's.
    Raises Unavailable if the folder can't be made.
    """

    def __init__(self, root: Path, max_bytes: int, keyring: Keyring | None = None) -> None:
        self._keyring = keyring or Keyring()
        self._in_use: dict[str, SharedLock] = {}
        self._held: dict[str, dict[str, SharedLock]] = {}
        self._remembered = RememberedAssignments(root / "assignments")
        self._good = RememberedAssignments(root / "good")
        with cache_errors(root):
            self._space = CacheSpace(root, max_bytes)

    def fetch(
        self,
        client: RegistryClient,
        task: str,
        version: str,
        digest: str,
        cancellation: Cancellation | None = None,
    ) -> Path:
        """The directory of a whole, checked bundle, in use until `release`.

        What is here is checked and served without asking the registry; a corrupt bundle is fetched anew, and of one
        whose signature is not trusted any more the registry is asked for another signature.
        Raises what the client raises (Unavailable while the registry is away), IntegrityError if what the registry
        gives does not match the digest, UntrustedSignature if nobody trusted signed it, InputTooLarge if it is over
        the cache's limit, Unavailable if the disk is full, too much of what is here is in use, or it was cancelled.
        """
        cancellation = cancellation or Cancellation()
        folder = self._space.bundles / _checked(digest)
        with cache_errors(folder):
            use = SharedLock(self._space.use_lock(digest))
            try:
                with exclusive_lock(self._space.fetch_lock(digest)):
                    cancellation.check()
                    if not self._is_good(folder, digest, client, task, version):
                        self._fetch(client, task, version, digest, cancellation)
                    os.utime(folder)
            except BaseException:
                use.release()
                raise
        # However often it is fetched, one release is enough.
        if self._in_use.setdefault(digest, use) is not use:
            use.release()
        return folder

    def release(self, digest: str) -> None:
        """Says that this process needs the bundle no more; nothing happens if it was not in use."""
        use = self._in_use.pop(digest, None)
        if use is not None:
            use.release()

    def hold(self, task: str, digests: Set[str]) -> None:
        """Keeps these bundles of a task here, or once they come; those that were held before, and are not named, go.

        None is fetched by this. What can't be held is logged, for it can be fetched again.
        """
        held = self._held.setdefault(task, {})
        # First the new ones, so that none is free in between.
        for digest in digests - set(held):
            try:
                with cache_errors(self._space.locks):
                    held[digest] = SharedLock(self._space.use_lock(_checked(digest)))
            except PipitError as error:
                _log.warning("bundle_not_held", task=task, digest=digest, reason=str(error))
        for digest in set(held) - digests:
            held.pop(digest).release()

    def close(self) -> None:
        """Releases every bundle."""
        for digest in list(self._in_use):
            self.release(digest)
        for task in list(self._held):
            self.hold(task, frozenset())

    def remember(self, assignment: Assignment) -> None:
        """Keeps what the device runs, for a start without the registry; its bundle then stays here."""
        with cache_errors(self._space.bundles):
            self._remembered.write(assignment.alone)

    def remember_good(self, assignment: Assignment) -> None:
        """Keeps what serves well, for a start where what came after it does not."""
        with cache_errors(self._space.bundles):
            self._good.write(assignment.alone)

    def remembered(self, task: str, environment: str) -> tuple[Assignment, ...]:
        """What `remember` and `remember_good` kept last, in this order, each once; what can't be read is left out."""
        kept = [kind.read(task, environment) for kind in (self._remembered, self._good)]
        by_digest = {assignment.digest: assignment for assignment in reversed(kept) if assignment is not None}
        return tuple(reversed(by_digest.values()))

    def _is_good(self, folder: Path, digest: str, client: RegistryClient, task: str, version: str) -> bool:
        try:
            return open_bundle(folder, self._keyring.check).digest == digest
        except NotFound:
            return False
        except UntrustedSignature as error:
            if sha256_bytes((folder / MANIFEST_FILE).read_bytes()) != digest:
                _log.warning("cached_bundle_corrupt", digest=digest, reason=str(error))
                return False
            signature = self._trusted_signature(client, task, version, digest, error)
            write_atomically(folder / SIGNATURE_FILE, signature)
            _log.info("cached_bundle_signed_anew", digest=digest)
            return self._is_good(folder, digest, client, task, version)
        except (IntegrityError, InvalidInput) as error:
            _log.warning("cached_bundle_corrupt", digest=digest, reason=str(error))
            return False

    def _trusted_signature(
        self, client: RegistryClient, task: str, version: str, digest: str, refusal: UntrustedSignature
    ) -> bytes:
        """One that came later. Raises UntrustedSignature if there is none, `refusal` if nobody can be asked."""
        try:
            return self._content(client, task, version, digest).signature
        except (Unavailable, DeadlineExceeded, NotFound):
            raise refusal from None

    def _content(self, client: RegistryClient, task: str, version: str, digest: str) -> VersionContent:
        """What the registry has of a version, with the one signature of it that is trusted here."""
        content = client.get_version(task, version)
        if sha256_bytes(content.manifest) != digest:
            raise IntegrityError(f"the registry's manifest of {task} {version} has another digest than {digest}")
        refusal: UntrustedSignature | None = None
        for signature in content.signatures or (b"",):
            try:
                self._keyring.check_new(signature, content.manifest)
            except UntrustedSignature as error:
                refusal = refusal or error
            else:
                return replace(content, signatures=(signature,))
        raise refusal or UntrustedSignature(f"{task} {version} has no signature")

    def _fetch(self, client: RegistryClient, task: str, version: str, digest: str, cancellation: Cancellation) -> None:
        content = self._content(client, task, version, digest)
        manifest = parse_manifest(content.manifest)
        entries = {entry.sha256: entry for entry in manifest.files.values()}
        kept = {assignment.digest for kind in (self._remembered, self._good) for assignment in kind.all()}
        self._space.make_room(digest, sum(entry.size for entry in manifest.files.values()), kept)

        partial = self._space.partial / digest
        partial.mkdir(exist_ok=True)
        for entry in entries.values():
            cancellation.check()
            download_file(client, entry, partial / entry.sha256, cancellation)
        paths = {relative: partial / entry.sha256 for relative, entry in manifest.files.items()}
        self._put_in_place(content, paths, digest)
        shutil.rmtree(partial)

    def _put_in_place(self, content: VersionContent, paths: dict[str, Path], digest: str) -> None:
        """Builds the directory beside its place, the manifest last; one rename makes it visible."""
        whole = self._space.partial / f"{digest}.whole"
        shutil.rmtree(whole, ignore_errors=True)
        for relative, source in paths.items():
            (whole / relative).parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(source, whole / relative)
        if content.signature:
            write_atomically(whole / SIGNATURE_FILE, content.signature)
        write_atomically(whole / MANIFEST_FILE, content.manifest)
        open_bundle(whole, self._keyring.check_new)
        folder = self._space.bundles / digest
        shutil.rmtree(folder, ignore_errors=True)  # a corrupt one; whoever has its files open keeps them
        whole.rename(folder)
        sync_folder(folder.parent)


def _checked(digest: str) -> str:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise InvalidInput(f"{digest[:80]!r} is not a SHA-256 in hexadecimal")
    return digest
