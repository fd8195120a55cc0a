"""`pipit data frames`."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from pipit.cli.exit_codes import ExitCode
from pipit.cli.output import JsonOption, print_json, print_line, say
from pipit.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from pipit.data.frames.report import Report
    from pipit.training.progress import Bar

_GIB = 1 << 30
_MINUTE = 60.0
_ENDS = {
    "end": "",
    "duration": "ended after --duration",
    "stopped": "ended by Ctrl-C; run again to go on",
    "budget": "not all of it fits into --max-gib",
}


def frames(
    *,
    source: Annotated[
        str, typer.Option(help="Video FILE, FOLDER of them, URL (rtsp, http, HLS), or DEVICE (0, /dev/video0).")
    ],
    output: Annotated[Path, typer.Option(help="Folder for pictures and frames.csv; a new one for each source.")],
    fps: Annotated[float, typer.Option(help="Pictures a second at most.")] = 1.0,
    changes_only: Annotated[
        bool, typer.Option("--changes-only", help="Leave out a picture that is nearly equal to the last one kept.")
    ] = False,
    programme: Annotated[str, typer.Option(help="Written into each line; a split keeps a programme together.")] = "",
    channel: Annotated[str, typer.Option(help="Written into each line; a split may leave a channel out.")] = "",
    by_path: Annotated[
        bool, typer.Option("--by-path", help="Files are CHANNEL/PROGRAMME-1.mp4 below the folder, and say both so.")
    ] = False,
    longest_side: Annotated[int, typer.Option(help="Make larger pictures so many pixels; 0: as they are.", min=0)] = 0,
    duration: Annotated[
        float | None, typer.Option(help="Seconds of each recording; of a live source, of this run. (default: all)")
    ] = None,
    max_gib: Annotated[
        float | None, typer.Option(help="End before the pictures are more than this. (default: no limit)", min=0)
    ] = None,
    min_free_gib: Annotated[float, typer.Option(help="Never leave less than this free on the disk.", min=0)] = 1.0,
    timeout: Annotated[
        float, typer.Option(help="Seconds of silence after which a URL is connected to again.", min=0.1)
    ] = 30.0,
    attempts: Annotated[int, typer.Option(help="Connections in a row that may bring nothing new.", min=1)] = 5,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Don't look at the certificate of an https address.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Collect pictures of recordings, streams and cameras, with the time of each one.

    DIR/frames.csv says of each picture: file, recording, programme, channel, seconds from the start, wall-clock time
    where it is known, number of the scene, perceptual hash, and how many pictures were lost before it. An interrupted
    run goes on where it stopped; of a live source each run is a recording of its own, which --duration or Ctrl-C ends.

    For example:
      pipit data frames --source evening.ts --programme news --channel one --output frames/evening
      pipit data frames --source recordings --by-path --fps 0.5 --max-gib 20 --output frames/all
      pipit data frames --source rtsp://tv.local/one --duration 3600 --channel one --output frames/one
      pipit data frames --source /dev/video0 --output frames/camera
    """
    try:
        # Most uses of `pipit data` need none of this, and many environments lack it.
        from pipit.data.frames.collect import collect  # noqa: PLC0415
        from pipit.data.frames.folder import FrameSettings, Room  # noqa: PLC0415
        from pipit.data.frames.following import Patience  # noqa: PLC0415
        from pipit.data.frames.report import CollectOptions  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise NotFound(
            f"the package {error.name!r} is not installed here; "
            "in the repository, run: pip install --editable 'shared[image,video]'"
        ) from error
    options = CollectOptions(
        FrameSettings(fps, changes_only, programme, channel, longest_side, by_path),
        Room(None if max_gib is None else int(max_gib * _GIB), int(min_free_gib * _GIB)),
        Patience(silence=timeout, attempts=attempts),
        duration,
        insecure,
    )
    with _ended_by_ctrl_c() as stop, _Bars() as bars:
        report = collect(source, output, options, stop, bars.advance, bars.say)
    if not report.recordings and not report.done_before and report.problems:
        raise InvalidInput(f"none of {len(report.problems)} files can be used: {next(iter(report.problems.values()))}")
    if json:
        print_json(report)
    else:
        _show(report)
    if report.ended == "stopped" and not report.is_live:
        raise typer.Exit(ExitCode.INTERRUPTED)


@contextmanager
def _ended_by_ctrl_c() -> Iterator[Event]:
    """The first Ctrl-C lets the picture that is under way be written; a second one breaks off."""
    stop = Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        say("ending; Ctrl-C once more breaks off")
        stop.set()

    before = signal.signal(signal.SIGINT, end)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class _Bars:
    """A bar for each recording; for what has no end, a line for each minute of it."""

    def __init__(self) -> None:
        from pipit.training.progress import RichProgress  # noqa: PLC0415 (imports much)

        self._progress = RichProgress()
        self._bar = ExitStack()
        self._advance: Callable[[float], None] = lambda _: None
        self._recording = ""
        self._seconds = 0.0

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def advance(self, recording: str, seconds: float, length: float | None) -> None:
        if recording != self._recording:
            self._bar.close()
            self._recording, self._seconds = recording, 0.0
            if length is None:
                self.say(f"{recording}: live; Ctrl-C ends it")
                self._advance = self._say_minute
            else:
                shown = escape(recording) if self._progress.console.is_terminal else recording
                bar: Bar = self._bar.enter_context(self._progress.track(shown, round(length)))
                self._advance = bar.advance
        self._advance(seconds - self._seconds)
        self._seconds = seconds

    def say(self, message: str) -> None:
        self._progress.say(message)

    def _say_minute(self, amount: float) -> None:
        minutes = int((self._seconds + amount) / _MINUTE)
        if minutes > int(self._seconds / _MINUTE):
            self.say(f"{self._recording}: {minutes} min")


def _show(report: Report) -> None:
    read = f"{report.kept} pictures of {report.recordings} recordings in {escape(str(report.output))}"
    print_line(read + (f"; {report.alike} that show no change left out" if report.alike else ""))
    if report.done_before:
        print_line(f"{report.done_before} recordings were done before")
    if report.lost:
        print_line(f"about {report.lost} pictures were lost to faults; frames.csv says where")
    for note in (*report.notes, _ENDS[report.ended]):
        if note:
            print_line(escape(note))
    for file, problem in report.problems.items():
        print_line(f"[red]bad[/red] {escape(file)}: {escape(problem)}")
