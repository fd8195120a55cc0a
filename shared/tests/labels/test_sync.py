from __future__ import annotations

import hashlib
import io
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pipit.errors import Unavailable
from pipit.examples import Example, Reason
from pipit.examples.client import ExampleClient
from pipit.examples.ids import example_id
from pipit.labels import Event, Kind
from pipit.labels.client import LabelClient
from pipit.labels.index import LabelIndex
from pipit.labels.sync import make_features, pull

TASK = "test.pets"
TAKEN = datetime(2026, 11, 29, tzinfo=UTC)
ALL = 600.0
"""Seconds, in which all vectors are made on any machine."""


@dataclass
class Registry:
    address: str
    examples: ExampleClient
    labels: LabelClient

    def bring(self, seed: int, factor: float = 1.0) -> str:
        """A picture, as a person brings it."""
        noise = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
        image = Image.fromarray(noise).resize((80, 60), Image.Resampling.BICUBIC).point(lambda value: value * factor)
        stream = io.BytesIO()
        image.save(stream, "PNG")
        content = stream.getvalue()
        taken = TAKEN + timedelta(seconds=seed)
        example = Example(
            example_id(taken, content), TASK, "image/png", len(content), hashlib.sha256(content).hexdigest(),
            Reason.IMPORTED, taken_at=taken,
        )  # fmt: skip
        return self.examples.upload(example, content).id

    def say(self, example: str, label: str) -> None:
        event = Event(str(uuid.uuid4()), Kind.LABEL, datetime.now(UTC), example, label=label, by="ann")
        self.labels.append(TASK, str(uuid.uuid4()), [event])


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with _serving(tmp_path / "store") as registry:
        yield registry


@contextmanager
def _serving(store: Path) -> Iterator[Registry]:
    server_module = pytest.importorskip("model_registry.server")
    settings_module = pytest.importorskip("model_registry.settings")
    settings = settings_module.RegistrySettings(store=store, port=0, metrics_port=0, grace_seconds=1.0)
    server = server_module.RegistryServer(settings)
    server.start()
    address = f"127.0.0.1:{server.port}"
    with ExampleClient(address) as examples, LabelClient(address) as labels:
        yield Registry(address, examples, labels)
    server.stop()


def test_an_index_follows_the_registry(registry: Registry, index: LabelIndex) -> None:
    first, copy, other = registry.bring(1), registry.bring(1, 0.9), registry.bring(2)
    registry.say(first, "dog")
    assert not pull(index, registry.examples, registry.labels, feature_seconds=ALL)
    assert index.progress().examples == 3
    assert index.item(first, "bob").resolution.label == "dog"
    assert index.item(first, "bob").similar == (copy,)
    assert index.item(other, "bob").similar == ()
    registry.examples.delete_examples(TASK, first)
    registry.say(other, "cat")
    later = registry.bring(3)
    pull(index, registry.examples, registry.labels)
    assert [item.example.id for item in index.queue("bob").items] != []
    assert {one.id: found.label for one, found in index.every()} == {copy: "", other: "cat", later: ""}


def test_it_goes_on_where_it_was_stopped(registry: Registry, index: LabelIndex, tmp_path: Path) -> None:
    for number in range(3):
        registry.say(registry.bring(number), "dog")
    pull(index, registry.examples, registry.labels, stopped=lambda: True)
    assert index.progress().examples == 0
    assert pull(index, registry.examples, registry.labels, feature_seconds=0.0)
    assert (index.progress().labelled, len(index.without_features(10))) == (3, 3)
    again = LabelIndex(tmp_path / "again.sqlite", TASK)
    assert not pull(again, registry.examples, registry.labels, feature_seconds=ALL)
    assert again.progress().labelled == 3
    again.close()


def test_what_was_deleted_meanwhile_has_no_vector(registry: Registry, index: LabelIndex) -> None:
    gone = registry.bring(1)
    pull(index, registry.examples, registry.labels, feature_seconds=0.0)
    registry.examples.delete_examples(TASK, gone)
    assert make_features(index, registry.examples)
    assert not make_features(index, registry.examples)


def test_a_registry_that_is_away_is_told(index: LabelIndex) -> None:
    with (
        ExampleClient("127.0.0.1:1") as examples,
        LabelClient("127.0.0.1:1") as labels,
        pytest.raises(Unavailable),
    ):
        pull(index, examples, labels)


def test_an_index_of_another_store_is_made_anew(registry: Registry, index: LabelIndex, tmp_path: Path) -> None:
    for number in range(3):
        registry.say(registry.bring(number), "dog")
    pull(index, registry.examples, registry.labels)
    with _serving(tmp_path / "other") as other:
        cats = [other.bring(number) for number in range(10, 14)]
        for cat in cats:
            other.say(cat, "cat")
        pull(index, other.examples, other.labels)
        assert {one.id: found.label for one, found in index.every()} == dict.fromkeys(cats, "cat")
        assert (index.progress().examples, index.summary().people[0].labels) == (4, 4)


def test_what_a_store_got_since_it_was_set_back_is_not_passed_over(
    registry: Registry, index: LabelIndex, tmp_path: Path
) -> None:
    kept = registry.bring(1)
    registry.say(kept, "dog")
    shutil.copytree(tmp_path / "store", tmp_path / "backup")
    lost = registry.bring(2)
    registry.say(lost, "dog")
    pull(index, registry.examples, registry.labels)
    with _serving(tmp_path / "backup") as restored:
        new = restored.bring(3)
        restored.say(new, "cat")
        pull(index, restored.examples, restored.labels)
        pull(index, restored.examples, restored.labels)
        assert {one.id: found.label for one, found in index.every()} == {kept: "dog", new: "cat"}


@pytest.mark.parametrize("kind", ["examples", "events"])
def test_a_page_that_was_asked_for_before_somebody_began_anew_is_not_taken_in(
    registry: Registry, index: LabelIndex, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    first = registry.bring(1)
    registry.say(first, "dog")
    pull(index, registry.examples, registry.labels)
    second = registry.bring(2)
    registry.say(second, "cat")
    client, method = (registry.examples, "list_examples") if kind == "examples" else (registry.labels, "read_events")
    ask = getattr(client, method)

    def overtaken(task: str, after: str) -> object:
        page = ask(task, after)
        monkeypatch.undo()
        index.clear()
        return page

    monkeypatch.setattr(client, method, overtaken)
    pull(index, registry.examples, registry.labels)
    pull(index, registry.examples, registry.labels)
    assert {one.id: found.label for one, found in index.every()} == {first: "dog", second: "cat"}
