"""Devices follow a registry's keys: rotation while they serve, revocation at once and after a restart without it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pipit.bundle.keys import SigningKey, endorse, raw_key
from pipit.bundle.signing import key_id, save_public_key, sign
from pipit.errors import Unavailable
from pipit.fleet import State
from pipit.registry import RegistryClient
from pipit.serving.attempts import Desired, Part
from tiny import TASK
from tiny_server import MakeBundle, Serve, Until, answers_with, model

pytest.importorskip("model_registry", reason="needs services/registry")

Start = Callable[..., Any]

OLD, NEW, STRANGE = (Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number in range(1, 4))


def identity(key: Ed25519PrivateKey) -> str:
    return key_id(key.public_key())


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Any]:
    """A real one, which a test may stop."""
    from model_registry.server import RegistryServer
    from model_registry.settings import RegistrySettings

    server = RegistryServer(RegistrySettings(store=tmp_path / "store", port=0, metrics_port=0, poll_seconds=0.05))
    server.start()
    yield server
    server.stop(0.5)


@pytest.fixture
def operator(registry: Any) -> Iterator[RegistryClient]:
    with RegistryClient(f"127.0.0.1:{registry.port}") as client:
        yield client


@pytest.fixture
def follow(serve: Serve, registry: Any, tmp_path: Path) -> Start:
    def start(**settings: Any) -> Any:
        defaults = {
            "registry": f"127.0.0.1:{registry.port}",
            "tasks": (TASK,),
            "cache_dir": tmp_path / "cache",
            "device_id": "attic",
            "wait": False,
        }
        return serve(**(defaults | settings))

    return start


def trust(operator: RegistryClient, key: Ed25519PrivateKey, by: Ed25519PrivateKey | None = None) -> None:
    endorsements = () if by is None else (endorse(by, key.public_key()),)
    operator.trust_key(SigningKey(raw_key(key.public_key()), endorsements=endorsements))


def roll_out(operator: RegistryClient, bundle: Any) -> None:
    operator.publish(bundle.path)
    operator.promote(TASK, str(bundle.manifest.version), "production")


def alarm(running: Any) -> float | None:
    value: float | None = running.server.metrics.registry.get_sample_value("pipit_model_untrusted", {"task": TASK})
    return value


def loads(running: Any, outcome: str) -> float | None:
    labels = {"task": TASK, "outcome": outcome}
    value: float | None = running.server.metrics.registry.get_sample_value("pipit_model_loads_total", labels)
    return value


@pytest.fixture
def serving(operator: RegistryClient, follow: Start, make_bundle: MakeBundle, until: Until) -> Start:
    """Starts a server that answers with version 1.0.0, signed by OLD, which the registry lists."""

    def start(**settings: Any) -> Any:
        trust(operator, OLD)
        roll_out(operator, make_bundle("1.0.0", key=OLD))
        running = follow(**settings)
        until(lambda: answers_with(running) == "1.0.0" and model(running).signed_by == identity(OLD))
        assert alarm(running) == 0.0
        return running

    return start


def test_a_key_is_rotated_while_devices_serve(
    serving: Start, operator: RegistryClient, make_bundle: MakeBundle, until: Until
) -> None:
    running = serving()
    trust(operator, NEW, by=OLD)
    roll_out(operator, make_bundle("2.0.0", -1.0, key=NEW))
    until(lambda: answers_with(running) == "2.0.0")
    assert model(running).signed_by == identity(NEW)
    operator.revoke_key(identity(OLD), "rotated")
    # What the new key signed is none of its business.
    roll_out(operator, make_bundle("3.0.0", key=NEW))
    until(lambda: answers_with(running) == "3.0.0")
    assert alarm(running) == 0.0


def test_a_key_that_nobody_trusted_vouches_for_brings_nothing(
    serving: Start, operator: RegistryClient, make_bundle: MakeBundle, until: Until
) -> None:
    running = serving()
    # Whoever has the registry can do this.
    trust(operator, STRANGE)
    roll_out(operator, make_bundle("2.0.0", -1.0, key=STRANGE))
    until(lambda: "2.0.0 was refused at the step signature" in model(running).reason)
    assert "not that of a trusted key" in model(running).reason
    assert answers_with(running) == "1.0.0"
    until(lambda: loads(running, "signature") == 1.0)
    assert loads(running, "fetch") == 0.0


def test_what_a_revoked_key_signed_goes_on_with_an_alarm_until_the_next_start(
    serving: Start, follow: Start, operator: RegistryClient, registry: Any, until: Until
) -> None:
    running = serving()
    operator.revoke_key(identity(OLD), "the laptop was stolen")
    until(lambda: alarm(running) == 1.0)
    assert answers_with(running) == "1.0.0"
    until(lambda: "the laptop was stolen" in model(running).reason)
    assert model(running).reason.endswith("; 1.0.0 goes on answering")
    running.server.stop(1.0)
    registry.stop(0.5)
    again = follow()
    until(lambda: "refused at the step signature" in model(again).reason)
    assert "the laptop was stolen" in model(again).reason
    assert answers_with(again) == "UNAVAILABLE"
    assert again.health_of(TASK) == "NOT_SERVING"


def test_what_a_revoked_key_signed_stops_where_the_settings_say_so_and_comes_back_signed_anew(
    serving: Start, operator: RegistryClient, make_bundle: MakeBundle, until: Until
) -> None:
    running = serving(untrusted="stop")
    trust(operator, NEW, by=OLD)
    operator.revoke_key(identity(OLD), "stolen")
    until(lambda: answers_with(running) == "UNAVAILABLE")
    until(lambda: "version 1.0.0 was stopped: nobody who is trusted here signed it" in model(running).reason)
    assert running.health_of(TASK) == "NOT_SERVING"
    assert alarm(running) == 0.0
    content = operator.get_version(TASK, "1.0.0")
    operator.add_signature(content.manifest, sign(NEW, content.manifest))
    until(lambda: answers_with(running) == "1.0.0")
    assert model(running).signed_by == identity(NEW)


def test_a_version_that_two_keys_signed_outlives_the_revocation_of_one(
    serving: Start, operator: RegistryClient, until: Until
) -> None:
    running = serving(untrusted="stop")
    trust(operator, NEW, by=OLD)
    content = operator.get_version(TASK, "1.0.0")
    operator.add_signature(content.manifest, sign(NEW, content.manifest))
    operator.revoke_key(identity(OLD), "rotated")
    until(lambda: model(running).signed_by == identity(NEW))
    assert answers_with(running) == "1.0.0"
    assert loads(running, "signature") == 0.0


@pytest.mark.parametrize("untrusted", ["stop", "keep"])
def test_trust_that_goes_while_the_host_looks_is_for_its_next_look(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, untrusted: str
) -> None:
    running = serve(untrusted=untrusted)
    host, here, said = running.server.hosts[TASK], threading.current_thread(), iter([True])

    def trusts(_: Any) -> bool:
        return threading.current_thread() is not here or next(said, False)

    monkeypatch.setattr(host._trust, "_trusts", trusts)
    # Only that one sees whether another key has signed the version too.
    host._judge()
    assert (answers_with(running), alarm(running)) == ("1.0.0", 0.0)
    host._judge()
    assert alarm(running) == (0.0 if untrusted == "stop" else 1.0)


class HeldCandidate:
    """Fetched until that is cancelled; the second time it comes at once."""

    def __init__(self, bundle: Any, on_fetch: Callable[[], None] = lambda: None) -> None:
        """on_fetch: called while it comes."""
        self._bundle, self._on_fetch = bundle, on_fetch
        self.begun, self.cancelled, self.fetched = threading.Event(), threading.Event(), threading.Event()

    def _hold(self) -> Path:
        self.begun.set()
        assert self.cancelled.wait(30)
        raise Unavailable("cancelled")

    def _come(self) -> Path:
        self._on_fetch()
        self.fetched.set()
        return Path(self._bundle.path)

    def _desired(self, fetch: Callable[[], Path], **more: Any) -> Desired:
        return Desired(str(self._bundle.manifest.version), self._bundle.digest, fetch, **more)

    def as_told(self) -> Desired:
        return self._desired(self._hold, cancel=self.cancelled.set, renewed=lambda: self._desired(self._come))


@pytest.mark.parametrize("is_to_answer", [False, True])
def test_a_revocation_does_not_wait_for_what_is_fetched_meanwhile(
    serving: Start, operator: RegistryClient, make_bundle: MakeBundle, until: Until, is_to_answer: bool
) -> None:
    running = serving(untrusted="stop")
    trust(operator, NEW, by=OLD)
    alarms = list[float | None]()
    bundle = make_bundle("2.0.0", -1.0, key=NEW)
    host, held = running.server.hosts[TASK], HeldCandidate(bundle, on_fetch=lambda: alarms.append(alarm(running)))
    if is_to_answer:
        host.desire(held.as_told(), Part(9))
    else:
        host.desire(host._orders.agenda.wish.desired, Part(9, "r-1", 0, candidate=held.as_told()))
    assert held.begun.wait(30)
    operator.revoke_key(identity(OLD), "stolen")
    if is_to_answer:
        until(lambda: answers_with(running) == "2.0.0")
    else:
        until(lambda: answers_with(running) == "UNAVAILABLE")
        until(lambda: host.report().candidate_state is State.PREFETCHED)
    # Nothing that nobody trusts answers by then.
    assert alarms == [0.0]
    assert held.fetched.is_set()
    assert alarm(running) == 0.0


@pytest.mark.parametrize("untrusted", ["stop", "keep"])
def test_what_another_key_signed_too_does_not_wait_for_a_candidate_nor_cease(
    serving: Start, operator: RegistryClient, make_bundle: MakeBundle, until: Until, untrusted: str
) -> None:
    running = serving(untrusted=untrusted)
    trust(operator, NEW, by=OLD)
    content = operator.get_version(TASK, "1.0.0")
    operator.add_signature(content.manifest, sign(NEW, content.manifest))
    host, held = running.server.hosts[TASK], HeldCandidate(make_bundle("2.0.0", -1.0, key=NEW))
    host.desire(host._orders.agenda.wish.desired, Part(9, "r-1", 0, candidate=held.as_told()))
    assert held.begun.wait(30)
    answering = list[bool]()
    host._on_change = lambda: answering.append(host.is_serving)
    operator.revoke_key(identity(OLD), "rotated")
    until(lambda: model(running).signed_by == identity(NEW))
    until(lambda: host.report().candidate_state is State.PREFETCHED)
    assert (set(answering), alarm(running), answers_with(running)) == ({True}, 0.0, "1.0.0")


def test_without_any_key_unsigned_versions_serve_and_are_called_so(
    operator: RegistryClient, follow: Start, make_bundle: MakeBundle, until: Until
) -> None:
    roll_out(operator, make_bundle("1.0.0"))
    running = follow()
    until(lambda: answers_with(running) == "1.0.0")
    assert model(running).signed_by == "unsigned"
    roll_out(operator, make_bundle("2.0.0", -1.0, key=OLD))
    until(lambda: answers_with(running) == "2.0.0")
    assert model(running).signed_by == "not checked"
    trust(operator, OLD)
    until(lambda: model(running).signed_by == identity(OLD))
    assert alarm(running) == 0.0


def test_a_key_that_is_gone_from_the_files_of_a_server_of_directories_raises_the_alarm(
    serve: Serve, make_bundle: MakeBundle, until: Until, tmp_path: Path
) -> None:
    path = tmp_path / "trusted.pub"
    save_public_key(OLD.public_key(), path)
    running = serve(bundle=(make_bundle(key=OLD).path,), trusted_keys=(path,))
    until(lambda: model(running).signed_by == identity(OLD))
    save_public_key(NEW.public_key(), path)
    running.server.keyring.reload()
    until(lambda: alarm(running) == 1.0)
    assert answers_with(running) == "1.0.0"
    save_public_key(OLD.public_key(), path)
    running.server.keyring.reload()
    until(lambda: alarm(running) == 0.0)
    until(lambda: model(running).reason == "")
