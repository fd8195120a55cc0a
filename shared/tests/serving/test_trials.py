"""A server that dies soon after it opened a version, and is started again: processes, killed as a crash would."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.proving import Proof, Trials
from pipit.registry import RegistryClient
from tiny import REQUEST, TASK
from tiny_server import MakeBundle, Until

registries = pytest.importorskip("model_registry.server", reason="needs services/registry")

Start = Callable[..., Any]


@pytest.fixture
def registry(tmp_path: Path, make_bundle: MakeBundle) -> Iterator[RegistryClient]:
    """Has 1.0.0, 2.0.0 and 3.0.0; nothing is promoted."""
    from model_registry.settings import RegistrySettings

    settings = RegistrySettings(store=tmp_path / "store", port=0, metrics_port=0, poll_seconds=0.05)
    server = registries.RegistryServer(settings)
    server.start()
    with RegistryClient(f"127.0.0.1:{server.port}") as client:
        for number in (1, 2, 3):
            client.publish(make_bundle(f"{number}.0.0").path)
        yield client
    server.stop(0.5)


@pytest.fixture
def follow(start: Start, registry: RegistryClient) -> Callable[..., Any]:
    """Starts a server of the registry."""
    return lambda *more: start("--tasks", TASK, "--registry", registry.address, *more)


def model(port: int) -> pb.Model:
    """What the server says, and that it answers with it."""
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = inference_pb2_grpc.InferenceServiceStub(channel)
        (listed,) = stub.ListModels(pb.ListModelsRequest(), timeout=30, wait_for_ready=True).models
        assert stub.Classify(REQUEST, timeout=30).model.version == listed.identity.version
        return listed


def serve_and_die(process: Any, version: str, how: signal.Signals = signal.SIGKILL) -> None:
    while process.wait_for("model_active")["version"] != version:
        continue
    process.signal(how)
    process.end()


def kept(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "cache/trials" / f"{TASK}.json").read_text())


@pytest.fixture
def bad(follow: Callable[..., Any], registry: RegistryClient, tmp_path: Path, until: Until) -> str:
    """1.0.0 served well here, 2.0.0 was promoted after it, and two servers died of it. The digest of 1.0.0."""
    registry.promote(TASK, "1.0.0", "production")
    first = follow("--trial-seconds", "0")
    digest = str(first.wait_for("model_good")["digest"])
    first.signal(signal.SIGTERM)
    assert first.end()[0] == 0
    registry.promote(TASK, "2.0.0", "production")
    running = tmp_path / "cache/assignments" / TASK / "production.json"
    for starts in (1, 2):
        process = follow()
        while process.wait_for("model_active")["version"] != "2.0.0":
            continue
        until(lambda: json.loads(running.read_text())["version"] == "2.0.0")
        process.signal(signal.SIGKILL)
        process.end()
        assert (kept(tmp_path)["good"], kept(tmp_path)["mark"]["starts"]) == (digest, starts)
    return digest


def test_what_two_servers_died_of_is_refused_and_the_last_good_one_answers(
    follow: Callable[..., Any], registry: RegistryClient, bad: str
) -> None:
    process = follow()
    told = process.wait_for_all("started", "model_refused", "model_active")
    assert told["model_refused"]["step"] == "trial"
    assert told["model_active"]["digest"] == bad
    listed = model(told["started"]["port"])
    assert listed.identity.version == "1.0.0"
    assert listed.reason.startswith("version 2.0.0 was refused at the step trial: the server ended 2 times, the last ")
    assert listed.reason.endswith("; 1.0.0 goes on answering")
    # A newer version is tried at once, and so is this one once somebody chooses it anew.
    registry.promote(TASK, "3.0.0", "production")
    assert process.wait_for("model_active")["version"] == "3.0.0"
    registry.promote(TASK, "2.0.0", "production")
    assert process.wait_for("model_active")["version"] == "2.0.0"
    assert model(told["started"]["port"]).reason == ""


def test_a_server_without_the_registry_refuses_it_too(follow: Callable[..., Any], start: Start, bad: str) -> None:
    process = start("--tasks", TASK, "--registry", "127.0.0.1:9")
    told = process.wait_for_all("started", "model_active")
    assert told["model_active"]["digest"] == bad
    assert "version 2.0.0 was refused at the step trial" in model(told["started"]["port"]).reason


def test_one_power_cut_is_forgiven_and_a_stop_in_order_holds_nothing_against_a_version(
    start: Start, make_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundle = str(make_bundle("1.0.0").path)
    serve_and_die(start("--bundle", bundle), "1.0.0")
    assert kept(tmp_path)["mark"]["starts"] == 1
    serve_and_die(start("--bundle", bundle), "1.0.0", signal.SIGTERM)
    assert (kept(tmp_path)["good"], kept(tmp_path)["mark"], kept(tmp_path)["proof"]) == ("", None, None)
    serve_and_die(start("--bundle", bundle), "1.0.0")
    serve_and_die(start("--bundle", bundle), "1.0.0")
    third = start("--bundle", bundle)
    assert third.wait_for("model_refused")["step"] == "trial"


def test_several_servers_share_what_they_know(start: Start, make_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = str(make_bundle("1.0.0").path)
    for starts in (1, 2):
        first, second = servers = [start("--bundle", bundle) for _ in range(2)]
        for server in servers:
            server.wait_for("model_active")
        assert (kept(tmp_path)["mark"]["starts"], kept(tmp_path)["mark"]["open"]) == (starts, 2)
        first.signal(signal.SIGKILL)
        first.end()
        second.signal(signal.SIGTERM)
        assert second.end()[0] == 0
        # The other one stopped in order.
        assert kept(tmp_path)["mark"]["open"] == 1
    assert start("--bundle", bundle).wait_for("model_refused")["step"] == "trial"


@pytest.fixture
def proven(start: Start, make_bundle: MakeBundle) -> str:
    """A bundle that was good here, so that its proof is kept; its folder."""
    bundle = str(make_bundle("1.0.0").path)
    process = start("--bundle", bundle, "--trial-seconds", "0")
    process.wait_for_all("model_proven", "model_good")
    process.signal(signal.SIGTERM)
    assert process.end()[0] == 0
    return bundle


def test_what_was_good_here_is_not_proven_again_at_the_next_start(start: Start, proven: str, tmp_path: Path) -> None:
    before = kept(tmp_path)
    assert before["proof"]["peak_bytes"] > 0
    process = start("--bundle", proven)
    assert process.wait_for("model_proven", "model_active")["event"] == "model_active"
    assert kept(tmp_path) == before


def test_in_another_setup_it_is_proven_anew(start: Start, proven: str) -> None:
    process = start("--bundle", proven, "--runtime-threads", "2")
    assert process.wait_for("model_proven", "model_active")["event"] == "model_proven"


def test_its_golden_samples_are_checked_all_the_same(start: Start, proven: str, tmp_path: Path) -> None:
    module = tmp_path / "site/tiny_task.py"
    module.write_text(
        module.read_text().replace('float(outputs["scores"][0][i])', '1.0 - float(outputs["scores"][0][i])')
    )
    process = start("--bundle", proven)
    assert process.wait_for("model_refused", "model_active")["step"] == "golden"
    assert kept(tmp_path)["proof"] is None


def test_a_proof_is_off_the_disk_while_a_version_is_opened_on_its_strength(tmp_path: Path) -> None:
    proof = Proof(0.001, 1.5, 1 << 20)
    Trials(tmp_path).confirm(TASK, "a", proof, "here")
    assert Trials(tmp_path).take_proof(TASK, "b", "here") is None
    assert Trials(tmp_path).take_proof(TASK, "a", "elsewhere") is None
    assert Trials(tmp_path).take_proof(TASK, "a", "here") == proof
    # A process that ends here leaves nothing behind that the next one could build on.
    assert Trials(tmp_path).take_proof(TASK, "a", "here") is None
    Trials(tmp_path).put_proof(TASK, "a", proof, "here")
    Trials(tmp_path).put_proof(TASK, "b", proof, "here")
    assert Trials(tmp_path).take_proof(TASK, "a", "here") == proof
