"""Typer, with help texts that keep the line breaks of their examples."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import typer

from pipit.installed import installed_tasks

_EXAMPLES = re.compile(r"[^\n]*:\n")
F = TypeVar("F", bound=Callable[..., Any])


class App(typer.Typer):
    """A group of commands, or a single one. A command's help is its docstring."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """See `typer.Typer.command`."""

        def register(function: F) -> F:
            options.setdefault("help", help_of(function))
            return typer.Typer.command(self, name, **options)(function)

        return register


@cache
def example_task() -> str:
    """An installed task; without one it stays open."""
    return next(iter(installed_tasks()), "TASK")


def help_of(function: Callable[..., Any]) -> str:
    """Its docstring, as `help_text` has it."""
    return help_text(inspect.getdoc(function) or "")


def help_text(text: str) -> str:
    """The text; a paragraph whose first line ends with a colon keeps its lines.

    There, TASK becomes a task that is installed, so that an example can be tried as it stands.
    """
    paragraphs = text.split("\n\n")
    paragraphs = [
        re.sub(r"\bTASK\b", example_task(), part) if re.match(_EXAMPLES, part) else part for part in paragraphs
    ]
    return "\n\n".join(f"\b\n{part}" if re.match(_EXAMPLES, part) else part.replace("\n", " ") for part in paragraphs)
