"""A caller whose token names tasks publishes, moves, reads and follows these alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from model_registry.server import RegistryServer
from pipit.audit import AuditClient
from pipit.bundle import Bundle
from pipit.errors import PermissionDenied, PipitError
from pipit.registry import RegistryClient
from pipit.rpc.auth import hash_token

MINE, OTHER = "test.sounds", "test.faces"


def outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except PipitError as error:
        return error.status
    return "OK"


@pytest.fixture
def clients(
    start: Callable[..., RegistryServer], connect: Callable[..., RegistryClient], tmp_path: Path
) -> tuple[RegistryClient, RegistryClient]:
    """Of somebody with one task, and of somebody with all."""
    roles = ["publisher", "operator"]
    entries = [
        {"name": "cid", "roles": roles, "tasks": [MINE], "sha256": hash_token("cid")},
        {"name": "anna", "roles": roles, "sha256": hash_token("anna")},
    ]
    (tmp_path / "tokens.json").write_text(json.dumps({"callers": entries}))
    server = start(tokens=tmp_path / "tokens.json")
    return connect(server, "cid"), connect(server, "anna")


def test_every_call_asks_whether_the_task_is_the_callers(
    clients: tuple[RegistryClient, RegistryClient], make_bundle: Callable[..., Bundle]
) -> None:
    cid, anna = clients
    bundles = {task: make_bundle(task=task) for task in (MINE, OTHER)}
    for bundle in bundles.values():
        anna.publish(bundle.path)
        anna.promote(bundle.manifest.task, "1.0.0", "production")

    def all_calls(task: str) -> dict[str, str]:
        return {
            "prepare": outcome(lambda: cid.prepare_publish(bundles[task].manifest_bytes)),
            "publish": outcome(lambda: cid.publish(bundles[task].path)),
            "get": outcome(lambda: cid.get_version(task, "1.0.0")),
            "list": outcome(lambda: cid.list_versions(task)),
            "promote": outcome(lambda: cid.promote(task, "1.0.0", "staging")),
            "resolve": outcome(lambda: cid.resolve(task, "production")),
            "watch": outcome(lambda: next(iter(cid.watch((task,), "production")))),
            "history": outcome(lambda: cid.history(task, "production")),
        }

    assert set(all_calls(MINE).values()) == {"OK"}
    assert set(all_calls(OTHER).values()) == {"PERMISSION_DENIED"}
    with pytest.raises(PermissionDenied, match=f"cid may not ask {OTHER}"):
        cid.rollback(OTHER, "production")
    assert anna.history(OTHER, "production")[-1].actor == "anna"


def test_what_concerns_all_tasks_is_for_who_has_all(clients: tuple[RegistryClient, RegistryClient]) -> None:
    cid, anna = clients
    with pytest.raises(PermissionDenied, match="cid may ask some tasks only, but keys are for all of them"):
        cid.revoke_key("0" * 64)
    assert outcome(lambda: anna.revoke_key("0" * 64)) == "NOT_FOUND"
    with AuditClient(cid.address, "cid") as log, pytest.raises(PermissionDenied, match="the log is for all of them"):
        next(log.read())


def test_lists_show_what_is_theirs(
    clients: tuple[RegistryClient, RegistryClient], make_bundle: Callable[..., Bundle]
) -> None:
    cid, anna = clients
    for task in (MINE, OTHER):
        anna.publish(make_bundle(task=task).path)
        anna.promote(task, "1.0.0", "production")
    assert {version.task for version in cid.list_versions().versions} == {MINE}
    assert {environment.task for environment in cid.list_versions().environments} == {MINE}
    assert {version.task for version in anna.list_versions().versions} == {MINE, OTHER}
