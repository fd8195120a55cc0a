"""`python -m pipit.serving` as others start it: flags, signals, exit codes, a second process that computes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import grpc
import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pipit._pb.open_inference.v2 import open_inference_pb2, open_inference_pb2_grpc
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle.keys import SigningKey, raw_key
from pipit.bundle.signing import key_id
from pipit.registry import RegistryClient
from serving_process import Process
from tiny import REQUEST, slow_network
from tiny_server import MakeBundle, wait_until


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


def infer(port: int) -> str:
    contents = open_inference_pb2.InferTensorContents(fp32_contents=[0.1, 0.2, 0.3, 0.4])
    tensor = open_inference_pb2.ModelInferRequest.InferInputTensor(
        name="x", datatype="FP32", shape=[1, 4], contents=contents
    )
    request = open_inference_pb2.ModelInferRequest(model_name="test.tiny", inputs=[tensor])
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        return str(stub.ModelInfer(request, timeout=30, wait_for_ready=True).model_version)


def ask_at_once(port: int, until: Callable[[], bool], ask_one: Callable[[int], str] = classify) -> list[str]:
    """Four callers ask until it is so; gives the versions that answered."""
    versions: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            versions.append(ask_one(port))

    with ThreadPoolExecutor(4) as callers:
        asking = [callers.submit(ask) for _ in range(4)]
        try:
            wait_until(until)
        finally:
            done.set()
        for caller in asking:
            caller.result()
    return versions


def metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
        lines = response.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def workers_of(process: Process) -> list[int]:
    found = list[int]()
    for child in psutil.Process(process.pid).children():
        with suppress(psutil.NoSuchProcess):  # It ended meanwhile.
            found += [child.pid] if "pipit.workers" in child.cmdline() else []
    return found


def has_ended(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_where_requests_meet_a_second_process_computes_and_all_is_counted_in_one_place(
    start: Callable[..., Process], make_bundle: MakeBundle
) -> None:
    process = start("--bundle", str(make_bundle(weights=slow_network()).path), "--processes", "2", "--concurrency", "2")
    started = process.wait_for_all("started", "model_active")["started"]
    port, metrics = started["port"], started["metrics_port"]
    assert classify(port) == "1.0.0"
    # One caller alone needs no second process.
    assert (metric(metrics, "pipit_workers "), workers_of(process)) == (0.0, [])
    versions = ask_at_once(port, lambda: metric(metrics, "pipit_worker_answers_total") >= 20.0)
    assert set(versions) == {"1.0.0"}
    assert metric(metrics, 'pipit_requests_total{code="OK"') == len(versions) + 1
    assert metric(metrics, "pipit_workers ") == 1.0
    (worker,) = workers_of(process)
    process.signal(signal.SIGTERM)
    code, _ = process.end()
    assert (code, has_ended(worker)) == (0, True)


def test_bare_tensors_are_computed_there_too(start: Callable[..., Process], make_bundle: MakeBundle) -> None:
    process = start("--bundle", str(make_bundle(weights=slow_network()).path), "--processes", "2", "--concurrency", "2")
    started = process.wait_for_all("started", "model_active")["started"]
    port, metrics = started["port"], started["metrics_port"]
    versions = ask_at_once(port, lambda: metric(metrics, "pipit_worker_answers_total") >= 20.0, infer)
    assert set(versions) == {"1.0.0"}
    process.signal(signal.SIGTERM)
    assert process.end()[0] == 0


def test_what_takes_no_time_needs_no_second_process(start: Callable[..., Process], make_bundle: MakeBundle) -> None:
    process = start("--bundle", str(make_bundle().path), "--processes", "2", "--concurrency", "2")
    started = process.wait_for_all("started", "model_active")["started"]
    port, metrics = started["port"], started["metrics_port"]
    # The first ones take longer.
    for _ in range(20):
        classify(port)
    ask_at_once(port, lambda: metric(metrics, 'pipit_requests_total{code="OK"') >= 200.0)
    assert (metric(metrics, "pipit_workers "), workers_of(process)) == (0.0, [])
    process.signal(signal.SIGTERM)
    assert process.end()[0] == 0


def test_no_request_fails_when_a_worker_is_killed(start: Callable[..., Process], make_bundle: MakeBundle) -> None:
    process = start("--bundle", str(make_bundle(weights=slow_network()).path), "--processes", "2", "--concurrency", "2")
    started = process.wait_for_all("started", "model_active")["started"]
    port, metrics = started["port"], started["metrics_port"]
    ask_at_once(port, lambda: metric(metrics, "pipit_worker_answers_total") >= 1.0)
    (worker,) = workers_of(process)
    os.kill(worker, signal.SIGKILL)
    # Nobody notices, and another one takes its place.
    ask_at_once(port, lambda: bool(set(workers_of(process)) - {worker}))
    died = process.wait_for("worker_died")
    assert (died["worker"], died["reason"]) == (worker, "ended by SIGKILL")
    process.signal(signal.SIGTERM)
    assert process.end()[0] == 0


def test_workers_end_when_their_server_is_gone(start: Callable[..., Process], make_bundle: MakeBundle) -> None:
    process = start("--bundle", str(make_bundle(weights=slow_network()).path), "--processes", "2", "--concurrency", "2")
    started = process.wait_for_all("started", "model_active")["started"]
    port, metrics = started["port"], started["metrics_port"]
    ask_at_once(port, lambda: metric(metrics, "pipit_worker_answers_total") >= 1.0)
    (worker,) = workers_of(process)
    process.signal(signal.SIGKILL)
    assert process.end()[0] == -signal.SIGKILL
    wait_until(lambda: has_ended(worker))
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_metrics_port_that_is_taken_keeps_it_from_starting(
    start: Callable[..., Process], make_bundle: MakeBundle
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--bundle", str(make_bundle().path), "--metrics-port", str(port))
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
