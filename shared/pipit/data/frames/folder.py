"""The folder that frames are collected in: whole after every interruption, for one source and one collector at a time.

    picture to .part ──rename──> picture in its place ──> line in frames.csv ──> … ──> done, in collection.json

Whoever goes on after an interruption begins behind the last line, so that a picture without a line is made again.
"""

from __future__ import annotations

import io
import json
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipit.data.duplicates import ALIKE, differing_bits, perceptual_hash
from pipit.data.frames.manifest import MANIFEST, FrameRow, append_row, hash_of, hash_text, mend_manifest
from pipit.data.frames.naming import folder_name, picture_name, programme_of
from pipit.data.frames.sources import Source
from pipit.errors import AlreadyExists, Conflict, InvalidInput, PipitError, Unavailable
from pipit.files import write_atomically
from pipit.locks import try_exclusive_lock

COLLECTION = "collection.json"
_FORMAT = 1
_LOCK = ".lock"
_QUALITY = 92
GIB = 1 << 30


class BudgetUsed(PipitError):
    """The next picture would not fit into what the folder may hold. Ends a collection, and is no fault."""


class NoRoom(Unavailable):
    """The disk is full, or nearly."""


@dataclass(frozen=True, slots=True)
class FrameSettings:
    """What all pictures of a folder have in common.

    fps: pictures a second at most. changes_only: leave out a picture that is nearly equal to the last one kept.
    longest_side: pixels; larger pictures are made smaller; 0: as they are. by_path: a recording's path says what
    programme and channel don't; see `programme_of`.
    """

    fps: float = 1.0
    changes_only: bool = False
    programme: str = ""
    channel: str = ""
    longest_side: int = 0
    by_path: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.fps <= 100:
            raise InvalidInput(f"{self.fps:g} frames a second can't be taken; give more than 0 and at most 100")
        for option in ("programme", "channel"):
            value = getattr(self, option)
            if not value.isprintable() or value != value.strip():
                raise InvalidInput(f"{value!r} is no {option}; give a name without line breaks and spaces around it")


@dataclass(frozen=True, slots=True)
class Room:
    """max_bytes: of all pictures in the folder; None: no limit. min_free_bytes: that stay free on its disk."""

    max_bytes: int | None = None
    min_free_bytes: int = GIB


@dataclass(slots=True)
class RecordingState:
    """beginning: see `beginning_of`; empty for streams. size: of the file when it was done, bytes.

    is_straight: a second can be found again by seeking. lost: pictures of all of it that could not be read.
    """

    beginning: str = ""
    size: int = 0
    is_done: bool = False
    is_straight: bool = True
    lost: int = 0


@dataclass(slots=True)
class _Last:
    row: FrameRow
    lost: int = field(default=0)


class FrameFolder:
    """A context manager. For one thread."""

    def __init__(self, path: Path, source: Source, settings: FrameSettings, room: Room) -> None:
        """Nothing is touched before the context is entered."""
        self.path = path
        self._source = source
        self._settings = settings
        self._room = room
        self._held = ExitStack()
        self._recordings: dict[str, RecordingState] = {}
        self._last: dict[str, _Last] = {}
        self._bytes = 0

    def __enter__(self) -> FrameFolder:
        """Makes the folder, or goes on with it.

        Raises AlreadyExists for a folder that holds something else or is another source's, InvalidInput if it was begun
        with other settings or is damaged, Conflict if somebody else collects there, Unavailable without room.
        """
        with self._held:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InvalidInput(
                    f"{self.path} can't be made: {error.strerror}; name another folder with --output"
                ) from error
            others = {entry.name for entry in self.path.iterdir()} - {_LOCK}
            if others and COLLECTION not in others:
                raise AlreadyExists(f"{self.path} holds something else already; name a new folder with --output")
            if not self._held.enter_context(try_exclusive_lock(self.path / _LOCK)):
                raise Conflict(f"another process collects frames in {self.path}; wait for it or name another folder")
            self._begin_or_go_on()
            self._held = self._held.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._recordings:
            # Nothing came of it: the folder is free for another source.
            for name in (COLLECTION, MANIFEST):
                (self.path / name).unlink(missing_ok=True)
        self._held.close()

    def state(self, recording: str) -> RecordingState | None:
        """What is known of a recording; None if it is new."""
        return self._recordings.get(recording)

    def last(self, recording: str) -> FrameRow | None:
        """The last picture that was kept of a recording."""
        last = self._last.get(recording)
        return None if last is None else last.row

    def lost(self, recording: str) -> int:
        """Pictures that could not be read before the last that was kept."""
        last = self._last.get(recording)
        return 0 if last is None else last.lost

    def remember(self, recording: str, state: RecordingState) -> None:
        """Raises Unavailable without room."""
        self._recordings[recording] = state
        self._write_collection()

    def keep(self, recording: str, pixels: NDArray[np.uint8], seconds: float, time: str, lost: int) -> bool:
        """Puts a picture and its line in place. False for one that is left out because it shows no change.

        seconds: later than those of the recording's last picture. Raises BudgetUsed, and NoRoom if the disk
        is full; then the picture is as good as never seen.
        """
        picture = Image.fromarray(pixels)
        if self._settings.longest_side:
            picture.thumbnail((self._settings.longest_side,) * 2, Image.Resampling.LANCZOS)
        bits = perceptual_hash(np.asarray(picture))
        last, scene = self.last(recording), 0
        if last is not None:
            is_change = differing_bits(bits, hash_of(last.hash)) > ALIKE
            if self._settings.changes_only and not is_change:
                return False
            scene = last.scene + is_change
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=_QUALITY)
        self._require_room(data.tell())
        file = picture_name(folder_name(recording), seconds)
        settings = self._settings
        channel, programme = programme_of(recording) if settings.by_path else ("", "")
        row = FrameRow(
            file=file,
            recording=recording,
            programme=settings.programme or programme,
            channel=settings.channel or channel,
            seconds=seconds,
            time=time,
            scene=scene,
            hash=hash_text(bits),
            lost=lost,
        )
        try:
            (self.path / file).parent.mkdir(exist_ok=True)
            write_atomically(self.path / file, data.getvalue())
            append_row(self.path, row)
        except Unavailable as error:
            raise NoRoom(f"{error}; what is there is kept") from error
        self._bytes += data.tell()
        self._count(row)
        return True

    def _require_room(self, size: int) -> None:
        limit = self._room.max_bytes
        if limit is not None and self._bytes + size > limit:
            raise BudgetUsed(
                f"the {limit / GIB:g} GiB that {self.path} may hold are used; "
                "run again with a larger --max-gib to go on"
            )
        free = shutil.disk_usage(self.path).free - size
        if free < self._room.min_free_bytes:
            raise NoRoom(
                f"{free / GIB:.2f} GiB would be free on the disk of {self.path}, and "
                f"{self._room.min_free_bytes / GIB:g} are to stay free (--min-free-gib); "
                "make room and run again: what is there is kept"
            )

    def _begin_or_go_on(self) -> None:
        path = self.path / COLLECTION
        mine: dict[str, Any] = {
            "format": _FORMAT,
            "source": {"kind": self._source.kind, "name": self._source.name},
            "settings": asdict(self._settings),
        }
        if path.exists():
            found = self._read_collection(path)
            if found["format"] != _FORMAT:
                raise InvalidInput(f"{self.path} is of another version of Pipit; name a new folder with --output")
            if found["source"] != mine["source"]:
                raise AlreadyExists(
                    f"{self.path} holds frames of another source, {found['source']['name']}; "
                    "name a new folder with --output"
                )
            for name, value in mine["settings"].items():
                before = found["settings"].get(name)
                if before != value:
                    raise InvalidInput(
                        f"{self.path} was begun with {name} {before!r}, not {value!r}; "
                        "go on with that, or name a new folder with --output"
                    )
            if self._recordings and not (self.path / MANIFEST).exists():
                raise InvalidInput(f"{self.path / MANIFEST} is gone; put it back, or name a new folder with --output")
        else:
            self._write_collection()
        for row in mend_manifest(self.path):
            self._count(row)
        for left in self.path.rglob(".*.jpg.*.part"):
            # Of a process that was killed while it wrote.
            left.unlink()
        self._bytes = sum(file.stat().st_size for file in self.path.rglob("*.jpg"))

    def _read_collection(self, path: Path) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
            self._recordings = {name: RecordingState(**state) for name, state in found["recordings"].items()}
            _ = found["format"], found["source"]["name"], found["settings"].get
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(f"{path} is damaged; put it back from a copy, or name a new folder: {error}") from error
        return found

    def _write_collection(self) -> None:
        content = {
            "format": _FORMAT,
            "source": {"kind": self._source.kind, "name": self._source.name},
            "settings": asdict(self._settings),
            "recordings": {name: asdict(state) for name, state in self._recordings.items()},
        }
        write_atomically(self.path / COLLECTION, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())

    def _count(self, row: FrameRow) -> None:
        self._last[row.recording] = _Last(row, self.lost(row.recording) + row.lost)
