"""Real servers on free ports, small bundles, an S3 server, and a wire between them that can be cut."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from model_registry.server import RegistryServer
from model_registry.settings import RegistrySettings
from pipit.bundle import Bundle, Manifest, write_bundle
from pipit.faces.gallery import Consent, Person, Template
from pipit.faces.sealing import GalleryKey
from pipit.galleries import RemoteGalleries
from pipit.registry import RegistryClient
from pipit.storage import LocalStore, ObjectStore

TASK = "test.sounds"
Gate = tuple[str, str, str, float]


def draft(task: str, version: str, metrics: dict[str, float], gates: list[Gate]) -> Manifest:
    return Manifest.model_validate(
        {
            "task": task,
            "version": version,
            "model_type": "linear",
            "created_at": "2026-11-21T04:00:00Z",
            "labels": ["quiet", "loud"],
            "input": {"kind": "audio"},
            "pipeline": {"name": task},
            "variants": [{"name": "float32", "runtime": "onnx", "file": "weights.onnx"}],
            "default_variant": "float32",
            "metrics": {name: {"value": value, "samples": 100} for name, value in metrics.items()},
            "gates": [dict(zip(("name", "metric", "comparison", "limit"), gate, strict=True)) for gate in gates],
            "golden": {"tolerance": {"float32": 1e-4}},
            "lineage": {
                "dataset_digest": "a" * 64,
                "split_rule": "by source clip",
                "config_digest": "b" * 64,
                "code_version": "0.1.0",
                "seed": 7,
            },
            "files": {},
        }
    )


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Bundle]:
    """A bundle of the given version; `weights` is its content."""

    def make(
        version: str = "1.0.0",
        weights: bytes = b"weights",
        task: str = TASK,
        metrics: dict[str, float] | None = None,
        gates: list[Gate] | None = None,
        key: Ed25519PrivateKey | None = None,
        embedder: str | None = None,
        synthetic: tuple[str, ...] = (),
    ) -> Bundle:
        manifest = draft(task, version, metrics or {"accuracy": 0.9}, gates or [("good", "accuracy", ">", 0.7)])
        if embedder is not None:
            manifest.pipeline.parameters["embedder"] = {"digest": embedder}
        lineage = manifest.lineage.model_copy(update={"synthetic": synthetic})
        manifest = manifest.model_copy(update={"lineage": lineage})
        files: dict[str, Path | bytes] = {"weights.onnx": weights, "golden.npz": b"golden", "report/card.md": b""}
        number = len(list(tmp_path.glob("bundle-*")))
        return write_bundle(tmp_path / f"bundle-{number}", manifest, files, key)

    return make


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RegistryServer]]:
    """Starts a registry on free ports, on a local folder unless told otherwise."""
    servers: list[RegistryServer] = []
    # Where the machine stands still for a second, a start would not wait for what tests ask of it at once.
    monkeypatch.setattr("model_registry.health._FIRST_LOOK_SECONDS", 60.0)
    monkeypatch.setattr("model_registry.fleet.keeper._FIRST_ROUND_SECONDS", 60.0)

    def start_one(**settings: Any) -> RegistryServer:
        given = {"store": tmp_path / "store", "port": 0, "metrics_port": 0, "poll_seconds": 0.05, **settings}
        server = RegistryServer(RegistrySettings(**given))
        server.start()
        servers.append(server)
        return server

    yield start_one
    for server in servers:
        server.stop(0)


@pytest.fixture
def registry(start: Callable[..., RegistryServer]) -> RegistryServer:
    return start()


@pytest.fixture
def connect() -> Iterator[Callable[..., RegistryClient]]:
    with ExitStack() as stack:

        def connect_one(server: RegistryServer, token: str | None = None, timeout: float = 60.0) -> RegistryClient:
            return stack.enter_context(RegistryClient(f"127.0.0.1:{server.port}", token, timeout))

        yield connect_one


@pytest.fixture
def client(registry: RegistryServer, connect: Callable[..., RegistryClient]) -> RegistryClient:
    return connect(registry)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """The store of the registries that `start` starts."""
    return LocalStore(tmp_path / "store")


@pytest.fixture(scope="session")
def gallery_key() -> GalleryKey:
    return GalleryKey(bytes(range(32)))


@pytest.fixture(scope="session")
def make_person() -> Callable[..., Person]:
    """Somebody with random templates; the number makes id, vectors and crops."""

    def make(number: int, name: str = "Anna Example", keep_crops: bool = False, **consent: str) -> Person:
        random = np.random.default_rng(number)
        templates = tuple(
            Template(
                random.normal(size=128).astype(np.float32),
                "embedder-1",
                random.random(),
                random.bytes(32).hex(),
                random.bytes(500) if keep_crops else b"",
            )
            for _ in range(3)
        )
        agreed = Consent("Anna herself", "2026-11-01T12:00:00Z", "the door", keep_crops=keep_crops, **consent)
        return Person(f"{number:032x}", name, agreed, templates)

    return make


@pytest.fixture
def galleries_of() -> Iterator[Callable[..., RemoteGalleries]]:
    """A client of the galleries at a port of this machine."""
    with ExitStack() as stack:

        def connect_one(port: int, token: str | None = None, timeout: float = 60.0) -> RemoteGalleries:
            return stack.enter_context(RemoteGalleries(f"127.0.0.1:{port}", token, timeout))

        yield connect_one


@pytest.fixture(params=["folder", "s3"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A store of its own: a folder, and a bucket."""
    if request.param == "folder":
        return LocalStore(tmp_path / "any")
    from pipit.storage.minio import MinioStore

    # Many tests of one machine share the server: it may be slow to answer.
    monkeypatch.setattr("pipit.storage.minio._LOOK_SECONDS", 120.0)
    bucket = f"pipit-{uuid.uuid4().hex[:12]}"
    endpoint = request.getfixturevalue("s3_endpoint")
    remote = MinioStore(endpoint, bucket, "key", "secret-key", secure=False, timeout=120.0)
    remote.check()
    return remote


class Killed(BaseException):
    """What a process that is gone can't catch."""


class Deadly:
    """A store that kills whoever writes for the nth time, before or after the write; 0: nobody."""

    def __init__(self, store: ObjectStore, nth: int, after: bool) -> None:
        self._store = store
        self._nth = nth
        self._after = after
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return (lambda *arguments: self._write(method, *arguments)) if name in WRITES else method

    def _write(self, write: Callable[..., Any], *arguments: Any) -> Any:
        self.writes += 1
        dies = self.writes == self._nth
        if dies and not self._after:
            raise Killed
        done = write(*arguments)
        if dies:
            raise Killed
        return done


WRITES = {"create", "replace", "delete"}


@pytest.fixture
def killed_at_each_write() -> Callable[..., int]:
    """Does something again and again on a store of its own, and kills it at the first write, the second, and so on.

    Called with: make a store; do it, with a store; look at what came of it, with the store. Gives how often it did.
    """

    def kill(make: Callable[[], Any], do: Callable[[Any], None], look: Callable[[Any], None]) -> int:
        nth = 0
        while True:
            nth += 1
            for after in (False, True):
                store = make()
                deadly = Deadly(store, nth, after)
                try:
                    do(deadly)
                except Killed:
                    look(store)
                else:
                    assert deadly.writes < nth
                    return nth - 1

    return kill


class Overtaken:
    """A store in which something else happens once, after the nth call."""

    def __init__(self, store: ObjectStore, nth: int, meanwhile: Callable[[], object]) -> None:
        self._store = store
        self._nth = nth
        self._meanwhile = meanwhile
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self._call(getattr(self._store, name), *arguments)

    def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        finally:
            self.calls += 1
            if self.calls == self._nth:
                self._meanwhile()


@pytest.fixture
def overtaken_at_each_call() -> Callable[..., int]:
    """Does something again and again on a store of its own; somebody else is quicker after its first call of the store,
    after the second, and so on.

    Called with: make a store; do it, with a store; what somebody else does, with the store; look at what came of it,
    with the store. Gives how often it did.
    """

    def overtake(
        make: Callable[[], Any],
        do: Callable[[Any], object],
        meanwhile: Callable[[Any], object],
        look: Callable[[Any], None],
    ) -> int:
        nth = 0
        while True:
            nth += 1
            store = make()
            overtaken = Overtaken(store, nth, partial(meanwhile, store))
            do(overtaken)
            if overtaken.calls < nth:
                return nth - 1
            look(store)

    return overtake


class Wire:
    """A TCP proxy. Cut, it refuses connections and breaks those it has.

    After `budget` bytes, both ways together, it cuts itself, or holds everything back if it `stalls`.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._is_cut = False
        self._held = threading.Event()
        self.budget: int | None = None
        self.stalls = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    def cut(self) -> None:
        """From now on nothing passes."""
        with self._lock:
            self._cut()

    def mend(self) -> None:
        with self._lock:
            self._is_cut = self.stalls = False
            self._held.clear()
            self.budget = None

    def close(self) -> None:
        _break(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join()

    def _cut(self) -> None:
        self._is_cut = True
        self._held.set()
        for connection in self._connections:
            _break(connection)
        self._connections = set()

    def _run(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._is_cut:
                _break(near)
                continue
            far = socket.create_connection(self._target)
            with self._lock:
                # A cut breaks those that are here; one that came meanwhile has not seen this one.
                cut = self._is_cut
                if not cut:
                    self._connections |= {near, far}
            if cut:
                _break(near)
                _break(far)
                continue
            self._run(self._pump, near, far)
            self._run(self._pump, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._is_spent(len(data)):
                    if self.stalls:
                        self._held.wait()
                    break
                sink.sendall(data)
        _break(source)
        _break(sink)

    def _is_spent(self, size: int) -> bool:
        with self._lock:
            if self.budget is None:
                return False
            self.budget -= size
            if self.budget >= 0:
                return False
            # At once: done later, it would cut what was mended meanwhile.
            if not self.stalls:
                self._cut()
            return True


def _break(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@pytest.fixture
def wire_to() -> Iterator[Callable[[str], Wire]]:
    """Makes a wire to `host:port`."""
    wires: list[Wire] = []

    def make(endpoint: str) -> Wire:
        host, _, port = endpoint.rpartition(":")
        wires.append(Wire((host, int(port))))
        return wires[-1]

    yield make
    for wire in wires:
        wire.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Waits until something holds, and fails after a long while."""
    pause = threading.Event()

    def wait(holds: Callable[[], bool]) -> None:
        for _ in range(3000):
            if holds():
                return
            pause.wait(0.02)
        pytest.fail("it never came to hold")

    return wait
