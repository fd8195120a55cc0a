from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pipit.cli.exit_codes import ExitCode

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shared").mkdir()
    (tmp_path / "services").mkdir()
    shutil.copy(REPOSITORY / "shared" / "pyproject.toml", tmp_path / "shared")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tells_what_it_wrote_and_how_to_go_on(pipit: Any, checkout: Path) -> None:
    called = pipit("new-task", "garden.birds", "--input", "series", "--framework", "torch")
    assert called.code == 0
    lines = called.out.splitlines()
    written = {line for line in lines if line.startswith("services/")}
    assert written == {str(path.relative_to(checkout)) for path in (checkout / "services").rglob("*") if path.is_file()}
    assert "services/garden/garden/birds/task.py" in written
    assert any("make lock ARGS=garden" in line for line in lines)
    assert any("make domains" in line for line in lines)
    again = pipit("new-task", "garden.nests", "--input", "audio", "--framework", "keras")
    assert "make domains" not in again.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("garden", "--input", "audio", "--framework", "keras"), ExitCode.BAD_INPUT, "is no task"),
        (("garden.birds", "--input", "smell", "--framework", "keras"), 2, "smell"),
        (("garden.birds", "--input", "audio"), 2, "--framework"),
    ],
)
def test_says_what_is_wrong(pipit: Any, checkout: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    called = pipit("new-task", *arguments)
    assert called.code == code
    assert said in called.err
    assert list((checkout / "services").iterdir()) == []
