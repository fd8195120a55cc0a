from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from pipit.bundle import open_bundle
from pipit.cli.exit_codes import ExitCode
from pipit.data.synthetic import MARK, synthetic_among
from pipit.errors import NotFound
from pipit.fleet import DeviceReport, FleetClient, State, TaskReport
from pipit.registry import RegistryClient

TASK = "test.loudness"


def ran(result: Any) -> dict[str, bool]:
    return {step["step"]: step["ran"] for step in result["steps"]}


def test_trains_up_to_a_bundle_that_opens(train: Any) -> None:
    called = train("train", "--json")
    assert called.code == 0, called.err
    result = called.json()
    assert list(ran(result).values()) == [True] * 6
    bundle = open_bundle(Path(result["bundle"]))
    assert str(bundle.manifest.version) == "1.0.0"
    assert bundle.manifest.metrics["accuracy"].value == 1.0
    assert bundle.manifest.gates[0].metric == "accuracy"
    assert "publish: done" in called.err


def test_ends_with_one_place_that_publish_and_bench_take(train: Any, pipit: Any, registry: str, tmp_path: Path) -> None:
    out = train("train").out.replace("\n", " ")
    (run,) = re.findall(r"run: (\S+) \(its bundle in publish/bundle\)", out)
    assert f"next: pipit publish {run}" in out
    assert "bundle: " not in out
    for path, created in ((run, True), (Path(run) / "publish" / "bundle", False)):
        published = pipit("publish", path, "--registry", registry, "--json")
        assert published.code == 0, published.err
        assert (published.json()["created"], published.json()["version"]["version"]) == (created, "1.0.0")
    assert pipit("bench", run, "--runs", "3", "--json").json()["bundle"] == "threshold-float32-v1.0.0"


def test_a_run_without_a_bundle_is_told_from_a_folder_that_is_not_there(train: Any, pipit: Any, registry: str) -> None:
    run = train("train", "--until", "fit", "--json").json()["run"]
    called = pipit("publish", run, "--registry", registry)
    assert called.code == ExitCode.NOT_FOUND
    assert "neither a bundle (it has no bundle.yaml) nor a run that has one in publish/bundle" in called.err
    called = pipit("publish", Path(run).parent / "gone", "--registry", registry)
    assert called.code == ExitCode.NOT_FOUND
    assert called.err.startswith("pipit: there is no folder ")


def test_runs_no_step_twice(train: Any) -> None:
    first = train("train", "--json").json()
    second = train("train", "--json").json()
    assert list(ran(second).values()) == [False] * 6
    assert second["bundle"] == first["bundle"]
    assert "up to date" in train("train").out


def test_another_recipe_is_another_run_and_the_next_version(train: Any) -> None:
    first = train("train", "--json").json()
    second = train("train", "--json", "--set", "optimiser.learning_rate=0.002").json()
    assert second["run"] != first["run"]
    assert str(open_bundle(Path(second["bundle"])).manifest.version) == "1.1.0"
    assert str(open_bundle(Path(first["bundle"])).manifest.version) == "1.0.0"


def test_a_version_of_ones_own_choice(train: Any) -> None:
    train("train")
    result = train("train", "--version", "2.0.0-rc.1", "--json").json()
    assert ran(result) == {step: step == "publish" for step in ran(result)}
    assert str(open_bundle(Path(result["bundle"])).manifest.version) == "2.0.0-rc.1"


def test_stops_where_it_is_told_to(train: Any) -> None:
    result = train("train", "--until", "evaluate", "--json").json()
    assert list(ran(result)) == ["prepare", "fit", "evaluate"]
    assert result["bundle"] is None


def test_signs_if_a_key_is_set(train: Any, pipit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipit.bundle.signing import load_public_key

    pipit("keys", "generate", tmp_path / "key.pem")
    monkeypatch.setenv("PIPIT_SIGNING_KEY", str(tmp_path / "key.pem"))
    bundle = Path(train("train", "--json").json()["bundle"])
    assert open_bundle(bundle, [load_public_key(tmp_path / "key.pem.pub")]).signed_by


def test_export_alone(train: Any) -> None:
    exported = train("export", "--json").json()
    assert exported["facts"]["float32_bytes"] == (Path(exported["run"]) / "export" / "float32.onnx").stat().st_size
    assert exported["ran"] is True
    again = train("export")
    assert again.code == 0
    assert ["float32_bytes", str(exported["facts"]["float32_bytes"])] in [
        line.split() for line in again.out.splitlines()
    ]
    assert train("export", "--force", "--json").json()["ran"] is True


def test_bench_times_the_newest_bundle(train: Any, pipit: Any) -> None:
    bundle = train("train", "--json").json()["bundle"]
    called = train("bench", "--runs", "5", "--threads", "1", "--threads", "2", "--json")
    assert called.code == 0, called.err
    report = called.json()
    assert [(t["variant"], t["runtime"], t["runs"]) for t in report["timings"]] == [("float32", "onnx", 5)] * 2
    assert {t["threads"] for t in report["timings"]} == {1, 2}
    assert all(0 < t["median_ms"] <= t["p95_ms"] for t in report["timings"])
    assert "fastest on this machine" in pipit("bench", bundle, "--runs", "3").out


def test_bench_without_a_bundle(train: Any) -> None:
    called = train("bench")
    assert called.code == ExitCode.NOT_FOUND
    assert "train it first" in called.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--recipe", "unknown"], ExitCode.NOT_FOUND),
        (["--set", "epochs"], ExitCode.BAD_INPUT),
        (["--set", "epochs=many"], ExitCode.BAD_INPUT),
        (["--set", "epoch=3"], ExitCode.BAD_INPUT),
        (["--start-from", "runs/base"], ExitCode.BAD_INPUT),  # Its recipes can't.
        (["--until", "lunch"], ExitCode.BAD_INPUT),
        (["--version", "one"], ExitCode.BAD_INPUT),
        (["--publish", "--until", "fit"], ExitCode.BAD_INPUT),
        (["--promote", "staging"], ExitCode.BAD_INPUT),
        (["--publish", "--registry", "127.0.0.1:9"], ExitCode.UNAVAILABLE),
        (["--data", "/nowhere"], ExitCode.NOT_FOUND),
    ],
)
def test_wrong_requests(train: Any, arguments: list[str], code: ExitCode) -> None:
    called = train("train", *arguments)
    assert called.code == code
    assert called.out == ""


def test_an_unknown_task(pipit: Any) -> None:
    called = pipit("train", "test.silence")
    assert called.code == ExitCode.NOT_FOUND
    assert "test.silence" in called.err


def test_a_bad_file_is_named(train: Any, tmp_path: Path) -> None:
    (tmp_path / "tones" / "loud" / "broken.wav").write_text("no")
    called = train("train")
    assert called.code == ExitCode.BAD_INPUT
    assert "broken.wav" in called.err


def test_publishes_with_the_version_after_the_registrys_newest(train: Any, registry: str, make_bundle: Any) -> None:
    with RegistryClient(registry) as client:
        client.publish(make_bundle("1.4.2").path)
        called = train("train", "--publish", "--registry", registry, "--json")
        assert called.code == 0, called.err
        assert (called.json()["published"], called.json()["promoted"]) == (True, None)
        versions = [version.version for version in client.list_versions(TASK).versions]
    assert versions == ["1.5.0", "1.4.2"]


def test_promotes_what_passes_its_gates(train: Any, registry: str) -> None:
    called = train("train", "--publish", "--promote", "staging", "--registry", registry)
    assert called.code == 0, called.err
    assert f"staging of {TASK} points to 1.0.0" in called.out
    with RegistryClient(registry) as client:
        (move,) = client.history(TASK, "staging")
        assert (move.to_version, move.reason, move.gates_overridden) == ("1.0.0", "trained by recipe plain", False)


def test_leads_the_devices_that_follow_to_what_it_promotes(train: Any, registry: str, make_bundle: Any) -> None:
    arguments = ("train", "--publish", "--promote", "staging", "--registry", registry)
    with RegistryClient(registry) as client, FleetClient(registry) as fleet:
        client.publish(make_bundle("1.0.0").path)
        client.promote(TASK, "1.0.0", "staging")
        serves = TaskReport(TASK, "1.0.0", 1, "1.0.0", "", State.SERVING)
        fleet.report(DeviceReport("pi-7", "boot", 1, "staging", tasks=(serves,)))
        called = train(*arguments, "--json").json()
        assert (called["published"], called["promoted"], called["rollout"]["to_version"]) == (True, None, "1.1.0")
        shown = train(*arguments)
        # Another one is under way: it is published, and waits for somebody.
        assert shown.code == ExitCode.CONFLICT
        assert f"published {TASK} 1.1.0, but not promoted" in shown.out
        fleet.abort_rollout(TASK, "staging")
        again = train(*arguments)
        assert f"staging of {TASK} is on its way from 1.0.0 to 1.1.0, over 1 device: 1 device for 15 s" in again.out
        assert f"pipit rollout watch {TASK} staging shows it" in again.out
        assert client.resolve(TASK, "staging").version == "1.0.0"


def test_does_not_promote_what_fails_its_gates(train: Any, registry: str) -> None:
    arguments = ("--set", "gates.0.limit=1.1", "--publish", "--promote", "production", "--registry", registry)
    called = train("train", *arguments, "--json")
    assert called.code == ExitCode.GATES_FAILED
    assert (called.json()["published"], called.json()["promoted"]) == (True, None)
    assert "good enough" in called.err
    shown = train("train", *arguments)
    assert shown.code == ExitCode.GATES_FAILED
    assert f"published {TASK} 1.0.0, but not promoted" in shown.out
    with RegistryClient(registry) as client:
        assert [version.version for version in client.list_versions(TASK).versions] == ["1.0.0"]
        with pytest.raises(NotFound):
            client.resolve(TASK, "production")


def test_what_synthetic_data_made_is_kept_out_of_production_unless_it_is_allowed(
    train: Any, registry: str, tmp_path: Path
) -> None:
    (tmp_path / "tones" / MARK).write_text("a program made these tones\n")
    arguments = ("train", "--publish", "--promote", "production", "--registry", registry)
    refused = train(*arguments)
    assert refused.code == ExitCode.GATES_FAILED
    assert "comes from SYNTHETIC data (tones)" in refused.err
    allowed = train(*arguments, "--allow-synthetic")
    assert allowed.code == 0, allowed.err
    with RegistryClient(registry) as client:
        (move,) = client.history(TASK, "production")
    assert move.gates_overridden
    assert move.reason == "trained by recipe plain; from SYNTHETIC data, by --allow-synthetic"


def test_allowing_synthetic_data_allows_no_gate_to_fail(train: Any, registry: str, tmp_path: Path) -> None:
    (tmp_path / "tones" / MARK).write_text("a program made these tones\n")
    arguments = ("--set", "gates.0.limit=1.1", "--publish", "--promote", "production", "--allow-synthetic")
    refused = train("train", *arguments, "--registry", registry)
    assert refused.code == ExitCode.GATES_FAILED
    with RegistryClient(registry) as client, pytest.raises(NotFound):
        client.resolve(TASK, "production")


def test_a_run_that_was_synthetic_once_stays_so(train: Any, tmp_path: Path) -> None:
    mark = tmp_path / "tones" / MARK
    mark.write_text("a program made these tones\n")
    bundle = Path(train("train", "--json").json()["bundle"])
    assert open_bundle(bundle).manifest.lineage.synthetic == ("tones",)
    assert "from: tones" in open_bundle(bundle).file(MARK).read_text()
    # What goes on from it, or from its bundle wherever that lies, is known for it too.
    assert synthetic_among([bundle.parents[1] / "fit" / "weights.onnx"]) == ("tones",)
    elsewhere = tmp_path / "fetched"
    shutil.copytree(bundle, elsewhere)
    assert synthetic_among([elsewhere / "weights" / "float32.onnx"]) == ("tones",)
    mark.unlink()
    again = Path(train("train", "--force", "publish", "--json").json()["bundle"])
    assert open_bundle(again).manifest.lineage.synthetic == ("tones",)
