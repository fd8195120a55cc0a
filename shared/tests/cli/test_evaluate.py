"""`pipit evaluate` on a bundle whose answers are known: loud is what has an effective value over 0.1."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import soundfile
from pipit.bundle import Bundle
from pipit.cli.exit_codes import ExitCode
from pipit.training.intervals import poisson_rate

RATE = 8_000
MakeBundle = Callable[..., Bundle]


@pytest.fixture
def data(tmp_path: Path, loudness: ModuleType) -> Path:
    """Six recordings of something loud, one of them too faint; five of rain, of which one has a loud second."""
    folder = tmp_path / "own"
    for kind, takes in (("loud", (0.5, 0.5, 0.4, 0.3, 0.6, 0.01)), ("rain", (0.01, 0.02, 0.01, 0.5, 0.01))):
        (folder / kind).mkdir(parents=True)
        for take, level in enumerate(takes):
            pieces = [loudness.tone(1, level if second == 1 else 0.001) for second in range(3)]
            soundfile.write(folder / kind / f"place{chr(97 + take)}.wav", np.concatenate(pieces), loudness.RATE)
    return folder


@pytest.fixture
def evaluate(pipit: Any, make_bundle: MakeBundle, data: Path) -> Callable[..., Any]:
    """`evaluate("--json")`: of the loudness task's bundle on these data."""
    bundle = make_bundle()
    return lambda *more: pipit("evaluate", "--bundle", bundle.path, "--data", data, *more)


def test_numbers_are_those_that_a_server_would_give(evaluate: Any) -> None:
    called = evaluate("--json")
    assert called.code == ExitCode.OK, called.err
    found = called.json()
    metrics = {name: metric["value"] for name, metric in found["metrics"].items()}
    # A recording counts by its most alarming second: five of six loud ones, one of five of rain.
    assert metrics["detection_rate.loud"] == pytest.approx(5 / 6)
    assert metrics["background_alarm_rate"] == metrics["false_positive_rate"] == 0.2
    assert metrics["accuracy"] == metrics["said_accuracy"] == pytest.approx(9 / 11)
    assert metrics["baseline.accuracy"] == pytest.approx(6 / 11)
    assert metrics["answer_rate"] == 1.0
    assert metrics["unknown_rate"] == metrics["uncertain_rate"] == 0.0
    rate = found["metrics"]["false_alarms_per_hour"]
    assert (rate["value"], rate["low"], rate["high"]) == pytest.approx(poisson_rate(1, 5 * 3 / 3600))
    assert found["metrics"]["accuracy"]["samples"] == 11
    assert found["metrics"]["accuracy"]["low"] < 9 / 11 < found["metrics"]["accuracy"]["high"]
    assert found["as_background"] == {"rain": 5}
    assert found["left_out"] == {"trained_on": 0, "problems": [], "not_found": {}, "strangers": {}}
    assert found["evaluation"]["confusion"] == [[5, 1], [1, 4]]
    assert (found["task"], found["variant"], found["bundle"]) == ("test.loudness", "float32", "loudness-float32-v1.0.0")
    assert metrics["quiet.silence.alarm_rate"] == 0.0
    assert metrics["quiet.white.alarm_rate"] <= 0.2  # One of five levels comes near it.
    assert metrics["robust.gain_-40dB.detection_rate"] == 0.0
    assert metrics["robust.unchanged.detection_rate"] == metrics["detection_rate.loud"]


def test_people_see_tables_and_files(evaluate: Any, tmp_path: Path) -> None:
    called = evaluate("--report", tmp_path / "report")
    assert called.code == ExitCode.OK
    rows = [line.split() for line in called.out.splitlines()]
    assert ["loud", "6", "0.833", "(0.436", "to", "0.970)"] in [row[:6] for row in rows]
    assert ["good", "enough", "accuracy", ">", "0.7", "0.9", "0.8182", "yes"] in rows
    assert "counted as background: rain (5)" in called.out
    assert any(row[:4] == ["gain", "-40dB", "11", "0.00"] for row in rows)
    written = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"evaluate.json", "evaluation.json", "confusion.png", "robustness.png", "robustness.json"} <= written
    kept = json.loads((tmp_path / "report/evaluate.json").read_bytes())
    assert kept["gates"] == [
        {
            "name": "good enough",
            "metric": "accuracy",
            "must_be": "> 0.7",
            "trained": 0.9,
            "result": {
                "name": "good enough",
                "metric": "accuracy",
                "comparison": ">",
                "limit": 0.7,
                "value": pytest.approx(9 / 11),
                "passed": True,
            },
        }
    ]


def test_labels_by_other_names_and_long_background(evaluate: Any, data: Path, tmp_path: Path) -> None:
    nights = tmp_path / "nights"
    nights.mkdir()
    (data / "rain/placed.wav").rename(nights / "thunder.wav")
    called = evaluate("--json", "--rename", "rain=quiet", "--background", nights)
    assert called.code == ExitCode.OK, called.err
    found = called.json()
    assert found["as_background"] == {}
    assert found["metrics"]["background_alarm_rate"]["value"] == 0.0
    heard = found["further"]["false alarms in background"]
    assert [(one["name"], one["alarms"]["events"]) for one in heard["recordings"]] == [("thunder.wav", 1)]
    assert found["metrics"]["background.false_alarms_per_hour"]["value"] == pytest.approx(1200.0)


def test_background_alone(pipit: Any, make_bundle: MakeBundle, data: Path) -> None:
    bundle = make_bundle()
    called = pipit("evaluate", "--bundle", bundle.path, "--background", data / "rain")
    assert called.code == ExitCode.OK, called.err
    rows = [line.split() for line in called.out.splitlines()]
    assert ["all", "0.2", "1", "240.0"] in [row[:4] for row in rows]  # One in fifteen seconds.
    assert ["good", "enough", "accuracy", ">", "0.7", "0.9", "not", "here"] in rows
    assert pipit("evaluate", "--bundle", bundle.path).code == ExitCode.USAGE


def test_a_gate_that_fails_here_decides_the_exit_code(evaluate: Any, data: Path) -> None:
    for name in ("a", "b", "c", "d", "e"):
        (data / "loud" / f"place{name}.wav").unlink()
    called = evaluate("--json")
    assert called.code == ExitCode.GATES_FAILED
    found = called.json()
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(4 / 6)
    assert (found["gates_passed"], found["gates"][0]["result"]["passed"]) == (False, False)


def test_what_a_bundle_was_trained_on_is_left_out(make_bundle: MakeBundle, data: Path, pipit: Any) -> None:
    run = data.parent / "run"
    (run / "prepare").mkdir(parents=True)
    bundle = make_bundle()
    (run / "publish").mkdir()
    bundle.path.rename(run / "publish/bundle")
    entries = [{"name": "own/loud/placea.wav", "label": "loud", "group": "g", "side": "train"}]
    entries += [{"name": "own/rain/placea.wav", "label": "rain", "group": "own/rain/placeb", "side": "validation"}]
    entries += [{"name": "own/loud/placeb.wav", "label": "loud", "group": "h", "side": "test"}]
    (run / "prepare/items.json").write_text(json.dumps(entries))
    called = pipit("evaluate", "--bundle", run, "--data", data, "--json")
    assert called.code == ExitCode.OK, called.err
    found = called.json()
    assert found["left_out"]["trained_on"] == 3  # Two by name, and the one of the group that validated.
    assert found["metrics"]["accuracy"]["samples"] == 8
    everything = pipit("evaluate", "--bundle", run, "--data", data, "--json", "--with-training").json()
    assert everything["metrics"]["accuracy"]["samples"] == 11
    entries = [{"name": f"own/{p.parent.name}/{p.name}", "group": "g", "side": "train"} for p in data.glob("*/*")]
    (run / "prepare/items.json").write_text(json.dumps(entries))
    refused = pipit("evaluate", "--bundle", run, "--data", data)
    assert refused.code == ExitCode.BAD_INPUT
    assert "--with-training" in refused.err


def test_a_broken_file_is_named_and_the_others_count(evaluate: Any, data: Path) -> None:
    (data / "loud/broken.wav").write_bytes(b"no recording")
    (data / "loud/notes.txt").write_text("no recording")
    called = evaluate("--json")
    assert called.code == ExitCode.OK
    assert called.json()["metrics"]["accuracy"]["samples"] == 11
    problems = called.json()["left_out"]["problems"]
    assert [problem.split(":")[0].rpartition("/")[2] for problem in problems] == ["notes.txt", "broken.wav"]
    assert "broken.wav" in called.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--variant", "int8"], ExitCode.NOT_FOUND, "no variant 'int8'"),
        (["--data", "/nowhere"], ExitCode.NOT_FOUND, "/nowhere is not a folder"),
        (["--background", "/nowhere"], ExitCode.NOT_FOUND, "/nowhere is not a folder"),
        (["--rename", "rain"], ExitCode.BAD_INPUT, "THEIRS=OURS"),
    ],
)
def test_what_is_wrong_is_said(evaluate: Any, arguments: list[str], code: ExitCode, said: str) -> None:
    called = evaluate(*arguments)
    assert called.code == code
    assert said in called.err


def test_no_bundle_no_label_and_no_reader(pipit: Any, data: Path, brightness_bundle: Bundle, tmp_path: Path) -> None:
    gone = pipit("evaluate", "--bundle", tmp_path / "gone", "--data", data)
    assert gone.code == ExitCode.NOT_FOUND
    unread = pipit("evaluate", "--bundle", brightness_bundle.path, "--data", data)
    assert unread.code == ExitCode.NOT_FOUND
    assert "no installed domain reads labelled data of 'test.brightness'" in unread.err


def test_an_empty_folder_has_no_example(evaluate: Any, data: Path) -> None:
    for path in data.glob("*/*"):
        path.unlink()
    called = evaluate()
    assert called.code == ExitCode.BAD_INPUT
    assert "no labelled example" in called.err
