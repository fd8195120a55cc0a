"""The console over HTTP with 100,000 examples in its index: the next item, and a label stored.

Written to docs/measured/console.csv. A registry on a local folder, the console beside it and one browser, all in this
process and over loopback. A label counts as stored once the answer is here: the registry has put it on the disk then,
and the index knows it. The index is filled as the console's thread fills it, from the examples of `bench_labels`.
"""

from __future__ import annotations

import argparse
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import httpx
import numpy as np
from bench_labels import LABELS, PAGE, examples
from measure import milliseconds, timed, write_csv
from model_registry.server import RegistryServer
from model_registry.settings import RegistrySettings
from pipit.examples import Consent, ExamplePage
from pipit.examples.client import ExampleClient
from pipit.labels.index import LabelIndex
from pipit_console.server import ConsoleServer
from pipit_console.settings import ConsoleSettings

TASK = "bench.labels"


def fill(folder: Path, count: int) -> None:
    """The index that the console finds."""
    index = LabelIndex(folder / f"{TASK}.sqlite", TASK)
    pool = list(examples(count, np.random.default_rng(17)))
    for start in range(0, count, PAGE):
        # Where the registry's own pages begin stays open.
        index.feed_examples(ExamplePage(tuple(pool[start : start + PAGE]), (), "", more=True))
    # Their contents are nowhere, so that none has a likeness.
    for start in range(0, count, PAGE):
        index.feed_features({example.id: None for example in pool[start : start + PAGE]})
    index.close()


def label(browser: httpx.Client, example: str, number: int) -> None:
    """One event in a batch of its own, as the page sends it."""
    event = {
        "id": str(uuid.uuid4()),
        "kind": "label",
        "example": example,
        "label": LABELS[number % len(LABELS)],
        "at": datetime.now(UTC).isoformat(),
        "seconds": 1.5,
    }
    body = {"batch_id": str(uuid.uuid4()), "events": [event]}
    browser.post(f"/api/v1/label/{TASK}/events", json=body).raise_for_status()


def measure(folder: Path, questions: int) -> dict[str, list[float]]:
    """Seconds by what was asked."""
    seconds: dict[str, list[float]] = {
        "the next item": [],
        "the next 20 items": [],
        "a label stored": [],
        "one item": [],
    }
    registry = RegistryServer(RegistrySettings(store=folder / "store", port=0, metrics_port=0))
    registry.start()
    address = f"127.0.0.1:{registry.port}"
    with ExampleClient(address) as client:
        client.give_consent(Consent("pi-0", TASK, "a measurement"))
    console = ConsoleServer(ConsoleSettings(registry=address, port=0, metrics_port=0, cache_dir=folder / "cache"))
    console.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{console.port}", timeout=60.0) as browser:
        signed_in = browser.post("/api/v1/session", json={"name": "Anna"})
        browser.headers["X-Pipit-CSRF"] = signed_in.json()["csrf"]
        queue = f"/api/v1/label/{TASK}/queue"
        browser.get(queue).raise_for_status()
        for number in range(questions):
            begun = perf_counter()
            answer = browser.get(queue, params={"count": 1}).raise_for_status().json()
            seconds["the next item"].append(perf_counter() - begun)
            identity = answer["items"][0]["id"]
            seconds["the next 20 items"].append(timed(lambda: browser.get(queue).raise_for_status()))
            item = f"/api/v1/label/{TASK}/items/{identity}"
            seconds["one item"].append(timed(lambda item=item: browser.get(item).raise_for_status()))
            seconds["a label stored"].append(
                timed(lambda identity=identity, number=number: label(browser, identity, number))
            )
        progress = browser.get(f"/api/v1/label/{TASK}/summary").raise_for_status().json()["progress"]
        assert progress["labelled"] == questions, progress
    console.stop()
    registry.stop(0)
    return seconds


def main() -> None:
    """Fills an index, then asks the console."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=500)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder) / "cache", chosen.examples)
        found = measure(Path(folder), chosen.questions)
    rows = [
        {
            "what": what,
            "examples": chosen.examples,
            "median_ms": milliseconds(np.array(values), 50),
            "p95_ms": milliseconds(np.array(values), 95),
            "samples": len(values),
        }
        for what, values in found.items()
    ]
    write_csv("console", rows, ("fastapi", "uvicorn", "grpcio"))


if __name__ == "__main__":
    main()
