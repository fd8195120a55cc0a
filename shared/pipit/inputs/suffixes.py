"""How the names of files end, lower case, that folders are searched for. What a file is, `pipit.inputs.media` says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

PICTURES = frozenset({".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
VIDEOS = frozenset({".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm"})
SUFFIXES: Mapping[str, str] = {
    "audio/wav": ".wav",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/tiff": ".tif",
    "image/bmp": ".bmp",
    "video/mp4": ".mp4",
    "video/x-matroska": ".mkv",
    "video/x-msvideo": ".avi",
    "video/mpeg": ".mpg",
    "video/mp2t": ".ts",
    "application/x-npz": ".npz",
}
"""Of a file that is written, by what is in it (https://www.iana.org/assignments/media-types)."""
_OTHER_NAMES = {".oga": ".ogg", ".opus": ".ogg", ".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif"}
_OTHER_NAMES |= {".mov": ".mp4", ".m4v": ".mp4", ".webm": ".mkv", ".mpeg": ".mpg", ".m2ts": ".ts", ".mts": ".ts"}
_MEDIA_TYPES = {suffix: media_type for media_type, suffix in SUFFIXES.items()}


def suffix_of(media_type: str) -> str:
    """What a file of that content is named; ".bin" where it is not known."""
    return SUFFIXES.get(media_type.partition(";")[0].strip().lower(), ".bin")


def media_type_of(name: str) -> str:
    """What a file holds, by its name; "" where the name does not tell."""
    suffix = PurePath(name).suffix.lower()
    return _MEDIA_TYPES.get(_OTHER_NAMES.get(suffix, suffix), "")
