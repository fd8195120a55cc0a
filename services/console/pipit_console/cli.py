"""`pipit console`: the web page beside a registry."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer
from pipit.cli.app import App
from pipit.cli.output import say
from pipit.cli.settings import CliSettings
from pipit.errors import Unauthenticated, Unavailable
from pipit.logging import configure_logging
from pipit.registry import RegistryClient
from pipit.service.listener import address_of
from pipit.settings import load_settings

from pipit_console.server import ConsoleServer
from pipit_console.server import serve as serve_until_signal
from pipit_console.settings import ConsoleSettings

app = App(add_completion=False)
_ANYWHERE = frozenset({"0.0.0.0", "::"})
_SECONDS = 5.0


@app.command()
def console(
    registry: Annotated[str, typer.Option(help="host:port of the registry. (default: PIPIT_REGISTRY)")] = "",
    server: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST:PORT", help="An inference server to try models at; may be given more than once."),
    ] = None,
    prometheus: Annotated[str | None, typer.Option(metavar="URL", help="Where curves come from.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. (PIPIT_CONSOLE_HOST)")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0: the system chooses. (PIPIT_CONSOLE_PORT)")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Port for Prometheus. (PIPIT_CONSOLE_METRICS_PORT)")] = None,
    *,
    open_page: Annotated[bool, typer.Option("--open", help="Open it in this machine's browser.")] = False,
) -> None:
    """Open the web console: see what every task answers, label, roll out. It runs until Ctrl-C.

    For example:
      pipit console --open
      pipit console --registry pi.local:50050 --server pi.local:50051 --prometheus http://pi.local:9090

    """
    address = registry or load_settings(CliSettings).registry
    given = {
        "registry": address,
        "servers": tuple(server) if server else None,
        "prometheus": prometheus,
        "host": host,
        "port": port,
        "metrics_port": metrics_port,
    }
    settings = load_settings(ConsoleSettings, **{name: value for name, value in given.items() if value is not None})
    configure_logging(settings.log_level, settings.log_format)
    _check_registry(settings)
    serve_until_signal(settings, lambda running: _announce(settings, running, open_page=open_page))


def _check_registry(settings: ConsoleSettings) -> None:
    """Who starts it by hand is there to mend it. Raises Unavailable."""
    with RegistryClient(settings.registry, timeout=_SECONDS, **settings.connection.access) as client:
        try:
            client.who_am_i()
        except Unauthenticated:
            return
        except Unavailable as error:
            raise Unavailable(
                f"{error}; the console needs a registry: start one by `pipit registry serve`, or name one by --registry"
            ) from error


def _announce(settings: ConsoleSettings, running: ConsoleServer, *, open_page: bool) -> None:
    scheme = "http" if settings.tls_certificate is None else "https"
    host = "127.0.0.1" if settings.host in _ANYWHERE else settings.host
    url = f"{scheme}://{address_of(host, running.port)}/"
    say(f"the console is at {url}; Ctrl-C ends it")
    if open_page:
        webbrowser.open(url)
