"""The page's files. Whatever is no file is a place within the page, and gets index.html."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import FileResponse, PlainTextResponse

_HASHED = re.compile(r"-[A-Za-z0-9_\-]{8,}\.[a-z0-9]+$")
"""Vite's names of files that never change: https://vite.dev/guide/build"""
_ABSENT = "This console was installed without its page; `make console-page` builds it. The API is at /api/v1.\n"


class Page:
    """Of one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """folder: None: the one that comes with the console."""
        self._folder = (folder or Path(__file__).parent / "page").resolve()

    def respond(self, request: Request) -> Response:
        """The file of that path, or index.html; a sentence where the page was never built."""
        wanted = request.url.path.lstrip("/")
        found = self._file(wanted)
        if found is not None:
            is_hashed = _HASHED.search(found.name) is not None
            caching = "public, max-age=31536000, immutable" if is_hashed else "no-cache"
            return FileResponse(found, headers={"Cache-Control": caching})
        index = self._folder / "index.html"
        if not index.is_file():
            return PlainTextResponse(_ABSENT, 503)
        if "." in wanted.rpartition("/")[2] and wanted.startswith("assets/"):
            return PlainTextResponse("there is no such file\n", 404)
        return FileResponse(index, headers={"Cache-Control": "no-cache"})

    def _file(self, wanted: str) -> Path | None:
        try:
            found = (self._folder / wanted).resolve()
            return found if self._folder in found.parents and found.is_file() else None
        except (OSError, ValueError):
            # No file can be called so.
            return None
