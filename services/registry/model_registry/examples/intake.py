"""Uploads: an example's content in pieces, from where an earlier call broke off.

is it wanted? ──> pieces in memory ──broke off──> examples/<task>/<id>/parts/…, for the next call
                        └── all here ──> SHA-256 as named? ──> content ──> the pool
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime

from pipit.errors import AlreadyExists, Conflict, IntegrityError, InvalidInput, NotFound, PermissionDenied, Unavailable
from pipit.examples import Example, Reason
from pipit.files import sha256_bytes
from pipit.galleries.acknowledgements import check_device
from pipit.logging import get_logger
from pipit.rpc.callers import Role, caller
from pipit.storage import ObjectStore

from model_registry import layout
from model_registry.examples.checks import check_example
from model_registry.examples.consents import Consents
from model_registry.examples.pool import Pool
from model_registry.uploads import LARGEST_CHUNK, Uploads

_log = get_logger("model_registry.examples.intake")


class Intake:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(
        self,
        store: ObjectStore,
        pool: Pool,
        consents: Consents,
        most_bytes: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """most_bytes: of one content; so much of each upload is held in memory. now: an aware time."""
        self._store = store
        self._pool = pool
        self._consents = consents
        self._most_bytes = most_bytes
        self._now = now

    def check(self, example: Example) -> None:
        """Raises InvalidInput, InputTooLarge; PermissionDenied for whoever may not send it."""
        check_example(example, self._most_bytes, self._now())
        asking = caller()
        asking.check_task(example.task)
        if example.reason is Reason.IMPORTED:
            if not asking.roles & {Role.LABELLER, Role.OPERATOR} or example.device_id:
                raise PermissionDenied("examples are imported by a labeller or an operator, and come of no device")
            return
        asking.check_device(check_device(example.device_id))
        self._consents.check(example.device_id, example.task)

    def offset(self, example: Example) -> int | None:
        """How much of a content is here. None: nothing is to be sent, for all is here, or was deleted.

        What feedback said of one that is here is kept all the same.

        Raises AlreadyExists for what a person brings again after it was deleted.
        """
        arrivals = self._pool.arrivals(example.task)
        if arrivals.find(example.id) is not None:
            if example.was_corrected:
                self._pool.correct(example)
            return None
        if arrivals.is_deleted(example.id):
            if example.reason is Reason.IMPORTED:
                raise AlreadyExists(f"{example.name or example.id} was deleted here, and stays deleted")
            return None
        return self._here(example)

    def receive(self, example: Example, offset: int, pieces: Iterable[bytes]) -> tuple[Example, bool]:
        """Takes a content from `offset` on; gives the example as it is stored, and whether it is new.

        Raises IntegrityError for content of another digest, InvalidInput for more or less than `example.bytes`, and
        once all of it came what `check` does.
        """
        if self.offset(example) is None:
            return self._standing(example), False
        try:
            return self._receive(example, offset, pieces)
        except (NotFound, InvalidInput, IntegrityError, Conflict):
            # A delete says so first, and then takes away what is here: also what this call counts on.
            if not self._pool.arrivals(example.task).is_deleted(example.id):
                raise
            self._pool.remove_again(example.task, example.id)
            return example, False

    def _receive(self, example: Example, offset: int, pieces: Iterable[bytes]) -> tuple[Example, bool]:
        here = self._here(example)
        if offset > here:
            raise InvalidInput(f"of example {example.id} {here} bytes are here, not {offset}; prepare the upload again")
        held = bytearray()
        try:
            for piece in pieces:
                if len(piece) > LARGEST_CHUNK:
                    raise InvalidInput(f"a piece has {len(piece)} bytes; send at most {LARGEST_CHUNK}")
                held += piece
                if offset + len(held) > example.bytes:
                    held.clear()
                    raise InvalidInput(f"more than the {example.bytes} bytes of example {example.id} were sent")
        finally:
            # Of a call that breaks, too. A piece may reach back over bytes that were here already.
            new, missing = bytes(held[here - offset :]), example.bytes - here
            if new and (here or len(new) < missing):
                self._keep(example, here, new)
        if offset + len(held) < example.bytes and here < example.bytes:
            raise InvalidInput(f"bytes of example {example.id} are missing; prepare the upload again to send the rest")
        # A consent may have been withdrawn while the content came.
        self.check(example)
        self._finish(example, new if not here else None)
        stored = self._pool.add(example)
        return (example, False) if stored is None else (stored, True)

    def _standing(self, example: Example) -> Example:
        with suppress(NotFound):
            return self._pool.get(example.task, example.id)
        return example

    def _here(self, example: Example) -> int:
        with suppress(NotFound):
            size = self._store.size(layout.example_content(example.task, example.id))
            if size != example.bytes:
                raise InvalidInput(f"the content of example {example.id} has {size} bytes, not {example.bytes}")
            return size
        return min(self._parts(example).end(example.sha256), example.bytes)

    def _parts(self, example: Example) -> Uploads:
        return Uploads(self._store, self._most_bytes, lambda _: layout.example_parts(example.task, example.id))

    def _keep(self, example: Example, offset: int, data: bytes) -> None:
        parts = self._parts(example)
        try:
            parts.write_part(example.sha256, offset, data)
            with suppress(NotFound):
                self._store.size(layout.example_content(example.task, example.id))
                # Another call has completed it meanwhile: no later one needs the pieces.
                parts.clear(example.sha256)
        except Unavailable as error:
            _log.warning("part_not_kept", example=example.id, reason=str(error))

    def _finish(self, example: Example, data: bytes | None) -> None:
        """data: None: it lies here in pieces, or whole."""
        key = layout.example_content(example.task, example.id)
        with suppress(NotFound):
            self._store.size(key)
            return
        parts = self._parts(example)
        with suppress(AlreadyExists):
            if data is not None:
                if sha256_bytes(data) != example.sha256:
                    raise _mismatch(example)
                self._store.create(key, data)
            else:
                try:
                    with parts.assembled(example.sha256) as file:
                        self._store.create(key, file)
                except IntegrityError:
                    raise _mismatch(example) from None
                except NotFound:
                    # Another call that completes the content takes the pieces away.
                    self._check_content(example)
        parts.clear(example.sha256)

    def _check_content(self, example: Example) -> None:
        try:
            self._store.size(layout.example_content(example.task, example.id))
        except NotFound:
            raise Conflict(f"pieces of example {example.id} were taken away meanwhile; upload it again") from None


def _mismatch(example: Example) -> IntegrityError:
    return IntegrityError(
        f"the content of example {example.id} does not match its digest; send it again, from the start"
    )
