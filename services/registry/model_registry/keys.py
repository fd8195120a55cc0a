"""The keys that may sign bundles: listed in the store by operators, and named by files in the settings.

unknown ──trust──> listed, may sign ──revoke──> listed, may not; for good
                      └── expired: signs nothing new
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pipit.bundle.keys import KeyList, SigningKey, find_signer, is_endorsed, raw_key, why_revoked
from pipit.errors import AlreadyExists, Conflict, IntegrityError, InvalidInput, NotFound, QueueFull
from pipit.logging import get_logger
from pipit.storage import ObjectStore
from pydantic import ValidationError

from model_registry import layout
from model_registry.pointer import Document

_ATTEMPTS = 8
_LONGEST_TEXT = 200
_MOST_KEYS = 256
_MOST_ENDORSEMENTS = 16
_log = get_logger("model_registry.keys")


class _Keys(Document):
    revision: int = 0
    keys: tuple[SigningKey, ...] = ()


class Keys:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(
        self,
        store: ObjectStore,
        files: Iterable[Ed25519PublicKey] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """files: keys that the settings name; they need no operator, and an operator can revoke them. now: aware."""
        self._store = store
        self._files = tuple(SigningKey(raw_key(key), name="from the settings", added_by="settings") for key in files)
        self._now = now

    def list(self) -> KeyList:
        """Those that may sign, and those that may no longer."""
        document = self._read()[0]
        return KeyList(document.revision, self._with_files(document))

    def signer(self, signature: bytes, manifest_bytes: bytes) -> str:
        """The id of the key that signed a new bundle; empty while no key is listed, for then anybody may.

        Raises UntrustedSignature.
        """
        known = {key.id: key for key in self.list().keys}
        if not known:
            return ""
        revoked = {identity: why_revoked(key) for identity, key in known.items() if key.revoked_at is not None}
        return find_signer(signature, manifest_bytes, known, revoked, self._now())

    def trust(self, key: SigningKey, actor: str, expected_revision: int | None = None) -> KeyList:
        """Lists a key; of `key` its name, expiry and endorsements count. Again, nothing changes.

        Raises InvalidInput for what is no key, or an endorsement that is none; AlreadyExists for a key that was
        revoked, or is listed with another expiry; Conflict for a lost race or another revision than expected.
        """
        self._check(key)
        added = replace(key, added_at=self._now(), added_by=actor, revoked_at=None, revoked_by="", revoked_reason="")

        def change(document: _Keys) -> _Keys:
            if expected_revision is not None and document.revision != expected_revision:
                raise Conflict("somebody changed the list of keys meanwhile; look at it (pipit keys list), and again")
            listed = {entry.id: entry for entry in document.keys}
            standing = listed.get(added.id)
            if standing is None:
                if len(listed) >= _MOST_KEYS:
                    raise QueueFull(f"{_MOST_KEYS} keys are listed already, and none is ever removed")
                listed[added.id] = added
            elif standing.revoked_at is not None:
                raise AlreadyExists(f"the key {added.id} was revoked, which can't be undone; make another one")
            elif standing.expires_at != added.expires_at:
                raise AlreadyExists(f"the key {added.id} is listed with another expiry; make another key")
            else:
                further = [each for each in added.endorsements if each not in standing.endorsements]
                listed[added.id] = replace(standing, endorsements=(*standing.endorsements, *further))
            return self._changed(document, listed)

        changed = self._change(change)
        _log.info("key_trusted", key=added.id, by=actor)
        return changed

    def revoke(self, identity: str, actor: str, reason: str = "") -> KeyList:
        """Marks a key for good. Again, nothing changes. Raises NotFound, Conflict."""
        _check_text(reason, "the reason")

        def change(document: _Keys) -> _Keys:
            listed = {entry.id: entry for entry in self._with_files(document)}
            standing = listed.get(identity)
            if standing is None:
                raise NotFound(f"no key {identity[:64]!r} is listed; `pipit keys list` shows them")
            if standing.revoked_at is None:
                listed[identity] = replace(standing, revoked_at=self._now(), revoked_by=actor, revoked_reason=reason)
            # A key of a file stays out of the store until something is known of it that the file does not say.
            kept = {each.id for each in document.keys} | {identity}
            return self._changed(document, {name: key for name, key in listed.items() if name in kept})

        changed = self._change(change)
        _log.warning("key_revoked", key=identity, by=actor, reason=reason)
        return changed

    def touch(self) -> KeyList:
        """The list at a new revision, so that devices look at signatures anew. Raises Conflict."""
        return self._change(lambda document: document.model_copy(update={"revision": document.revision + 1}))

    def _check(self, key: SigningKey) -> None:
        _check_text(key.name, "the name")
        if len(key.endorsements) > _MOST_ENDORSEMENTS:
            raise InvalidInput(f"{len(key.endorsements)} endorsements; at most {_MOST_ENDORSEMENTS} are taken")
        if key.expires_at is not None and key.expires_at <= self._now():
            raise InvalidInput(f"the key would have expired already, at {key.expires_at:%Y-%m-%d %H:%M} UTC")
        listed = {entry.id: entry for entry in self.list().keys}
        for endorsement in key.endorsements:
            by = listed.get(endorsement.by)
            if by is None or not is_endorsed(replace(key, endorsements=(endorsement,)), by.key):
                raise InvalidInput(
                    f"the endorsement by {endorsement.by[:64]!r} is not that of a listed key over this key and expiry"
                )
            if by.revoked_at is not None or by.is_expired(self._now()):
                raise InvalidInput(f"the key {by.id} was revoked or has expired, so that it can endorse no other")

    def _with_files(self, document: _Keys) -> tuple[SigningKey, ...]:
        known = {entry.id for entry in document.keys}
        return (*document.keys, *(entry for entry in self._files if entry.id not in known))

    def _changed(self, document: _Keys, listed: dict[str, SigningKey]) -> _Keys:
        keys = tuple(listed.values())
        if keys == document.keys:
            return document
        return document.model_copy(update={"revision": document.revision + 1, "keys": keys})

    def _change(self, change: Callable[[_Keys], _Keys]) -> KeyList:
        for _ in range(_ATTEMPTS):
            document, etag = self._read()
            changed = change(document)
            if changed is not document:
                try:
                    if etag is None:
                        self._store.create(layout.KEYS, changed.to_bytes())
                    else:
                        self._store.replace(layout.KEYS, changed.to_bytes(), etag)
                except (AlreadyExists, Conflict):
                    continue
            return KeyList(changed.revision, self._with_files(changed))
        raise Conflict("the list of keys is being changed by many at once; look again and decide anew")

    def _read(self) -> tuple[_Keys, str | None]:
        try:
            stored = self._store.read(layout.KEYS)
        except NotFound:
            return _Keys(), None
        try:
            return _Keys.model_validate_json(stored.data), stored.etag
        except ValidationError as error:
            raise IntegrityError(f"{layout.KEYS} in the store can't be read; restore it from a backup") from error


def _check_text(text: str, what: str) -> None:
    if len(text) > _LONGEST_TEXT or not (text.isprintable() or not text):
        raise InvalidInput(f"{what} has to be one line of at most {_LONGEST_TEXT} characters")
