"""A server that follows a real registry, through its absence and its mistakes."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.bundle.keys import SigningKey, raw_key
from pipit.errors import Unavailable
from pipit.examples import Consent, Reason
from pipit.examples.client import ExampleClient
from pipit.fleet import FleetClient, State, TaskReport
from pipit.locks import try_exclusive_lock
from pipit.registry import Assignment, RegistryClient
from pipit.registry.types import Target
from pipit.serving.attempts import Part
from tiny import REQUEST, TASK
from tiny_server import MakeBundle, Serve, Until, answers_with, model

pytest.importorskip("model_registry", reason="needs services/registry")


class Registry:
    """A registry that can go away and come back on the same port."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self.port = 0
        self._server: Any = None
        self.start()

    def start(self) -> None:
        from model_registry.server import RegistryServer
        from model_registry.settings import RegistrySettings

        settings = RegistrySettings(store=self._store, port=self.port, metrics_port=0, poll_seconds=0.05)
        self._server = RegistryServer(settings)
        self._server.start()
        self.port = self._server.port

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(0.5)
            self._server = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def publish(self, *bundles: Any) -> None:
        with RegistryClient(self.address) as client:
            for bundle in bundles:
                client.publish(bundle.path)

    def promote(self, version: str) -> None:
        with RegistryClient(self.address) as client:
            client.promote(TASK, version, "production")

    def is_there(self) -> bool:
        try:
            with RegistryClient(self.address) as client:
                return bool(client.list_versions(TASK).versions)
        except Unavailable:
            return False

    def rollback(self) -> None:
        with RegistryClient(self.address) as client:
            client.rollback(TASK, "production")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    registry = Registry(tmp_path / "store")
    yield registry
    registry.stop()


@pytest.fixture
def follow(serve: Serve, registry: Registry, tmp_path: Path) -> Callable[..., Any]:
    def start(**settings: Any) -> Any:
        defaults = {
            "registry": registry.address,
            "tasks": (TASK,),
            "cache_dir": tmp_path / "cache",
            "device_id": "attic",
            "wait": False,
        }
        return serve(**(defaults | settings))

    return start


def test_a_device_tells_the_registry_what_it_does(
    registry: Registry, follow: Callable[..., Any], make_bundle: MakeBundle, until: Until
) -> None:
    registry.publish(make_bundle("1.0.0"), make_bundle("2.0.0", golden_sign=-1.0))
    registry.promote("1.0.0")
    running = follow()
    with FleetClient(registry.address) as fleet:

        def told() -> Any:
            tasks = [task for device in fleet.list_devices("production", TASK) for task in device.tasks]
            return tasks[0] if tasks else TaskReport(TASK)

        until(lambda: told().active_version == "1.0.0")
        (device,) = fleet.list_devices()
        assert (device.device_id, device.environment, device.online) == ("attic", "production", True)
        assert (told().state, told().revision, told().failed_step) == (State.SERVING, 1, "")
        # A refusal is told at once: the next report would be due in half a minute.
        registry.promote("2.0.0")
        until(lambda: told().failed_step == "golden")
        assert (told().desired_version, told().active_version, told().revision) == ("2.0.0", "1.0.0", 2)
    value = running.server.metrics.registry.get_sample_value
    # What changes while a report is on its way goes into the next one with what follows: there were two at least.
    until(lambda: value("pipit_reports_total", {"result": "taken"}) >= 2.0)


def test_promotions_and_rollbacks_are_followed(
    follow: Callable[..., Any], registry: Registry, make_bundle: MakeBundle, until: Until
) -> None:
    running = follow()
    assert answers_with(running) == "UNAVAILABLE"
    assert model(running).state == pb.Model.STATE_NOT_SERVING
    assert "no version is promoted to 'production' yet" in model(running).reason
    registry.publish(make_bundle("1.9.0", 1.0), make_bundle("1.10.0", -1.0))
    registry.promote("1.9.0")
    until(lambda: answers_with(running) == "1.9.0")
    assert model(running).environment == "production"
    until(lambda: running.health_of(TASK) == "SERVING")
    registry.promote("1.10.0")
    until(lambda: answers_with(running) == "1.10.0")
    registry.rollback()
    until(lambda: answers_with(running) == "1.9.0")
    request = pb.ClassifyRequest(input=REQUEST.input, model=pb.ModelSelector(environment="production"))
    assert running.calls.Classify(request, timeout=30).model.version == "1.9.0"


def test_a_server_starts_from_its_disk_while_the_registry_is_away(
    follow: Callable[..., Any], registry: Registry, make_bundle: MakeBundle, until: Until
) -> None:
    registry.publish(make_bundle("1.0.0"), make_bundle("2.0.0", -1.0))
    registry.promote("1.0.0")
    first = follow()
    until(lambda: answers_with(first) == "1.0.0")
    first.server.stop(1.0)
    registry.stop()
    second = follow()
    until(lambda: answers_with(second) == "1.0.0")
    until(lambda: second.health_of("") == "SERVING")
    registry.start()
    # Within one process gRPC's channels share their pause before they connect again.
    until(registry.is_there)
    registry.promote("2.0.0")
    until(lambda: answers_with(second) == "2.0.0")


def test_a_server_without_a_disk_to_start_from_waits_for_the_registry(
    follow: Callable[..., Any], registry: Registry, make_bundle: MakeBundle, until: Until
) -> None:
    registry.publish(make_bundle("1.0.0"))
    registry.promote("1.0.0")
    registry.stop()
    running = follow()
    assert answers_with(running) == "UNAVAILABLE"
    assert running.health_of("") == "NOT_SERVING"
    until(lambda: f"the registry at {registry.address} can't be reached" in model(running).reason)
    registry.start()
    until(lambda: answers_with(running) == "1.0.0")


def test_a_bundle_that_rotted_on_the_disk_is_fetched_anew(
    follow: Callable[..., Any], registry: Registry, make_bundle: MakeBundle, until: Until, tmp_path: Path
) -> None:
    registry.publish(make_bundle("1.0.0"))
    registry.promote("1.0.0")
    first = follow()
    until(lambda: answers_with(first) == "1.0.0")
    first.server.stop(1.0)
    (weights,) = (tmp_path / "cache").rglob("float32.onnx")
    good = weights.read_bytes()
    weights.write_bytes(good[:-1] + b"?")
    second = follow()
    until(lambda: answers_with(second) == "1.0.0")
    assert weights.read_bytes() == good


def test_a_rotten_disk_without_a_registry_is_said_and_heals(
    follow: Callable[..., Any], registry: Registry, make_bundle: MakeBundle, until: Until, tmp_path: Path
) -> None:
    registry.publish(make_bundle("1.0.0"))
    registry.promote("1.0.0")
    first = follow()
    until(lambda: answers_with(first) == "1.0.0")
    first.server.stop(1.0)
    registry.stop()
    (weights,) = (tmp_path / "cache").rglob("float32.onnx")
    weights.write_bytes(b"rotten")
    second = follow()
    until(lambda: "can't be fetched and will be tried again" in model(second).reason)
    assert answers_with(second) == "UNAVAILABLE"
    assert model(second).state == pb.Model.STATE_LOADING
    registry.start()
    until(lambda: answers_with(second) == "1.0.0")


def test_a_registry_that_tells_old_moves_is_followed_only_forwards_once_keys_are_trusted(
    follow: Callable[..., Any], registry: Registry, make_bundle: MakeBundle, until: Until, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    with RegistryClient(registry.address) as client:
        client.trust_key(SigningKey(raw_key(key.public_key())))
    registry.publish(make_bundle("1.0.0", key=key), make_bundle("2.0.0", -1.0, key=key))
    registry.promote("1.0.0")
    registry.stop()
    shutil.copytree(tmp_path / "store", tmp_path / "backup")
    registry.start()
    running = follow()
    until(lambda: answers_with(running) == "1.0.0")
    registry.promote("2.0.0")
    until(lambda: answers_with(running) == "2.0.0")
    registry.stop()
    shutil.rmtree(tmp_path / "store")
    shutil.copytree(tmp_path / "backup", tmp_path / "store")
    registry.start()
    until(lambda: "pipit promote test.tiny VERSION production --newer-than 2" in model(running).reason)
    assert model(running).reason.endswith("; 2.0.0 goes on answering")
    assert answers_with(running) == "2.0.0"
    with RegistryClient(registry.address) as client:
        moved = client.promote(TASK, "1.0.0", "production", newer_than=2).environment
        assert moved.revision == 3
        assert client.promote(TASK, "1.0.0", "production", newer_than=2).environment == moved
    until(lambda: answers_with(running) == "1.0.0")
    # To roll back is a newer move, and needs no more than its word.
    registry.promote("2.0.0")
    until(lambda: answers_with(running) == "2.0.0")
    registry.rollback()
    until(lambda: answers_with(running) == "1.0.0")


def is_held(tmp_path: Path, bundle: Any) -> bool:
    with try_exclusive_lock(tmp_path / "cache/locks" / f"{bundle.digest}.use") as alone:
        return not alone


@pytest.mark.usefixtures("enough_memory")
def test_the_steps_of_a_rollout_are_followed_and_a_start_without_the_registry_knows_only_what_served(
    follow: Callable[..., Any], registry: Registry, make_bundle: MakeBundle, until: Until, tmp_path: Path
) -> None:
    old, new = make_bundle("1.0.0"), make_bundle("2.0.0", -1.0)
    registry.publish(old, new)
    registry.promote("1.0.0")
    running = follow()
    until(lambda: answers_with(running) == "1.0.0")
    source, host = running.server._source, running.server.hosts[TASK]
    at = Assignment(TASK, "production", "1.0.0", old.digest, 2, "r-1")
    source._told(replace(at, candidate=Target("2.0.0", new.digest)))
    until(lambda: host.report().candidate_state is State.PREFETCHED)
    assert (answers_with(running), host.report().revision, host.report().candidate_version) == ("1.0.0", 2, "2.0.0")
    assert is_held(tmp_path, new)
    registry.stop()
    canary = replace(at, version="2.0.0", digest=new.digest, revision=3, stage=1, standby=Target("1.0.0", old.digest))
    source._told(canary)
    until(lambda: answers_with(running) == "2.0.0")
    until(lambda: host.report().standby)
    assert (host.part.stage, host.part.rollout) == (1, "r-1")
    assert is_held(tmp_path, old)
    # Where the server dies of what the rollout brought, there is something to go back to.
    until(lambda: [one.version for one in source._cache.remembered(TASK, "production")] == ["2.0.0", "1.0.0"])
    source._told(Assignment(TASK, "production", "2.0.0", new.digest, 4))
    until(lambda: not is_held(tmp_path, old))
    until(lambda: not host.report().standby)
    running.server.stop(1.0)
    again = follow()
    until(lambda: answers_with(again) == "2.0.0")
    assert again.server.hosts[TASK].part == Part()


def test_what_is_desired_stays_on_the_disk_before_it_is_fetched_and_whatever_fails_beside_it(
    follow: Callable[..., Any],
    registry: Registry,
    make_bundle: MakeBundle,
    until: Until,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = make_bundle("1.0.0"), make_bundle("2.0.0", -1.0)
    registry.publish(old, new)
    registry.promote("1.0.0")
    running = follow()
    until(lambda: answers_with(running) == "1.0.0")
    source, host = running.server._source, running.server.hosts[TASK]
    at = Assignment(TASK, "production", "1.0.0", old.digest, 2, "r-1")
    source._told(replace(at, candidate=Target("2.0.0", new.digest)))
    until(lambda: host.report().candidate_state is State.PREFETCHED)
    until(lambda: new.digest not in source._cache._in_use)
    desire, held = host.desire, list[bool]()

    def record(*desired: Any) -> None:
        held.append(is_held(tmp_path, new))
        desire(*desired)

    def fail(assignment: Assignment) -> None:
        raise RuntimeError(f"who counts failed at {assignment.version}")

    monkeypatch.setattr(host, "desire", record)
    monkeypatch.setattr(source, "on_assigned", fail)
    source._told(replace(at, version="2.0.0", digest=new.digest, revision=3, stage=1))
    assert held == [True]
    until(lambda: answers_with(running) == "2.0.0")


def test_a_refused_version_is_not_what_the_next_start_remembers(
    follow: Callable[..., Any], registry: Registry, make_bundle: MakeBundle, until: Until
) -> None:
    registry.publish(make_bundle("1.0.0"), make_bundle("2.0.0", golden_sign=-1.0))
    registry.promote("1.0.0")
    first = follow()
    until(lambda: answers_with(first) == "1.0.0")
    registry.promote("2.0.0")
    until(lambda: "2.0.0 was refused at the step golden" in model(first).reason)
    assert answers_with(first) == "1.0.0"
    value = first.server.metrics.registry.get_sample_value
    desired = {"task": TASK, "device": "attic", "version": "2.0.0"}
    digests = [
        sample.labels["digest"]
        for family in first.server.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "pipit_model_desired_info" and desired.items() <= sample.labels.items()
    ]
    assert len(digests) == 1
    assert value("pipit_golden_failures_total", {"task": TASK}) == 1.0
    first.server.stop(1.0)
    registry.stop()
    second = follow()
    until(lambda: answers_with(second) == "1.0.0")


def test_a_device_keeps_what_the_registry_lets_it_and_no_longer(
    follow: Callable[..., Any],
    registry: Registry,
    make_bundle: MakeBundle,
    until: Until,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipit.capture.sender.ASK_SECONDS", 0.05)
    registry.publish(make_bundle())
    registry.promote("1.0.0")
    running = follow(wait=True)
    plane = running.server.plane
    with ExampleClient(registry.address) as client:
        client.give_consent(Consent("attic", TASK, "We agree.", random_rate=1.0))
        until(lambda: TASK in plane.keeping.tasks)
        running.calls.Classify(REQUEST, timeout=30)
        until(lambda: len(client.list_examples(TASK).examples) == 1)
        (example,) = client.list_examples(TASK).examples
        assert (example.device_id, example.reason, example.version) == ("attic", Reason.RANDOM, "1.0.0")
        with np.load(io.BytesIO(client.read_content(TASK, example.id))) as arrays:
            assert arrays["landmarks"] == pytest.approx([0.1, 0.2, 0.3, 0.4])
        assert [one.examples for one in client.departures("attic")] == [1]
        client.withdraw_consent("attic", TASK)
        until(lambda: TASK not in plane.keeping.tasks)
        running.calls.Classify(REQUEST, timeout=30)
        assert list((tmp_path / "cache/capture" / TASK).glob("*")) == []
