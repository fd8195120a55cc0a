"""What domains say of their downloads: where a file lies, what it weighs, and the digests that it must have."""

from __future__ import annotations

from dataclasses import dataclass

BACKBONES_FOLDER = "backbones"
"""Below the data folder: pretrained networks that trainers begin with."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file on a server.

    url: where its author keeps it. filename: its name here and on a mirror. size: bytes; where it is not exact, it
    only serves the progress bar and the check for free space. sha256: hexadecimal; empty where only what is in the
    file is pinned.
    """

    url: str
    filename: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """A data set in one zip file.

    members: a regular expression for the paths that are unpacked, below the archive's one top folder.
    content_digest: SHA-256 over the lines "md5  path" of the unpacked files that `checked` matches, sorted by path.
    An archive is accepted if its own digest or its content's is the pinned one: a server that packs the same files
    anew changes the first, not the second.
    unpacked_size: bytes, about. max_unpacked_size: bytes; an archive that claims more is refused.
    """

    archive: RemoteFile
    folder: str
    members: str
    checked: str
    content_digest: str
    unpacked_size: int
    max_unpacked_size: int
    licence: str
    page: str
