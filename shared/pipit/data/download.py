"""One file from a server to the disk: resumed after a break, checked, and in its place whole or not at all.

<name>.part       what has arrived so far; a later run goes on from its end
<name>.part.etag  the server's tag of that content, so that a changed file is not glued to an old beginning
<name>            only after its digest was found right
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from pipit.data.sources import RemoteFile
from pipit.errors import IntegrityError, InvalidInput, NotFound, Unavailable
from pipit.files import sha256_file

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes there are in all (0 where the server does not say)."""

_PIECE = 1 << 14
_SPARE = 64 << 20
"""Bytes that a download leaves free on the disk."""


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """attempts: connections opened before giving up, counted anew whenever bytes arrive.

    pause: seconds before the second attempt, doubled for each further one. timeout: seconds without a byte.
    """

    attempts: int = 5
    pause: float = 1.0
    timeout: float = 60.0


def require_space(folder: Path, size: int) -> None:
    """Raises Unavailable if `size` bytes and some to spare don't fit on the disk of `folder`."""
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE:
        raise Unavailable(
            f"not enough space in {folder}: {size / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free; "
            "make room or name another folder with --to"
        )


def source_url(file: RemoteFile, mirror: str | None) -> str:
    """On the mirror, where there is one, a file lies under its own name. Raises InvalidInput for what is no mirror."""
    if mirror and not mirror.startswith(("http://", "https://")):
        raise InvalidInput(
            f"the mirror {mirror!r} is no address of a web server; write http://{mirror} or https://{mirror} "
            "(PIPIT_DATA_MIRROR, --mirror)"
        )
    return f"{mirror.rstrip('/')}/{file.filename}" if mirror else file.url


def download(
    file: RemoteFile,
    target: Path,
    *,
    mirror: str | None = None,
    progress: Progress | None = None,
    options: DownloadOptions | None = None,
    accept: Callable[[Path], bool] | None = None,
) -> None:
    """Fetches `file` to `target`. `accept` may take content whose digest is not the pinned one.

    Raises NotFound if the server does not have it, Unavailable if it can't be reached, keeps breaking off or the disk
    is too small (what has arrived stays for the next run), IntegrityError if the content is not what was pinned.
    """
    if target.is_file() and sha256_file(target) == file.sha256:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(source_url(file, mirror), target, file, progress, options or DownloadOptions())
    resumed = transfer.arrived > 0
    transfer.run()
    if resumed and not _is_right(transfer.part, file, accept):
        # The beginning may be another file's: one more time from the start before blaming the server.
        transfer.discard()
        transfer.run()
    if not _is_right(transfer.part, file, accept):
        found = sha256_file(transfer.part)
        transfer.discard()
        pinned = f", not {file.sha256}" if file.sha256 else ", and what is in it is not what was pinned"
        raise IntegrityError(
            f"{transfer.url} is not the file that Pipit knows: its SHA-256 is {found}{pinned}; "
            "nothing of it was kept. Try again, or another mirror (PIPIT_DATA_MIRROR)"
        )
    transfer.part.replace(target)
    transfer.tag_file.unlink(missing_ok=True)


def _is_right(part: Path, file: RemoteFile, accept: Callable[[Path], bool] | None) -> bool:
    return sha256_file(part) == file.sha256 or (accept is not None and accept(part))


class _Transfer:
    """The state of one download on the disk, and the loop of attempts."""

    def __init__(
        self, url: str, target: Path, file: RemoteFile, progress: Progress | None, options: DownloadOptions
    ) -> None:
        self.url = url
        self.part = target.with_name(target.name + ".part")
        self.tag_file = target.with_name(target.name + ".part.etag")
        self._file = file
        self._progress = progress
        self._options = options

    @property
    def arrived(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def discard(self) -> None:
        self.part.unlink(missing_ok=True)
        self.tag_file.unlink(missing_ok=True)

    def run(self) -> None:
        require_space(self.part.parent, max(0, self._file.size - self.arrived))
        failures = 0
        while True:
            before = self.arrived
            try:
                self._attempt()
            except requests.RequestException as error:
                failures = 1 if self.arrived > before else failures + 1
                if failures >= self._options.attempts:
                    raise Unavailable(
                        f"{self.url} can't be fetched ({_reason(error)}); {self.arrived / 1e6:.1f} MB have arrived "
                        "and are kept: run the command again to go on"
                    ) from error
            except OSError as error:
                raise Unavailable(f"{self.part} can't be written: {error.strerror or error}") from error
            else:
                return
            time.sleep(self._options.pause * 2 ** (failures - 1))

    def _attempt(self) -> None:
        arrived = self.arrived
        headers = {"Accept-Encoding": "identity"}
        if arrived:
            headers["Range"] = f"bytes={arrived}-"
            if self.tag_file.exists():
                headers["If-Range"] = self.tag_file.read_text("ascii")
        with requests.get(self.url, headers=headers, stream=True, timeout=self._options.timeout) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self._range_refused(response)
                return
            _raise_for(response)
            if response.status_code != requests.codes.partial_content:
                # The whole file comes: the server knows no ranges, or its content changed.
                self.discard()
                arrived = 0
            self._remember_tag(response)
            self._write(response, arrived)

    def _range_refused(self, response: requests.Response) -> None:
        # "bytes */12345": there is nothing after what has arrived, if that is all of it.
        total = response.headers.get("Content-Range", "").rpartition("/")[2]
        if total.isdigit() and int(total) == self.arrived:
            return
        self.discard()
        self._attempt()

    def _remember_tag(self, response: requests.Response) -> None:
        tag = response.headers.get("ETag", "")
        # A weak tag does not promise equal bytes.
        if tag and not tag.startswith("W/") and tag.isascii():
            self.tag_file.write_text(tag, "ascii")

    def _write(self, response: requests.Response, arrived: int) -> None:
        length = response.headers.get("Content-Length", "")
        total = arrived + int(length) if length.isdigit() else 0
        with self.part.open("ab") as part:
            for piece in response.iter_content(_PIECE):
                part.write(piece)
                arrived += len(piece)
                if self._progress is not None:
                    self._progress(arrived, total)


def _raise_for(response: requests.Response) -> None:
    status = response.status_code
    if status in (requests.codes.not_found, requests.codes.gone):
        raise NotFound(f"{response.url} does not exist (HTTP {status}); check the mirror setting PIPIT_DATA_MIRROR")
    if status < 500 and status not in (requests.codes.request_timeout, requests.codes.too_many_requests):
        # Trying again would not help.
        if status >= 400:
            raise Unavailable(f"{response.url} refuses (HTTP {status}); check the mirror setting PIPIT_DATA_MIRROR")
        return
    response.raise_for_status()


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return "the connection broke" if isinstance(error, requests.ConnectionError) else type(error).__name__
