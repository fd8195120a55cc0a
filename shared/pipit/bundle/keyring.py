"""Whose signatures are good here: what a device trusts, and how that changes while it runs.

    files of keys ──────────────┐
    without files: the first    ├──> trusted ──revoked by the registry──> never again, also after a restart
    list that a registry sends ─┤       │
    endorsed by a trusted key ──┘       └──expired──> what it signed before stays good, nothing new is taken

A registry can take trust away, but gives none that a trusted key does not vouch for: whoever gets hold of the registry
makes no device run code of theirs. What was learnt is kept in a file, `memory`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from pipit.bundle.keys import KeyList, SigningKey, find_signer, is_endorsed, raw_key, why_revoked
from pipit.bundle.signing import key_id, load_public_key
from pipit.errors import InvalidInput, PipitError
from pipit.files import cache_errors, write_atomically
from pipit.locks import exclusive_lock
from pipit.logging import get_logger

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_LOOK_SECONDS = 10.0
"""How often the files are read again."""
_log = get_logger("bundle.keyring")


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What a registry told. accepted: by id. first: ids of those taken from its first list. revoked: why, by id."""

    accepted: dict[str, SigningKey] = field(default_factory=dict)
    first: frozenset[str] = frozenset()
    revoked: dict[str, str] = field(default_factory=dict)


@cache
def _adapter() -> TypeAdapter[_Learnt]:
    return TypeAdapter(_Learnt)


class Keyring:
    """See the module. Threads share one; processes may share its memory."""

    def __init__(
        self,
        keys: Iterable[Ed25519PublicKey] = (),
        files: Sequence[Path] = (),
        memory: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """keys, files: trusted from the beginning; files are read again while it runs. memory: kept over restarts.

        now: an aware time. Raises NotFound and InvalidInput for a file that is no public key.
        """
        self.on_change: Callable[[], None] = lambda: None
        """Called, in the thread that learnt it, whenever keys were told or files have changed."""
        self._given = {key_id(key): SigningKey(raw_key(key)) for key in keys}
        self._files = tuple(files)
        self._memory = memory
        self._now = now
        self._lock = threading.Lock()
        self._from_files = _read_files(self._files)
        self._learnt = _read(memory)
        self._known = self._reachable()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch_files, name="keyring", daemon=True)

    def start(self) -> None:
        """Begins to look for changes of the files; once."""
        if self._files:
            self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def required(self) -> bool:
        """Whether bundles have to be signed: once a key was ever trusted, they do."""
        return bool(self._roots() or self._learnt.accepted or self._learnt.revoked)

    def check_new(self, signature: bytes, manifest_bytes: bytes) -> str | None:
        """The id of the key that signed what has just come here; None where no key is trusted.

        Raises UntrustedSignature if nobody trusted signed it, or a key that was revoked or has expired.
        """
        return self._check(signature, manifest_bytes, is_new=True)

    def check(self, signature: bytes, manifest_bytes: bytes) -> str | None:
        """The same for what was here before: a key that expired since does no harm."""
        return self._check(signature, manifest_bytes, is_new=False)

    def trusts(self, signed_by: str | None) -> bool:
        """Whether what that key signed may go on serving. None: it was not signed, or not checked."""
        if not self.required:
            return True
        return signed_by in self._known and signed_by not in self._learnt.revoked

    def follow(self, listed: KeyList) -> None:
        """Learns from a registry's list. What can't be kept on the disk is logged, and holds until a restart."""
        with self._lock:
            learnt = self._learn(listed)
            if learnt != self._learnt:
                self._learnt = learnt
                self._known = self._reachable()
                self._keep(learnt)
        self.on_change()

    def _check(self, signature: bytes, manifest_bytes: bytes, is_new: bool) -> str | None:
        if not self.required:
            return None
        now = self._now() if is_new else None
        return find_signer(signature, manifest_bytes, self._known, self._learnt.revoked, now)

    def _roots(self) -> dict[str, SigningKey]:
        return {**self._given, **self._from_files}

    def _reachable(self) -> dict[str, SigningKey]:
        """By id: the roots, and what can be reached from them by endorsements that were taken. Revoked ones too."""
        accepted = self._learnt.accepted
        # Of a key that a file names, too, the registry may say when it expires.
        roots = {identity: accepted.get(identity, key) for identity, key in self._roots().items()}
        if not roots:
            roots = {identity: accepted[identity] for identity in self._learnt.first if identity in accepted}
        return _reached(roots, accepted)

    def _learn(self, listed: KeyList) -> _Learnt:
        before = self._learnt
        told = _by_id(listed)
        accepted, first = dict(before.accepted), before.first
        if told and not self._roots() and not accepted:
            accepted, first = told, frozenset(told)
            _log.info("keys_pinned", keys=sorted(told))
        else:
            now = self._now()
            vouching = {
                identity: key
                for identity, key in self._known.items()
                if identity not in before.revoked and not key.is_expired(now)
            }
            trusted = set(_reached(vouching, told)) | set(self._known)
            new = {identity: key for identity, key in told.items() if identity in trusted and identity not in accepted}
            accepted |= new
            for identity in sorted(new):
                _log.info("key_accepted", key=identity, endorsed_by=[each.by for each in new[identity].endorsements])
            if ignored := set(told) - trusted:
                _log.warning("keys_not_endorsed", keys=sorted(ignored))
        revoked = {identity: why_revoked(key) for identity, key in told.items() if key.revoked_at is not None}
        for identity in sorted(set(revoked) - set(before.revoked)):
            _log.warning("key_revoked", key=identity, reason=revoked[identity])
        return _Learnt(accepted, first, {**revoked, **before.revoked})

    def _keep(self, learnt: _Learnt) -> None:
        if self._memory is None:
            return
        try:
            with cache_errors(self._memory):
                self._memory.parent.mkdir(parents=True, exist_ok=True)
                with exclusive_lock(self._memory.with_name(self._memory.name + ".lock")):
                    # Another process may have been told of a revocation that this one has missed.
                    kept = replace(learnt, revoked={**_read(self._memory).revoked, **learnt.revoked})
                    write_atomically(self._memory, _adapter().dump_json(kept, indent=1))
        except PipitError as error:
            _log.error("keys_not_kept", reason=str(error))

    def _watch_files(self) -> None:
        failing = False
        while not self._stopped.wait(_LOOK_SECONDS):
            failing = self.reload(quiet=failing)

    def reload(self, quiet: bool = False) -> bool:
        """Reads the files again; gives whether that failed, and what they said before holds. quiet: is not logged."""
        try:
            read = _read_files(self._files)
        except PipitError as error:
            if not quiet:
                _log.warning("trusted_keys_unreadable", reason=str(error))
            return True
        if read != self._from_files:
            with self._lock:
                self._from_files = read
                self._known = self._reachable()
            _log.info("trusted_keys_changed", keys=sorted(read))
            self.on_change()
        return False


def _reached(roots: dict[str, SigningKey], others: dict[str, SigningKey]) -> dict[str, SigningKey]:
    """The roots, and of the others what they vouch for, directly or by way of others."""
    reached, left = dict(roots), {identity: key for identity, key in others.items() if identity not in roots}
    while True:
        next_ones = {
            identity: key for identity, key in left.items() if any(is_endorsed(key, by.key) for by in reached.values())
        }
        if not next_ones:
            return reached
        reached |= next_ones
        left = {identity: key for identity, key in left.items() if identity not in next_ones}


def _by_id(listed: KeyList) -> dict[str, SigningKey]:
    """Without what is no key."""
    told = {}
    for key in listed.keys:
        try:
            told[key.id] = key
        except InvalidInput as error:
            _log.warning("listed_key_unreadable", name=key.name, reason=str(error))
    return told


def _read_files(files: Iterable[Path]) -> dict[str, SigningKey]:
    keys = [load_public_key(path) for path in files]
    return {key_id(key): SigningKey(raw_key(key)) for key in keys}


def _read(memory: Path | None) -> _Learnt:
    """What can't be read is logged, and forgotten: a damaged card must not keep a device from starting.

    The registry tells all of it again.
    """
    if memory is None:
        return _Learnt()
    try:
        return _adapter().validate_json(memory.read_bytes())
    except FileNotFoundError:
        return _Learnt()
    except (OSError, ValidationError) as error:
        _log.error("keys_forgotten", file=str(memory), reason=type(error).__name__)
        return _Learnt()
