"""Servers in containers as hardened as the stack's: they start, answer, say how they are, and end when told to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipit.bundle import open_bundle

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]

Build = Callable[..., str]
Run = Callable[..., str]
Start = Callable[..., Any]


def test_the_inference_image_serves_a_bundle(build: Build, serve: Start, bundle: Path, clip: Path) -> None:
    container = serve(build("home-security-inference"), bundle, "--health-interval", "1s")
    found = container.scores(clip)
    assert set(found) == set(open_bundle(bundle).manifest.labels)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-3)
    container.wait(container.is_healthy, "its health check passes")
    assert container.stop() == 0


def test_the_image_of_emotion_finds_a_face_in_a_photograph(
    build: Build, serve: Start, face_bundle: Path, photograph: Path
) -> None:
    container = serve(build("emotion-inference"), face_bundle)
    found = container.scores(photograph)
    assert set(found) == set(open_bundle(face_bundle).manifest.labels)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-3)
    assert container.stop() == 0


def test_the_root_file_system_is_not_written_to(build: Build, serve: Start, bundle: Path, run_command: Run) -> None:
    container = serve(build("home-security-inference"), bundle)
    changed = run_command("docker", "diff", container.identity).splitlines()
    # Places that are mounted there.
    assert [line for line in changed if line not in ("A /bundle", "C /run", "C /var")] == []


def test_the_registry_image_keeps_a_folder(build: Build, keep: Start) -> None:
    container = keep(build("registry"), "--health-interval", "1s")
    assert container.health(50050, "liveness") == "SERVING"
    container.wait(container.is_healthy, "its health check passes")
    assert container.stop() == 0


def test_the_console_image_answers_and_keeps_its_index_in_a_volume(build: Build, start: Start) -> None:
    # On its own loopback: no registry is there, and the page says so.
    options = ("--volume", "/var/lib/pipit/console", "--env", "PIPIT_CONSOLE_HOST=127.0.0.1", "--health-interval", "1s")
    container = start(build("console"), options=options)
    container.wait(container.is_healthy, "its health check passes")
    assert container.stop() == 0


def test_a_server_without_settings_says_what_to_set(build: Build, start: Start, run_command: Run) -> None:
    container = start(build("home-security-inference"))
    assert run_command("docker", "wait", container.identity) != "0"
    said = run_command("sh", "-c", f"docker logs {container.identity} 2>&1")
    assert "set either tasks, to serve them from the registry, or bundle" in said
