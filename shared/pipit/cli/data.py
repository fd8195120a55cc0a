"""`pipit data`: fetch public data, check and index your own, make synthetic ones, collect frames, find landmarks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from pipit.cli.app import App
from pipit.cli.exit_codes import ExitCode
from pipit.cli.frames import frames
from pipit.cli.landmarks import landmarks
from pipit.cli.output import JsonOption, print_json, print_line, print_table, say
from pipit.cli.settings import CliSettings
from pipit.data import download
from pipit.data.check import Advance, DataReport, load_data_check
from pipit.data.fetch import FetchOptions, download_names, load_download
from pipit.data.index import load_data_index
from pipit.data.synthetic import SYNTHETIC_RECIPE, synthesise
from pipit.installed import installed_tasks
from pipit.settings import load_settings

app = App(
    no_args_is_help=True,
    help="Fetch data and networks; check and index your own; make synthetic data; collect frames; find landmarks.",
)
app.command()(landmarks)
app.command()(frames)

DEFAULT_FOLDER = Path("data")
SKIP = "skip_bad_files"
"""The recipe's switch, in every task."""
_FETCHABLE = ", ".join(download_names()) or "nothing, for no installed domain brings data"


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help=f"What to fetch: {_FETCHABLE}.")],
    *,
    to: Annotated[Path | None, typer.Option(help="Data folder. (default: PIPIT_DATA, else ./data)")] = None,
    mirror: Annotated[
        str | None, typer.Option(help="Base URL that holds the archives by file name. (default: PIPIT_DATA_MIRROR)")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Download public data sets and pretrained networks, and check that they are the right ones.

    An interrupted download goes on where it stopped. What is here already is not fetched again.

    For example:
      pipit data fetch NAME
      pipit data fetch NAME OTHER --to /mnt/usb/data
      PIPIT_DATA_MIRROR=http://nas.local/pipit pipit data fetch NAME
    """
    settings = load_settings(CliSettings)
    folder = to or settings.data or DEFAULT_FOLDER
    fetchers = {name: load_download(name) for name in names}
    results = []
    for name, fetcher in fetchers.items():
        with _progress(name) as progress:
            options = FetchOptions(mirror=mirror or settings.data_mirror, progress=progress)
            results.append(fetcher(folder, options))
    if json:
        print_json(results)
        return
    for result in results:
        state = "was here already" if result.already_there else "fetched"
        print_line(f"{result.name}: {state}, {result.files} files, {result.size / 1e6:.1f} MB in {result.path}")
        print_line(f"  licence: {result.licence}")
    if settings.data != folder:
        say(f"to use it, set PIPIT_DATA={folder.resolve()}")


@contextmanager
def _progress(name: str) -> Iterator[download.Progress]:
    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total or None)


@app.command()
def check(
    task: Annotated[str, typer.Argument(help='"domain.task" that the data is for.')],
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders of recordings.")],
    *,
    json: JsonOption = False,
) -> None:
    """Read every file of your own data as the trainer would, and name each one that can't be used.

    A folder usually has one sub-folder per class; which other layouts a task reads stands in its domain's README. The
    exit code is 12 if anything is wrong.

    For example:
      pipit data check TASK ~/recordings
      pipit data check TASK ~/recordings --json | jq -r '.[].problems[]'
    """
    read = load_data_check(task)
    reports = []
    for folder in folders:
        with _bar(str(folder)) as advance:
            reports.append(read(folder, advance))
    if json:
        print_json(reports)
    else:
        for report in reports:
            _show(report)
    if any(report.problems for report in reports):
        raise typer.Exit(ExitCode.CHECK_FAILED)


@app.command()
def index(
    task: Annotated[str, typer.Argument(help='"domain.task" that the data is for.')],
    folder: Annotated[Path, typer.Argument(help="Folder of recordings, one sub-folder per class.")],
    *,
    validation: Annotated[float, typer.Option(help="Share that validates.", min=0.05, max=0.5)] = 0.2,
    json: JsonOption = False,
) -> None:
    """Write down what a folder holds, for tasks that read such tables: what each recording is, how long, and its side.

    Tables of an earlier call are written anew. Nothing is written if a recording can't be read.

    For example:
      pipit data index TASK ~/recordings
      pipit data index TASK ~/recordings --validation 0.3
    """
    found = load_data_index(task)(folder, validation)
    if json:
        print_json({path.name: count for path, count in found.entries.items()})
        return
    for path, count in found.entries.items():
        print_line(f"{escape(str(path))}: {count} entries")


@app.command(name="synthesise")
def make(
    task: Annotated[str, typer.Argument(help='"domain.task" that the data is for.')],
    *,
    to: Annotated[Path | None, typer.Option(help="Data folder. (default: PIPIT_DATA, else ./data)")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change how much is made, where a task can. May be repeated."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Let a program make a small data set, for machines without any.

    It shows the way from data to answers; what is measured on it says nothing about the real world. A set that is
    there already is kept.

    For example:
      pipit data synthesise TASK
      pipit train TASK --recipe synthetic --data data
    """
    data = to or load_settings(CliSettings).data or DEFAULT_FOLDER
    changes = {}
    if set_:
        from pipit.cli.training import parse_overrides  # noqa: PLC0415 (imports much)

        changes = parse_overrides(set_)
    with _bar(f"making {task}") as advance:
        folder = synthesise(task, data, advance, changes)
    if json:
        print_json({"folder": folder})
        return
    print_line(f"SYNTHETIC data in {escape(str(folder))}")
    if task in installed_tasks():
        print_line(f"next: pipit train {task} --recipe {SYNTHETIC_RECIPE} --data {escape(str(folder.parent))}")


@contextmanager
def _bar(title: str) -> Iterator[Advance]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield partial(_advance, bars, bars.add_task(title, total=None))


def _advance(bars: Progress, bar: TaskID, done: int, total: int) -> None:
    bars.update(bar, completed=done, total=total)


def _show(report: DataReport) -> None:
    print_table(
        ("class", ">files"),
        [(escape(name), str(count)) for name, count in report.classes.items()],
        f"{report.folder} ({report.layout})",
    )
    print_line(
        f"{sum(report.classes.values())} files of {report.recordings} recordings, {report.seconds / 60:.1f} minutes"
    )
    for note in report.notes:
        print_line(escape(note))
    for problem in report.problems:
        print_line(f"[red]bad[/red] {escape(problem)}")
    if report.problems:
        print_line(f"{len(report.problems)} can't be used; training stops at them unless --set {SKIP}=true is given")
    else:
        print_line("nothing is wrong with it")
