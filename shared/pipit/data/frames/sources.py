"""What pictures are collected from, as people name it, opened for reading."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import av
from av.container import InputContainer

from pipit.data.frames.naming import is_url, printable, recording_of_file, shown_url
from pipit.errors import InvalidInput, NotFound, Unavailable
from pipit.inputs.camera import source_of
from pipit.inputs.suffixes import VIDEOS

_LONGEST_NAME = 255
"""Bytes; of file systems."""
Kind = Literal["file", "folder", "url", "device"]


@dataclass(frozen=True, slots=True)
class Source:
    """address: as it is opened, with passwords; nothing of it is printed. name: what may be shown and kept.

    kind and name together say whether a folder of frames belongs to it.
    """

    kind: Kind
    address: str
    name: str


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A video file. recording: its name in manifests and labels."""

    path: Path
    recording: str


def source_named(text: str) -> Source:
    """FILE, FOLDER, URL or DEVICE (a number, /dev/video0, FORMAT:SOURCE). Raises InvalidInput, NotFound."""
    if is_url(text):
        return Source("url", text, shown_url(text))
    path = Path(text)
    if "\0" in text or len(path.name.encode(errors="surrogateescape")) > _LONGEST_NAME:
        raise NotFound(f"there is no file or folder {printable(text)[:60]}…; name one, a URL, or a device")
    if path.is_dir():
        return Source("folder", text, printable(path.resolve().name))
    if path.is_file():
        return Source("file", text, printable(path.name))
    is_device = text.isdecimal() or text.startswith("/dev/") or (":" in text and not path.parent.exists())
    if not is_device and (":" not in text or "/" in text.partition(":")[0]):
        raise NotFound(f"there is no file or folder {text}; name one, a URL, or a device such as /dev/video0")
    source_of(text)
    return Source("device", text, printable(text))


def files_of(source: Source) -> tuple[RecordedFile, ...]:
    """The video files of a file or folder, at any depth, sorted by name.

    Raises NotFound for a folder without any, InvalidInput for two of the same name but for the ending.
    """
    if source.kind == "file":
        path = Path(source.address)
        return (RecordedFile(path, recording_of_file(PurePosixPath(path.name))),)
    folder = Path(source.address)
    found: dict[str, RecordedFile] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in VIDEOS or path.name.startswith(".") or not path.is_file():
            continue
        file = RecordedFile(path, recording_of_file(PurePosixPath(path.relative_to(folder))))
        other = found.setdefault(file.recording, file)
        if other is not file:
            raise InvalidInput(f"{other.path.name} and {path.name} would be one recording; give one another name")
    if not found:
        raise NotFound(f"{folder} holds no video; taken are {', '.join(sorted(VIDEOS))}")
    return tuple(found.values())


@contextmanager
def open_file(path: Path, name: str) -> Iterator[InputContainer]:
    """Raises InvalidInput for what is no video, Unavailable for a disk that can't be read."""
    try:
        # Without the protocol FFmpeg takes a name with a colon for an address.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except OSError as error:
        raise Unavailable(f"{name} can't be read: {error.strerror}; may you read it, and is its disk there?") from error
    except (av.FFmpegError, ValueError) as error:
        reason = error.strerror if isinstance(error, av.FFmpegError) else str(error)
        raise InvalidInput(f"{name} can't be read as video: {reason}; give a whole video file") from error
    try:
        with container:
            yield container
    except av.FFmpegError as error:
        raise Unavailable(f"{name} can't be read on: {reason_of(error)}; is its disk there?") from error


@contextmanager
def open_url(source: Source, timeout: float, *, insecure: bool = False) -> Iterator[InputContainer]:
    """timeout: seconds of silence. insecure: don't look at the certificate of an https address.

    Raises Unavailable, InvalidInput for what is no video, NotFound.
    """
    # PyAV's own limit does not hold while it seeks; FFmpeg's does, in microseconds.
    is_rtsp, is_https = source.name.startswith("rtsp"), source.name.startswith("https:")
    options = {"rtsp_transport": "tcp"} if is_rtsp else {"rw_timeout": str(int(timeout * 1e6))}
    if is_https and not insecure:
        # FFmpeg looks at no certificate unless it is told to, and then needs to be told whom to trust.
        options |= {"tls_verify": "1", "ca_file": ssl.get_default_verify_paths().cafile or ""}
    try:
        container = av.open(source.address, options=options, timeout=timeout, metadata_errors="replace")
    except av.error.InvalidDataError as error:
        raise InvalidInput(f"{source.name} gives no video; does the address lead to a stream or a file?") from error
    except (av.error.HTTPNotFoundError, av.error.ProtocolNotFoundError) as error:
        raise NotFound(f"{source.name} can't be had: {error.strerror}; check the address") from error
    except (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError) as error:
        raise InvalidInput(f"{source.name} refuses: {error.strerror}; give user and password in the address") from error
    except (av.FFmpegError, ValueError) as error:
        hint = "; does this machine trust its certificate (SSL_CERT_FILE, --insecure)?" if is_https else ""
        raise Unavailable(f"{source.name} can't be opened: {reason_of(error)}{hint}") from error
    with container:
        yield container


def reason_of(error: Exception) -> str:
    """A few words, without the address, for it may hold a password."""
    if isinstance(error, av.error.ExitError):
        return "it was silent for too long"
    if isinstance(error, av.FFmpegError):
        return error.strerror or "it can't be read"
    return "it is no address" if isinstance(error, ValueError) else str(error)
