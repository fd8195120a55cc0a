"""Devices through a real registry: tokens of their own, pins, reports, and who may speak for whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from fleet_copies import TASK
from model_registry.fleet.devices import Devices
from model_registry.server import RegistryServer
from pipit.audit import AuditClient, Record
from pipit.bundle import Bundle
from pipit.errors import InputTooLarge, InvalidInput, NotFound, PermissionDenied, QueueFull, Unauthenticated
from pipit.fleet import DeviceReport, FleetClient, State, TaskReport, Window, WindowKind
from pipit.galleries import RemoteGalleries
from pipit.registry import Assignment, RegistryClient
from pipit.rpc.auth import hash_token
from pipit.storage import LocalStore

OTHER = "test.faces"
Connect = Callable[..., FleetClient]
Start = Callable[..., RegistryServer]
Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    entries = [
        {"name": "anna", "roles": ["publisher", "operator"], "sha256": hash_token("anna")},
        {"name": "bert", "roles": ["operator"], "tasks": [TASK], "sha256": hash_token("bert")},
        {"name": "pis", "roles": ["device"], "sha256": hash_token("pis")},
        {"name": "rita", "roles": ["reader"], "sha256": hash_token("rita")},
    ]
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({"callers": entries}))
    return path


def report(device_id: str = "pi-7", sequence: int = 1, version: str = "1.0.0", **more: object) -> DeviceReport:
    told = TaskReport(TASK, version, 1, version, "a" * 64, State.SERVING)
    given = {"boot_id": "boot-1", "environment": "production", "board": "Raspberry Pi 5", "tasks": (told,), **more}
    return DeviceReport(device_id, sequence=sequence, **given)  # type: ignore[arg-type]


def test_a_token_speaks_for_its_device_alone(start: Start, fleet_of: Connect, tokens: Path) -> None:
    server = start(tokens=tokens)
    token, replaced = fleet_of(server, "anna").add_device("pi-7")
    assert token.startswith("pipit-device.pi-7.")
    assert not replaced

    own, shared = fleet_of(server, token), fleet_of(server, "pis")
    assert own.report(report("pi-7")) == 30.0
    with pytest.raises(PermissionDenied, match=r"this token is for device pi-7, and can't speak for pi-8"):
        own.report(report("pi-8"))
    with pytest.raises(PermissionDenied, match=r"device pi-7 has a token of its own, and pis may not speak for it"):
        shared.report(report("pi-7", 2))
    assert shared.report(report("pi-8")) == 30.0
    assert [device.device_id for device in own.list_devices()] == ["pi-7", "pi-8"]
    with pytest.raises(PermissionDenied, match="rita may not call Report: it needs the role device"):
        fleet_of(server, "rita").report(report("pi-9"))


def test_a_token_resolves_and_watches_for_its_device_alone(
    start: Start, fleet_of: Connect, connect: Callable[..., RegistryClient], tokens: Path
) -> None:
    server = start(tokens=tokens)
    token, _ = fleet_of(server, "anna").add_device("pi-7")
    own, shared, anna = connect(server, token), connect(server, "pis"), connect(server, "anna")

    for stranger, device in ((own, "pi-8"), (shared, "pi-7")):
        with pytest.raises(PermissionDenied):
            next(iter(stranger.watch((TASK,), "production", device)))
        with pytest.raises(PermissionDenied):
            stranger.resolve(TASK, "production", device)
    assert next(iter(own.watch((TASK,), "production", "pi-7"))) == Assignment(TASK, "production", "", "", 0)
    assert next(iter(own.watch((TASK,), "production"))) == Assignment(TASK, "production", "", "", 0)
    with pytest.raises(NotFound, match="nothing of task"):
        anna.resolve(TASK, "production", "pi-7")


def test_a_token_is_kept_as_a_digest_and_counts_until_another_or_none_takes_its_place(
    start: Start, fleet_of: Connect, tokens: Path, store: LocalStore, eventually: Wait
) -> None:
    here, there = start(tokens=tokens), start(tokens=tokens)
    anna = fleet_of(here, "anna")

    def counts(server: RegistryServer, token: str) -> bool:
        try:
            fleet_of(server, token).list_devices()
        except Unauthenticated:
            return False
        return True

    first, _ = anna.add_device("pi-7")
    text = store.read("devices/pi-7.json").data.decode()
    assert first not in text
    assert hash_token(first) in text
    eventually(lambda: counts(there, first))

    second, replaced = anna.add_device("pi-7")
    assert replaced
    assert not counts(here, first)
    assert counts(here, second)
    eventually(lambda: not counts(there, first) and counts(there, second))

    anna.remove_device("pi-7")
    assert not counts(here, second)
    eventually(lambda: not counts(there, second))
    assert not counts(here, "pipit-device.pi-9.guessed")
    assert not counts(here, "pipit-device.../..")


def test_a_watch_ends_when_its_token_counts_no_more(
    start: Start, fleet_of: Connect, connect: Callable[..., RegistryClient], tokens: Path, eventually: Wait
) -> None:
    here, there = start(tokens=tokens), start(tokens=tokens)
    anna = fleet_of(here, "anna")
    token, _ = anna.add_device("pi-7")

    def is_known_there() -> bool:
        with suppress(Unauthenticated):
            fleet_of(there, token).list_devices()
            return True
        return False

    eventually(is_known_there)
    streams = [iter(connect(copy, token).watch((TASK,), "production", "pi-7")) for copy in (here, there)]
    assert [next(stream).version for stream in streams] == ["", ""]
    anna.remove_device("pi-7")
    for stream in streams:
        with pytest.raises(Unauthenticated, match="the token of device pi-7 was taken back"):
            next(stream)


def test_a_watch_by_a_shared_token_ends_when_the_device_gets_its_own(
    start: Start, fleet_of: Connect, connect: Callable[..., RegistryClient], tokens: Path
) -> None:
    server = start(tokens=tokens)
    shared = {name: iter(connect(server, "pis").watch((TASK,), "production", name)) for name in ("pi-7", "pi-8")}
    assert [next(stream).version for stream in shared.values()] == ["", ""]
    anna = fleet_of(server, "anna")
    anna.add_device("pi-7")
    with pytest.raises(Unauthenticated):
        next(shared["pi-7"])
    assert {device.device_id: device.online for device in anna.list_devices()}["pi-8"]


@pytest.mark.parametrize("has_own", [True, False])
def test_a_watch_ends_when_the_token_was_replaced_as_it_began(
    start: Start,
    fleet_of: Connect,
    connect: Callable[..., RegistryClient],
    tokens: Path,
    monkeypatch: pytest.MonkeyPatch,
    has_own: bool,
) -> None:
    server = start(tokens=tokens)
    token = fleet_of(server, "anna").add_device("pi-7")[0] if has_own else "pis"
    speaking = Devices.speaking

    def overtaken(self: Devices, device_id: str) -> str:
        found = speaking(self, device_id)
        self.add(device_id, ())
        return found

    monkeypatch.setattr(Devices, "speaking", overtaken)
    with pytest.raises(Unauthenticated, match="was taken back, or another one was made"):
        next(iter(connect(server, token).watch((TASK,), "production", "pi-7")))


def test_a_token_follows_a_gallery_as_its_device_alone(
    start: Start, fleet_of: Connect, galleries_of: Callable[..., RemoteGalleries], tokens: Path
) -> None:
    server = start(tokens=tokens)
    token, _ = fleet_of(server, "anna").add_device("pi-7")
    galleries = galleries_of(server.port, token)
    galleries.acknowledge("home", "pi-7", 0)
    with pytest.raises(PermissionDenied, match="this token is for device pi-7, and can't speak for pi-8"):
        galleries.acknowledge("home", "pi-8", 0)


def test_a_token_may_be_for_some_tasks(start: Start, fleet_of: Connect, tokens: Path) -> None:
    server = start(tokens=tokens)
    token, _ = fleet_of(server, "anna").add_device("pi-7", [OTHER])
    with pytest.raises(PermissionDenied, match=f"device:pi-7 may not ask {TASK}"):
        fleet_of(server, token).report(report())
    with pytest.raises(PermissionDenied, match="bert may ask some tasks only, but devices are for all of them"):
        fleet_of(server, "bert").add_device("pi-8")


def test_a_token_is_for_so_many_tasks(registry: RegistryServer, fleet_of: Connect) -> None:
    fleet = fleet_of(registry)
    tasks = [f"test.task{number}" for number in range(101)]
    with pytest.raises(InvalidInput, match="a token for 101 tasks; name at most 100"):
        fleet.add_device("pi-7", tasks)
    assert fleet.list_devices() == ()
    fleet.add_device("pi-7", tasks[:100])


def test_without_tokens_everybody_may(registry: RegistryServer, fleet_of: Connect) -> None:
    fleet = fleet_of(registry)
    fleet.add_device("pi-7")
    assert fleet.report(report("pi-7")) == 30.0
    assert fleet.list_devices()[0].has_token


def test_a_device_is_shown_as_soon_as_it_watches_and_once_it_has_gone(
    registry: RegistryServer, fleet_of: Connect, client: RegistryClient, eventually: Wait
) -> None:
    fleet = fleet_of(registry)
    stream = client.watch((TASK,), "production", "pi-7")
    next(iter(stream))

    [device] = fleet.list_devices()
    assert (device.device_id, device.environment, device.online, device.board) == ("pi-7", "production", True, "")
    assert fleet.list_devices(task=OTHER) == fleet.list_devices("staging") == ()
    fleet.report(report(up_seconds=5.0, cpu_temperature=61.5, throttled=False, memory_available=7))
    [device] = fleet.list_devices("production", TASK)
    assert (device.board, device.cpu_temperature, device.throttled) == ("Raspberry Pi 5", 61.5, False)
    assert device.tasks[0].active_version == "1.0.0"
    assert device.memory_available == 7
    assert device.up_seconds >= 5.0
    stream.close()
    eventually(lambda: registry.metrics.registry.get_sample_value("pipit_registry_watchers") == 0)
    assert [device.device_id for device in fleet.list_devices()] == ["pi-7"]


def test_other_copies_know_what_one_heard(
    start: Start, fleet_of: Connect, connect: Callable[..., RegistryClient], eventually: Wait
) -> None:
    here, there = start(), start()
    fleet_of(here).report(report())
    stream = connect(here).watch((TASK,), "staging", "pi-8")
    next(iter(stream))
    eventually(lambda: [device.device_id for device in fleet_of(there).list_devices()] == ["pi-7", "pi-8"])
    first, second = fleet_of(there).list_devices()
    assert (first.tasks, second.online) == (report().tasks, True)
    stream.close()


def test_pins_reach_their_device_alone_and_it_is_told_nothing_twice(
    start: Start,
    fleet_of: Connect,
    connect: Callable[..., RegistryClient],
    make_bundle: Callable[..., Bundle],
    eventually: Wait,
) -> None:
    here, there = start(), start()
    client, fleet = connect(here), fleet_of(here)
    digests = {}
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        digests[version] = client.publish(make_bundle(version, version.encode()).path).version.digest
    client.promote(TASK, "1.0.0", "production")
    streams = {
        (name, copy.port): iter(connect(copy).watch((TASK,), "production", name))
        for name in ("pi-7", "pi-8")
        for copy in (here, there)
    }
    assert {next(stream).version for stream in streams.values()} == {"1.0.0"}

    pin = fleet.pin("pi-7", TASK, "1.1.0", "to look at it")
    assert (pin.version, pin.digest, pin.by, pin.reason) == ("1.1.0", digests["1.1.0"], "anonymous", "to look at it")
    pinned = Assignment(TASK, "production", "1.1.0", digests["1.1.0"], 2, pinned=True)
    for copy in (here, there):
        assert next(streams["pi-7", copy.port]) == pinned
    assert client.resolve(TASK, "production", "pi-7") == pinned
    assert client.resolve(TASK, "production", "pi-8").version == client.resolve(TASK, "production").version == "1.0.0"
    assert fleet.pin("pi-7", TASK, "1.1.0") == pin

    client.promote(TASK, "1.2.0", "production")
    for (name, _), stream in streams.items():
        news = next(stream)
        assert (news.version, news.revision, news.pinned) == (
            ("1.1.0", 3, True) if name == "pi-7" else ("1.2.0", 2, False)
        )
    fleet.unpin("pi-7", TASK)
    for copy in (here, there):
        assert next(streams["pi-7", copy.port]) == Assignment(TASK, "production", "1.2.0", digests["1.2.0"], 4)
    with pytest.raises(NotFound, match="pi-7 is not pinned"):
        fleet.unpin("pi-7", TASK)

    fleet.pin("pi-7", TASK, "1.0.0")
    # Read before the next change comes: a stream gives what stands now, and not each step to it.
    assert next(streams["pi-7", here.port]).revision == 5
    fleet.remove_device("pi-7")
    assert next(streams["pi-7", here.port]) == Assignment(TASK, "production", "1.2.0", digests["1.2.0"], 6)


def test_what_can_not_be_pinned(
    registry: RegistryServer, fleet_of: Connect, client: RegistryClient, make_bundle: Callable[..., Bundle]
) -> None:
    fleet = fleet_of(registry)
    with pytest.raises(NotFound, match=TASK):
        fleet.pin("pi-7", TASK, "1.0.0")
    client.publish(make_bundle().path)
    with pytest.raises(NotFound, match="no device pi-7 was added or seen in the last day"):
        fleet.pin("pi-7", TASK, "1.0.0")
    fleet.report(report())
    assert fleet.pin("pi-7", TASK, "1.0.0").version == "1.0.0"


def test_what_was_removed_is_forgotten_until_it_comes_again(
    registry: RegistryServer, fleet_of: Connect, eventually: Wait
) -> None:
    fleet = fleet_of(registry)
    fleet.report(report())
    fleet.remove_device("pi-7")
    assert fleet.list_devices() == ()
    with pytest.raises(NotFound):
        fleet.remove_device("pi-7")
    fleet.report(report(sequence=2))
    assert [device.device_id for device in fleet.list_devices()] == ["pi-7"]
    fleet.add_device("pi-9")
    assert [(device.device_id, device.last_seen, device.online) for device in fleet.list_devices()][1:] == [
        ("pi-9", None, False)
    ]


def test_what_operators_do_stands_in_the_log(registry: RegistryServer, fleet_of: Connect) -> None:
    fleet = fleet_of(registry)
    fleet.add_device("pi-7")
    fleet.remove_device("pi-7")
    with AuditClient(f"127.0.0.1:{registry.port}") as log:
        records = [Record.model_validate_json(data) for data in log.read()]
    assert [(record.action, record.subject, str(record.outcome)) for record in records] == [
        (action, "pi-7", outcome) for action in ("add device", "remove device") for outcome in ("asked", "done")
    ]


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (report("../pi"), InvalidInput, "name of a device"),
        (report(environment="Production"), InvalidInput, "name of an environment"),
        (report(boot_id=""), InvalidInput, "boot_id"),
        (report(process=64), InvalidInput, "65 processes"),
        (report(tasks=(TaskReport(TASK),) * 101), InvalidInput, "101 tasks"),
        (report(windows=(Window(WindowKind.LIVE, TASK, "1.0.0"),) * 401), InvalidInput, "401 windows"),
        (report(windows=(Window(WindowKind.LIVE, TASK, "1", score_counts=(1,)),)), InvalidInput, "1 counts of scores"),
        (
            report(windows=(Window(WindowKind.LIVE, TASK, "1", errors=dict.fromkeys(map(str, range(33)), 1)),)),
            InvalidInput,
            "33 kinds of errors",
        ),
        (
            report(windows=(Window(WindowKind.LIVE, TASK, "1", label_counts=dict.fromkeys(map(str, range(2001)), 1)),)),
            InvalidInput,
            "2001 labels; 2000 at most",
        ),
        (report(board="b" * 201), InvalidInput, "201 characters"),
        (report(up_seconds=float("inf")), InvalidInput, "a number that is none"),
        (
            report(windows=(Window(WindowKind.LIVE, TASK, "1", label_counts={f"{n:0190}": n for n in range(1999)}),)),
            InputTooLarge,
            "bytes; 262144 at most",
        ),
    ],
)
def test_reports_have_limits(
    registry: RegistryServer, fleet_of: Connect, wrong: DeviceReport, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        fleet_of(registry).report(wrong)
    assert fleet_of(registry).list_devices() == ()


def test_a_long_reason_is_cut_and_the_report_heard(registry: RegistryServer, fleet_of: Connect) -> None:
    told = TaskReport(TASK, state=State.REFUSED, reason="r" * 2000)
    fleet_of(registry).report(report(tasks=(told,)))
    assert fleet_of(registry).list_devices()[0].tasks[0].reason == "r" * 500


def test_a_copy_listens_to_so_many_devices(start: Start, fleet_of: Connect) -> None:
    fleet = fleet_of(start(max_devices=1))
    fleet.report(report("pi-1"))
    with pytest.raises(QueueFull, match="PIPIT_REGISTRY_MAX_DEVICES"):
        fleet.report(report("pi-2"))
    fleet.report(report("pi-1", 2))


def test_large_reports_do_not_fill_the_memory(start: Start, fleet_of: Connect) -> None:
    fleet = fleet_of(start(max_devices=15))
    large = Window(WindowKind.LIVE, TASK, "1.0.0", label_counts={f"{n:0150}": n for n in range(500)})
    fleet.report(report("pi-1", windows=(large,)))
    fleet.report(report("pi-1", 2, windows=(large,)))
    with pytest.raises(QueueFull, match="send less than 8192 bytes"):
        fleet.report(report("pi-2", windows=(large,)))
    fleet.report(report("pi-2"))
    assert len(fleet.list_devices()) == 2
