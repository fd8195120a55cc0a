from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import typer
from pipit import errors
from pipit.cli.exit_codes import ExitCode, exit_code_of
from pipit.cli.lazy import LazyCommand, LazyGroup
from typer.testing import CliRunner

ALL_ERRORS = [
    errors.PipitError,
    *(cls for cls in vars(errors).values() if isinstance(cls, type) and cls.__base__ is errors.PipitError),
]


def run(
    monkeypatch: pytest.MonkeyPatch, command: Callable[..., None], *options: str, after: tuple[str, ...] = ()
) -> Any:
    """Runs a command of a module that is imported only when called. after: its own arguments."""
    module = types.ModuleType("some_commands")
    module.command = command  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "some_commands", module)

    class Group(LazyGroup):
        lazy: ClassVar[dict[str, LazyCommand]] = {
            "go": LazyCommand("some_commands:command", "Goes.", "Some", "shared[extra]"),
            "learn": LazyCommand("some_commands:command", "Learns.", "Some", "services/{domain}[train]"),
        }

    app = typer.Typer(cls=Group, pretty_exceptions_enable=False)

    @app.callback()
    def root(*, debug: bool = False) -> None: ...

    return CliRunner().invoke(app, [*options, *(after or ["go"])])


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize("kind", ALL_ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_becomes_one_line_and_its_code(monkeypatch: pytest.MonkeyPatch, kind: type[errors.PipitError]) -> None:
    result = run(monkeypatch, raising(kind("this is wrong; do that")))
    assert result.exit_code == exit_code_of(kind("")).value != 0
    assert result.stderr == "pipit: this is wrong; do that\n"
    assert result.stdout == ""


def test_codes_of_the_classes_that_scripts_tell_apart() -> None:
    assert {kind.__name__: exit_code_of(kind("")).value for kind in ALL_ERRORS} == {
        "PipitError": 1,
        "InvalidInput": 3,
        "InputTooLarge": 3,
        "QueueFull": 5,
        "NotFound": 4,
        "Unavailable": 5,
        "AlreadyExists": 7,
        "GatesFailed": 6,
        "Conflict": 7,
        "RolloutOpen": 7,
        "IntegrityError": 8,
        "DeadlineExceeded": 10,
        "Unauthenticated": 9,
        "PermissionDenied": 9,
    }


def test_a_subclass_has_the_code_of_its_base() -> None:
    class MissingClip(errors.NotFound):
        pass

    assert exit_code_of(MissingClip("")) is ExitCode.NOT_FOUND


def test_debug_shows_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, raising(errors.NotFound("gone")), "--debug")
    assert result.exit_code == ExitCode.NOT_FOUND
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("pipit: gone\n")


def test_a_bug_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, raising(ZeroDivisionError("division by zero")))
    assert result.exit_code == ExitCode.INTERNAL
    assert result.stderr == "pipit: internal error (ZeroDivisionError: division by zero); pipit --debug … shows where\n"


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, raising(ModuleNotFoundError("No module named 'keras'", name="keras.layers")))
    assert result.exit_code == ExitCode.NOT_INSTALLED
    assert "'keras.layers' is not installed here" in result.stderr
    assert "pip install --editable 'shared[extra]'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "needs"),
    [
        (("learn", "birds.song"), "'services/birds[train]'"),
        (("learn", "--recipe", "small", "bees.hum"), "'services/bees[train]'"),
        (("learn", "runs/bees.hum/x"), "'services/DOMAIN[train]'"),
        (("go", "birds.song"), "'shared[extra]'"),
    ],
)
def test_the_domain_of_the_task_is_what_to_install(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], needs: str
) -> None:
    def command(task: str, recipe: str = "") -> None:
        raise ModuleNotFoundError("No module named 'keras'", name="keras")

    result = run(monkeypatch, command, after=arguments)
    assert result.exit_code == ExitCode.NOT_INSTALLED
    assert f"pip install --editable {needs}" in result.stderr


@pytest.mark.parametrize("module", ["pipit.training.later", "model_registry.later", "footprints.later"])
def test_a_part_of_pipit_itself_that_is_missing_is_no_package_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """Every installed domain counts, not one that is written down."""
    result = run(monkeypatch, raising(ModuleNotFoundError(f"No module named {module!r}", name=module)))
    assert result.exit_code == ExitCode.NOT_INSTALLED
    assert result.stderr == f"pipit: No module named {module!r}; this command needs a newer or another part of Pipit\n"


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, raising(KeyboardInterrupt())).exit_code == ExitCode.INTERRUPTED


def test_success(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, lambda: typer.echo("done"))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "done\n", "")
