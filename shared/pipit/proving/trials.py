"""What is on the disk while a new version has yet to show that the server lives with it: `<root>/<task>.json`.

    begin(digest) ──answered for a minute──> confirm: it is good, here, from now on
        │  └──replaced, or the server stops in order──> leave: nothing is held against it
        └──the process ends otherwise──> the mark stays
               └──> the next start begins it once more; ends that badly too: refused

A power cut may be what ended a process, so that one bad end is forgiven. A refusal holds until another version is
wanted, or for an hour, after which the next start tries it once more. What was confirmed here is never refused.

With what was confirmed, its proof is kept, and how it was made: the versions of the runtimes, the processor, the
settings. A start that is the same in all of that opens the version on its strength, without another child process. It
takes the proof from the disk meanwhile, so that a start which ends badly there makes the next one prove anew.

Several processes may try one version at once. They hold a lock meanwhile, which ends with them however they end: a
mark that nobody holds is one that somebody left behind.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipit.errors import InvalidInput, Unavailable
from pipit.files import write_atomically
from pipit.locks import SharedLock, exclusive_lock, try_exclusive_lock
from pipit.logging import get_logger
from pipit.proving.steps import Proof

_FORGIVEN = 1
"""Bad ends."""
_REFUSED_SECONDS = 3600.0
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A version that is being tried. starts: of servers that began it. open: processes that began, and did not leave.

    at: of the last start, in seconds since 1970.
    """

    version: str
    digest: str
    starts: int
    open: int
    at: float


@dataclass(frozen=True, slots=True)
class _Kept:
    """good: digest of the version that was confirmed last; empty for none. proof: of that one, made in `setup`."""

    good: str = ""
    mark: _Mark | None = None
    proof: Proof | None = None
    setup: str = ""


@cache
def _adapter() -> TypeAdapter[_Kept]:
    return TypeAdapter(_Kept)


class Trials:
    """See the module. For threads and processes. Where the folder can't be written, nothing is kept."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._held: dict[str, tuple[str, SharedLock]] = {}
        self._works = True
        try:
            root.mkdir(parents=True, exist_ok=True)
            (root / "turn").touch()
        except OSError as error:
            self._works = False
            _log.warning("trials_not_kept", folder=str(root), reason=error.strerror)

    @property
    def turn(self) -> Path | None:
        """A lock's file for who proves; None where nothing can be written."""
        return self._root / "turn" if self._works else None

    def check(self, task: str, digest: str) -> None:
        """Raises InvalidInput for a version whose trials ended badly."""
        if self._works:
            with self._kept(task) as (kept, unattended):
                _check(kept, digest, unattended)

    def begin(self, task: str, version: str, digest: str) -> None:
        """To be called before this process opens a version. On the disk when it returns. Raises as `check`."""
        if not self._works or self._held.get(task, ("", None))[0] == digest:
            return
        with self._kept(task) as (kept, unattended):
            if kept.good == digest:
                return
            _check(kept, digest, unattended)
            mark = kept.mark if kept.mark is not None and kept.mark.digest == digest else None
            starts = 0 if mark is None else mark.starts
            others = 0 if mark is None or unattended else mark.open
            # Who joins others that try the same does not start it anew.
            fresh = _Mark(version, digest, starts + int(not others), others + 1, time.time())
            self._write(task, replace(kept, mark=fresh))
            _, held = self._held.get(task, ("", None))
            self._held[task] = digest, held or SharedLock(self._live(task))

    def confirm(self, task: str, digest: str, proof: Proof | None = None, setup: str = "") -> None:
        """The version has shown that the server lives with it. proof: to keep, as it was made in `setup`."""
        if self._works:
            with self._kept(task) as (kept, _):
                mark = None if kept.mark is not None and kept.mark.digest == digest else kept.mark
                if (changed := _Kept(digest, mark, proof, setup)) != kept:
                    self._write(task, changed)
                self._let_go(task, digest)

    def take_proof(self, task: str, digest: str, setup: str) -> Proof | None:
        """The proof of a version that was confirmed last, if it was made in the same `setup`; it is kept no more.

        `put_proof` keeps it again, once the version is open.
        """
        if not self._works:
            return None
        with self._kept(task) as (kept, _):
            if kept.good != digest or kept.proof is None or kept.setup != setup:
                return None
            self._write(task, replace(kept, proof=None, setup=""))
            return kept.proof

    def put_proof(self, task: str, digest: str, proof: Proof, setup: str) -> None:
        """Keeps what `take_proof` gave, unless another version was confirmed meanwhile."""
        with self._kept(task) as (kept, _):
            if kept.good == digest:
                self._write(task, replace(kept, proof=proof, setup=setup))

    def leave(self, task: str, digest: str) -> None:
        """Says that this process has closed the version in order, or never opened it."""
        if self._works and self._held.get(task, ("", None))[0] == digest:
            with self._kept(task) as (kept, _):
                mark = kept.mark
                if mark is not None and mark.digest == digest:
                    left = _Mark(mark.version, digest, mark.starts, mark.open - 1, mark.at) if mark.open > 1 else None
                    self._write(task, replace(kept, mark=left))
                self._let_go(task, digest)

    def lift(self, task: str, *wanted: str) -> None:
        """Somebody has chosen anew: what is held against any version but those digests is forgotten."""
        if self._works:
            with self._kept(task) as (kept, unattended):
                if kept.mark is not None and kept.mark.digest not in wanted and unattended:
                    self._write(task, replace(kept, mark=None))

    @contextmanager
    def _kept(self, task: str) -> Iterator[tuple[_Kept, bool]]:
        """What the disk holds, and whether nobody is trying anything now."""
        with exclusive_lock(self._root / f"{task}.lock"):
            with try_exclusive_lock(self._live(task)) as unattended:
                pass
            yield self._read(task), unattended

    def _read(self, task: str) -> _Kept:
        try:
            return _adapter().validate_json((self._root / f"{task}.json").read_bytes())
        except FileNotFoundError:
            return _Kept()
        except (OSError, ValidationError) as error:
            _log.warning("trial_unreadable", task=task, reason=type(error).__name__)
            return _Kept()

    def _write(self, task: str, kept: _Kept) -> None:
        try:
            write_atomically(self._root / f"{task}.json", json.dumps(asdict(kept)).encode())
        except (OSError, Unavailable) as error:
            # A disk without room must not keep a good version from serving.
            _log.warning("trial_not_kept", task=task, reason=str(error))

    def _live(self, task: str) -> Path:
        return self._root / f"{task}.live"

    def _let_go(self, task: str, digest: str) -> None:
        if self._held.get(task, ("", None))[0] == digest:
            self._held.pop(task)[1].release()


def _check(kept: _Kept, digest: str, unattended: bool) -> None:
    mark = kept.mark
    if mark is None or mark.digest != digest or kept.good == digest or not unattended or mark.starts <= _FORGIVEN:
        return
    # A clock that was put back says nothing of how long ago it was.
    if 0 <= time.time() - mark.at < _REFUSED_SECONDS:
        when = datetime.fromtimestamp(mark.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        raise InvalidInput(
            f"the server ended {mark.starts} times, the last time at or after {when}, before it had answered with this "
            "version for long; promote another one, or start the server again after an hour"
        )
