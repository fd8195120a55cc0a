"""`pipit publish`: a bundle directory to the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from pipit.cli.bundles import bundle_at
from pipit.cli.output import JsonOption, print_json, print_line
from pipit.cli.registry import RegistryOption, connected, megabytes, plain_version, print_gates, signers
from pipit.cli.settings import CliSettings
from pipit.cli.signing import publish_signed
from pipit.settings import load_settings


def publish(
    run: Annotated[
        Path, typer.Argument(metavar="RUN|BUNDLE", help="Folder of a run that made a bundle, or of a bundle.")
    ],
    *,
    registry: RegistryOption = "",
    json: JsonOption = False,
) -> None:
    """Send the bundle of a run to the registry. An interrupted upload goes on where it stopped.

    It is signed with your key, unless it is signed already; where you have none and the registry trusts none, the first
    publish makes one, and says where. Publishing the same bundle again is no error, and adds your signature where it
    was not signed yet. The exit code is 7 if its version exists with other content.

    For example:
      pipit publish runs/TASK/default-1a2b3c4d5e6f
    """
    bundle = bundle_at(run)
    columns = (TextColumn("publishing"), BarColumn(), DownloadColumn())
    with connected(registry) as client, Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=None)
        published = publish_signed(
            client,
            bundle,
            load_settings(CliSettings),
            lambda progress: bars.update(bar, completed=progress.sent, total=progress.total),
        )
    if json:
        facts = {"created": published.created, "signature_added": published.signature_added}
        print_json({**facts, "version": plain_version(published.version)})
        return
    version = published.version
    state = "published" if published.created else "was published before, with the same content"
    state += "; your signature was added" if published.signature_added else ""
    print_line(f"{version.task} [bold]{version.version}[/bold] ({version.name}, {megabytes(version.size)}): {state}")
    print_line(f"digest {version.digest}, {signers(version)}")
    print_gates(version.gates)
    if version.gates_passed:
        print_line(f"next: pipit promote {version.task} {version.version} production")
    else:
        print_line("its gates fail, so it can't be promoted without --override-gates")
