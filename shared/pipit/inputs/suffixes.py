"""How the names of files end, lower case: which are pictures, which are videos."""

from __future__ import annotations

PICTURES = frozenset({".jpeg", ".jpg", ".png", ".webp"})
VIDEOS = frozenset({".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm"})
