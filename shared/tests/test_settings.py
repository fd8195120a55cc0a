"""Settings from the environment and from mounted secrets."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
from pipit import settings
from pipit.errors import InvalidInput
from pydantic import SecretStr


class Example(settings.Settings):
    token: SecretStr = SecretStr("")
    port: int = 1


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PIPIT_TOKEN", "PIPIT_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(settings, "SECRETS", tmp_path / "secrets")
    return tmp_path / "secrets"


def test_needs_no_folder_of_secrets() -> None:
    assert settings.load_settings(Example).token.get_secret_value() == ""


def test_reads_a_secret_from_a_file_without_the_line_end(secrets: Path) -> None:
    secrets.mkdir()
    (secrets / "pipit_token").write_text("of the file\n")
    (secrets / "tokens.yaml").write_text("callers: []")
    assert settings.load_settings(Example).token.get_secret_value() == "of the file"


def test_a_variable_wins_over_the_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.mkdir()
    (secrets / "pipit_token").write_text("of the file")
    monkeypatch.setenv("PIPIT_TOKEN", "of the environment")
    assert settings.load_settings(Example).token.get_secret_value() == "of the environment"
    monkeypatch.setenv("PIPIT_TOKEN", "")
    assert settings.load_settings(Example).token.get_secret_value() == "of the file"


def test_a_wrong_secret_is_named_and_not_shown(secrets: Path) -> None:
    secrets.mkdir()
    (secrets / "pipit_port").write_text("hunter2")
    with pytest.raises(InvalidInput, match="PIPIT_PORT") as raised:
        settings.load_settings(Example)
    assert "hunter2" not in str(raised.value)


def test_no_example_of_a_property_has_a_time_limit() -> None:
    """One profile for the tests of every package, in the conftest.py at the root."""
    assert hypothesis.settings().deadline is None
