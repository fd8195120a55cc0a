from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from pipit import installed
from pipit.cli import checks
from pipit.cli.checks import Check
from pipit.cli.doctor import verdict_of
from pipit.cli.exit_codes import ExitCode
from pipit.cli.probe import RUNTIMES, Probe, load_probe
from pipit.cli.settings import CliSettings


@pytest.fixture
def health_server() -> Iterator[tuple[str, health.HealthServicer]]:
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}", servicer
    server.stop(None).wait()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on a busy machine has its time to answer."""
    monkeypatch.setattr(checks, "_HEALTH_SECONDS", 60.0)


def probe_only(monkeypatch: pytest.MonkeyPatch, runtimes: dict[str, Probe]) -> None:
    """Leaves out the libraries of trainers, which take long to load."""
    monkeypatch.setattr("pipit.cli.probe.RUNTIMES", runtimes)
    monkeypatch.setattr("pipit.cli.probe.GROUP", "pipit.none")


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("name", ["litert", "onnx", "audio", "torch"])
def test_a_library_that_works_passes_its_probe(name: str) -> None:
    assert checks.run_probe(name) == ""
    load_probe(name).run()


def test_a_library_that_fails_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('built for another libc')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert checks.run_probe("onnx") == "it fails: ImportError: built for another libc"


def test_a_library_for_another_processor_is_found_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGILL)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert checks.run_probe("onnx") == "it dies with SIGILL on this processor"


def test_reports_this_machine(
    pipit: Any,
    monkeypatch: pytest.MonkeyPatch,
    health_server: tuple[str, health.HealthServicer],
    free_port: str,
    tmp_path: Path,
) -> None:
    address, servicer = health_server
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    (tmp_path / "esc50").mkdir()
    monkeypatch.setenv("PIPIT_REGISTRY", address)
    monkeypatch.setenv("PIPIT_SERVER", free_port)
    monkeypatch.setenv("PIPIT_DATA", str(tmp_path))
    absent = Probe("no-such-package", "ONNX Runtime", RUNTIMES["onnx"].run)
    probe_only(monkeypatch, {"litert": RUNTIMES["litert"], "onnx": absent})
    called = pipit("doctor", "--json")
    assert called.code == 0
    report = called.json()
    found = {check["name"]: (check["state"], check["detail"]) for check in report["checks"]}
    assert found["LiteRT"][0] == "ok"
    assert found["ONNX Runtime"] == ("absent", "not installed")
    assert found[str(tmp_path)] == ("ok", "esc50")
    assert found["registry"] == ("ok", f"{address}: SERVING")
    assert found["inference server"] == ("absent", f"nobody listens at {free_port}")
    assert report["healthy"] is True
    assert "home_security.sounds with LiteRT." in report["verdict"][0]


def test_ends_with_a_code_of_its_own_if_something_is_broken(
    pipit: Any, monkeypatch: pytest.MonkeyPatch, taken_port: str, free_port: str, tmp_path: Path
) -> None:
    probe_only(monkeypatch, {})
    monkeypatch.setattr(checks, "_HEALTH_SECONDS", 0.3)
    monkeypatch.setenv("PIPIT_REGISTRY", taken_port)
    monkeypatch.setenv("PIPIT_SERVER", free_port)
    monkeypatch.setenv("PIPIT_DATA", str(tmp_path / "gone"))
    called = pipit("doctor")
    assert called.code == ExitCode.CHECK_FAILED
    assert f"something else listens at {taken_port}" in called.out
    assert f"Broken: PIPIT_DATA: {tmp_path / 'gone'} is not a folder" in called.out.replace("\n", "")


def servers_at(address: str, authority: Path | None = None) -> Check:
    """What the doctor finds at this address."""
    return next(checks.server_checks(CliSettings(registry=address, server=address, ca=authority)))


def test_a_server_that_loads_is_not_called_healthy(health_server: tuple[str, health.HealthServicer]) -> None:
    address, servicer = health_server
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert servers_at(address) == Check("servers", "registry", "broken", f"{address}: NOT_SERVING")


def test_a_server_that_encrypts_is_understood(make_certificate: Callable[..., tuple[Path, Path]]) -> None:
    pair, other = make_certificate(), make_certificate("other")
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    credentials = grpc.ssl_server_credentials([(pair[1].read_bytes(), pair[0].read_bytes())])
    address = f"127.0.0.1:{server.add_secure_port('127.0.0.1:0', credentials)}"
    server.start()
    assert servers_at(address, pair[0]) == Check("servers", "registry", "ok", f"{address}: SERVING")
    untrusted = servers_at(address, other[0])
    assert (untrusted.state, "its certificate is not trusted" in untrusted.detail) == ("broken", True)
    plain = servers_at(address)
    assert (plain.state, "if the server speaks TLS, give its" in plain.detail) == ("broken", True)
    missing = servers_at(address, pair[0].with_name("gone.pem"))
    assert (missing.state, "gone.pem can't be read" in missing.detail) == ("broken", True)
    server.stop(None).wait()


def test_the_verdict_says_what_a_pi_can_do() -> None:
    found = [
        Check("packages", "LiteRT", "ok", "2.3.0, computes"),
        Check("packages", "ONNX Runtime", "absent", "not installed", "install it"),
        Check("packages", "TensorFlow", "absent", "not installed"),
        Check("tasks", "can be served", "ok", "home_security.sounds"),
    ]
    assert verdict_of(found) == [
        "This machine can serve home_security.sounds with LiteRT.",
        "It can't train: that needs a domain's `train` extra (a Raspberry Pi does not need it).",
        "To do more: ONNX Runtime: install it.",
    ]


def test_advice_with_brackets_is_printed_whole(
    pipit: Any, monkeypatch: pytest.MonkeyPatch, free_port: str, tmp_path: Path
) -> None:
    probe_only(monkeypatch, {"onnx": Probe("no-such-distribution", "ONNX Runtime", RUNTIMES["onnx"].run)})
    monkeypatch.setenv("PIPIT_REGISTRY", free_port)
    monkeypatch.setenv("PIPIT_SERVER", free_port)
    monkeypatch.setenv("PIPIT_DATA", str(tmp_path))
    assert "pip install --editable 'shared[onnx]'" in pipit("doctor").out.replace("\n", "")


def test_libraries_of_trainers_are_named_with_the_domain_that_needs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who has footprints alone is not told to install another domain."""
    points = {
        "pipit.trainers": {"birds.song": "birds:SongTrainer", "bees.hum": "bees:HumTrainer"},
        "pipit.checks": {"tensorflow": "pipit.cli.probe:TENSORFLOW"},
    }
    (trainer, _), (check,) = ([EntryPoint(*each, group) for each in named.items()] for group, named in points.items())
    vars(trainer)["dist"] = vars(check)["dist"] = SimpleNamespace(name="pipit-birds")
    by_group = {"pipit.trainers": [trainer], "pipit.checks": [check]}
    monkeypatch.setattr(installed, "entry_points", lambda group: EntryPoints(by_group.get(group, ())))
    monkeypatch.setattr(checks.metadata, "entry_points", lambda group: EntryPoints(by_group.get(group, ())))
    monkeypatch.setattr(checks, "_version_of", lambda distribution: None)
    (found,) = [check for check in checks.package_checks() if check.name == "TensorFlow"]
    assert (found.state, found.tasks) == ("absent", ("birds.song",))
    assert found.advice == "in the repository, run: pip install --editable 'services/birds[train]'"


def test_where_no_domain_is_installed_the_doctor_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "entry_points", lambda group: EntryPoints())
    monkeypatch.setattr(checks.metadata, "entry_points", lambda group: EntryPoints())
    advice = {check.name: check.advice for check in checks.plugin_checks()}
    assert "pip install --editable 'services/DOMAIN[serve]'" in advice["can be served"]
    assert "pip install --editable 'services/DOMAIN[train]'" in advice["can be trained"]


def test_the_verdict_names_just_the_tasks_whose_library_works() -> None:
    found = [
        Check("packages", "LiteRT", "ok", "2.3.0, computes"),
        Check("packages", "PyTorch", "absent", "not installed", "install it", ("bees.hum",)),
        Check("packages", "TensorFlow", "ok", "2.21.0, computes", tasks=("birds.song",)),
        Check("tasks", "can be served", "ok", "bees.hum, birds.song"),
        Check("tasks", "can be trained", "ok", "bees.hum, birds.song"),
    ]
    assert verdict_of(found)[1] == "It can train birds.song."
