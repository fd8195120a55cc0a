"""A group of commands of which only the one that is called gets imported, and where errors become exit codes.

`pipit --help` so takes a fraction of a second, and works where the libraries of most commands are not installed.
"""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, ClassVar, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from pipit.cli.app import App
from pipit.cli.exit_codes import ExitCode, exit_code_of
from pipit.cli.output import say
from pipit.errors import PipitError
from pipit.installed import how_to_install, own_packages

_COMMAND_LINE = "shared[cli]"
_TASK = re.compile(r"([a-z][a-z0-9_]*)\.[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """target: "module:attribute" of a typer.Typer or of a function. help: one line.

    needs: what pip installs for it; {domain} stands for that of the task which the command is called with.
    """

    target: str
    help: str
    panel: str
    needs: str = _COMMAND_LINE


class LazyGroup(TyperGroup):
    """The root of all commands."""

    lazy: ClassVar[Mapping[str, LazyCommand]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._debug = False
        self._arguments: list[str] = []
        self._targets = {**self.lazy, **_installed_commands()}
        for name, command in self._targets.items():
            # Enough for the list of commands; `resolve_command` puts the real one in its place.
            self.add_command(TyperCommand(name, help=command.help, rich_help_panel=command.panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Imports the command that is called."""
        name, *self._arguments = args
        if name in self._targets:
            self.add_command(_load(name, self._targets[name]))
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the table, not of the alphabet."""
        return list(self._targets)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; whatever it raises becomes one clear line and an exit code."""
        self._debug = bool(ctx.params.get("debug"))
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, TyperException, KeyboardInterrupt, BrokenPipeError):
            raise
        except PipitError as error:
            self._fail(str(error), exit_code_of(error))
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package in own_packages():
                self._fail(f"{error}; this command needs a newer or another part of Pipit", ExitCode.NOT_INSTALLED)
            command = self._targets.get(ctx.invoked_subcommand)
            advice = _advice(command.needs if command else _COMMAND_LINE, self._arguments)
            self._fail(f"the package {error.name!r} is not installed here; {advice}", ExitCode.NOT_INSTALLED)
        except Exception as error:
            text = f"internal error ({type(error).__name__}: {error}); pipit --debug … shows where"
            self._fail(text, ExitCode.INTERNAL)

    def _fail(self, message: str, code: ExitCode) -> NoReturn:
        if self._debug:
            traceback.print_exc(file=sys.stderr)
        say(f"pipit: {message}")
        raise typer.Exit(code)


def _advice(needs: str, arguments: Sequence[str]) -> str:
    """What to run. The domain is that of the first argument which names a task."""
    if "{domain}" not in needs:
        return f"in the repository, run: pip install --editable '{needs}'"
    named = (match[1] for match in map(_TASK.fullmatch, arguments) if match)
    return how_to_install(next(named, ""), needs.partition("[")[2].rstrip("]"))


def _load(name: str, command: LazyCommand) -> Any:
    module, _, attribute = command.target.partition(":")
    target = getattr(importlib.import_module(module), attribute)
    if not isinstance(target, typer.Typer):
        app = App(add_completion=False)
        app.command(name)(target)
        target = app
    loaded = typer.main.get_command(target)
    loaded.name = name
    return loaded


def _installed_commands() -> dict[str, LazyCommand]:
    """Commands of installed services, from the entry points `pipit.commands`."""
    found = {}
    for point in sorted(entry_points(group="pipit.commands"), key=lambda point: point.name):
        # The folder of a service is called as its distribution.
        service = (point.dist.name if point.dist else point.name).removeprefix("pipit-").replace("-", "_")
        text = f"Commands of the {service} service."
        found[point.name] = LazyCommand(point.value, text, "Services", f"services/{service}")
    return found
