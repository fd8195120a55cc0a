from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pipit.bundle.version import SemanticVersion
from pipit.cli.exit_codes import ExitCode
from pipit.cli.output import plain, print_json, print_table, say


@dataclass(frozen=True, slots=True)
class Inner:
    at: datetime
    where: Path


@dataclass(frozen=True)
class Outer:
    version: SemanticVersion
    inner: tuple[Inner, ...]
    code: ExitCode
    nothing: None = None


def test_dataclasses_become_plain_json() -> None:
    value = Outer(
        SemanticVersion("1.10.0"),
        (Inner(datetime(2026, 11, 1, tzinfo=UTC), Path("a") / "b"),),
        ExitCode.NOT_FOUND,
    )
    assert plain(value) == {
        "version": "1.10.0",
        "inner": [{"at": "2026-11-01T00:00:00+00:00", "where": "a/b"}],
        "code": 4,
        "nothing": None,
    }


def test_json_is_all_that_standard_output_gets(capsys: pytest.CaptureFixture[str]) -> None:
    say("about to print")
    print_json({"label": "Hundegebell äöü", "score": 0.25})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"label": "Hundegebell äöü", "score": 0.25}
    assert captured.err == "about to print\n"


def test_not_a_number_is_no_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"score": float("nan")})


def test_a_table_keeps_long_cells_whole(capsys: pytest.CaptureFixture[str]) -> None:
    digest = "0123456789abcdef" * 4
    print_table(("name", ">size"), [(digest, "12")])
    assert digest in capsys.readouterr().out


def test_messages_do_not_read_brackets_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    say("pip install 'shared[data]'")
    assert capsys.readouterr().err == "pip install 'shared[data]'\n"
