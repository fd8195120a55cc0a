"""What the README says of settings and errors is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pipit.errors import (
    Conflict,
    GatesFailed,
    InputTooLarge,
    InvalidInput,
    NotFound,
    PipitError,
    RolloutOpen,
    UntrustedSignature,
)
from pipit.settings import describe
from pipit_console import errors
from pipit_console.settings import ConsoleSettings

README = Path(__file__).parents[1] / "README.md"


def test_every_setting_is_listed_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:`(.*?)`)? *\|", README.read_text("utf-8"), re.MULTILINE))
    assert set(rows) == set(ConsoleSettings.model_fields)
    defaults = ConsoleSettings.model_construct()
    for name, shown in rows.items():
        value = getattr(defaults, name)
        if shown:
            assert shown == (str(value).lower() if isinstance(value, bool) else str(value)), name


def test_every_setting_has_a_docstring() -> None:
    describe(ConsoleSettings)
    assert [name for name, field in ConsoleSettings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidInput, 400, "invalid_argument"),
        (NotFound, 404, "not_found"),
        (Conflict, 409, "aborted"),
        (GatesFailed, 409, "failed_precondition"),
        (RolloutOpen, 409, "rollout_open"),
        (InputTooLarge, 413, "too_large"),
        (UntrustedSignature, 422, "signature"),
    ],
)
def test_errors_become_statuses(error: type[PipitError], status: int, code: str) -> None:
    answer = errors.answer_error(error("do this"))
    assert (answer.status_code, bytes(answer.body)) == (
        status,
        f'{{"error":{{"code":"{code}","message":"do this"}}}}'.encode(),
    )


def test_every_error_of_the_tree_is_in_the_table() -> None:
    tree = [PipitError, *PipitError.__subclasses__()]
    own = {error.__name__ for error in tree if error.__module__ == PipitError.__module__} - {"PipitError"}
    assert {name for name in own if name not in (errors.__doc__ or "")} == set()


def test_what_is_nobody_s_fault_keeps_its_text_to_itself() -> None:
    answer = errors.answer_error(PipitError("a secret of the server's"))
    assert (answer.status_code, b"secret" in bytes(answer.body)) == (500, False)
