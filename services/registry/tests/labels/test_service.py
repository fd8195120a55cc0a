"""Labels through the service: what is read is what was said, by whom the registry knows, once, and in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from label_builders import AT, TASK, batch_id, example, frozen, labelled
from model_registry.server import RegistryServer
from pipit.errors import IntegrityError, InvalidInput, NotFound, PermissionDenied
from pipit.labels import Event, Kind, LabelledBox, LabelledSpan
from pipit.labels.client import LabelClient
from pipit.rpc.auth import hash_token

Start = Callable[..., RegistryServer]
Connect = Callable[..., LabelClient]


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.yaml"
    roles = {"lea": "labeller", "lou": "labeller", "ben": "publisher", "rita": "reader", "pi": "device"}
    lines = [f"  - {{name: {name}, roles: [{role}], sha256: {hash_token(name)}}}" for name, role in roles.items()]
    lines.append(f"  - {{name: max, roles: [labeller], tasks: [test.other], sha256: {hash_token('max')}}}")
    path.write_text("\n".join(["callers:", *lines, ""]))
    return path


def test_everything_that_was_said_is_read_again_in_order(registry: RegistryServer, labels_of: Connect) -> None:
    client = labels_of(registry)
    events = [
        labelled(1, by="anna", seconds=1.25, saw_suggestion=True),
        Event("b", Kind.BOXES, AT, example(2), boxes=(LabelledBox("cat", 1.5, 2.0, 30.25, 40.0),)),
        Event("c", Kind.SPANS, AT, example(3), spans=(LabelledSpan("ad", 0.0, 30.5), LabelledSpan("show", 30.5, 90.0))),
        Event("d", Kind.SKIP, AT, example(4)),
        Event("e", Kind.UNDO, AT, undoes="d"),
        Event("f", Kind.SUGGEST, AT, example(5), "loud", score=0.83, version="1.2.0"),
        Event("g", Kind.RULE, AT, example(2), ""),
        Event("h", Kind.ADD_LABEL, AT, label="Türklingel"),
    ]
    first, second = batch_id(), batch_id()
    assert client.append(TASK, first, events[:3]) is False
    assert client.append(TASK, second, events[3:]) is False
    assert client.append(TASK, first, events[:3]) is True

    page = client.read_events(TASK)
    assert list(page.events) == [replace(event, by=event.by or "anonymous") for event in events]
    assert not page.more
    later = client.read_events(TASK, page.next)
    assert (later.events, later.next, later.more) == ((), page.next, False)
    client.append(TASK, batch_id(), [labelled(9)])
    assert [event.id for event in client.read_events(TASK, page.next).events] == ["event-9"]
    assert client.read_events("test.other").events == ()
    counted = registry.metrics.registry.get_sample_value
    assert counted("pipit_label_events_total", {"task": TASK, "kind": "label"}) == 2
    assert counted("pipit_label_events_total", {"task": TASK, "kind": "undo"}) == 1


def test_pages_follow_each_other_without_gap_or_repeat(registry: RegistryServer, labels_of: Connect) -> None:
    client = labels_of(registry)
    for number in range(7):
        client.append(TASK, batch_id(), [labelled(number)])
    seen, after, more, pages = [], "", True, 0
    while more:
        page = client.read_events(TASK, after, page_size=3)
        seen += [event.id for event in page.events]
        after, more, pages = page.next, page.more, pages + 1
    assert (seen, pages) == ([f"event-{number}" for number in range(7)], 3)


def test_many_events_go_as_several_batches_and_once_more_changes_nothing(
    registry: RegistryServer, labels_of: Connect
) -> None:
    client = labels_of(registry)
    events = [labelled(number) for number in range(2500)]
    identity = batch_id()
    assert client.append(TASK, identity, events) is False
    assert client.append(TASK, identity, events) is True
    assert [event.id for event in client.read_events(TASK).events] == [event.id for event in events]


def test_by_is_the_name_of_the_token_and_roles_are_kept(start: Start, labels_of: Connect, tokens: Path) -> None:
    server = start(tokens=tokens)
    labeller = labels_of(server, "lea")
    labeller.append(TASK, batch_id(), [labelled(1, by="somebody else")])
    assert [event.by for event in labels_of(server, "ben").read_events(TASK).events] == ["lea"]
    stored = labeller.put_set(frozen())
    assert stored.made_by == "lea"
    assert labels_of(server, "ben").get_set("evening") == stored
    for name in ("ben", "rita", "pi"):
        with pytest.raises(PermissionDenied, match="needs the role"):
            labels_of(server, name).append(TASK, batch_id(), [labelled(2)])
        with pytest.raises(PermissionDenied, match="needs the role"):
            labels_of(server, name).put_set(frozen(2))
    for name in ("rita", "pi"):
        with pytest.raises(PermissionDenied, match="needs the role"):
            labels_of(server, name).read_events(TASK)
    other = labels_of(server, "max")
    for call in (
        lambda: other.append(TASK, batch_id(), [labelled(2)]),
        lambda: other.read_events(TASK),
        lambda: other.get_set("evening"),
        lambda: other.put_set(frozen(2)),
    ):
        with pytest.raises(PermissionDenied, match=r"may not ask test\.sounds"):
            call()
    assert other.list_sets() == ()


WRONG = [
    (labelled(1, id=""), "an id has"),
    (labelled(1, example="20261129"), "not the id of an example"),
    (labelled(1, kind=Kind.UNSPECIFIED), "no kind"),
    (labelled(1, undoes="x"), "an undo names"),
    (Event("a", Kind.UNDO, AT), "an undo names"),
    (Event("a", Kind.ADD_LABEL, AT, example(1), "x"), "needs its name, and no example"),
    (Event("a", Kind.ADD_LABEL, AT), "needs its name, and no example"),
    (labelled(1, label="x" * 201), "at most 200"),
    (labelled(1, score=1.5), "from 0 to 1"),
    (labelled(1, seconds=float("nan")), "not negative"),
    (labelled(1, boxes=(LabelledBox("x", 0, 0, 0, 5),)), "above 0"),
    (labelled(1, spans=(LabelledSpan("x", 5, 5),)), "after it starts"),
]


def test_what_can_not_be_is_refused(registry: RegistryServer, labels_of: Connect) -> None:
    client = labels_of(registry)
    for event, why in WRONG:
        with pytest.raises(InvalidInput, match=why):
            client.append(TASK, batch_id(), [labelled(7), event])
    assert client.read_events(TASK).events == ()


def test_ids_and_cursors_are_checked(registry: RegistryServer, labels_of: Connect) -> None:
    client = labels_of(registry)
    for wrong in ("short", "-" * 20, "../../../../../etc/passwd", "x" * 65):
        with pytest.raises(InvalidInput, match="batch id"):
            client.append(TASK, wrong, [labelled(1)])
    with pytest.raises(InvalidInput, match="no `next`"):
        client.read_events(TASK, "x")
    with pytest.raises(InvalidInput, match="the name of a task"):
        client.read_events("../x")


def test_a_data_set_is_kept_under_its_digest_once(registry: RegistryServer, labels_of: Connect) -> None:
    client = labels_of(registry)
    whole = frozen(3000)
    before = datetime.now(UTC) - timedelta(seconds=1)
    stored = client.put_set(whole)
    assert (stored.items, stored.digest, stored.made_by) == (whole.items, whole.digest, "anonymous")
    assert stored.made_at is not None
    assert before < stored.made_at < datetime.now(UTC) + timedelta(seconds=1)
    assert client.put_set(whole) == stored
    smaller = client.put_set(frozen(2))
    assert client.get_set("evening", whole.digest) == stored
    assert client.get_set("evening") == smaller
    other = client.put_set(replace(frozen(2), name="other"))
    assert other.digest == smaller.digest
    assert client.list_sets(TASK) == tuple(replace(one, items=()) for one in (other, smaller, stored))
    assert client.list_sets("test.other") == ()
    with pytest.raises(NotFound, match="no data set is called morning"):
        client.get_set("morning")
    with pytest.raises(NotFound, match="has the digest"):
        client.get_set("evening", "a" * 64)


def test_a_data_set_of_a_wrong_digest_is_refused(registry: RegistryServer, labels_of: Connect) -> None:
    client = labels_of(registry)
    whole = frozen(3)
    with pytest.raises(IntegrityError, match="not what its digest names"):
        client.put_set(replace(whole, items=whole.items[:2]))
    with pytest.raises(InvalidInput, match="holds no example"):
        client.put_set(replace(whole, items=()))
    with pytest.raises(InvalidInput, match="twice"):
        client.put_set(replace(whole, items=(*whole.items, whole.items[0])))
    with pytest.raises(InvalidInput, match="name of a data set"):
        client.put_set(replace(whole, name="../x"))
    assert client.list_sets() == ()


def test_two_people_who_bring_the_same_list_have_both_said_it(start: Start, labels_of: Connect, tokens: Path) -> None:
    server, identity = start(tokens=tokens), batch_id()
    lea, lou = labels_of(server, "lea"), labels_of(server, "lou")
    # What is imported has ids that follow from what it says.
    assert [client.append(TASK, identity, [labelled(1)]) for client in (lea, lou, lea, lou)] == [
        False,
        False,
        True,
        True,
    ]
    assert [event.by for event in lea.read_events(TASK).events] == ["lea", "lou"]
