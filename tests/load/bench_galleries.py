"""A gallery of many people: enrolling one more, telling a device, a start from the disk, and forgetting.

A registry on a local folder in this process, and a device that follows it over loopback. People have ten templates of
512 numbers; they are random, for nothing here looks at them.
"""

from __future__ import annotations

import argparse
import queue
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
from measure import write_csv
from model_registry.server import RegistryServer
from model_registry.settings import RegistrySettings
from pipit.faces.gallery import Consent, Gallery, Person, Template
from pipit.faces.sealing import GalleryKey, seal, unseal
from pipit.galleries import GalleryCache, GalleryFollower, RemoteGalleries

TEMPLATES, DIMENSIONS = 10, 512
CONSENT = Consent("somebody", "2026-11-01T00:00:00Z", "a measurement")


def person(number: int) -> Person:
    """Somebody new."""
    random = np.random.default_rng(number)
    vectors = random.normal(size=(TEMPLATES, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    templates = tuple(Template(vector, "embedder", 1.0, "0" * 64) for vector in vectors)
    return Person(f"{number:032x}", f"person {number}", CONSENT, templates)


def measure(people: int, rounds: int, folder: Path) -> list[dict[str, object]]:
    """Rows of what, median, lowest and highest seconds."""
    key = GalleryKey.generate()
    seconds: dict[str, list[float]] = {}

    def time(what: str, call: Callable[[], object]) -> None:
        begun = perf_counter()
        call()
        seconds.setdefault(what, []).append(perf_counter() - begun)

    server = RegistryServer(RegistrySettings(store=folder / "store", port=0, metrics_port=0))
    server.start()
    told: queue.Queue[Gallery] = queue.Queue()

    def device(name: str) -> GalleryFollower:
        cache = GalleryCache(folder / name, "home")
        return GalleryFollower(galleries, "home", key, name, told.put, cache)

    with RemoteGalleries(f"127.0.0.1:{server.port}") as galleries:
        for number in range(people):
            galleries.put("home", seal(key, "home", person(number)))
        first = device("device")
        time("a new device: everybody fetched, kept and opened", lambda: (first.start(), told.get()))
        for number in range(people, people + rounds):
            one = person(number)
            time("seal one person", lambda one=one: seal(key, "home", one))
            sealed = seal(key, "home", one)
            time("open one person", lambda sealed=sealed: unseal(key, "home", sealed))
            time("put one person, call answered", lambda sealed=sealed: galleries.put("home", sealed))
            time("after that: the device knows them", told.get)
            time("list", lambda: galleries.list("home"))
            identity = one.id
            begun = perf_counter()
            time("forget one person, call answered", lambda identity=identity: galleries.forget("home", identity))
            told.get()
            revision = galleries.list("home").revision
            while [state.revision for state in galleries.devices("home")] != [revision]:
                sleep(0.002)
            seconds.setdefault("from the call to forget to the device's acknowledgement", []).append(
                perf_counter() - begun
            )
        first.stop()
        for _ in range(3):
            again = device("device")
            time("a start from the disk: everybody opened", lambda again=again: (again.start(), told.get()))
            again.stop()
    server.stop(0)
    size = sum(path.stat().st_size for path in (folder / "device").rglob("*.json"))
    rows: list[dict[str, object]] = [
        {
            "what": what,
            "people": people,
            "unit": "ms",
            "median": f"{1000 * float(np.median(values)):.3g}",
            "lowest": f"{1000 * min(values):.3g}",
            "highest": f"{1000 * max(values):.3g}",
            "rounds": len(values),
        }
        for what, values in seconds.items()
    ]
    mebibytes = f"{size / 2**20:.3g}"
    return [
        *rows,
        {
            "what": "a device's sealed cache",
            "people": people,
            "unit": "MiB",
            "median": mebibytes,
            "lowest": mebibytes,
            "highest": mebibytes,
            "rounds": 1,
        },
    ]


def main() -> None:
    """Measures galleries of several sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[20, 1000], help="sizes of galleries")
    parser.add_argument("--rounds", type=int, default=10, help="people who are put and forgotten")
    chosen = parser.parse_args()
    rows = []
    for people in chosen.people:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(people, chosen.rounds, Path(folder))
    write_csv("galleries", rows, ("grpcio", "cryptography", "numpy"))


if __name__ == "__main__":
    main()
