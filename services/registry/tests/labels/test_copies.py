"""Labels where several copies of the registry run, or one is killed: none is lost, none stands there twice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from label_builders import TASK, batch_id, frozen, labelled
from model_registry.labels import events
from model_registry.labels.events import Labels
from model_registry.labels.sets import LabelSets
from model_registry.server import RegistryServer
from pipit.labels.client import LabelClient
from pipit.storage import LocalStore, ObjectStore


def ids(labels: Labels) -> list[str]:
    return [event.id for _, batch in labels.read(TASK, 0) for event in batch.events]


def test_each_batch_stands_there_once_though_copies_race_for_it(any_store: ObjectStore) -> None:
    copies = [Labels(any_store) for _ in range(3)]
    batches = [batch_id() for _ in range(12)]

    def send(task: tuple[int, int]) -> bool:
        copy, number = task
        return copies[copy].append(TASK, batches[number], (labelled(number),), "anna")

    # Every batch through every copy, as a page does that got no answer and tries the next one.
    with ThreadPoolExecutor(6) as pool:
        known = list(pool.map(send, [(copy, number) for number in range(12) for copy in range(3)]))
    assert sorted(ids(copies[0])) == sorted(f"event-{number}" for number in range(12))
    assert known.count(False) == 12


def test_killed_at_any_write_a_batch_that_is_sent_again_stands_there_once(
    tmp_path: Path, killed_at_each_write: Callable[..., int]
) -> None:
    first, second = batch_id(), batch_id()

    def say(store: Any) -> None:
        labels = Labels(store)
        labels.append(TASK, first, (labelled(1),), "anna")
        labels.append(TASK, second, (labelled(2), labelled(3)), "anna")

    def look(store: LocalStore) -> None:
        say(store)
        assert ids(Labels(store)) == ["event-1", "event-2", "event-3"]
        assert Labels(store).append(TASK, first, (labelled(1),), "anna") is True

    assert killed_at_each_write(lambda: LocalStore(Path(tempfile.mkdtemp(dir=tmp_path))), say, look) == 4


def test_long_after_it_was_killed_the_events_of_a_batch_have_the_same_ids(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_LOOKED_BACK", 2)
    first = batch_id()
    labels = Labels(store)
    labels.append(TASK, first, (labelled(1),), "anna")
    store.delete(f"labels/{TASK}/batches/{first}")
    for number in (2, 3):
        labels.append(TASK, batch_id(), (labelled(number),), "anna")
    # This is what the log may do, and why whoever reads it counts an id once.
    assert Labels(store).append(TASK, first, (labelled(1),), "anna") is False
    assert ids(labels) == ["event-1", "event-2", "event-3", "event-1"]


def test_a_set_that_was_killed_before_its_head_is_listed_once_it_is_sent_again(
    tmp_path: Path, killed_at_each_write: Callable[..., int]
) -> None:
    def put(store: Any) -> None:
        LabelSets(store).put(frozen(), "anna")

    def look(store: LocalStore) -> None:
        put(store)
        assert [head.digest for head in LabelSets(store).heads("")] == [frozen().digest]
        assert LabelSets(store).get("evening", "").items == frozen().items

    assert killed_at_each_write(lambda: LocalStore(Path(tempfile.mkdtemp(dir=tmp_path))), put, look) == 2


def test_what_one_copy_took_another_one_gives_and_goes_on_from(
    start: Callable[..., RegistryServer], labels_of: Callable[..., LabelClient]
) -> None:
    here, there = labels_of(start()), labels_of(start())
    first = batch_id()
    here.append(TASK, first, [labelled(1)])
    page = there.read_events(TASK)
    assert [event.id for event in page.events] == ["event-1"]
    assert there.append(TASK, first, [labelled(1)]) is True
    there.append(TASK, batch_id(), [labelled(2)])
    here.append(TASK, batch_id(), [labelled(3)])
    for copy in (here, there):
        assert [event.id for event in copy.read_events(TASK, page.next).events] == ["event-2", "event-3"]
    there.put_set(frozen())
    assert here.get_set("evening").items == frozen().items


def test_what_another_copy_wrote_before_it_was_killed_is_known_where_the_log_was_open_already(
    store: LocalStore,
) -> None:
    here, first = Labels(store), batch_id()
    assert ids(here) == []
    Labels(store).append(TASK, first, (labelled(1),), "anna")
    store.delete(f"labels/{TASK}/batches/{first}")
    assert here.append(TASK, first, (labelled(1),), "anna") is True
    assert ids(here) == ["event-1"]
