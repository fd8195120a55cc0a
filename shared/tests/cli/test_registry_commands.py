from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pipit.bundle import Bundle
from pipit.cli.exit_codes import ExitCode
from pipit.cli.history import parse_moment
from pipit.errors import InvalidInput

model_registry = pytest.importorskip("model_registry", reason="needs services/registry")

TASK = "test.loudness"
MakeBundle = Callable[..., Bundle]
Call = Callable[..., Any]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """host:port of a real registry on a local folder."""
    from model_registry.server import RegistryServer
    from model_registry.settings import RegistrySettings

    settings = RegistrySettings(store=tmp_path / "store", port=0, metrics_port=0, grace_seconds=1.0)
    server = RegistryServer(settings)
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture
def call(pipit: Any, registry: str, monkeypatch: pytest.MonkeyPatch) -> Call:
    """`pipit`, with the registry in its settings."""

    def call(*arguments: object) -> Any:
        monkeypatch.setenv("PIPIT_REGISTRY", registry)
        return pipit(*arguments)

    return call


@pytest.fixture
def encrypted_registry(
    tmp_path: Path, make_certificate: Callable[..., tuple[Path, Path]]
) -> Iterator[tuple[str, Path]]:
    """host:port of a registry that takes encrypted calls only, and the PEM file that its certificate leads to."""
    from model_registry.server import RegistryServer
    from model_registry.settings import RegistrySettings

    certificate, key = make_certificate()
    settings = RegistrySettings(
        store=tmp_path / "store",
        port=0,
        metrics_port=0,
        grace_seconds=1.0,
        tls_certificate=certificate,
        tls_key=key,
    )
    server = RegistryServer(settings)
    server.start()
    yield f"127.0.0.1:{server.port}", certificate
    server.stop()


def test_speaks_to_an_encrypted_registry(
    pipit: Any,
    encrypted_registry: tuple[str, Path],
    make_bundle: MakeBundle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, authority = encrypted_registry
    monkeypatch.setenv("PIPIT_REGISTRY", address)
    assert pipit("models").code == ExitCode.UNAVAILABLE
    monkeypatch.setenv("PIPIT_CA", str(authority))
    assert pipit("publish", make_bundle("1.0.0").path).code == 0
    assert pipit("models", "--json").json()["versions"][0]["version"] == "1.0.0"
    monkeypatch.setenv("PIPIT_CA", str(authority.with_name("none.pem")))
    called = pipit("models")
    assert called.code == ExitCode.BAD_INPUT
    assert "none.pem can't be read" in called.err


def test_publishes_once(call: Call, make_bundle: MakeBundle) -> None:
    bundle = make_bundle("1.0.0")
    first = call("publish", bundle.path, "--json").json()
    assert first["created"] is True
    assert first["version"]["digest"] == bundle.digest
    assert first["version"]["gates_passed"] is True
    again = call("publish", bundle.path)
    assert again.code == 0
    assert "was published before, with the same content" in again.out
    assert f"next: pipit promote {TASK} 1.0.0 production" in again.out


def test_a_version_with_other_content_is_a_conflict(call: Call, make_bundle: MakeBundle) -> None:
    assert call("publish", make_bundle("1.0.0").path).code == 0
    called = call("publish", make_bundle("1.0.0", note="other").path)
    assert called.code == ExitCode.CONFLICT
    assert called.out == ""


def test_what_is_no_bundle_is_not_published(call: Call, tmp_path: Path, make_bundle: MakeBundle) -> None:
    assert call("publish", tmp_path).code == ExitCode.NOT_FOUND
    bundle = make_bundle("1.0.0")
    (bundle.path / "float32.onnx").write_bytes(b"changed")
    assert call("publish", bundle.path).code == ExitCode.INTEGRITY
    assert call("models", "--json").json() == {"versions": [], "environments": []}


def test_lists_versions_newest_first_with_their_environments(call: Call, make_bundle: MakeBundle) -> None:
    assert "nothing was published yet" in call("models").out
    for version in ("1.9.0", "1.10.0"):
        call("publish", make_bundle(version).path)
    call("promote", TASK, "1.9.0")
    listing = call("models", TASK, "--json").json()
    assert [version["version"] for version in listing["versions"]] == ["1.10.0", "1.9.0"]
    assert [(e["name"], e["version"], e["revision"]) for e in listing["environments"]] == [("production", "1.9.0", 1)]
    rows = [line.split() for line in call("models").out.splitlines()]
    signer = listing["versions"][1]["signed_by"][0]
    assert [TASK, "1.9.0", "loudness-float32-v1.9.0", "production", "yes", signer] in [row[:6] for row in rows]
    assert call("models", "test.other", "--json").code == ExitCode.NOT_FOUND


def test_promotes_and_rolls_back(call: Call, make_bundle: MakeBundle) -> None:
    for version in ("1.0.0", "1.1.0"):
        call("publish", make_bundle(version).path)
    promoted = call("promote", TASK, "1.0.0", "--json").json()
    assert promoted["environment"]["version"] == "1.0.0"
    assert [(gate["metric"], gate["value"], gate["passed"]) for gate in promoted["gates"]] == [("accuracy", 0.9, True)]
    shown = call("promote", TASK, "1.1.0", "production", "--reason", "hears more")
    assert f"production of {TASK} points to 1.1.0" in shown.out
    assert ["good", "enough", "accuracy", ">", "0.7", "0.9", "yes"] in [line.split() for line in shown.out.splitlines()]
    assert call("rollback", TASK, "--reason", "barks", "--json").json()["version"] == "1.0.0"
    moves = call("history", TASK, "--json").json()
    assert [(m["action"], m["from_version"], m["to_version"], m["reason"]) for m in moves] == [
        ("promote", "", "1.0.0", ""),
        ("promote", "1.0.0", "1.1.0", "hears more"),
        ("rollback", "1.1.0", "1.0.0", "barks"),
    ]
    assert "barks" in call("history", TASK, "production").out


def test_gates_refuse_and_are_shown(call: Call, make_bundle: MakeBundle) -> None:
    call("publish", make_bundle("1.0.0", accuracy=0.5).path)
    refused = call("promote", TASK, "1.0.0")
    assert refused.code == ExitCode.GATES_FAILED
    assert ["good", "enough", "accuracy", ">", "0.7", "0.5", "no"] in [
        line.split() for line in refused.out.splitlines()
    ]
    assert refused.err.startswith("pipit: ")
    as_json = call("promote", TASK, "1.0.0", "--json")
    assert as_json.code == ExitCode.GATES_FAILED
    assert json.loads(as_json.out)["promoted"] is False
    assert call("promote", TASK, "1.0.0", "--override-gates").code != 0, "an override needs a reason"
    forced = call("promote", TASK, "1.0.0", "--override-gates", "--reason", "only for the demo")
    assert forced.code == 0
    assert "promoted against its gates" in forced.err
    assert call("history", TASK, "--json").json()[0]["gates_overridden"] is True


def test_a_lost_race_is_a_conflict(call: Call, make_bundle: MakeBundle) -> None:
    call("publish", make_bundle("1.0.0").path)
    call("promote", TASK, "1.0.0")
    assert call("promote", TASK, "1.0.0", "--expected-revision", "7").code == ExitCode.CONFLICT


def test_history_at_a_time(call: Call, make_bundle: MakeBundle) -> None:
    call("publish", make_bundle("1.0.0").path)
    call("promote", TASK, "1.0.0")
    now = datetime.now(UTC)
    tomorrow, yesterday = (now + timedelta(days=1)).isoformat(), (now - timedelta(days=1)).isoformat()
    assert [m["to_version"] for m in call("history", TASK, "--at", tomorrow, "--json").json()] == ["1.0.0"]
    before = call("history", TASK, "--at", yesterday, "--json")
    assert before.code == 0
    assert before.json() == []
    assert call("history", TASK, "--at", "last week").code == ExitCode.BAD_INPUT


@pytest.mark.parametrize(
    "arguments",
    [
        ("promote", TASK, "9.9.9"),
        ("rollback", TASK),
        ("history", "test.unknown"),
    ],
)
def test_what_is_not_there(call: Call, arguments: tuple[str, ...]) -> None:
    called = call(*arguments)
    assert called.code == ExitCode.NOT_FOUND
    assert len(called.err.splitlines()) == 1


def test_no_registry(pipit: Any) -> None:
    called = pipit("models", "--registry", "127.0.0.1:9")
    assert called.code == ExitCode.UNAVAILABLE
    assert "127.0.0.1:9" in called.err


def test_a_day_alone_means_its_end() -> None:
    assert parse_moment("2026-11-01T18:30+01:00") == datetime(2026, 11, 1, 17, 30, tzinfo=UTC)
    day = parse_moment("2026-11-01")
    assert day.astimezone().strftime("%Y-%m-%d %H:%M:%S") == "2026-11-01 23:59:59"
    assert day.tzinfo is UTC
    with pytest.raises(InvalidInput, match="2026-11-01T18:30"):
        parse_moment("1st of November")
