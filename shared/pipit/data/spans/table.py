"""A table of spans: `recording,start,end,label`, a line each; seconds or h:mm:ss. Further columns are not looked at."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pipit.data.frames.naming import printable
from pipit.data.spans.times import seconds_of
from pipit.data.spans.types import Span, Spans
from pipit.data.tables import rows_of
from pipit.errors import InvalidInput, NotFound

COLUMNS = ("recording", "start", "end", "label")


def read_table(path: Path) -> Spans:
    """Raises NotFound, InvalidInput that names the line."""
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    spans: list[Span] = []
    problems: list[str] = []
    for line, row in rows_of(path, COLUMNS, problems):
        try:
            spans.append(
                Span(printable(row["recording"]), seconds_of(row["start"]), seconds_of(row["end"]), row["label"])
            )
        except InvalidInput as error:
            problems.append(f"{path}, line {line}: {error}")
    if problems:
        raise InvalidInput("; ".join(f"{path.name}{problem.removeprefix(str(path))}" for problem in problems))
    return _named(path, spans)


def table_text(spans: Spans) -> str:
    """The inverse of `read_table`, to the microsecond. A recording without spans has no line and is lost."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((span.recording, f"{span.start:.6f}", f"{span.end:.6f}", span.label) for span in spans.all)
    return text.getvalue()


def _named(path: Path, spans: list[Span]) -> Spans:
    try:
        return Spans(spans)
    except InvalidInput as error:
        raise InvalidInput(f"{path.name}: {error}") from error
