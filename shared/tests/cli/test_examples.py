"""`pipit examples`, with a real registry: consent, what came, and that it is deleted only when one says so."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pipit.cli.exit_codes import ExitCode
from pipit.examples import Example, Part, Reason, Score
from pipit.examples.client import ExampleClient
from pipit.examples.ids import example_id

pytest.importorskip("model_registry", reason="needs services/registry")

TASK = "test.loudness"
TEXT = "Anna and Ben: unsure clips [of the hall] may be kept"
CONTENT = b"RIFF and so on"
TAKEN = datetime(2026, 11, 20, 18, tzinfo=UTC)


@pytest.fixture
def call(pipit: Any, registry: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`pipit examples`, with a registry in its settings."""
    monkeypatch.setenv("PIPIT_REGISTRY", registry)
    return lambda *arguments: pipit("examples", *arguments)


@pytest.fixture
def example(call: Any, registry: str) -> Example:
    """One that pi-7 sent, with consent."""
    assert call("consent", "pi-7", TASK, "--text", TEXT, "--keep-days", "30", "--band", "0.3", "0.7").code == 0
    part = Part(scores=(Score("loud", 0.55),), label="loud")
    digest = hashlib.sha256(CONTENT).hexdigest()
    kept = Example(example_id(TAKEN, CONTENT), TASK, "audio/wav", len(CONTENT), digest, Reason.UNCERTAIN, "pi-7", TAKEN)
    with ExampleClient(registry) as client:
        return client.upload(replace(kept, parts=(part,)), CONTENT)


def test_consent_is_given_shown_and_withdrawn(call: Any) -> None:
    assert call("consents").out == "no device keeps anything; pipit examples consent lets one\n"
    assert "may keep inputs" in call("consent", "pi-7", TASK, "--text", TEXT).out
    shown = call("consents", "--device", "pi-7", "--json").json()
    assert [(one["text"], one["low"], one["high"], one["keep_days"]) for one in shown] == [(TEXT, 0.4, 0.6, 90)]
    given = call("consent", "pi-7", TASK, "--text", TEXT, "--rate", "0.5", "--quota-mb", "2.5", "--json").json()
    assert (given["rate"], given["quota_bytes"], given["given_by"]) == (0.5, 2_500_000, "anonymous")
    assert "2.5 MB" in call("consents").out
    assert "pipit examples delete" in call("withdraw", "pi-7", TASK).out
    assert call("withdraw", "pi-7", TASK).code == ExitCode.NOT_FOUND
    assert call("consents", "--json").json() == []


def test_what_came_is_listed_and_got(call: Any, example: Example, tmp_path: Path) -> None:
    listed = call("list", TASK)
    assert example.id in listed.out
    assert "loud" in listed.out
    assert listed.out.rstrip().endswith("1 examples, 0.0 MB")
    assert [one["id"] for one in call("list", TASK, "--day", "20261120", "--json").json()] == [example.id]
    assert call("list", TASK, "--day", "20261121", "--json").json() == []
    path = tmp_path / "hall.wav"
    assert call("get", TASK, example.id, "--to", path).code == 0
    assert path.read_bytes() == CONTENT
    shown = call("departures", "--json").json()
    assert [(row["device_id"], row["day"], row["examples"]) for row in shown] == [("pi-7", "20261120", 1)]


def test_nothing_is_deleted_without_a_yes(call: Any, example: Example) -> None:
    assert call("delete", TASK).code == ExitCode.BAD_INPUT
    asked = call("delete", TASK, "--device", "pi-7")
    assert asked.code != 0
    assert "Delete every example of pi-7 of test.loudness for good?" in asked.err
    assert len(call("list", TASK, "--json").json()) == 1
    assert call("delete", TASK, "--id", example.id, "--yes").out == "1 deleted\n"
    assert call("list", TASK, "--json").json() == []
    assert call("get", TASK, example.id).code == ExitCode.NOT_FOUND
    assert call("delete", TASK, "--day", "20261120", "--yes", "--json").json() == {"deleted": 0}
