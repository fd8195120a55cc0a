"""Labels in whichever form they lie there."""

from __future__ import annotations

from functools import reduce
from operator import or_
from pathlib import Path, PurePosixPath

from pipit.data.frames.naming import recording_of_file
from pipit.data.spans.cuts import read_comskip, read_edl
from pipit.data.spans.table import read_table
from pipit.data.spans.types import Spans
from pipit.data.synthetic import MARK
from pipit.errors import InvalidInput, NotFound

_ENDINGS = (".csv", ".edl", ".txt")


def read_spans(path: Path, label: str) -> Spans:
    """A table (.csv), an EDL, Comskip's txt, or a folder of EDLs and txts, at any depth.

    label: what breaks of EDLs and txts are called; a table says it itself. In a folder a list has the name of its
    recording, with the folders below this one. Raises NotFound, InvalidInput; for two lists of one recording too.
    """
    if path.is_dir():
        found: dict[str, Path] = {}
        for file in sorted(path.rglob("*")):
            if not is_list(file):
                continue
            name = recording_of_file(PurePosixPath(file.relative_to(path)))
            if name in found:
                raise InvalidInput(f"{found[name].name} and {file.name} both say what {name} shows; take one away")
            found[name] = file
        if not found:
            raise NotFound(f"{path} holds no .edl and no .txt; name the folder that does, or a table")
        return reduce(or_, (_list(file, label, name) for name, file in found.items()))
    suffix = path.suffix.lower()
    if suffix not in _ENDINGS:
        raise InvalidInput(f"{path.name} can't be told apart by its ending; name it {', '.join(_ENDINGS)}")
    return read_table(path) if suffix == ".csv" else _list(path, label, None)


def is_list(path: Path) -> bool:
    """Whether a file has the ending of a list of breaks, and is not the mark of a SYNTHETIC folder."""
    return path.suffix.lower() in {".edl", ".txt"} and path.name != MARK and path.is_file()


def _list(path: Path, label: str, recording: str | None) -> Spans:
    return read_edl(path, label, recording) if path.suffix.lower() == ".edl" else read_comskip(path, label, recording)
