from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_registry.server import RegistryServer
from pipit.errors import QueueFull, Unauthenticated
from pipit.rpc.callers import ANYBODY
from pipit_console.server import ConsoleServer
from pipit_console.sessions import FailedSignIns, Sessions
from pipit_console.settings import ConsoleSettings
from pipit_console.upstream import Upstream

Browse = Callable[..., Any]


def test_a_token_signs_in_with_the_roles_that_the_registry_gives_it(console: ConsoleServer, browse: Browse) -> None:
    for name, roles in (("viv", []), ("lab", ["labeller"]), ("opa", ["labeller", "operator"])):
        browser = browse(console)
        assert browser.get("/api/v1/session").status_code == 401
        answer = browser.sign_in(token=f" token-of-{name}\n")
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert "token-of" not in answer.text + cookie
        who = browser.ask("/session")
        assert (who["name"], who["roles"], who["anonymous"], who["tasks"]) == (name, ["viewer", *roles], False, None)
        assert browser.delete("/api/v1/session").status_code == 200
        assert browser.get("/api/v1/session").status_code == 401


def test_a_token_for_some_tasks_says_which(console: ConsoleServer, browse: Browse) -> None:
    assert browse(console, "few").ask("/session")["tasks"] == ["test.other"]


def test_wrong_tokens_are_refused_and_soon_not_even_looked_at(console: ConsoleServer, browse: Browse) -> None:
    browser = browse(console)
    answers = [browser.sign_in(token=f"wrong-{number}") for number in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert answers[0].json()["error"]["code"] == "unauthenticated"
    assert "pipit registry token" in answers[0].json()["error"]["message"]
    assert answers[-1].headers["retry-after"]
    assert browser.sign_in(as_="lab").status_code == 429


def test_without_a_token_a_registry_that_asks_for_one_refuses(console: ConsoleServer, browse: Browse) -> None:
    answer = browse(console).sign_in(name="Anna")
    assert (answer.status_code, "asks for a token" in answer.text) == (401, True)


def test_a_registry_without_tokens_takes_a_name(
    start_registry: Callable[..., RegistryServer], start_console: Callable[..., ConsoleServer], browse: Browse
) -> None:
    browser = browse(start_console(start_registry()))
    assert browser.sign_in(name="  ").status_code == 400
    who = browser.sign_in(name=" Anna  Example ").json()
    assert (who["name"], who["anonymous"], who["roles"]) == (
        "Anna Example",
        True,
        ["viewer", "labeller", "operator"],
    )


def test_a_console_that_others_reach_takes_no_mere_name_unless_told_to(
    start_registry: Callable[..., RegistryServer], start_console: Callable[..., ConsoleServer], browse: Browse
) -> None:
    registry = start_registry()
    closed = start_console(registry, host="0.0.0.0", insecure=True)
    answer = browse(closed).sign_in(name="Anna")
    assert (answer.status_code, "PIPIT_CONSOLE_ALLOW_ANONYMOUS" in answer.text) == (403, True)
    opened = start_console(registry, host="0.0.0.0", insecure=True, allow_anonymous=True)
    assert browse(opened).sign_in(name="Anna").status_code == 200


def test_a_registry_that_is_away_is_said(start_console: Callable[..., ConsoleServer], browse: Browse) -> None:
    console = start_console("127.0.0.1:1")
    answer = browse(console).sign_in(as_="lab")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert "127.0.0.1:1" in answer.json()["error"]["message"]


def test_a_token_that_counts_no_more_ends_its_sessions(
    console: ConsoleServer, browse: Browse, tokens: Path, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    browser = browse(console, "viv")
    assert browser.ask("/tasks") == []
    tokens.write_text("\n".join(line for line in tokens.read_text().splitlines() if "name: viv" not in line))
    eventually(lambda: browser.get("/api/v1/tasks").status_code == 401)
    assert browser.get("/api/v1/session").status_code == 401
    assert len(console.sessions) == 0


def test_the_longest_idle_is_signed_out_for_one_too_many_and_everybody_after_a_while() -> None:
    now = [0.0]
    sessions = Sessions(2, 100.0, lambda: now[0])
    upstream = Upstream(ConsoleSettings())

    def add(name: str) -> str:
        return sessions.add(name, ANYBODY.roles, None, upstream.connect(None), anonymous=True).id

    first, second = add("a"), add("b")
    now[0] = 50.0
    assert sessions.get(first).name == "a"
    third = add("c")
    with pytest.raises(Unauthenticated):
        sessions.get(second)
    assert [session.name for session in sessions.newest()] == ["c", "a"]
    now[0] = 149.0
    assert sessions.get(third).name == "c"
    now[0] = 151.0
    with pytest.raises(Unauthenticated):
        sessions.get(first)
    assert len(sessions) == 1
    sessions.close()
    assert len(sessions) == 0


def test_failures_are_counted_by_address_and_forgotten() -> None:
    now = [0.0]
    failures = FailedSignIns(lambda: now[0])
    for _ in range(10):
        failures.check("a")
        failures.failed("a")
    failures.check("b")
    with pytest.raises(QueueFull):
        failures.check("a")
    now[0] = 61.0
    failures.check("a")
