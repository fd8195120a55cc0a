"""Names of sources, recordings and pictures: without secrets, and good for every file system."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from pipit.errors import InvalidInput

_LONGEST = 80
_SCHEMES = ("http", "https", "rtmp", "rtp", "rtsp", "rtsps", "tcp", "udp")


def is_url(source: str) -> bool:
    """Whether a source is fetched over a network. Raises InvalidInput for a protocol that nobody here speaks."""
    scheme, mark, _ = source.partition("://")
    if not mark or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return False
    if scheme.lower() not in _SCHEMES:
        raise InvalidInput(
            f"{scheme}:// can't be read; give a file, a folder, a device, or one of {', '.join(_SCHEMES)}"
        )
    return True


def shown_url(url: str) -> str:
    """An address as it may be printed and kept: without user, password, query and fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def recording_of_file(path: PurePosixPath) -> str:
    """A file's path below its folder, without the ending; what no table can hold is written as its code."""
    return printable(path.with_suffix("").as_posix())


def programme_of(recording: str) -> tuple[str, str]:
    """Channel and programme of a recording that is kept as CHANNEL/PROGRAMME-1.

    They are its first folder, "" without one, and its file's name without the number at its end.
    """
    path = PurePosixPath(recording)
    channel = path.parts[0] if len(path.parts) > 1 else ""
    return channel, re.sub(r"(?<=.)[-_ ]\d+$", "", path.name)


def recording_of_url(url: str) -> str:
    """The last part of the address that has a name, without the ending."""
    parts = urlsplit(url)
    last = PurePosixPath(unquote(parts.path)).stem
    return printable(last or parts.hostname or "stream")


def recording_of_live(name: str, began: datetime) -> str:
    """Each run makes a recording of its own of what is live."""
    return f"{name}_{began:%Y%m%dT%H%M%S}.{began.microsecond // 1000:03}Z"


def printable(name: str) -> str:
    """Composed Unicode; control characters and bytes that are no UTF-8 as their codes."""
    text = unicodedata.normalize("NFC", name)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def folder_name(recording: str) -> str:
    """A folder for a recording's pictures, another one for each recording."""
    plain = re.sub(r"[^\w.-]+", "_", recording).strip("._-") or "recording"
    if plain == recording and len(plain.encode()) <= _LONGEST:
        return plain
    short = plain.encode()[:_LONGEST].decode("utf-8", "ignore")
    return f"{short}-{hashlib.sha256(recording.encode()).hexdigest()[:8]}"


def picture_name(folder: str, seconds: float) -> str:
    """A picture's file, by recording and time: FOLDER/FOLDER_01-02-03.456.jpg is at 1 h, 2 min, 3.456 s."""
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{folder}/{folder}_{hours:02}-{minutes:02}-{milliseconds // 1000:02}.{milliseconds % 1000:03}.jpg"


def beginning_of(path: Path, size: int = 1 << 16) -> str:
    """How many bytes, at most `size`, and their digest: a recording is known again by it, also one that still grows.

    Raises InvalidInput for a file that can't be read.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(size)
    except OSError as error:
        raise InvalidInput(
            f"{path.name} can't be read: {error.strerror}; may you read it, is its disk there?"
        ) from error
    return f"{len(beginning)}:{hashlib.sha256(beginning).hexdigest()}"


def begins_as(path: Path, beginning: str) -> bool:
    """Whether a file begins as `beginning_of` found it earlier. Raises as that does."""
    return beginning_of(path, int(beginning.partition(":")[0])) == beginning
