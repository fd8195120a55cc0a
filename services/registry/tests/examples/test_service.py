"""Examples through the service: what comes with consent is kept, listed, read, and deleted for good."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from example_builders import CONSENT, DEVICE, TAKEN, TASK, imported, made
from model_registry.examples import servicer as example_servicer
from model_registry.server import RegistryServer
from pipit._pb.pipit.examples.v1 import examples_pb2 as pb
from pipit._pb.pipit.examples.v1 import examples_pb2_grpc
from pipit.audit import AuditClient, Chain
from pipit.errors import (
    AlreadyExists,
    InputTooLarge,
    IntegrityError,
    InvalidInput,
    NotFound,
    PermissionDenied,
)
from pipit.examples import Departure, Example, Reason
from pipit.examples.client import ExampleClient
from pipit.fleet import FleetClient
from pipit.rpc.mirror import to_proto

Start = Callable[..., RegistryServer]
Connect = Callable[..., ExampleClient]


@pytest.fixture
def client(registry: RegistryServer, examples_of: Connect) -> ExampleClient:
    client = examples_of(registry)
    client.give_consent(CONSENT)
    return client


def test_what_a_device_keeps_with_consent_is_listed_and_read(registry: RegistryServer, client: ExampleClient) -> None:
    example, content = made(1, other_version="2.0.0", faces_blurred=2, was_corrected=True, corrected="quiet")
    stored = client.upload(example, content)
    assert stored.received_at is not None
    assert replace(stored, received_at=None) == example
    assert client.upload(example, content) == example

    page = client.list_examples(TASK)
    assert (page.examples, page.deleted, page.more) == ((stored,), (), False)
    assert client.get_example(TASK, example.id) == stored
    assert client.read_content(TASK, example.id) == content
    counted = registry.metrics.registry.get_sample_value
    assert counted("pipit_examples_received_total", {"task": TASK, "reason": "uncertain"}) == 1
    assert counted("pipit_examples_received_bytes_total", {"task": TASK, "reason": "uncertain"}) == len(content)


def test_without_consent_nothing_of_a_device_is_taken(client: ExampleClient) -> None:
    example, content = made(1, device_id="pi-8")
    with pytest.raises(PermissionDenied, match="nobody consented that pi-8"):
        client.upload(example, content)
    mine, content = made(1)
    client.withdraw_consent(DEVICE, TASK)
    with pytest.raises(PermissionDenied, match="nobody consented that pi-7"):
        client.upload(mine, content)
    with pytest.raises(NotFound, match="no consent was given"):
        client.withdraw_consent(DEVICE, TASK)
    assert client.list_consents() == ()
    client.give_consent(CONSENT)
    assert client.upload(mine, content).id == mine.id


def test_a_consent_is_stored_as_it_was_given(client: ExampleClient, registry: RegistryServer) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    given = client.give_consent(replace(CONSENT, low=0.3, keep_days=30, given_by="nobody"))
    assert given.given_by == "anonymous"
    assert given.given_at is not None
    assert given.given_at > before
    assert client.list_consents(DEVICE) == client.list_consents() == (given,)
    assert client.list_consents("pi-8") == ()
    client.withdraw_consent(DEVICE, TASK)
    with AuditClient(f"127.0.0.1:{registry.port}") as audit:
        done = [record for record in Chain().check(audit.read()) if record.of]
    usual = "0.4 to 0.6 at 0.1, random 0.01, 100000000 bytes, 90 days"
    mine = "0.3 to 0.6 at 0.1, random 0.01, 100000000 bytes, 30 days"
    assert [(record.action, record.subject, record.before, record.after) for record in done] == [
        ("give consent", "pi-7 of test.sounds", "", usual),
        ("give consent", "pi-7 of test.sounds", usual, mine),
        ("withdraw consent", "pi-7 of test.sounds", mine, ""),
    ]


WRONG_CONSENTS: list[tuple[dict[str, Any], str]] = [
    ({"text": " "}, "says what people agreed to"),
    ({"low": 0.7}, "lower end first"),
    ({"rate": 1.5}, "a share from 0 to 1"),
    ({"random_rate": float("nan")}, "a share from 0 to 1"),
    ({"quota_bytes": 0}, "quota of 0"),
    ({"keep_days": 40_000}, "at most 36500 days"),
    ({"device_id": "../x"}, "the name of a device"),
    ({"task": "x"}, "the name of a task"),
]


def test_a_consent_that_can_not_be_is_refused(client: ExampleClient) -> None:
    for change, why in WRONG_CONSENTS:
        with pytest.raises(InvalidInput, match=why):
            client.give_consent(replace(CONSENT, **change))


def test_an_upload_that_broke_off_goes_on_where_it_ended(registry: RegistryServer, client: ExampleClient) -> None:
    example, content = made(1)
    message = to_proto(example, pb.Example)
    with grpc.insecure_channel(f"127.0.0.1:{registry.port}") as channel:
        stub = examples_pb2_grpc.ExampleServiceStub(channel)
        half = [pb.UploadRequest(example=message), pb.UploadRequest(content=content[:100])]
        with pytest.raises(grpc.RpcError, match="prepare the upload again"):
            stub.Upload(iter(half))
        assert client.list_examples(TASK).examples == ()
        assert stub.PrepareUpload(pb.PrepareUploadRequest(example=message)).offset == 100
        # Reaches back over what is here already.
        rest = [pb.UploadRequest(example=message, offset=60), pb.UploadRequest(content=content[60:200])]
        with pytest.raises(grpc.RpcError, match="prepare the upload again"):
            stub.Upload(iter(rest))
        assert stub.PrepareUpload(pb.PrepareUploadRequest(example=message)).offset == 200
        with pytest.raises(grpc.RpcError, match="200 bytes are here, not 300"):
            stub.Upload(iter([pb.UploadRequest(example=message, offset=300)]))
    client.upload(example, content)
    assert client.read_content(TASK, example.id) == content
    assert client.read_content(TASK, example.id, 150) == content[150:]


def test_an_upload_whose_connection_breaks_goes_on_where_it_ended(
    registry: RegistryServer,
    client: ExampleClient,
    wire_to: Callable[[str], Any],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    example, content = made(1)
    message = to_proto(example, pb.Example)
    labels = {"grpc_type": "client_stream", "grpc_service": example_servicer.SERVICE, "grpc_method": "Upload"}
    received = partial(registry.metrics.registry.get_sample_value, "grpc_server_msg_received_total", labels)
    wire = wire_to(f"127.0.0.1:{registry.port}")

    def half() -> Iterator[pb.UploadRequest]:
        yield pb.UploadRequest(example=message)
        yield pb.UploadRequest(content=content[:100])
        eventually(lambda: received() == 2)
        wire.cut()

    with grpc.insecure_channel(f"127.0.0.1:{wire.port}") as channel, pytest.raises(grpc.RpcError):
        examples_pb2_grpc.ExampleServiceStub(channel).Upload(half())
    with grpc.insecure_channel(f"127.0.0.1:{registry.port}") as channel:
        stub = examples_pb2_grpc.ExampleServiceStub(channel)
        eventually(lambda: stub.PrepareUpload(pb.PrepareUploadRequest(example=message)).offset == 100)
    client.upload(example, content)
    assert client.read_content(TASK, example.id) == content


def test_content_that_is_another_is_refused_and_forgotten(registry: RegistryServer, client: ExampleClient) -> None:
    example, content = made(1)
    with pytest.raises(IntegrityError, match="does not match its digest"):
        client.upload(example, bytes(len(content)))
    with grpc.insecure_channel(f"127.0.0.1:{registry.port}") as channel:
        stub = examples_pb2_grpc.ExampleServiceStub(channel)
        message = to_proto(example, pb.Example)
        with pytest.raises(grpc.RpcError, match="prepare the upload again"):
            stub.Upload(iter([pb.UploadRequest(example=message), pb.UploadRequest(content=b"wrong")]))
    with pytest.raises(IntegrityError, match="does not match its digest"):
        client.upload(example, content)
    assert client.upload(example, content).id == example.id
    more, content = made(2)
    with pytest.raises(InvalidInput, match="more than the"):
        client.upload(more, content + b"x")


WRONG_EXAMPLES: list[tuple[dict[str, Any], str]] = [
    ({"id": "20261121-" + "a" * 32}, "the id is not the day"),
    ({"taken_at": TAKEN + timedelta(days=1)}, "the id is not the day"),
    ({"sha256": "x"}, "a SHA-256"),
    ({"media_type": "text/html"}, "can't be kept"),
    ({"reason": Reason.UNSPECIFIED}, "no reason"),
    ({"device_id": ""}, "the name of a device"),
    ({"bytes": 0}, "empty"),
    ({"group": "x" * 201}, "at most 200"),
    ({"position": -1.0}, "0 or more"),
]


def test_an_example_that_can_not_be_is_refused(client: ExampleClient) -> None:
    example, content = made(1)
    for change, why in WRONG_EXAMPLES:
        with pytest.raises(InvalidInput, match=why):
            client.upload(replace(example, **change), content)


def test_sizes_and_clocks_have_limits(start: Start, examples_of: Connect) -> None:
    client = examples_of(start(max_example_mib=1))
    example, content = imported(1)
    with pytest.raises(InputTooLarge, match="at most 1048576"):
        client.upload(replace(example, bytes=1048577), content)
    late, content = made(2, taken_at=datetime.now(UTC) + timedelta(days=3), device_id="", reason=Reason.IMPORTED)
    with pytest.raises(InvalidInput, match="set the device's clock"):
        client.upload(late, content)
    data = bytes(range(256)) * 4096
    digest = hashlib.sha256(data).hexdigest()
    largest = replace(example, id=f"20261120-{digest[:32]}", sha256=digest, bytes=len(data))
    client.upload(largest, data)
    assert client.read_content(TASK, largest.id) == data


def test_pages_tell_what_came_and_what_was_deleted_since(client: ExampleClient) -> None:
    all_of_them = [made(number) for number in range(5)]
    # Of an earlier day, and last to come.
    all_of_them.append(made(9, taken_at=TAKEN - timedelta(days=3)))
    for example, content in all_of_them:
        client.upload(example, content)
    ids = [example.id for example, _ in all_of_them]
    first = client.list_examples(TASK, page_size=4)
    assert ([one.id for one in first.examples], first.more) == (ids[:4], True)
    second = client.list_examples(TASK, first.next, page_size=4)
    assert ([one.id for one in second.examples], second.more) == (ids[4:], False)

    assert client.delete_examples(TASK, identity=ids[1]) == 1
    assert client.delete_examples(TASK, identity=ids[1]) == 0
    after = client.list_examples(TASK, second.next)
    assert (after.examples, after.deleted, after.more) == ((), (ids[1],), False)
    assert client.list_examples(TASK, after.next).deleted == ()
    anew = client.list_examples(TASK)
    assert [one.id for one in anew.examples] == [ids[0], *ids[2:]]
    assert [one.id for one in client.list_examples(TASK, day="20261117").examples] == ids[5:]
    assert client.list_examples(TASK, device_id="pi-8").examples == ()


def test_what_is_deleted_stays_deleted(client: ExampleClient, registry: RegistryServer, tmp_path: Path) -> None:
    example, content = made(1)
    client.upload(example, content)
    assert client.delete_examples(TASK, device_id=DEVICE) == 1
    for call in (client.get_example, client.read_content):
        with pytest.raises(NotFound, match="it was deleted"):
            call(TASK, example.id)
    assert client.upload(example, content) == example
    assert client.list_examples(TASK).examples == ()
    assert not any(content in path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert client.departures() == (Departure(DEVICE, TASK, "20261120", 1, len(content), 1),)
    counted = registry.metrics.registry.get_sample_value
    assert counted("pipit_examples_deleted_total", {"task": TASK, "reason": "asked"}) == 1
    with pytest.raises(InvalidInput, match="say which examples"):
        client.delete_examples(TASK)

    brought, content = imported(2)
    client.upload(brought, content)
    assert client.delete_examples(TASK, day="20261120") == 1
    with pytest.raises(AlreadyExists, match=r"clip-2\.wav was deleted here"):
        client.upload(brought, content)


def test_what_left_which_device_is_counted(client: ExampleClient) -> None:
    client.give_consent(replace(CONSENT, device_id="pi-8"))
    sizes = {}
    for number, device in enumerate([DEVICE, DEVICE, "pi-8"]):
        example, content = made(number, device_id=device)
        client.upload(example, content)
        sizes[number] = len(content)
    earlier, content = made(7, taken_at=TAKEN - timedelta(days=1))
    client.upload(earlier, content)
    brought, brought_content = imported(8)
    client.upload(brought, brought_content)
    client.delete_examples(TASK, device_id=DEVICE, day="20261120")
    client.withdraw_consent("pi-8", TASK)
    assert client.departures() == (
        Departure(DEVICE, TASK, "20261119", 1, len(content), 0),
        Departure(DEVICE, TASK, "20261120", 2, sizes[0] + sizes[1], 2),
        Departure("pi-8", TASK, "20261120", 1, sizes[2], 0),
    )
    assert client.departures(device_id="pi-8")[0].examples == 1
    assert client.departures(task="test.other") == ()


def test_who_may_do_what(start: Start, examples_of: Connect, tokens: Path) -> None:
    server = start(tokens=tokens)
    by = {name: examples_of(server, name) for name in ("labeller", "operator", "publisher", "reader", "device")}
    by["operator"].give_consent(CONSENT)
    example, content = made(1)
    by["device"].upload(example, content)
    brought, brought_content = imported(2)
    by["labeller"].upload(brought, brought_content)
    for name in ("labeller", "operator", "publisher"):
        assert len(by[name].list_examples(TASK).examples) == 2
        assert by[name].read_content(TASK, example.id) == content
    calls: dict[str, Callable[[ExampleClient], object]] = {
        "list": lambda one: one.list_examples(TASK),
        "get": lambda one: one.get_example(TASK, example.id),
        "read": lambda one: one.read_content(TASK, example.id),
        "delete": lambda one: one.delete_examples(TASK, identity=example.id),
        "consent": lambda one: one.give_consent(CONSENT),
        "withdraw": lambda one: one.withdraw_consent(DEVICE, TASK),
        "bring": lambda one: one.upload(*imported(3)),
    }
    allowed = {
        "labeller": {"list", "get", "read", "bring"},
        "publisher": {"list", "get", "read"},
        "reader": set(),
        "device": set(),
    }
    for name, may in allowed.items():
        for call in calls.keys() - may:
            with pytest.raises(PermissionDenied):
                calls[call](by[name])
    assert len(by["reader"].list_consents()) == 1
    with pytest.raises(InvalidInput, match="which one it is"):
        by["device"].list_consents()


def test_a_device_with_a_token_of_its_own_speaks_for_itself_alone(
    start: Start, examples_of: Connect, tokens: Path
) -> None:
    server = start(tokens=tokens)
    operator = examples_of(server, "operator")
    for device in (DEVICE, "pi-8"):
        operator.give_consent(replace(CONSENT, device_id=device))
    with FleetClient(f"127.0.0.1:{server.port}", "operator") as fleet:
        token, _ = fleet.add_device(DEVICE)
    mine = examples_of(server, token)
    assert [consent.device_id for consent in mine.list_consents()] == [DEVICE]
    with pytest.raises(PermissionDenied, match="can't speak for pi-8"):
        mine.list_consents("pi-8")
    with pytest.raises(PermissionDenied, match="can't speak for pi-8"):
        mine.upload(*made(1, device_id="pi-8"))
    assert mine.upload(*made(1)).device_id == DEVICE


def test_an_example_that_is_not_there_is_not_found(client: ExampleClient) -> None:
    nothing: Example = made(1)[0]
    with pytest.raises(NotFound, match="never came"):
        client.get_example(TASK, nothing.id)
    with pytest.raises(InvalidInput, match="not the id of an example"):
        client.get_example(TASK, "x")


def test_a_correction_that_comes_late_reaches_the_example(client: ExampleClient) -> None:
    late, content = made(1)
    honest, other = made(2, reason=Reason.RANDOM)
    for example, data in ((late, content), (honest, other)):
        client.upload(example, data)
    first = client.list_examples(TASK)
    corrected = replace(late, reason=Reason.WRONG, was_corrected=True, corrected="quiet")
    assert client.upload(corrected, content) == corrected
    client.upload(replace(corrected, corrected="loud"), content)
    client.upload(replace(honest, was_corrected=True, corrected=""), other)

    told = client.list_examples(TASK, first.next)
    assert [(one.id, one.reason, one.was_corrected, one.corrected) for one in told.examples] == [
        (late.id, Reason.WRONG, True, "quiet"),
        (honest.id, Reason.RANDOM, True, ""),
    ]
    assert {one.id: one for one in client.list_examples(TASK).examples} == {one.id: one for one in told.examples}
    assert client.get_example(TASK, late.id) == told.examples[0]
    assert client.list_examples(TASK, told.next).examples == ()
    client.delete_examples(TASK, late.id)
    client.upload(corrected, content)
    assert [one.id for one in client.list_examples(TASK).examples] == [honest.id]


def test_another_device_corrects_nothing(client: ExampleClient) -> None:
    example, content = made(1)
    client.upload(example, content)
    client.give_consent(replace(CONSENT, device_id="pi-8"))
    client.upload(replace(example, device_id="pi-8", was_corrected=True, corrected="quiet"), content)
    assert not client.get_example(TASK, example.id).was_corrected
