"""Callers of the demo ask every server, judge each answer, and count what fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipit.cli.demo.callers import Callers
from pipit.cli.demo.clips import Clip
from pipit.errors import Unavailable

TASK = "test.loudness"


class FakeClient:
    """In place of a server: the address says how it answers."""

    def __init__(self, address: str, **options: Any) -> None:
        self.address = address

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *_: object) -> None: ...

    def classify(self, path: Path) -> Any:
        if self.address == "broken":
            raise Unavailable("broken is away")
        model = type("Model", (), {"version": self.address})
        return type("Said", (), {"model": model, "path": path})

    def feedback(self, answer: Any, label: str) -> None:
        said.append((answer.path.name, label))


said: list[tuple[str, str]] = []


@pytest.fixture
def callers(monkeypatch: pytest.MonkeyPatch, make_bundle: Callable[..., Any]) -> Callable[..., Callers]:
    said.clear()
    monkeypatch.setattr("pipit.cli.demo.callers.Client", FakeClient)
    monkeypatch.setattr("pipit.cli.demo.callers._PAUSE_SECONDS", 0.001)
    clips = [Clip(Path("a.wav"), "loud"), Clip(Path("b.wav"), "quiet")]
    return lambda **addresses: Callers(addresses, TASK, make_bundle("1.0.0"), clips)


def test_every_server_is_asked_and_judged_by_what_the_clips_are(callers: Callable[..., Callers]) -> None:
    with callers(hall="1.0.0", attic="1.1.0") as asking:
        asking.wait_for(5, 60.0)
    assert set(said) == {("a.wav", "loud"), ("b.wav", "quiet")}
    assert list(asking.of_version("1.1.0")) == ["attic"]
    assert min(asking.answered.values()) >= 5
    assert asking.asked == len(said) == sum(asking.answered.values())
    assert asking.last_answer_of("1.0.0") is not None
    assert asking.last_answer_of("1.2.0") is None


def test_one_that_never_answers_is_named_with_what_it_says(callers: Callable[..., Callers]) -> None:
    with callers(hall="1.0.0", attic="broken") as asking:
        with pytest.raises(Unavailable, match="gave 0 answers in 0 s, not 1000000"):
            asking.wait_for(1_000_000, 0.0)
        while not asking.failed:
            time.sleep(0.001)
    assert set(asking.failed) == {"broken is away"}
    assert asking.asked == sum(asking.answered.values()) + asking.failed["broken is away"]
