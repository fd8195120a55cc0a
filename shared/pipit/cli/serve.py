"""`pipit serve`: an inference server in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipit.cli.bundles import bundle_at
from pipit.cli.settings import CliSettings
from pipit.errors import InvalidInput
from pipit.logging import configure_logging
from pipit.serving.server import serve as run_server
from pipit.serving.settings import parse_arguments
from pipit.settings import load_settings


def serve(
    tasks: Annotated[
        list[str] | None, typer.Argument(metavar="[TASK]...", help="Tasks to serve from the registry.")
    ] = None,
    *,
    bundle: Annotated[
        list[Path] | None,
        typer.Option(help="Serve this bundle, or run that has one, and ask no registry. May be repeated."),
    ] = None,
    registry: Annotated[str, typer.Option(help="host:port of the registry. (default: PIPIT_REGISTRY)")] = "",
    environment: Annotated[str, typer.Option(help="The environment to follow. (default: production)")] = "",
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: every network. (default: 127.0.0.1)")] = "",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port for calls. (default: 50051)")] = None,
    metrics_port: Annotated[int | None, typer.Option(min=0, max=65535, help="For Prometheus. (default: 9464)")] = None,
    gallery_key: Annotated[
        Path | None, typer.Option(help="Key of the people whom faces are named by; see pipit keys gallery.")
    ] = None,
    variant: Annotated[str, typer.Option(help="Which weights to run, such as int8. (default: the bundle's own)")] = "",
) -> None:
    """Serve tasks as an environment of the registry assigns them, or bundle folders, until Ctrl-C.

    When the environment is moved, the new version is fetched, checked and warmed up beside the old one; no request
    fails. Every setting can be given as a variable PIPIT_SERVING_…; `python -m pipit.serving --help` lists them all.

    For example:
      pipit serve TASK
      pipit serve TASK --environment staging --port 50061
      pipit serve --bundle runs/TASK/default-1a2b3c4d5e6f
      pipit serve TASK --gallery-key ~/.config/pipit/gallery.key
    """
    if bool(tasks) == bool(bundle):
        raise InvalidInput("name the tasks to serve from the registry, or a --bundle folder, not both")
    options = {
        "--bundle": ",".join(str(bundle_at(path)) for path in bundle or ()),
        "--tasks": ",".join(tasks or ()),
        "--registry": (registry or load_settings(CliSettings).registry) if tasks else "",
        "--environment": environment,
        "--host": host,
        "--port": "" if port is None else str(port),
        "--metrics-port": "" if metrics_port is None else str(metrics_port),
        "--gallery-key": "" if gallery_key is None else str(gallery_key),
        "--variant": variant,
    }
    settings = parse_arguments([part for name, value in options.items() if value for part in (name, value)])
    configure_logging(settings.log_level, settings.log_format)
    raise typer.Exit(run_server(settings))
