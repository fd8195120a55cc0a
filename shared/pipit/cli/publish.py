"""`pipit publish`: a bundle directory to the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from pipit.cli.bundles import bundle_at
from pipit.cli.output import JsonOption, print_json, print_line
from pipit.cli.registry import RegistryOption, connected, megabytes, plain_version, print_gates


def publish(
    run: Annotated[
        Path, typer.Argument(metavar="RUN|BUNDLE", help="Folder of a run that made a bundle, or of a bundle.")
    ],
    *,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Send the bundle of a run to the registry. An interrupted upload goes on where it stopped.

    Publishing the same bundle again is no error. The exit code is 7 if its version exists with other content.

    For example:
      pipit publish runs/TASK/default-1a2b3c4d5e6f
    """
    bundle = bundle_at(run)
    columns = (TextColumn("publishing"), BarColumn(), DownloadColumn())
    with connected(registry) as client, Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=None)
        published = client.publish(
            bundle, progress=lambda progress: bars.update(bar, completed=progress.sent, total=progress.total)
        )
    if json:
        print_json({"created": published.created, "version": plain_version(published.version)})
        return
    version = published.version
    state = "published" if published.created else "was published before, with the same content"
    print_line(f"{version.task} [bold]{version.version}[/bold] ({version.name}, {megabytes(version.size)}): {state}")
    print_line(f"digest {version.digest}")
    print_gates(version.gates)
    if version.gates_passed:
        print_line(f"next: pipit promote {version.task} {version.version} production")
    else:
        print_line("its gates fail, so it can't be promoted without --override-gates")
