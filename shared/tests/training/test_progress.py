from __future__ import annotations

import io
import re

import pytest
from pipit.logging import get_logger
from pipit.training.progress import LogProgress, RichProgress
from rich.console import Console
from structlog.testing import capture_logs


def test_the_log_tells_when_work_begins_how_it_goes_and_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    # A logger that was used before keeps the processors of that time.
    monkeypatch.setattr("pipit.training.progress._log", get_logger("training"))
    with capture_logs() as entries:
        progress = LogProgress()
        with progress.track("training", 3) as bar:
            bar.advance(2, "loss 0.5")
            bar.advance()
        progress.say("done")

    events = [
        (entry["event"], {k: v for k, v in entry.items() if k in ("work", "total", "done", "note", "text")})
        for entry in entries
    ]
    assert events == [
        ("work_started", {"work": "training", "total": 3}),
        ("work_advanced", {"work": "training", "done": 2.0, "note": "loss 0.5"}),
        ("work_finished", {"work": "training", "done": 3.0, "note": "loss 0.5"}),
        ("message", {"text": "done"}),
    ]


def test_the_terminal_shows_how_far_and_the_last_note() -> None:
    screen = io.StringIO()
    progress = RichProgress(Console(file=screen, force_terminal=True, width=120, color_system=None))
    with progress.track("training", 4) as bar:
        bar.advance(1, "loss 0.9")
        bar.advance(2)
    progress.say("saved to [runs]/plain")

    last = screen.getvalue().rsplit("training", 1)[1]
    assert "3/4" in last
    assert "loss 0.9" in last
    assert "saved to [runs]/plain" in screen.getvalue()


def test_a_file_gets_a_line_for_each_epoch_and_for_each_tenth_of_the_files() -> None:
    written = io.StringIO()
    progress = RichProgress(Console(file=written))
    with progress.track("training", 2) as bar:
        bar.advance(1, "loss 0.9, validation 1.1")
        bar.advance(1, "loss 0.8, validation 1.0")
    with progress.track("log-mel", 40) as bar:
        for _ in range(40):
            bar.advance()
    progress.say("words " * 30)

    lines = [re.sub(r" after \d+ s", "", line) for line in written.getvalue().splitlines()]
    assert lines == [
        "training: 1 of 2, loss 0.9, validation 1.1",
        "training: 2 of 2, loss 0.8, validation 1.0",
        *(f"log-mel: {done} of 40" for done in range(4, 41, 4)),
        "words " * 30,
    ]
