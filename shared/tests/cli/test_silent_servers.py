"""No command waits for ever: whatever a server does not say, each ends in time, with a code and a sentence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pipit.cli import checks
from pipit.cli.exit_codes import ExitCode
from pipit.client import Client
from pipit.client.faces import FacesClient
from pipit.fleet import FleetClient
from pipit.registry import RegistryClient

SECONDS = 0.5
LONG = 60.0
"""For a server that answers in its way, as soon as the machine lets it."""
REGISTRY_COMMANDS = {
    "models": (),
    "history": ("test.loudness",),
    "promote": ("test.loudness", "1.0.0"),
    "rollback": ("test.loudness",),
    "rollout watch": ("test.loudness",),
    "devices": (),
    "pin": ("pi-7", "test.loudness", "1.0.0"),
}
SERVER_COMMANDS = {
    "classify": ("DOOR", "--timeout", "SECONDS"),
    "classify --stream": ("DOOR", "--timeout", "SECONDS"),
    "feedback": ("abc-1", "dog"),
    "faces list": (),
}


class Odd:
    """Takes connections; says nothing, or hangs up at once."""

    def __init__(self, hangs_up: bool) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._hangs_up = hangs_up
        self._held: list[socket.socket] = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._hangs_up:
                connection.close()
            else:
                self._held.append(connection)

    def close(self) -> None:
        # Wakes who waits for a caller; closed alone, it would still take the next one.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for one in (self._listener, *self._held):
            one.close()


@pytest.fixture
def odd() -> Iterator[Callable[[bool], str]]:
    running: list[Odd] = []

    def start(hangs_up: bool) -> str:
        running.append(Odd(hangs_up))
        return running[-1].address

    yield start
    for one in running:
        one.close()


@pytest.fixture
def call(pipit: Any, monkeypatch: pytest.MonkeyPatch, write_tone: Callable[..., Path]) -> Callable[..., Any]:
    """Calls a command whose clients have so many seconds of patience, with both servers at one address."""
    door = write_tone("door.wav", (1, 0.5))

    def call(command: str, arguments: tuple[str, ...], address: str, seconds: float = SECONDS) -> Any:
        def impatient(server: str, **options: Any) -> FacesClient:
            return FacesClient(server, **{**options, "timeout": seconds})

        monkeypatch.setattr("pipit.cli.registry.RegistryClient", partial(RegistryClient, timeout=seconds))
        monkeypatch.setattr("pipit.cli.registry.FleetClient", partial(FleetClient, timeout=seconds))
        monkeypatch.setattr("pipit.cli.feedback.Client", partial(Client, timeout=seconds))
        monkeypatch.setattr("pipit.cli.faces_options.FacesClient", impatient)
        monkeypatch.setenv("PIPIT_REGISTRY", address)
        monkeypatch.setenv("PIPIT_SERVER", address)
        words = {"DOOR": str(door), "SECONDS": str(seconds)}
        return pipit(*command.split(), *(words.get(one, one) for one in arguments))

    return call


@pytest.mark.parametrize("command", [*REGISTRY_COMMANDS, *SERVER_COMMANDS])
@pytest.mark.parametrize(("hangs_up", "code"), [(False, ExitCode.DEADLINE), (True, ExitCode.UNAVAILABLE)])
def test_a_server_that_is_stopped_or_cut_off(
    call: Callable[..., Any], odd: Callable[[bool], str], command: str, hangs_up: bool, code: ExitCode
) -> None:
    arguments = {**REGISTRY_COMMANDS, **SERVER_COMMANDS}[command]
    called = call(command, arguments, odd(hangs_up), LONG if hangs_up else SECONDS)
    assert (called.code, called.out) == (code, "")
    assert ("hangs up at once" if hangs_up else "did not answer") in called.err


def test_publishing_to_a_server_that_is_stopped(
    call: Callable[..., Any], odd: Callable[[bool], str], make_bundle: Callable[..., Any]
) -> None:
    called = call("publish", (str(make_bundle().path),), odd(False))
    assert (called.code, "did not answer in time" in called.err) == (ExitCode.DEADLINE, True)


def test_the_doctor_tells_a_server_that_is_stopped(
    call: Callable[..., Any], odd: Callable[[bool], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_HEALTH_SECONDS", SECONDS)
    monkeypatch.setattr("pipit.cli.probe.RUNTIMES", {})
    monkeypatch.setattr("pipit.cli.probe.GROUP", "pipit.none")
    address = odd(False)
    called = call("doctor", (), address)
    assert (called.code, f"something else listens at {address}" in called.out) == (ExitCode.CHECK_FAILED, True)
