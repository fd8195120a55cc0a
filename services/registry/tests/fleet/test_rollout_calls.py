"""Rollouts over the wire: who may call what, what devices are told at each stage, and what people see."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fleet_copies import PLACE, TASK
from model_registry.fleet.servicer import METHOD_ROLES
from model_registry.server import RegistryServer
from pipit._pb.pipit.fleet.v1 import fleet_pb2
from pipit.bundle import Bundle
from pipit.errors import Conflict, GatesFailed, InvalidInput, NotFound, PermissionDenied, RolloutOpen
from pipit.fleet import DeviceReport, FleetClient, RolloutState, State, TaskReport
from pipit.registry import RegistryClient
from pipit.registry.types import Target
from pipit.rpc.auth import hash_token

NAMES = tuple(f"pi-{number}" for number in range(4))


@pytest.fixture
def digests(registry: RegistryServer, client: RegistryClient, make_bundle: Callable[..., Bundle]) -> dict[str, str]:
    """By version; 1.0.0 is in production, and the gates of 3.0.0 fail."""
    found = {}
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        gates = [("good", "accuracy", ">", 0.99 if version == "3.0.0" else 0.5)]
        bundle = make_bundle(version, version.encode(), gates=gates)
        found[version] = client.publish(bundle.path).version.digest
    client.promote(TASK, "1.0.0", "production")
    return found


def report(name: str, sequence: int = 1) -> DeviceReport:
    told = TaskReport(TASK, "1.0.0", 1, "1.0.0", "a" * 64, State.SERVING)
    return DeviceReport(name, "boot", sequence, "production", tasks=(told,))


def test_what_devices_are_told_from_start_to_end(
    registry: RegistryServer,
    client: RegistryClient,
    fleet_of: Callable[..., FleetClient],
    digests: dict[str, str],
) -> None:
    fleet = fleet_of(registry)
    assert {fleet.report(report(name)) for name in NAMES} == {30.0}
    streams = {name: iter(client.watch((TASK,), "production", name)) for name in (*NAMES, "")}
    assert {next(stream).version for stream in streams.values()} == {"1.0.0"}

    started = fleet.start_rollout(TASK, "2.0.0", "production", reason="hears more", first=("pi-2",))
    rollout = started.rollout
    assert rollout is not None
    assert (rollout.state, rollout.order[0], rollout.by, rollout.reason, rollout.profile) == (
        RolloutState.PREFETCHING,
        "pi-2",
        "anonymous",
        "hears more",
        "fast",
    )
    assert (started.environment.version, started.environment.revision, started.moved_at_once) == ("1.0.0", 2, "")
    assert [gate.passed for gate in started.gates] == [True]
    assert fleet.report(report("pi-0", 2)) == 2.0
    old, new = (Target(version, digests[version]) for version in ("1.0.0", "2.0.0"))
    for name in NAMES:
        told = next(streams[name])
        assert (told.version, told.revision, told.candidate, told.standby) == ("1.0.0", 2, new, None)
    told = next(streams[""])
    assert (told.version, told.revision, told.candidate) == ("1.0.0", 2, None)

    assert fleet.resume_rollout(*PLACE, advance=True).canaries == ("pi-2",)
    told = next(streams["pi-2"])
    assert (told.version, told.revision, told.stage, told.candidate, told.standby) == ("2.0.0", 3, 0, None, old)
    assert next(streams["pi-1"]).candidate == new
    assert client.resolve(*PLACE, "pi-2") == told
    view = fleet.get_rollout(*PLACE)
    assert view.rollout.canaries == ("pi-2",)
    assert [lane.lane for lane in view.lanes] == ["swapping", "waiting", "waiting", "waiting"]
    assert "It waits: " in view.explanation
    assert {one.rule for one in view.evidence} >= {"golden", "errors", "latency", "scores"}

    for _ in range(2):
        fleet.resume_rollout(*PLACE, advance=True)
    ended = fleet.resume_rollout(*PLACE, "enough seen", advance=True)
    assert (ended.state, ended.is_open, ended.canaries) == (RolloutState.SUCCEEDED, False, ())
    assert client.resolve(*PLACE).version == "2.0.0"
    for name in NAMES:
        told = next(iter(client.watch((TASK,), "production", name)))
        assert (told.version, told.rollout, told.candidate, told.standby) == ("2.0.0", "", None, None)
    assert [move.action for move in client.history(*PLACE)] == ["promote", "promote"]
    assert fleet.get_rollout(*PLACE, rollout.id).rollout.id == rollout.id
    assert [each.id for each in fleet.list_rollouts()] == [rollout.id]
    assert fleet.list_rollouts(only_open=True) == ()
    assert fleet.report(report("pi-0", 3)) == 30.0


def test_the_checks_of_a_promotion_are_those_of_a_rollout(
    registry: RegistryServer, client: RegistryClient, fleet_of: Callable[..., FleetClient], digests: dict[str, str]
) -> None:
    fleet = fleet_of(registry)
    fleet.report(report("pi-0"))
    with pytest.raises(GatesFailed, match="fails its quality gates"):
        fleet.start_rollout(TASK, "3.0.0", "production")
    with pytest.raises(InvalidInput, match="needs a reason"):
        fleet.start_rollout(TASK, "3.0.0", "production", override_gates=True)
    with pytest.raises(NotFound):
        fleet.start_rollout(TASK, "4.0.0", "production")
    with pytest.raises(Conflict):
        fleet.start_rollout(TASK, "2.0.0", "production", expected_revision=5)
    with pytest.raises(NotFound, match="there was no rollout"):
        fleet.get_rollout(*PLACE)
    started = fleet.start_rollout(TASK, "3.0.0", "production", override_gates=True, reason="no other was at hand")
    assert started.rollout is not None
    with pytest.raises(RolloutOpen):
        client.promote(TASK, "2.0.0", "production")
    assert client.rollback(TASK, "production").version == "1.0.0"
    assert [move.action for move in client.history(*PLACE)] == ["promote", "stop"]
    assert fleet.get_rollout(*PLACE).rollout.state == RolloutState.ABORTED


def test_operators_lead_and_others_look(
    start: Callable[..., RegistryServer], fleet_of: Callable[..., FleetClient], tmp_path: Path, digests: dict[str, str]
) -> None:
    callers = [
        {"name": "anna", "roles": ["operator"], "sha256": hash_token("anna")},
        {"name": "cid", "roles": ["operator"], "tasks": ["test.faces"], "sha256": hash_token("cid")},
        {"name": "pis", "roles": ["device"], "sha256": hash_token("pis")},
        {"name": "rita", "roles": ["reader"], "sha256": hash_token("rita")},
    ]
    (tmp_path / "tokens.json").write_text(json.dumps({"callers": callers}))
    server = start(tokens=tmp_path / "tokens.json")
    anna, cid, pis, rita = (fleet_of(server, name) for name in ("anna", "cid", "pis", "rita"))
    pis.report(report("pi-0"))
    for stranger in (rita, pis, cid):
        for call in (
            lambda: stranger.start_rollout(TASK, "2.0.0", "production"),  # noqa: B023
            lambda: stranger.pause_rollout(*PLACE),  # noqa: B023
            lambda: stranger.resume_rollout(*PLACE),  # noqa: B023
            lambda: stranger.abort_rollout(*PLACE),  # noqa: B023
            lambda: stranger.pin("pi-0", TASK, "2.0.0"),  # noqa: B023
            lambda: stranger.unpin("pi-0", TASK),  # noqa: B023
            lambda: stranger.add_device("pi-0"),  # noqa: B023
            lambda: stranger.remove_device("pi-0"),  # noqa: B023
        ):
            with pytest.raises(PermissionDenied):
                call()
    anna.start_rollout(TASK, "2.0.0", "production")
    assert rita.get_rollout(*PLACE).rollout.is_open
    assert len(pis.list_rollouts()) == 1
    assert cid.list_rollouts() == ()
    with pytest.raises(PermissionDenied):
        cid.get_rollout(*PLACE)
    assert anna.abort_rollout(*PLACE, "enough").verdict.sentence == "anna decided so: enough"


def test_every_method_has_roles() -> None:
    service = fleet_pb2.DESCRIPTOR.services_by_name["FleetService"]
    assert set(METHOD_ROLES) == {f"/{service.full_name}/{method.name}" for method in service.methods}
    assert all(METHOD_ROLES.values())


def test_an_id_leads_to_nothing_but_a_rollout(
    registry: RegistryServer, fleet_of: Callable[..., FleetClient], digests: dict[str, str]
) -> None:
    assert digests
    with pytest.raises(InvalidInput, match="is not the id of a rollout"):
        fleet_of(registry).get_rollout(*PLACE, "../versions/1")


def test_a_rollout_begins_with_so_many_that_are_named(
    registry: RegistryServer, fleet_of: Callable[..., FleetClient], digests: dict[str, str]
) -> None:
    assert digests
    fleet = fleet_of(registry)
    names = tuple(f"pi-{number}" for number in range(101))
    with pytest.raises(InvalidInput, match="101 devices to begin with; name at most 100"):
        fleet.start_rollout(TASK, "2.0.0", "production", first=names)
    assert fleet.list_rollouts() == ()


def test_a_pinned_device_takes_no_part(
    registry: RegistryServer, client: RegistryClient, fleet_of: Callable[..., FleetClient], digests: dict[str, str]
) -> None:
    fleet = fleet_of(registry)
    for name in NAMES:
        fleet.report(report(name))
    fleet.pin("pi-0", TASK, "1.0.0")
    rollout = fleet.start_rollout(TASK, "2.0.0", "production").rollout
    assert rollout is not None
    assert sorted(rollout.order) == ["pi-1", "pi-2", "pi-3"]
    with pytest.raises(InvalidInput, match="pi-0: no such device was seen here in the last day, or it is pinned"):
        fleet.start_rollout(TASK, "2.0.0", "production", first=("pi-0",), supersede=True)
    assert client.resolve(*PLACE, "pi-0").candidate is None
