"""`pipit data`: fetch public data sets, check your own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from pipit.cli.app import App
from pipit.cli.output import JsonOption, print_json, print_line, say
from pipit.cli.settings import CliSettings
from pipit.data import download
from pipit.data.fetch import FETCHERS, FetchOptions
from pipit.errors import NotFound
from pipit.settings import load_settings

app = App(no_args_is_help=True, help="Fetch public data sets and pretrained networks; check your own data.")

DEFAULT_FOLDER = Path("data")


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help=f"What to fetch: {', '.join(FETCHERS)}.")],
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
      pipit data fetch esc50 yamnet
      pipit data fetch esc50 --to /mnt/usb/data
      PIPIT_DATA_MIRROR=http://nas.local/pipit pipit data fetch esc50
    """
    settings = load_settings(CliSettings)
    folder = to or settings.data or DEFAULT_FOLDER
    for name in names:
        if name not in FETCHERS:
            raise NotFound(f"there is no data set {name!r} to fetch; there are {', '.join(FETCHERS)}")
    results = []
    for name in names:
        with _progress(name) as progress:
            options = FetchOptions(mirror=mirror or settings.data_mirror, progress=progress)
            results.append(FETCHERS[name](folder, options))
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
