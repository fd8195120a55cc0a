from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipit.cli.exit_codes import ExitCode

TASK = "test.loudness"
WriteTone = Callable[..., Path]


def best(result: dict[str, Any]) -> list[tuple[float, float, str, bool]]:
    """Span, best label and whether it was detected, of each prediction."""
    return [
        (part["span"]["start"], part["span"]["end"], part["scores"][0]["label"], part["scores"][0]["detected"])
        for part in result["predictions"]
    ]


def test_answers_each_second_of_each_file(pipit: Any, inference_server: str, write_tone: WriteTone) -> None:
    first = write_tone("bell.wav", (1, 0.5), (1, 0.01), (1, 0.5))
    second = write_tone("night.flac", (1, 0.001))
    called = pipit("classify", first, second, "--server", inference_server, "--json")
    assert (called.code, called.err) == (0, "")
    bell, night = called.json()
    assert bell["file"] == str(first)
    assert best(bell) == [(0, 1, "loud", True), (1, 2, "quiet", False), (2, 3, "loud", True)]
    assert best(night) == [(0, 1, "quiet", False)]
    assert bell["model"]["task"] == TASK
    assert bell["model"]["version"] == "1.0.0"
    assert len(bell["model"]["digest"]) == 64
    assert set(bell["times_us"]) == {"decode", "queue", "run", "interpret"}
    assert bell["times_us"]["decode"] > 0
    assert bell["round_trip_ms"] > 0
    assert bell["predictions"][0]["scores"][0]["score"] == pytest.approx(1.0, abs=1e-3)


def test_shows_a_table_for_people(pipit: Any, inference_server: str, write_tone: WriteTone) -> None:
    path = write_tone("bell.wav", (1, 0.5), (1, 0.14))
    called = pipit("classify", path, "--server", inference_server, "--top", "1")
    assert called.code == 0
    rows = [line.split() for line in called.out.splitlines()]
    assert ["bell.wav", "0.0-1.0", "s", "loud", "loud", "1.000", "yes"] in rows
    assert ["1.0-2.0", "s", "quiet", "quiet", "0.510", "uncertain"] in rows
    assert f"{TASK} 1.0.0 (float32, " in called.out
    assert "decode" in called.out


def test_streams_a_long_recording(pipit: Any, inference_server: str, write_tone: WriteTone) -> None:
    path = write_tone("long.wav", *[(1, 0.5), (2, 0.01)] * 20)
    called = pipit("classify", "--stream", path, "--server", inference_server, "--json")
    assert called.code == 0
    (result,) = called.json()
    labels = [label for _, _, label, _ in best(result)]
    assert labels == ["loud", "quiet", "quiet"] * 20
    assert [start for start, *_ in best(result)] == list(range(60))


def test_a_bad_file_does_not_stop_the_others(
    pipit: Any, inference_server: str, write_tone: WriteTone, tmp_path: Path
) -> None:
    good = write_tone("good.wav", (1, 0.5))
    (tmp_path / "bad.wav").write_bytes(b"this is no recording")
    called = pipit("classify", tmp_path / "bad.wav", good, "--server", inference_server, "--json")
    assert called.code == ExitCode.BAD_INPUT
    bad, answered = called.json()
    assert bad["error"]["status"] == "INVALID_ARGUMENT"
    assert best(answered) == [(0, 1, "loud", True)]
    assert called.err.startswith(f"pipit: {tmp_path / 'bad.wav'}: ")
    assert len(called.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--task", "test.other"], ExitCode.NOT_FOUND),
        (["--version", "9.9.9"], ExitCode.NOT_FOUND),
        (["--environment", "staging"], ExitCode.NOT_FOUND),
        (["--version", "1.0.0", "--environment", "staging"], ExitCode.BAD_INPUT),
        (["--timeout", "soon"], ExitCode.USAGE),
        (["--top", "-1"], ExitCode.USAGE),
    ],
)
def test_wrong_questions(
    pipit: Any, inference_server: str, write_tone: WriteTone, arguments: list[str], code: ExitCode
) -> None:
    called = pipit("classify", write_tone("a.wav", (1, 0.5)), "--server", inference_server, *arguments)
    assert called.code == code
    assert called.out == ""


@pytest.mark.parametrize("options", [[], ["--stream"]])
def test_a_missing_file(pipit: Any, inference_server: str, tmp_path: Path, options: list[str]) -> None:
    called = pipit("classify", tmp_path / "gone.wav", "--server", inference_server, *options)
    assert called.code == ExitCode.NOT_FOUND
    assert called.err == f"pipit: {tmp_path / 'gone.wav'}: there is no file {tmp_path / 'gone.wav'}\n"


def test_a_picture_for_a_task_that_hears(pipit: Any, inference_server: str, tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    assert pipit("classify", tmp_path / "cat.jpg", "--server", inference_server).code == ExitCode.BAD_INPUT


def test_no_server(pipit: Any, write_tone: WriteTone) -> None:
    called = pipit("classify", write_tone("a.wav", (1, 0.5)), "--server", "127.0.0.1:9")
    assert called.code == ExitCode.UNAVAILABLE
    assert "127.0.0.1:9 can't be reached: nothing listens there; is it running" in called.err


def test_the_setting_names_the_server(
    pipit: Any, inference_server: str, write_tone: WriteTone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPIT_SERVER", inference_server)
    assert pipit("classify", write_tone("a.wav", (1, 0.5)), "--json").json()[0]["model"]["task"] == TASK


def test_an_answer_takes_its_right_label_once(pipit: Any, inference_server: str, write_tone: WriteTone) -> None:
    asked = pipit("classify", write_tone("bell.wav", (1, 0.5)), "--server", inference_server, "--json").json()
    request_id = asked[0]["request_id"]
    told = pipit("feedback", request_id, "quiet", "--server", inference_server)
    assert told.code == 0, told.err
    assert "had said loud: counted as wrong" in told.out
    again = pipit("feedback", request_id, "quiet", "--server", inference_server, "--json")
    assert again.code == ExitCode.NOT_FOUND
    assert again.out == ""


def test_says_how_to_tell_that_an_answer_is_wrong(pipit: Any, inference_server: str, write_tone: WriteTone) -> None:
    shown = pipit("classify", write_tone("bell.wav", (1, 0.5)), "--server", inference_server)
    line = next(line for line in shown.out.splitlines() if "pipit feedback" in line)
    request_id = line.split()[-2]
    told = pipit("feedback", request_id, "loud", "--server", inference_server, "--json").json()
    assert (told["predicted"], told["was_right"], told["model"]["task"]) == ("loud", True, TASK)
