"""Examples where several copies of the registry run, or one is killed: each is listed once, the deleted are gone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from example_builders import CONSENT, DEVICE, TASK, made
from model_registry import layout
from model_registry.examples.arrivals import Came
from model_registry.examples.consents import Consents
from model_registry.examples.intake import Intake
from model_registry.examples.pool import Pool
from model_registry.server import RegistryServer
from pipit.errors import InvalidInput, PermissionDenied
from pipit.examples import Example
from pipit.examples.client import ExampleClient
from pipit.storage import LocalStore, ObjectStore


class Copy:
    """One copy's side of examples, without a server. now: what it takes for the time."""

    def __init__(self, store: ObjectStore, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.store = store
        self.consents = Consents(store, now)
        self.pool = Pool(store, now)
        self.intake = Intake(store, self.pool, self.consents, 1 << 20, now)

    def send(self, example: Example, content: bytes) -> bool:
        """As a client does; gives whether it is new."""
        self.intake.check(example)
        offset = self.intake.offset(example)
        if offset is None:
            return False
        return self.intake.receive(example, offset, iter([content[offset:]]))[1]

    def listed(self) -> list[str]:
        """In order, what is here by the log."""
        here, _, _, more = self.pool.arrivals(TASK).page(0, 10_000, "", "")
        assert not more
        return [message.id for message in self.pool.messages(TASK, here)]

    def left(self) -> list[str]:
        """Keys of whatever is kept of examples."""
        return list(self.store.list(layout.examples(TASK)))

    def delete(self, *ids: str) -> int:
        return self.pool.delete(TASK, [came for one in ids if (came := self._find(one))], "anna")

    def _find(self, identity: str) -> Came | None:
        return self.pool.arrivals(TASK).find(identity)


@pytest.fixture
def new_store(tmp_path: Path) -> Callable[[], LocalStore]:
    """A folder in which pi-7 may keep examples."""

    def make() -> LocalStore:
        store = LocalStore(Path(tempfile.mkdtemp(dir=tmp_path)))
        Consents(store).give(CONSENT, "anna")
        return store

    return make


def test_the_same_examples_through_all_copies_at_once_are_there_once(any_store: ObjectStore) -> None:
    copies = [Copy(any_store) for _ in range(3)]
    copies[0].consents.give(CONSENT, "anna")
    sent = [made(number) for number in range(10)]
    with ThreadPoolExecutor(6) as pool:
        new = list(pool.map(lambda each: each[0].send(*each[1]), [(copy, one) for one in sent for copy in copies]))
    assert sum(new) >= len(sent)
    ids = [example.id for example, _ in sent]
    lists = [copy.listed() for copy in copies]
    assert sorted(lists[0]) == sorted(ids)
    assert lists[1] == lists[2] == lists[0]
    assert all(any_store.read(layout.example_content(TASK, one.id)).data == content for one, content in sent)
    assert [key for key in copies[0].left() if "/parts/" in key] == []
    row = copies[0].pool.departures(TASK, "")
    assert [(one.examples, one.bytes) for one in row] == [(10, sum(len(content) for _, content in sent))]


def test_killed_at_any_write_of_an_upload_the_next_try_completes_it(
    new_store: Callable[[], LocalStore], killed_at_each_write: Callable[..., int]
) -> None:
    example, content = made(1)

    def send_in_two(store: Any) -> None:
        copy = Copy(store)
        if copy.intake.offset(example) == 0:
            with pytest.raises(Exception, match="bytes of example"):
                copy.intake.receive(example, 0, iter([content[:100]]))
        copy.send(example, content)

    def look(store: LocalStore) -> None:
        Copy(store).send(example, content)
        again = Copy(store)
        assert again.listed() == [example.id]
        assert store.read(layout.example_content(TASK, example.id)).data == content
        again.pool.finish(TASK)
        assert again.listed() == [example.id]

    # A piece, the rest, the content, two pieces taken away, the document, the record.
    assert killed_at_each_write(new_store, send_in_two, look) == 7


def test_killed_at_any_write_of_an_upload_that_nobody_tries_again_nothing_stays_unseen(
    new_store: Callable[[], LocalStore], killed_at_each_write: Callable[..., int]
) -> None:
    example, content = made(1)
    clock = [datetime.now(UTC)]

    def look(store: LocalStore) -> None:
        copy = Copy(store, lambda: clock[0])
        copy.pool.finish(TASK)
        clock[0] += timedelta(days=1)
        copy.pool.finish(TASK)
        assert copy.listed() in ([], [example.id])
        assert bool(copy.left()) == bool(copy.listed())

    assert killed_at_each_write(new_store, lambda store: Copy(store).send(example, content), look) == 3


def test_killed_at_any_write_of_a_delete_the_next_sweep_ends_it(
    new_store: Callable[[], LocalStore], killed_at_each_write: Callable[..., int]
) -> None:
    (first, content), (second, other) = made(1), made(2)

    def filled() -> LocalStore:
        store = new_store()
        Copy(store).send(first, content)
        Copy(store).send(second, other)
        return store

    def look(store: LocalStore) -> None:
        copy = Copy(store)
        copy.pool.finish(TASK)
        gone = copy.pool.arrivals(TASK).page(2, 10, "", "")[1]
        # Killed before anything was written, nothing has happened, and everything is there.
        assert (copy.listed(), gone) in (([second.id], [first.id]), ([first.id, second.id], []))
        assert {key.split("/")[2] for key in copy.left()} == set(copy.listed())
        copy.delete(first.id)
        assert copy.send(first, content) is False
        assert Copy(store).listed() == [second.id]
        assert {key.split("/")[2] for key in copy.left()} == {second.id}

    assert killed_at_each_write(filled, lambda store: Copy(store).delete(first.id), look) == 3


def test_an_upload_that_races_a_delete_leaves_nothing_behind(new_store: Callable[[], LocalStore]) -> None:
    store = new_store()
    copies = [Copy(store) for _ in range(3)]
    sent = [made(number) for number in range(15)]
    with ThreadPoolExecutor(6) as pool:
        for example, content in sent:
            sending = [pool.submit(copy.send, example, content) for copy in copies[:2]]
            deleting = [pool.submit(copies[2].delete, example.id) for _ in range(3)]
            for each in (*sending, *deleting):
                each.result()
    here = set(copies[0].listed())
    _, deleted = copies[0].pool.arrivals(TASK).ids()
    assert here | deleted == {example.id for example, _ in sent}
    assert not here & deleted
    assert {key.split("/")[2] for key in copies[0].left()} == here


@pytest.mark.parametrize("has_document", [False, True])
def test_an_upload_that_a_delete_overtakes_at_any_moment_ends_well_and_leaves_nothing_behind(
    new_store: Callable[[], LocalStore], overtaken_at_each_call: Callable[..., int], has_document: bool
) -> None:
    example, content = made(1)

    def half_known() -> LocalStore:
        """What another upload of the same example has got to."""
        store = new_store()
        Copy(store).intake._finish(example, content)
        if has_document:
            Copy(store).pool.add(example)
            store.delete(next(store.list(layout.arrivals(TASK))))
        return store

    def complete_and_delete(store: LocalStore) -> None:
        copy = Copy(store)
        copy.pool.add(example)
        copy.delete(example.id)

    def look(store: LocalStore) -> None:
        assert (Copy(store).listed(), Copy(store).left()) == ([], [])

    def send(store: Any) -> None:
        Copy(store).send(example, content)

    assert overtaken_at_each_call(half_known, send, complete_and_delete, look) > 5


def test_a_sweep_that_an_upload_overtakes_at_any_moment_takes_nothing_of_it_away(
    new_store: Callable[[], LocalStore], overtaken_at_each_call: Callable[..., int]
) -> None:
    example, content = made(1)
    clock = [datetime.now(UTC)]

    def half_sent() -> LocalStore:
        store = new_store()
        with pytest.raises(InvalidInput, match="bytes of example"):
            Copy(store).intake.receive(example, 0, iter([content[:100]]))
        return store

    def sweep(store: Any) -> None:
        pool = Pool(store, lambda: clock[0])
        pool.finish(TASK)
        clock[0] += timedelta(days=1)
        pool.finish(TASK)

    def look(store: LocalStore) -> None:
        assert Copy(store).listed() == [example.id]
        assert store.read(layout.example_content(TASK, example.id)).data == content

    def send(store: LocalStore) -> None:
        Copy(store).send(example, content)

    assert overtaken_at_each_call(half_sent, sweep, send, look) > 6


@pytest.mark.parametrize("breaks_off", [False, True])
def test_an_upload_that_another_one_completes_leaves_no_pieces(
    new_store: Callable[[], LocalStore], breaks_off: bool
) -> None:
    copy, (example, content) = Copy(new_store()), made(1)
    with pytest.raises(InvalidInput, match="bytes of example"):
        copy.intake.receive(example, 0, iter([content[:100]]))

    def pieces() -> Iterator[bytes]:
        Copy(copy.store).send(example, content)
        yield content[100 : 200 if breaks_off else None]

    with suppress(InvalidInput):
        copy.intake.receive(example, 100, pieces())
    assert copy.listed() == [example.id]
    assert [key for key in copy.left() if "/parts/" in key] == []


def test_a_consent_that_is_withdrawn_while_an_example_comes_keeps_it_out(new_store: Callable[[], LocalStore]) -> None:
    copy, (example, content) = Copy(new_store()), made(1)

    def pieces() -> Iterator[bytes]:
        yield content[:100]
        copy.consents.withdraw(DEVICE, TASK, "anna")
        yield content[100:]

    copy.intake.check(example)
    with pytest.raises(PermissionDenied, match="nobody consented"):
        copy.intake.receive(example, 0, pieces())
    assert (copy.listed(), copy.left()) == ([], [])


def test_of_consents_that_are_given_at_once_none_is_lost(any_store: ObjectStore) -> None:
    copies = [Consents(any_store) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda copy: copy.give(replace(CONSENT, text=f"by {id(copy)}"), "anna"), copies))
    (record,) = copies[0].records(DEVICE)
    assert {consent.text for consent in record.given} == {f"by {id(copy)}" for copy in copies}
    copies[1].withdraw(DEVICE, TASK, "ben")
    (record,) = copies[2].records()
    assert (record.holds, record.withdrawn_by, len(record.given)) == (None, "ben", 3)


def test_what_one_copy_took_or_deleted_another_one_knows_at_once(
    start: Callable[..., RegistryServer], examples_of: Callable[..., ExampleClient]
) -> None:
    here, there = examples_of(start()), examples_of(start())
    here.give_consent(CONSENT)
    first, second = made(1), made(2)
    there.upload(*first)
    page = here.list_examples(TASK)
    assert [one.id for one in page.examples] == [first[0].id]
    here.upload(*second)
    assert [one.id for one in there.list_examples(TASK, page.next).examples] == [second[0].id]
    here.delete_examples(TASK, identity=first[0].id)
    after = there.list_examples(TASK, page.next)
    assert ([one.id for one in after.examples], after.deleted) == ([second[0].id], (first[0].id,))
    assert there.upload(*first) == first[0]
    assert [one.id for one in there.list_examples(TASK).examples] == [second[0].id]
