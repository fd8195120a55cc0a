"""Examples of one task on this disk, sealed, oldest first; several processes share the folder.

    put ──room──> 20261129T101500123456-DIGEST.sealed          (written beside, renamed)
     └──none──> the oldest go, until there is

A file is a nonce, and an example with its content under AES-256-GCM (NIST SP 800-38D), with its own name and the task
bound in. The key lies beside, for its owner alone (0600): other users of the device, and whoever gets hold of single
files, can't read them. Who has the whole disk can; encrypt that where it matters.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError

from pipit._pb.pipit.examples.v1 import examples_pb2 as pb
from pipit.errors import InputTooLarge, IntegrityError
from pipit.examples import Example, Reason
from pipit.files import write_atomically, write_secret
from pipit.locks import exclusive_lock
from pipit.rpc.mirror import from_proto, to_proto

KEY_BYTES = 32
_NONCE = 12
_LENGTH = 4
_SUFFIX = ".sealed"
MOST = 5000
"""Examples of a task: all are looked through for each that comes or goes, however small they are."""
_STRONGER = (Reason.RANDOM, Reason.WRONG)
"""A fair sample stays one, whatever else speaks for the same input."""


class Kept(NamedTuple):
    """mark: of this writing of the file."""

    name: str
    example: Example
    content: bytes
    mark: bytes


class Ring:
    """See the module. For any thread, and for several processes."""

    def __init__(self, folder: Path, task: str, key: bytes) -> None:
        """folder: of all tasks; made where it is missing. Raises OSError."""
        self.task = task
        self._folder = folder / task
        self._lock = folder / f".{task}.lock"
        self._people = folder / f".{task}.people"
        self._days = folder / f".{task}.days"
        self._cipher = AESGCM(key)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with exclusive_lock(self._lock):
            # Nobody else writes meanwhile: what is unfinished is of a process or a device that was cut off.
            for path in self._folder.glob(".*.part"):
                path.unlink(missing_ok=True)

    @property
    def names_people(self) -> bool:
        """Whether the task has named people in what was kept, now or before this process began."""
        return self._people.exists()

    def note_people(self) -> None:
        """Says so, before anything of it is written."""
        self._people.touch(0o600)

    def keep_for(self, days: int) -> None:
        """After so many days an example goes unsent, also when nobody has said so again; 0: never. Raises OSError."""
        if self._keep_days() != days:
            write_atomically(self._days, str(days).encode(), 0o600)

    def expire(self, now: datetime) -> int:
        """Deletes what was kept for too long; gives how many. Raises OSError."""
        days = self._keep_days()
        if not days:
            return 0
        first = _time_of(now - timedelta(days=days))
        with exclusive_lock(self._lock):
            old = [name for name in self._sizes() if name < first]
            for name in old:
                (self._folder / name).unlink(missing_ok=True)
        return len(old)

    def _keep_days(self) -> int | None:
        try:
            return int(self._days.read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def put(self, example: Example, content: bytes, quota: int) -> int:
        """Gives how many older ones went for it. One that is here already gets what this one says beyond it.

        quota: bytes of the whole. Raises InputTooLarge for one that would take over a quarter of it, Unavailable where
        the disk is full, another OSError as it is.
        """
        if len(content) * 4 > quota:
            raise InputTooLarge(
                f"an example of {len(content)} bytes; one may have a quarter of the quota, {quota} bytes"
            )
        with exclusive_lock(self._lock):
            self._folder.mkdir(exist_ok=True, mode=0o700)
            here = self._sizes()
            same = [name for name in here if _id_of(name) == example.id]
            name = same[0] if same else _name_of(example)
            if same:
                example = self._joined(name, example)
            sealed = self._seal(name, example, content)
            dropped = self._make_room({key: size for key, size in here.items() if key != name}, quota - len(sealed))
            write_atomically(self._folder / name, sealed, 0o600)
        return dropped

    def oldest(self) -> str | None:
        """Its name; None: nothing waits."""
        return next(iter(self._sizes()), None)

    def read(self, name: str) -> Kept:
        """Raises IntegrityError for what is broken, or was sealed with another key; OSError for what is gone."""
        sealed = (self._folder / name).read_bytes()
        try:
            opened = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._bound(name))
            length = int.from_bytes(opened[:_LENGTH], "big")
            message = pb.Example.FromString(opened[_LENGTH : _LENGTH + length])
        except (InvalidTag, ValueError, DecodeError) as error:
            raise IntegrityError(
                f"the example {name} is broken, or sealed with another key; it can't be read"
            ) from error
        return Kept(name, from_proto(message, Example), opened[_LENGTH + length :], sealed[:_NONCE])

    def drop(self, name: str, mark: bytes = b"") -> None:
        """mark: only while it is this writing, for it may have been corrected since it was read."""
        path = self._folder / name
        # Gone since it was read, where others made room or cleared all.
        with exclusive_lock(self._lock), suppress(FileNotFoundError):
            if mark:
                with path.open("rb") as file:
                    if file.read(_NONCE) != mark:
                        return
            path.unlink()

    def clear(self) -> int:
        """Deletes all; gives how many."""
        with exclusive_lock(self._lock):
            names = list(self._sizes())
            for path in self._folder.glob("*") if self._folder.is_dir() else ():
                path.unlink(missing_ok=True)
        return len(names)

    @property
    def size(self) -> int:
        """Bytes of all that waits."""
        return sum(self._sizes().values())

    def _sizes(self) -> dict[str, int]:
        """By name, oldest first. What another process deletes meanwhile is left out."""
        sizes = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.endswith(_SUFFIX) and not entry.name.startswith("."):
                        with suppress(FileNotFoundError):
                            sizes[entry.name] = entry.stat().st_size
        except FileNotFoundError:
            pass
        return dict(sorted(sizes.items()))

    def _make_room(self, sizes: dict[str, int], room: int) -> int:
        used, dropped = sum(sizes.values()), 0
        for name, size in sizes.items():
            if used <= room and len(sizes) - dropped < MOST:
                break
            (self._folder / name).unlink(missing_ok=True)
            used, dropped = used - size, dropped + 1
        return dropped

    def _joined(self, name: str, example: Example) -> Example:
        try:
            before = self.read(name).example
        except (IntegrityError, OSError):
            return example
        reason = next((one for one in _STRONGER if one in (before.reason, example.reason)), example.reason)
        said = example if example.was_corrected else before
        return replace(before, reason=reason, corrected=said.corrected, was_corrected=said.was_corrected)

    def _seal(self, name: str, example: Example, content: bytes) -> bytes:
        header = to_proto(example, pb.Example).SerializeToString()
        nonce = os.urandom(_NONCE)
        plain = len(header).to_bytes(_LENGTH, "big") + header + content
        return nonce + self._cipher.encrypt(nonce, plain, self._bound(name))

    def _bound(self, name: str) -> bytes:
        return f"pipit example 1\0{self.task}\0{name}".encode()


def device_key(folder: Path) -> bytes:
    """The key of this device's examples, made where it is missing or is none. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "key"
    with exclusive_lock(folder / ".key.lock"):
        if path.is_file() and path.stat().st_size == KEY_BYTES:
            return path.read_bytes()
        path.unlink(missing_ok=True)
        write_secret(path, os.urandom(KEY_BYTES))
        return path.read_bytes()


def _name_of(example: Example) -> str:
    return f"{_time_of(example.taken_at or datetime.now(UTC))}-{example.id.partition('-')[2]}{_SUFFIX}"


def _time_of(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S%f}"


def _id_of(name: str) -> str:
    return f"{name[:8]}-{name.partition('-')[2].removesuffix(_SUFFIX)}"
