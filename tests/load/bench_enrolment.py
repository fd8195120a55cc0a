"""Enrolling real people at a server in a process of its own, when few are known and when a thousand are.

    python tests/load/bench_enrolment.py --bundle RUN/publish/bundle

Also what `Classify` adds to the same work in one process (calls take turns), and the server's memory.

Pictures: LFW's, cut to 160 pixels (PIPIT_DATA). The thousand are random templates, for whoever looks for the likeliest
looks at all of them. `Classify` is of one of those pictures; calls take no turns, so that a busy machine shows.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, perf_counter, sleep

import numpy as np
import psutil
from measure import milliseconds, side_by_side, timed, write_csv
from pipit.bundle import Bundle, open_bundle
from pipit.client import Client, FacesClient
from pipit.faces.gallery import Consent, Person, Template
from pipit.faces.sealing import GalleryKey, seal
from pipit.galleries import StoredGalleries
from pipit.inputs import EncodedImage
from pipit.pipelines.served import serve_bundle
from pipit.settings import DataSettings, load_settings
from pipit.storage import LocalStore
from servers import arguments, inference_server

TASK = "home_security.faces"
CONSENT = Consent("somebody", "2026-11-01T00:00:00Z", "a measurement")
MANY, TEMPLATES = 1000, 5
CALLS = 200
Row = dict[str, object]


def main() -> None:
    """Measures, and writes docs/measured/enrolment.csv."""
    options = arguments(__doc__ or "", TASK).parse_args()
    data = load_settings(DataSettings).data
    if data is None:
        raise SystemExit("needs real faces; set PIPIT_DATA")
    people = [sorted(folder.glob("*.jpg")) for folder in sorted((data / "faces/lfw_known").iterdir())]
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "gallery.key"
        GalleryKey.generate().save(key)
        os.environ["PIPIT_SERVING_GALLERY_KEY"] = str(key)
        os.environ["PIPIT_SERVING_GALLERY_DIR"] = folder
        with (
            inference_server("--bundle", str(options.bundle)) as (server, address),
            FacesClient(address) as faces,
            Client(address) as asks,
        ):
            wait_for(lambda: bool(asks.models()[0].identity))
            serving = [memory(server.pid, 0)]
            rows = measure(faces, asks, people[:5], people[-1][0])
            serving += [*beside(open_bundle(options.bundle), asks, people[-1][0]), memory(server.pid, 5)]
            add_many(Path(folder), GalleryKey.load(key), faces)
            rows += measure(faces, asks, people[5:10], people[-1][0])
            serving.append(memory(server.pid, len(faces.people())))
    versions = ("onnxruntime", "ai-edge-litert", "grpcio")
    write_csv("enrolment", rows, versions)
    write_csv("faces_serving", serving, versions)


def measure(faces: FacesClient, asks: Client, people: list[list[Path]], stranger: Path) -> list[Row]:
    """Of five people more than are known now."""
    known = len(faces.people())
    enrol, live = zip(*(enrol_one(faces, asks, pictures) for pictures in people), strict=True)
    asks.classify(stranger)
    answer = [timed(lambda: asks.classify(stranger)) for _ in range(CALLS)]
    naming = [asks.classify(stranger).times.interpret for _ in range(CALLS)]
    listing = [timed(faces.people) for _ in range(5)]
    return [
        row("enrol, a picture", known, enrol),
        row("from enrolled to named", known, live),
        row("Classify of one face, there and back", known, answer),
        row("of that: naming", known, naming),
        row("list everybody", known, listing),
    ]


def enrol_one(faces: FacesClient, asks: Client, pictures: list[Path]) -> tuple[float, float]:
    """Seconds for a picture, and from then on until the person is named."""
    name = secrets.token_hex(4)
    seconds = timed(lambda: faces.enrol(name, pictures, consent_by="a test", purpose="a test"))
    begun = perf_counter()
    wait_for(lambda: asks.classify(pictures[0]).label == name)
    return seconds / len(pictures), perf_counter() - begun


def beside(bundle: Bundle, asks: Client, picture: Path) -> list[Row]:
    """`Classify` of one face and the same in this process, where nobody is known: naming takes a third of a ms."""
    data = EncodedImage(picture.read_bytes())
    with serve_bundle(bundle) as served:
        seconds = side_by_side(
            {"in one process": lambda: served.answer(data), "Classify": lambda: asks.classify(data)}, 300
        )
    seconds["what Classify adds"] = seconds["Classify"] - seconds["in one process"]
    base = np.median(seconds["in one process"])
    return [
        {
            "what": what,
            "value": milliseconds(values, 50),
            "unit": "ms",
            "p95": milliseconds(values, 95),
            "ratio": round(float(np.median(values) / base), 3),
            "samples": len(values),
        }
        for what, values in seconds.items()
    ]


def memory(pid: int, people: int) -> Row:
    """Resident, of the server's process."""
    mebibytes = round(psutil.Process(pid).memory_info().rss / 2**20, 1)
    what = f"resident memory, {people} people known"
    return {"what": what, "value": mebibytes, "unit": "MiB", "p95": "", "ratio": "", "samples": 1}


def row(what: str, known: int, seconds: Sequence[float]) -> Row:
    """One line of the table."""
    values = np.array(seconds)
    return {
        "what": what,
        "people": known,
        "p50_ms": milliseconds(values, 50),
        "p95_ms": milliseconds(values, 95),
        "samples": len(values),
    }


def add_many(folder: Path, key: GalleryKey, faces: FacesClient) -> None:
    """Strangers who look like nobody, until there are a thousand."""
    galleries = StoredGalleries(LocalStore(folder / "store"))
    held = faces.export(faces.people()[0].id).templates[0]
    random = np.random.default_rng(1)
    for number in range(MANY - len(faces.people())):
        vectors = random.normal(size=(TEMPLATES, len(held.vector))).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        templates = tuple(Template(vector, held.embedder, 0.8, secrets.token_hex(32)) for vector in vectors)
        person = Person(secrets.token_hex(16), f"somebody {number}", CONSENT, templates)
        galleries.put("home", seal(key, "home", person))


def wait_for(condition: Callable[[], bool]) -> None:
    """Asks again and again, at most for a minute."""
    deadline = monotonic() + 60
    while not condition():
        if monotonic() > deadline:
            raise SystemExit("it never came true")
        sleep(0.01)


if __name__ == "__main__":
    main()
