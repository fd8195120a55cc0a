"""A pool of many examples and their labels on a local folder: pages of a list, appended labels, uploads, deletes.

The registry is a process of its own, asked over loopback. The pool is laid down as the registry would have left it, but
without waiting for the disk: contents of 1 kB, each with one part of ten scores. A label is a batch of its own, as one
key press makes it. Times are a caller's, who makes dataclasses of what comes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from measure import write_csv
from model_registry import layout
from model_registry.examples.arrivals import Came
from model_registry.examples.pool import Pool
from model_registry.numbered_log import PACK, NumberedLog
from pipit._pb.pipit.examples.v1 import examples_pb2 as pb
from pipit.examples import Consent, Example, Part, Reason, Score
from pipit.examples.client import ExampleClient
from pipit.examples.ids import example_id
from pipit.labels import Event, Kind
from pipit.labels.client import LabelClient
from pipit.storage import LocalStore
from pydantic import TypeAdapter
from servers import registry_client

TASK = "bench.sounds"
DEVICES = 20
BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
_EXAMPLE = TypeAdapter(Example)
_CAME = TypeAdapter(Came)


def made(number: int) -> tuple[Example, bytes]:
    """One of a pool: 20 devices, a new one every minute."""
    content = hashlib.sha256(str(number).encode()).digest() * 32
    taken = BEGIN + timedelta(minutes=number)
    scores = tuple(Score(f"label {index}", 0.5 / (index + 1)) for index in range(10))
    return (
        Example(
            example_id(taken, content),
            TASK,
            "audio/wav",
            len(content),
            hashlib.sha256(content).hexdigest(),
            Reason.UNCERTAIN,
            f"pi-{number % DEVICES}",
            taken,
            "1.0.0",
            (Part(span=(0.0, 1.0), scores=scores, label="label 0"),),
            group=f"evening {number // 100}",
        ),
        content,
    )


def lay_down(root: Path, count: int) -> list[Example]:
    """A pool as the registry leaves it, without waiting for the disk after each file."""
    LocalStore(root)
    found = []
    for number in range(count):
        example, content = made(number)
        stored = replace(example, received_at=example.taken_at)
        came = Came(example.id, example.device_id, example.bytes, BEGIN)
        for key, data in (
            (layout.example_content(TASK, example.id), content),
            (layout.example(TASK, example.id), _EXAMPLE.dump_json(stored)),
            (layout.numbered(layout.arrivals(TASK), number + 1), _CAME.dump_json(came)),
        ):
            path = root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        found.append(stored)
    return found


def labelled(example: str) -> Event:
    """What a key press says."""
    return Event(str(uuid.uuid4()), Kind.LABEL, datetime.now(UTC), example, "label 0", seconds=1.0)


def pages(client: ExampleClient, seconds: list[float]) -> int:
    """Reads the list from its beginning; gives how many examples there were."""
    after, more, count = "", True, 0
    while more:
        begun = perf_counter()
        page = client.list_examples(TASK, after)
        seconds.append(perf_counter() - begun)
        after, more, count = page.next, page.more, count + len(page.examples)
    return count


def events(client: LabelClient) -> int:
    """Reads all labels; gives how many there were."""
    after, more, count = "", True, 0
    while more:
        page = client.read_events(TASK, after)
        after, more, count = page.next, page.more, count + len(page.events)
    return count


def measure(count: int, labels: int, folder: Path) -> list[dict[str, object]]:
    """Rows of what, and how many seconds."""
    seconds: dict[str, list[float]] = {}

    def time(what: str, call: Callable[[], object]) -> None:
        begun = perf_counter()
        call()
        seconds.setdefault(what, []).append(perf_counter() - begun)

    store = folder / "registry"
    laid = lay_down(store, count)
    with ExitStack() as stack:
        registry = stack.enter_context(registry_client(stack, store))
        examples = ExampleClient(registry.address, timeout=600.0, channel=registry.channel)
        said = LabelClient(registry.address, timeout=600.0, channel=registry.channel)
        for number in range(DEVICES):
            examples.give_consent(Consent(f"pi-{number}", TASK, "a measurement", keep_days=0))
        time("the first page of 1,000 after a start, which reads the whole log", lambda: examples.list_examples(TASK))
        cold: list[float] = []
        assert pages(examples, cold) == count
        seconds["a page of 1,000, its documents read for the first time"] = cold[1:]
        warm: list[float] = []
        assert pages(examples, warm) == count
        seconds["a page of 1,000, warm"] = warm
        end = str(count)
        for _ in range(50):
            time("asking what is new where nothing is", lambda: examples.list_examples(TASK, end))
        for number in range(count, count + 50):
            time("one example of 1 kB sent", lambda number=number: examples.upload(*made(number)))
        for number in range(labels):
            batch = [labelled(laid[number % count].id)]
            time("one label appended", lambda batch=batch: said.append(TASK, str(uuid.uuid4()), batch))

        lock = threading.Lock()

        def person(number: int) -> None:
            for index in range(labels // 4):
                batch = [labelled(laid[(number + index) % count].id)]
                begun = perf_counter()
                said.append(TASK, str(uuid.uuid4()), batch)
                took = perf_counter() - begun
                with lock:
                    seconds.setdefault("one label appended, four people at once", []).append(took)

        with ThreadPoolExecutor(4) as people:
            list(people.map(person, range(4)))
        time(f"all labels read, {labels + labels // 4 * 4} batches", lambda: events(said))
        for example in laid[:50]:
            time("one example deleted", lambda example=example: examples.delete_examples(TASK, example.id))
        day = f"{BEGIN + timedelta(days=2):%Y%m%d}"
        time("a day of 1,440 examples deleted", lambda: examples.delete_examples(TASK, day=day))
    # What the registry's own sweep has not packed yet.
    NumberedLog(LocalStore(store), layout.arrivals(TASK)).pack()
    with ExitStack() as stack:
        registry = stack.enter_context(registry_client(stack, store))
        examples = ExampleClient(registry.address, timeout=600.0, channel=registry.channel)
        time("the first page after a start, the log packed", lambda: examples.list_examples(TASK))
    # In this process: what is left of a page without the wire, and without dataclasses at its end.
    pool = Pool(LocalStore(store))
    pool.arrivals(TASK).select()
    for what in ("the registry's processor time for such a page, cold", "the registry's processor time, warm"):
        for after in range(0, count - PACK, PACK):
            begun = process_time()
            here, gone, last, more = pool.arrivals(TASK).page(after, PACK, "", "")
            found = pool.messages(TASK, here)
            pb.ListExamplesResponse(examples=found, deleted=gone, next=str(last), more=more).SerializeToString()
            seconds.setdefault(what, []).append(process_time() - begun)
    return [
        {
            "what": what,
            "examples": count,
            "median ms": f"{1000 * float(np.median(values)):.3g}",
            "p95 ms": f"{1000 * float(np.percentile(values, 95)):.3g}",
            "highest ms": f"{1000 * max(values):.3g}",
            "times": len(values),
            "load": f"{os.getloadavg()[0]:.1f}",
        }
        for what, values in seconds.items()
    ]


def main() -> None:
    """Measures one pool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--examples", type=int, default=100_000, help="in the pool")
    parser.add_argument("--labels", type=int, default=400, help="that are appended, one by one")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(chosen.examples, chosen.labels, Path(folder))
    write_csv("examples", rows, ("grpcio", "pydantic"))


if __name__ == "__main__":
    main()
