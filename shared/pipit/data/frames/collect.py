"""What `pipit data frames` does: from a source to a folder of pictures and their manifest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

from pipit.data.frames.folder import BudgetUsed, FrameFolder
from pipit.data.frames.recorded import take_files
from pipit.data.frames.remote import Remote
from pipit.data.frames.report import CollectOptions, Report
from pipit.data.frames.sources import files_of, source_named
from pipit.data.frames.taking import Advance, Taker
from pipit.data.synthetic import mark_synthetic, synthetic_among


def collect(
    source: str, output: Path, options: CollectOptions, stop: Event, advance: Advance, say: Callable[[str], None]
) -> Report:
    """Collects frames of `source` (see `source_named`) in `output`, or goes on with it.

    stop: ends it after the picture that is under way. Of a folder, files that can't be used are named in the report.
    Raises what `source_named`, `files_of` and `FrameFolder` raise; InvalidInput for a source that is no video,
    Unavailable for one that breaks off and does not come back and for a full disk. What was kept until then stays.
    """
    found = source_named(source)
    files = files_of(found) if found.kind in ("file", "folder") else ()
    report = Report(output, found.name)
    synthetic = synthetic_among([Path(source), *(file.path for file in files)]) if files else ()
    with FrameFolder(output, found, options.settings, options.room) as folder:
        if synthetic:
            mark_synthetic(output, synthetic)
        taker = Taker(folder, options, report, stop, advance)
        try:
            if files:
                take_files(taker, files, found)
            else:
                Remote(taker, found, say).run()
        except BudgetUsed as error:
            report.ended = "budget"
            report.notes.append(str(error))
    if report.interlaced:
        report.notes.append("it is interlaced: of each picture one field was kept, with its lines doubled")
    return report
