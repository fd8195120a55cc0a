from __future__ import annotations

from pathlib import Path

import pytest
from pipit.errors import InvalidInput
from pipit.serving.settings import ServingSettings, parse_arguments
from pipit.settings import describe


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPIT_SERVING_TASKS", "a.b,c.d")
    monkeypatch.setenv("PIPIT_SERVING_PORT", "1234")
    monkeypatch.setenv("PIPIT_SERVING_GRACE_SECONDS", "3.5")
    settings = parse_arguments(["--port", "4321", "--no-reflection"])
    assert settings.tasks == ("a.b", "c.d")
    assert (settings.port, settings.grace_seconds, settings.reflection) == (4321, 3.5, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bundle", "/a,/b"],
        ["--bundle", "/a, /b,"],
        ["--bundle", "/a", "--bundle", "/b"],
        ["--bundle", '["/a", "/b"]'],
    ],
)
def test_lists_come_in_several_forms(arguments: list[str]) -> None:
    assert parse_arguments(arguments).bundle == (Path("/a"), Path("/b"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "set either tasks, to serve them from the registry, or bundle"),
        (["--tasks", "a.b", "--bundle", "/a"], "set either tasks"),
        (["--tasks", "Not a task"], "PIPIT_SERVING_TASKS_0"),
        (["--tasks", "[oops"], "PIPIT_SERVING_TASKS"),
        (["--tasks", "a.b", "--port", "70000"], "PIPIT_SERVING_PORT"),
        (["--tasks", "a.b", "--concurrency", "0"], "PIPIT_SERVING_CONCURRENCY"),
        (["--tasks", "a.b", "--tls-key", "/k"], "set both of tls_certificate and tls_key"),
    ],
)
def test_what_is_wrong_is_named(arguments: list[str], text: str) -> None:
    with pytest.raises(InvalidInput, match="settings are wrong") as caught:
        parse_arguments(arguments)
    assert text in str(caught.value)


def test_every_setting_is_documented() -> None:
    describe(ServingSettings)
    for name, field in ServingSettings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPIT_TOKEN", "hidden-from-view")
    settings = parse_arguments(["--tasks", "a.b"])
    assert settings.connection.access["token"] == "hidden-from-view"
    assert "hidden-from-view" not in repr(settings)
