"""`python -m pipit.serving` as others start it: flags, signals, exit codes, several processes on one port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle.keys import SigningKey, raw_key
from pipit.bundle.signing import key_id
from pipit.registry import RegistryClient
from serving_process import Process
from tiny import REQUEST
from tiny_server import MakeBundle


def health(port: int) -> str:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        status = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30).status
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(status))


def classify(port: int) -> str:
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = inference_pb2_grpc.InferenceServiceStub(channel)
        return str(stub.Classify(REQUEST, timeout=30, wait_for_ready=True).model.version)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_0(
    start: Callable[..., Process], make_bundle: MakeBundle, number: signal.Signals
) -> None:
    process = start("--bundle", str(make_bundle().path))
    port = process.wait_for_all("started", "model_active")["started"]["port"]
    assert classify(port) == "1.0.0"
    assert health(port) == "SERVING"
    process.signal(number)
    code, _ = process.end()
    assert code == 0


def test_several_processes_answer_on_one_port_and_count_for_themselves(
    start: Callable[..., Process], make_bundle: MakeBundle
) -> None:
    process = start("--bundle", str(make_bundle().path), "--processes", "2")
    entries = [process.wait_for("started", "model_active") for _ in range(4)]
    started = [entry for entry in entries if entry["event"] == "started"]
    (port,) = {entry["port"] for entry in started}
    metrics_ports = {entry["metrics_port"] for entry in started}
    assert len(metrics_ports) == 2

    def answered() -> list[int]:
        counts = []
        for metrics_port in metrics_ports:
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=30) as response:
                lines = response.read().decode().splitlines()
            found = [line for line in lines if line.startswith("pipit_requests_total{") and 'code="OK"' in line]
            counts.append(sum(int(float(line.rsplit(" ", 1)[1])) for line in found))
        return counts

    asked = 0
    # Each new connection goes to one of the two, as the kernel likes.
    while 0 in answered() and asked < 500:
        assert classify(port) == "1.0.0"
        asked += 1
    assert 0 not in answered()
    assert sum(answered()) == asked
    process.signal(signal.SIGTERM)
    code, _ = process.end()
    assert code == 0


def test_if_one_of_several_dies_all_end_with_an_error(start: Callable[..., Process], make_bundle: MakeBundle) -> None:
    process = start("--bundle", str(make_bundle().path), "--processes", "2")
    process.wait_for("started")
    process.wait_for("started")
    servers = process.servers()
    assert len(servers) == 2
    os.kill(servers[0], signal.SIGKILL)
    assert process.wait_for("process_died")["processes"] != []
    code, _ = process.end()
    assert code == 1


def test_servers_end_when_their_parent_is_gone(start: Callable[..., Process], make_bundle: MakeBundle) -> None:
    process = start("--bundle", str(make_bundle().path), "--processes", "2")
    entries = [process.wait_for("started", "model_active") for _ in range(4)]
    port = next(entry["port"] for entry in entries if entry["event"] == "started")
    assert len(process.servers()) == 2
    process.signal(signal.SIGKILL)
    # The log ends, for nobody is left who holds it; each has stopped in order.
    code, said = process.end()
    assert code == -signal.SIGKILL
    events = [json.loads(line)["event"] for line in said.splitlines() if line.startswith("{")]
    assert [events.count(event) for event in ("parent_gone", "model_freed", "stopped")] == [2, 2, 2]
    with socket.create_server(("127.0.0.1", port)):
        pass


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_metrics_port_that_is_taken_keeps_it_from_starting(
    start: Callable[..., Process], make_bundle: MakeBundle, processes: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--bundle", str(make_bundle().path), "--metrics-port", str(port), "--processes", processes)
        code, said = process.end()
    assert code == 1
    assert f"error: can't listen on 127.0.0.1:{port} for metrics" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--tasks", "a.b", "--host", "0.0.0.0"], "set PIPIT_SERVING_TOKENS, or PIPIT_SERVING_ALLOW_ANONYMOUS=true"),
        ([], "set either tasks"),
        (["--bundle", "/nowhere"], "/nowhere is not a bundle"),
        (["--tasks", "a.b", "--tokens", "/nowhere"], "/nowhere can't be read"),
    ],
)
def test_what_keeps_it_from_starting_is_said_without_a_stack(
    start: Callable[..., Process], tmp_path: Path, arguments: list[str], text: str
) -> None:
    process = start(*arguments)
    code, said = process.end()
    assert code == 1
    assert text in said
    assert said.startswith("error: ")
    assert "Traceback" not in said


def test_importing_the_server_imports_nothing_of_the_trainer_or_the_command_line() -> None:
    code = textwrap.dedent(
        """
        import sys

        class Refuse:
            def find_spec(self, name, path=None, target=None):
                # structlog looks for rich, and does without it.
                if name == "rich":
                    raise ImportError(name)
                if name.partition(".")[0] in {"minio", "typer", "tensorflow", "librosa", "keras", "sklearn", "torch"}:
                    raise AssertionError(name)
                if name in {"pipit.training", "pipit.cli", "pipit.registry", "soundfile", "soxr"}:
                    raise AssertionError(name)

        sys.meta_path.insert(0, Refuse())
        import pipit.serving, pipit.serving.__main__, pipit.runtimes.onnx
        print("imported")
        """
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "imported\n", done.stderr


def test_a_revocation_outlives_the_power_being_cut(
    start: Callable[..., Process], make_bundle: MakeBundle, tmp_path: Path
) -> None:
    """Heard of at once by a server that is a process of its own, killed with the registry away, and refused after."""
    pytest.importorskip("model_registry", reason="needs services/registry")
    from model_registry.server import RegistryServer
    from model_registry.settings import RegistrySettings

    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    registry = RegistryServer(RegistrySettings(store=tmp_path / "store", port=0, metrics_port=0))
    registry.start()
    address, identity = f"127.0.0.1:{registry.port}", key_id(key.public_key())
    arguments = ("--registry", address, "--tasks", "test.tiny", "--cache-dir", str(tmp_path / "cache"))
    try:
        with RegistryClient(address) as operator:
            operator.trust_key(SigningKey(raw_key(key.public_key())))
            operator.publish(make_bundle(key=key).path)
            operator.promote("test.tiny", "1.0.0", "production")
            device = start(*arguments)
            port = device.wait_for_all("started", "model_active")["started"]["port"]
            operator.revoke_key(identity, "stolen")
        assert device.wait_for("model_untrusted")["signed_by"] == identity
        assert classify(port) == "1.0.0"
    finally:
        registry.stop(0.5)
    device.signal(signal.SIGKILL)
    device.end()

    again = start(*arguments)
    refused = again.wait_for("model_refused", "model_active")
    assert (refused["event"], refused["step"]) == ("model_refused", "signature")
    assert "stolen" in refused["reason"]
    again.signal(signal.SIGTERM)
    assert again.end()[0] == 0
