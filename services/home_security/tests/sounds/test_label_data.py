"""Sounds that people labelled train beside the recipe's own, and measure nothing."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.synthetic import write_synthetic_set
from home_security.sounds.task import SoundsTrainer
from pipit.examples import Consent, Example, Reason
from pipit.examples.client import ExampleClient
from pipit.examples.ids import example_id
from pipit.files import sha256_bytes
from pipit.labels import Event, Kind
from pipit.labels.client import LabelClient
from pipit.labels.gathering import gather
from pipit.training.label_data import Fetched, fetch_label_data, with_label_data
from pipit.training.run import open_run

TASK = "home_security.sounds"
# Not so long ago that a registry would sweep it away.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
Clients = tuple[ExampleClient, LabelClient]
Recipe = Callable[..., SoundsRecipe]


@pytest.fixture
def clients(tmp_path: Path) -> Iterator[Clients]:
    """Of a registry of its own."""
    server_module = pytest.importorskip("model_registry.server", reason="needs services/registry")
    settings_module = pytest.importorskip("model_registry.settings")
    settings = settings_module.RegistrySettings(store=tmp_path / "store", port=0, metrics_port=0, grace_seconds=1.0)
    server = server_module.RegistryServer(settings)
    server.start()
    address = f"127.0.0.1:{server.port}"
    with ExampleClient(address) as examples, LabelClient(address) as labels:
        examples.give_consent(Consent("hall", TASK, "we all agreed"))
        yield examples, labels
    server.stop()


def bring(clients: Clients, clips: list[Path], *, reason: Reason, minutes: float) -> list[str]:
    """Uploads clips of ESC-50's names, half an hour apart, and labels each as its file's name says; gives their ids."""
    examples, labels = clients
    events = []
    for number, clip in enumerate(clips):
        content, taken_at = clip.read_bytes(), NOON + timedelta(minutes=minutes + 30.0 * number)
        example = Example(
            example_id(taken_at, content),
            TASK,
            "audio/wav",
            len(content),
            sha256_bytes(content),
            reason,
            device_id="" if reason is Reason.IMPORTED else "hall",
            taken_at=taken_at,
            group=clip.name.split("-")[1],
        )
        examples.upload(example, content)
        events.append(Event(f"{reason}-{number}", Kind.LABEL, NOON, example.id, label=clip.parent.name))
    labels.append(TASK, f"batch-of-{reason}-{minutes:06.0f}", events)
    return [event.example for event in events]


@pytest.fixture
def more(tmp_path: Path, synthetic: Path) -> dict[str, list[Path]]:
    """Clips of other recordings than those of the fixture `synthetic`, by class."""
    table = (write_synthetic_set(tmp_path / "more", clips_per_class=4, seed=7) / "meta" / "esc50.csv").read_text()
    rows = [line.split(",") for line in table.splitlines()]
    names, categories = rows[0].index("filename"), rows[0].index("category")
    clips: dict[str, list[Path]] = {}
    for row in rows[1:]:
        home = tmp_path / "labelled" / row[categories]
        home.mkdir(parents=True, exist_ok=True)
        clips.setdefault(row[categories], []).append(
            Path(shutil.copy(tmp_path / "more" / "audio" / row[names], home / row[names]))
        )
    return clips


def prepared(recipe: SoundsRecipe, fetched: list[Fetched], data: Path, runs: Path) -> list[dict[str, Any]]:
    """Each item with its side, as the first step leaves them."""
    trainer = SoundsTrainer(recipe, data)
    trainer.sources.located = {one.path: one.folder for one in fetched}
    with open_run(trainer, runs) as run:
        trainer.prepare(run)
        entries: list[dict[str, Any]] = json.loads((run.folder / "prepare" / "items.json").read_text())
    return entries


def test_what_is_held_out_is_on_no_side_and_the_rest_trains(
    clients: Clients, more: dict[str, list[Path]], synthetic: Path, make_recipe: Recipe, tmp_path: Path
) -> None:
    trained = bring(clients, more["dog"], reason=Reason.UNCERTAIN, minutes=0.0)
    honest = bring(clients, more["siren"], reason=Reason.RANDOM, minutes=600.0)
    frozen = gather(*clients, TASK).freeze("november")
    assert {item.example for item in frozen.set.items if item.held_out} == set(honest)
    clients[1].put_set(frozen.set)

    recipe = with_label_data(make_recipe(), ["labels://november"])
    recipe, fetched = fetch_label_data(recipe, SoundsTrainer, *clients, tmp_path / "cache")
    assert recipe.additional_data[0].path == f"labels://november@{frozen.set.digest}"
    entries = prepared(recipe, fetched, synthetic.parent, tmp_path / "runs")

    sides = {Path(entry["name"]).stem: entry["side"] for entry in entries if entry["name"].startswith("november-")}
    assert sides == dict.fromkeys(trained, "train")
    assert not any(example in str(path) for example in honest for path in (tmp_path / "cache").rglob("*"))
    groups = {entry["group"].rpartition("/")[2] for entry in entries if entry["name"].startswith("november-")}
    assert groups == {clip.name.split("-")[1] for clip in more["dog"]}
    # The recipe's own sides are what they are without.
    own = {entry["name"]: entry["side"] for entry in entries if not entry["name"].startswith("november-")}
    alone = prepared(make_recipe(), [], synthetic.parent, tmp_path / "runs")
    assert own == {entry["name"]: entry["side"] for entry in alone}
    assert Counter(own.values()).keys() == {"train", "validation", "test"}


def test_a_clip_that_tests_does_not_train_under_another_name(
    clients: Clients, synthetic: Path, make_recipe: Recipe, tmp_path: Path
) -> None:
    alone = prepared(make_recipe(), [], synthetic.parent, tmp_path / "runs")
    tests = next(entry for entry in alone if entry["side"] == "test" and entry["label"] == "dog")
    trains = next(entry for entry in alone if entry["side"] == "train" and entry["label"] == "dog")
    copies = []
    for number, entry in enumerate([tests, trains]):
        copy = tmp_path / "dog" / f"1-{number}-A-0.wav"
        copy.parent.mkdir(exist_ok=True)
        copies.append(Path(shutil.copy(synthetic.parent / entry["name"], copy)))
    leak, good = bring(clients, copies, reason=Reason.IMPORTED, minutes=0.0)
    clients[1].put_set(gather(*clients, TASK).freeze("copies").set)
    recipe = with_label_data(make_recipe(), ["labels://copies"])
    recipe, fetched = fetch_label_data(recipe, SoundsTrainer, *clients, tmp_path / "cache")
    assert fetched[0].items == 2
    entries = prepared(recipe, fetched, synthetic.parent, tmp_path / "runs")
    assert [Path(e["name"]).stem for e in entries if e["name"].startswith("copies-")] == [good]
    assert leak not in json.dumps(entries)
