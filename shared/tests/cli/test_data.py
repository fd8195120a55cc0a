from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from pipit.cli.exit_codes import ExitCode
from pipit.data.check import DataReport
from pipit.training.trainer import load_trainer

pytest.importorskip("home_security", reason="needs services/home_security")


def test_check_passes_good_data(pipit: Any, write_tone: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "siren").mkdir()
    write_tone("siren/street.wav", (1, 0.5))
    called = pipit("data", "check", "home_security.sounds", tmp_path)
    assert called.code == 0
    assert "nothing is wrong with it" in called.out


def test_check_names_bad_files_and_has_its_own_code(
    pipit: Any, write_tone: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "siren").mkdir()
    write_tone("siren/street.wav", (1, 0.5))
    (tmp_path / "siren" / "broken.wav").write_text("no")
    called = pipit("data", "check", "home_security.sounds", tmp_path, "--json")
    assert called.code == ExitCode.CHECK_FAILED
    (report,) = called.json()
    assert report["classes"] == {"siren": 1}
    assert [problem.partition(": ")[0] for problem in report["problems"]] == [str(tmp_path / "siren" / "broken.wav")]


@pytest.mark.parametrize("task", sorted(entry_points(group="pipit.data_checks").names))
def test_what_check_advises_is_a_switch_of_the_task_s_recipe(
    pipit: Any, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = DataReport(tmp_path, "folders", {}, 0, 0.0, (f"{tmp_path}/a.wav: broken",), ())
    monkeypatch.setattr("pipit.cli.data.load_data_check", lambda task: lambda folder, advance: report)
    called = pipit("data", "check", task, tmp_path)
    assert called.code == ExitCode.CHECK_FAILED
    (switch,) = re.findall(r"training stops at them unless --set (\w+)=true is given", called.out)
    field = load_trainer(task).recipe_type.model_fields[switch]
    assert (field.annotation, field.default) == (bool, False)


def test_check_of_an_unknown_task(pipit: Any, tmp_path: Path) -> None:
    called = pipit("data", "check", "bees.hum", tmp_path)
    assert called.code == ExitCode.NOT_FOUND
    assert "pip install --editable 'services/bees[train]'" in called.err


def test_fetch_of_an_unknown_set_says_what_there_is(pipit: Any) -> None:
    called = pipit("data", "fetch", "esc51")
    assert called.code == ExitCode.NOT_FOUND
    assert (
        "dlib_faces, efficientnet_lite0, esc50, hubert, mobilefacenet, resnet50, whisper_tiny_en, yamnet" in called.err
    )


def test_fetch_from_a_mirror_that_is_away(pipit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipit.data.download.time.sleep", lambda seconds: None)
    called = pipit("data", "fetch", "yamnet", "--to", tmp_path, "--mirror", "http://127.0.0.1:9", "--json")
    assert called.code == ExitCode.UNAVAILABLE
    assert called.out == ""
    assert "http://127.0.0.1:9/yamnet.tflite can't be fetched" in called.err


def test_an_index_is_written_for_tasks_that_read_one(pipit: Any, tmp_path: Path) -> None:
    folder = Path(pipit("data", "synthesise", "baby_monitor.cry", "--to", tmp_path, "--json").json()["folder"])
    written = pipit("data", "index", "baby_monitor.cry", folder, "--validation", "0.3", "--json").json()
    assert sum(written.values()) == 60
    assert {name: len(json.loads((folder / name).read_text())) for name in written} == written
    (report,) = pipit("data", "check", "baby_monitor.cry", folder, "--json").json()
    assert (report["layout"], report["problems"]) == ("metadata", [])
    called = pipit("data", "index", "home_security.sounds", folder)
    assert called.code == ExitCode.NOT_FOUND
    assert "needs no index (tasks that have one here: baby_monitor.cry)" in called.err


def test_synthesises_a_set_once_that_the_check_finds_good(pipit: Any, tmp_path: Path) -> None:
    called = pipit("data", "synthesise", "home_security.sounds", "--to", tmp_path, "--json")
    assert called.json() == {"folder": str(tmp_path / "synthetic_sounds")}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["synthetic_sounds"]
    (report,) = pipit("data", "check", "home_security.sounds", tmp_path / "synthetic_sounds", "--json").json()
    assert report["problems"] == []
    assert report["classes"]["siren"] == 20
    first = (tmp_path / "synthetic_sounds" / "meta" / "esc50.csv").stat().st_mtime_ns
    assert pipit("data", "synthesise", "home_security.sounds", "--to", tmp_path).code == 0
    assert (tmp_path / "synthetic_sounds" / "meta" / "esc50.csv").stat().st_mtime_ns == first


def test_a_set_of_one_size_takes_no_other(pipit: Any, tmp_path: Path) -> None:
    called = pipit("data", "synthesise", "home_security.sounds", "--to", tmp_path, "--set", "takes=9")
    assert called.code == ExitCode.BAD_INPUT
    assert "what home_security.sounds synthesises has one size; leave takes away" in called.err
    assert list(tmp_path.iterdir()) == []


def test_a_domain_that_can_not_synthesise_says_what_to_do(pipit: Any, tmp_path: Path) -> None:
    called = pipit("data", "synthesise", "home_security.smells", "--to", tmp_path)
    assert called.code == ExitCode.NOT_FOUND
    assert "set PIPIT_DATA" in called.err
    assert list(tmp_path.iterdir()) == []
