"""The files beside the labels: written by the ids of their examples, and looked for where a list names them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath

from pipit.data.tables import file_named, rows_of
from pipit.errors import InvalidInput, NotFound
from pipit.files import sha256_bytes, write_atomically
from pipit.inputs.suffixes import PICTURES, media_type_of, suffix_of
from pipit.labels.formats.types import ReadContent
from pipit.labels.types import LabelledBox, LabelledSpan, LabelSet, SetItem

FILES = "files"
GROUPS = "recordings.csv"
"""`file,recording`, as the trainers read it: files of one recording stay on one side of a split."""
LARGEST_LIST = 256 << 20
"""Bytes of a list of labels."""


def write_contents(
    items: Sequence[SetItem],
    read_content: ReadContent,
    folder: Path,
    problems: list[str],
    place: Callable[[SetItem], str] = lambda _: FILES,
) -> Iterator[tuple[SetItem, str]]:
    """Writes the content of each item; gives the item and its name below `folder`.

    problems: takes a line for each item whose content is not there any more. place: of an item, the folder below
    `folder`.
    """
    for item in items:
        try:
            content = read_content(item.example)
        except NotFound:
            problems.append(f"{item.example} was deleted, so it is left out")
            continue
        if sha256_bytes(content) != item.sha256:
            problems.append(f"{item.example} has other content than when it was labelled, so it is left out")
            continue
        name = (PurePosixPath(place(item)) / f"{item.example}{suffix_of(item.media_type)}").as_posix()
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / name, content)
        yield item, name


def write_pictures(
    frozen: LabelSet, read_content: ReadContent, folder: Path, problems: list[str], place: Callable[[SetItem], str]
) -> Iterator[tuple[SetItem, str, tuple[int, int]]]:
    """As `write_contents`, for formats of boxes alone; gives width and height in pixels too."""
    problems += [f"{one.example} has no boxes" for one in frozen.items if not one.boxes and (one.label or one.spans)]
    kept = [one for one in frozen.items if one.boxes or not (one.label or one.spans)]
    for item, name in write_contents(kept, read_content, folder, problems, place):
        try:
            yield item, name, picture_size(folder / name)
        except InvalidInput as error:
            (folder / name).unlink()
            problems.append(f"{item.example}: {error}")


def is_content(path: Path) -> bool:
    """Whether a file can be an example; what begins with a point is the system's own."""
    return path.is_file() and not path.name.startswith(".") and bool(media_type_of(path.name))


def pictures_below(folder: Path) -> list[Path]:
    """Every picture at any depth, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())


def content_of(folder: Path, name: str) -> Path:
    """The file that a list means. Raises InvalidInput for one that is not there, or lies outside of `folder`."""
    path = file_named(folder, name)
    if path is None or not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidInput(f"{name[:200]!r} is not in {folder.name}; put the file there, or take the entry out")
    return path


def below(folder: Path, path: Path) -> str:
    """A file's name below the folder."""
    return path.relative_to(folder).as_posix()


def groups_in(folder: Path, problems: list[str]) -> dict[str, str]:
    """Groups by the names of files, where a table tells them."""
    table = folder / GROUPS
    if not table.is_file():
        return {}
    return {row["file"]: row["recording"] for _, row in rows_of(table, ("file", "recording"), problems)}


def read_list(path: Path) -> str:
    """A list of labels as text. Raises NotFound, InvalidInput for what is too large or no text."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_LIST + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise NotFound(f"there is no {path.name} in {path.parent}") from error
    if len(data) > LARGEST_LIST:
        raise InvalidInput(f"{path.name} has more than {LARGEST_LIST >> 20} MiB; bring it in parts")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name} is not UTF-8 text: {error.reason}") from error


def only_file(folder: Path, table: Path | None, name: str, suffix: str) -> Path:
    """The format's own file: the one that was named, `name`, or the only one with that suffix. Raises NotFound."""
    if table is not None:
        return table
    if (folder / name).is_file():
        return folder / name
    found = sorted(path for path in folder.rglob(f"*{suffix}") if not path.name.startswith("."))
    if len(found) != 1:
        several = f"{len(found)} files {suffix}" if found else f"no file {suffix}"
        raise NotFound(f"{folder.name} holds no {name}, and {several}; name the file")
    return found[0]


def number(value: object, what: str) -> float:
    """A finite number. Raises InvalidInput."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{what} is {value!r}, which is no number") from error
    if not math.isfinite(found):
        raise InvalidInput(f"{what} is {found}, which is no finite number")
    return found


def box(label: object, left: object, top: object, width: object, height: object) -> LabelledBox:
    """Raises InvalidInput."""
    made = LabelledBox(
        text(label), number(left, "left"), number(top, "top"), number(width, "width"), number(height, "height")
    )
    if made.width <= 0.0 or made.height <= 0.0:
        raise InvalidInput(f"a box of {made.width:g} x {made.height:g} pixels holds nothing")
    return made


def span(label: object, start: object, end: object) -> LabelledSpan:
    """Raises InvalidInput."""
    made = LabelledSpan(text(label), number(start, "start"), number(end, "end"))
    if not 0.0 <= made.start < made.end:
        raise InvalidInput(f"a span from {made.start:g} to {made.end:g} s can't be; it ends after it begins")
    return made


def text(label: object) -> str:
    """A label. Raises InvalidInput."""
    if not isinstance(label, str) or not label.strip() or len(label) > 200:
        raise InvalidInput(f"{str(label)[:60]!r} is no label; it has to be a text of 1 to 200 letters")
    return label.strip()


def picture_size(content: bytes | Path) -> tuple[int, int]:
    """Width and height in pixels, as a viewer shows the picture. Raises InvalidInput."""
    from PIL import Image  # noqa: PLC0415  (only formats of boxes need it)

    from pipit.inputs.pictures.orientation import orientation_of  # noqa: PLC0415

    try:
        with Image.open(BytesIO(content) if isinstance(content, bytes) else content) as picture:
            width, height = picture.size
            turned = orientation_of(picture.info.get("exif", b"")) >= 5
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInput(f"no picture that can be read: {error}") from error
    return (height, width) if turned else (width, height)
