"""A folder of pictures and videos to one landmark file, over all cores, so that an interrupted run goes on.

FILE          whole, or from an earlier run: what it has of unchanged pictures is taken over
FILE.parts/   what this run has done so far, a file for each portion; gone once FILE is written
"""

from __future__ import annotations

import multiprocessing
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from pipit.errors import InvalidInput, NotFound, PipitError
from pipit.inputs import EncodedImage
from pipit.inputs.image import ImageLimits, decode_with_size
from pipit.inputs.suffixes import PICTURES, VIDEOS
from pipit.landmarks.files import (
    LandmarkTable,
    Sources,
    join_tables,
    keep_sources,
    read_landmarks,
    write_landmarks,
)
from pipit.landmarks.find import SHORTER_SIDE, FaceAndBody, Found
from pipit.landmarks.layout import FEATURES
from pipit.machine import processors

_PORTION = 32
_LIMITS = ImageLimits(max_bytes=256 * 1024 * 1024, max_pixels=150_000_000)
"""The owner's own files: larger ones than a server takes."""


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """faces: at most so many a picture, None for all. body: look for bodies too.

    frames_per_second: of a video, at most; None for all.
    """

    faces: int | None = 1
    body: bool = True
    frames_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    """file: as `Sources.file`."""

    path: Path
    file: str
    size: int
    modified: int

    @property
    def key(self) -> tuple[str, int, int]:
        """Changes with the content."""
        return self.file, self.size, self.modified


Advance = Callable[[int, int], None]
"""Called with the files that are done and all files."""


def extract_folder(
    folder: Path,
    output: Path,
    options: ExtractOptions | None = None,
    *,
    processes: int | None = None,
    models: Path | None = None,
    advance: Advance | None = None,
) -> LandmarkTable:
    """Finds landmarks in every picture and video below `folder` and writes them to `output`.

    A file that can't be read is listed with its problem and stops nothing. processes: None for one a core.
    models: see `folder` of `FaceAndBody.load`.
    Raises NotFound if there is no such folder, nothing in it or a network is missing; InvalidInput if `output` was
    made with other options.
    """
    options = options or ExtractOptions()
    sources = list_sources(folder)
    parts = output.with_name(output.name + ".parts")
    done = _already_done(output, parts, options, {source.key for source in sources})
    known = {key for table in done for key in _keys(table)}
    left = [source for source in sources if source.key not in known]
    finished = len(sources) - len(left)
    if advance:
        advance(finished, len(sources))
    # A missing network is told of here, once, and not by each process.
    FaceAndBody.load(models, body=options.body).close()
    parts.mkdir(parents=True, exist_ok=True)
    for table in _search(_portions(left), options, models, processes or processors()):
        write_landmarks(_new_part(parts), table)
        done.append(table)
        finished += len(table.sources.file)
        if advance:
            advance(finished, len(sources))
    whole = join_tables(done)
    write_landmarks(output, whole)
    shutil.rmtree(parts)
    return whole


def list_sources(folder: Path) -> list[_Source]:
    """Pictures and videos below `folder` by their suffixes, sorted; hidden ones left out. Raises NotFound."""
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}; name the one that holds the pictures")
    found = []
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if path.suffix.lower() in PICTURES | VIDEOS and not hidden and path.is_file():
            facts = path.stat()
            found.append(_Source(path, relative.as_posix(), facts.st_size, facts.st_mtime_ns))
    if not found:
        raise NotFound(f"{folder} holds no picture or video; taken are {', '.join(sorted(PICTURES | VIDEOS))}")
    return found


def _already_done(
    output: Path, parts: Path, options: ExtractOptions, wanted: set[tuple[str, int, int]]
) -> list[LandmarkTable]:
    """What earlier runs found in files that are still there and unchanged, each file once."""
    tables = []
    seen: set[tuple[str, int, int]] = set()
    for path in [*([output] if output.exists() else []), *sorted(parts.glob("*.npz"))]:
        table = read_landmarks(path)
        if table.options != asdict(options):
            raise InvalidInput(
                f"{path} was made with other options ({table.options}); delete it or name another output"
            )
        keys = _keys(table)
        tables.append(keep_sources(table, np.array([key in wanted and key not in seen for key in keys], bool)))
        seen.update(keys)
    return tables


def _keys(table: LandmarkTable) -> list[tuple[str, int, int]]:
    sources = table.sources
    return list(zip(sources.file.tolist(), sources.size.tolist(), sources.modified.tolist(), strict=True))


def _new_part(parts: Path) -> Path:
    return parts / f"{len(list(parts.glob('*.npz'))):06d}.npz"


def _portions(sources: Sequence[_Source]) -> Iterator[list[_Source]]:
    """Videos one by one, for they are long; pictures some at a time."""
    videos = [source for source in sources if source.path.suffix.lower() in VIDEOS]
    pictures = iter([source for source in sources if source.path.suffix.lower() in PICTURES])
    yield from ([video] for video in videos)
    while portion := list(islice(pictures, _PORTION)):
        yield portion


def _search(
    portions: Iterator[list[_Source]], options: ExtractOptions, models: Path | None, processes: int
) -> Iterator[LandmarkTable]:
    """Tables as they come, in any order."""
    # Started afresh, not forked: LiteRT's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _start_worker, (models, options)) as pool:
        try:
            # No more is handed out than is worked on: an interrupted run then ends with what is under way.
            running: set[Future[LandmarkTable]] = {
                pool.submit(_work, portion) for portion in islice(portions, 2 * processes)
            }
            while running:
                ready, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(_work, portion) for portion in islice(portions, len(ready))}
                yield from (future.result() for future in ready)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


class _Worker:
    """What one process keeps between portions."""

    networks: FaceAndBody
    options: ExtractOptions


def _start_worker(models: Path | None, options: ExtractOptions) -> None:
    # An interrupt from the keyboard reaches all processes; the first one ends the others in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Worker.networks = FaceAndBody.load(models, body=options.body)
    _Worker.options = options


def _work(portion: list[_Source]) -> LandmarkTable:
    rows = _Rows()
    for source in portion:
        try:
            if source.path.suffix.lower() in VIDEOS:
                rows.add_video(source, _Worker.networks, _Worker.options)
            else:
                rows.add_picture(source, _Worker.networks, _Worker.options)
        except (PipitError, OSError) as error:
            rows.add_problem(source, str(error))
    return rows.table(_Worker.options)


class _Rows:
    """A table that grows."""

    def __init__(self) -> None:
        self._sources: list[tuple[_Source, int, int, str]] = []
        self._found: list[tuple[int, float, int, Found]] = []

    def add_picture(self, source: _Source, networks: FaceAndBody, options: ExtractOptions) -> None:
        picture = decode_with_size(EncodedImage(source.path.read_bytes()), _LIMITS, SHORTER_SIDE)
        found = networks.find(picture.pixels, options.faces, body=options.body, full_size=picture.full_size)
        self._add(np.nan, found)
        self._sources.append((source, 1, int(not found), ""))

    def add_video(self, source: _Source, networks: FaceAndBody, options: ExtractOptions) -> None:
        from pipit.inputs.video import read_frames  # noqa: PLC0415 (pictures need no PyAV)

        tracker = networks.open_stream(options.faces, body=options.body)
        pictures, empty, before = 0, 0, -1 / 30
        for frame in read_frames(source.path, options.frames_per_second):
            found = tracker.find(frame.pixels, seconds=max(frame.seconds - before, 1e-3))
            self._add(frame.seconds, found)
            pictures, empty, before = pictures + 1, empty + (not found), frame.seconds
        self._sources.append((source, pictures, empty, ""))

    def add_problem(self, source: _Source, problem: str) -> None:
        self._found = [row for row in self._found if row[0] != len(self._sources)]
        self._sources.append((source, 0, 0, problem))

    def _add(self, seconds: float, found: list[Found]) -> None:
        self._found += [(len(self._sources), seconds, face, one) for face, one in enumerate(found)]

    def table(self, options: ExtractOptions) -> LandmarkTable:
        found = [row[3] for row in self._found]
        boxes = [(one.box.left, one.box.top, one.box.width, one.box.height) for one in found]
        sources = [row[0] for row in self._sources]
        return LandmarkTable(
            features=np.array([one.features for one in found], np.float32).reshape(-1, FEATURES),
            source=np.array([row[0] for row in self._found], np.int32),
            seconds=np.array([row[1] for row in self._found], np.float64),
            face=np.array([row[2] for row in self._found], np.int32),
            presence=np.array([one.presence for one in found], np.float32),
            body_presence=np.array([one.body_presence for one in found], np.float32),
            box=np.array(boxes, np.float32).reshape(-1, 4),
            sources=Sources(
                file=np.array([source.file for source in sources], np.str_),
                size=np.array([source.size for source in sources], np.int64),
                modified=np.array([source.modified for source in sources], np.int64),
                pictures=np.array([row[1] for row in self._sources], np.int32),
                empty=np.array([row[2] for row in self._sources], np.int32),
                problem=np.array([row[3] for row in self._sources], np.str_),
            ),
            options=asdict(options),
        )
