"""`pipit registry`: start the service, make tokens for its callers."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer
from pipit.cli.app import App
from pipit.logging import configure_logging
from pipit.rpc.auth import hash_token
from pipit.rpc.callers import Role
from pipit.settings import load_settings

from model_registry.server import RegistryServer
from model_registry.server import serve as serve_until_signal
from model_registry.settings import RegistrySettings

app = App(no_args_is_help=True, add_completion=False)


@app.command()
def serve(
    store: Annotated[Path | None, typer.Option(help="Folder of the store. (PIPIT_REGISTRY_STORE)")] = None,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on. (PIPIT_REGISTRY_HOST)"),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0: the system chooses. (PIPIT_REGISTRY_PORT)")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port for Prometheus. (PIPIT_REGISTRY_METRICS_PORT)")] = None,
    tokens: Annotated[Path | None, typer.Option(help="File of callers. (PIPIT_REGISTRY_TOKENS)")] = None,
) -> None:
    """Run the registry on this machine, until Ctrl-C.

    Bundles are kept in a local folder, or in MinIO where PIPIT_REGISTRY_MINIO_ENDPOINT is set.

    Examples:
      pipit registry serve
      pipit registry serve --store /srv/pipit --port 50050

    """
    given = {"store": store, "host": host, "port": port, "metrics_port": metrics_port, "tokens": tokens}
    settings = load_settings(RegistrySettings, **{name: value for name, value in given.items() if value is not None})
    configure_logging(settings.log_level, settings.log_format)
    serve_until_signal(settings, lambda server: _announce(settings.host, server))


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    role: Annotated[list[Role], typer.Option(help="What they may do; may be given more than once.")],
    task: Annotated[
        list[str] | None, typer.Option(help="The only task that they may ask; may be given more than once.")
    ] = None,
) -> None:
    """Make a token, and its entry for the file that PIPIT_REGISTRY_TOKENS names.

    The token is shown once, on standard error; the file holds only its SHA-256.

    For example:
      echo callers: > tokens.yaml
      pipit registry token anna --role publisher --role operator >> tokens.yaml
      pipit registry token doorbell --role reader --task home_security.sounds >> tokens.yaml
    """
    secret = secrets.token_urlsafe(32)
    typer.echo(f"token, for PIPIT_TOKEN: {secret}", err=True)
    tasks = f"  tasks: [{', '.join(sorted(task))}]\n" if task else ""
    typer.echo(f"- name: {name}\n  roles: [{', '.join(sorted(role))}]\n{tasks}  sha256: {hash_token(secret)}")


def _announce(host: str, server: RegistryServer) -> None:
    typer.echo(f"the registry listens at {host}:{server.port}; Ctrl-C ends it", err=True)
