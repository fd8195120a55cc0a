"""Watches: pushed at once through this copy, found by polling through another, and never at the cost of short calls."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from model_registry.server import RegistryServer
from model_registry.watching import Hub
from pipit.bundle import Bundle
from pipit.errors import InvalidInput, QueueFull, Unavailable
from pipit.registry import Assignment, AssignmentStream, RegistryClient

TASK = "test.sounds"
OTHER = "test.faces"
FOREVER = 3600.0


class Watcher:
    """Reads a stream on a thread of its own."""

    def __init__(self, stream: AssignmentStream) -> None:
        self._stream = stream
        self._seen: queue.Queue[Assignment | Exception | None] = queue.Queue()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            for assignment in self._stream:
                self._seen.put(assignment)
        except Exception as error:
            self._seen.put(error)
        self._seen.put(None)

    def next(self) -> Assignment | Exception | None:
        return self._seen.get(timeout=120)

    def version(self) -> tuple[str, int]:
        assignment = self.next()
        assert isinstance(assignment, Assignment), assignment
        return assignment.version, assignment.revision

    def close(self) -> None:
        self._stream.close()
        self._thread.join()

    @property
    def is_silent(self) -> bool:
        return self._seen.empty()


@pytest.fixture
def watch() -> Iterator[Callable[..., Watcher]]:
    with ExitStack() as stack:

        def start(client: RegistryClient, *tasks: str, environment: str = "production") -> Watcher:
            watcher = Watcher(client.watch(tasks or (TASK,), environment, "pi-1"))
            stack.callback(watcher.close)
            return watcher

        yield start


@pytest.fixture
def publish(make_bundle: Callable[..., Bundle]) -> Callable[..., None]:
    def publish_all(client: RegistryClient, *versions: str, task: str = TASK) -> None:
        for version in versions:
            client.publish(make_bundle(version, version.encode(), task).path)

    return publish_all


def watchers(server: RegistryServer) -> float | None:
    return server.metrics.registry.get_sample_value("pipit_registry_watchers")


def test_a_move_is_pushed_at_once(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    publish: Callable[..., None],
    watch: Callable[..., Watcher],
) -> None:
    client = connect(start(poll_seconds=FOREVER))
    publish(client, "1.0.0", "1.1.0")
    watcher = watch(client)

    assert watcher.next() == Assignment(TASK, "production", "", "", 0)
    client.promote(TASK, "1.0.0", "production")
    assert watcher.version() == ("1.0.0", 1)
    client.promote(TASK, "1.1.0", "staging")
    client.promote(TASK, "1.1.0", "production")
    assert watcher.version() == ("1.1.0", 2)
    client.rollback(TASK, "production")
    assert watcher.version() == ("1.0.0", 3)
    assert watcher.is_silent


def test_who_comes_later_gets_the_present_state(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    publish: Callable[..., None],
    watch: Callable[..., Watcher],
) -> None:
    client = connect(start(poll_seconds=FOREVER))
    publish(client, "1.0.0")
    publish(client, "3.0.0", task=OTHER)
    client.promote(TASK, "1.0.0", "production")

    first = watch(client, TASK, OTHER)
    assert {first.next(), first.next()} == {
        client.resolve(TASK, "production"),
        Assignment(OTHER, "production", "", "", 0),
    }
    client.promote(OTHER, "3.0.0", "production")
    assert first.version() == ("3.0.0", 1)
    assert watch(client, OTHER).version() == ("3.0.0", 1)


class Call:
    """The server's side of a call that lasts."""

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self.end = callback
        return True


def test_who_begins_to_watch_is_told_what_stands_there_and_not_what_was_read_before() -> None:
    old, new = (Assignment(TASK, "production", "1.0.0", "0" * 64, revision) for revision in (1, 2))
    hub: Hub[str, Assignment] = Hub(lambda task: new, FOREVER, 1)

    @contextmanager
    def late() -> Iterator[None]:
        # As of a look at the store that began before the move, and took so long.
        hub.offer(TASK, old)
        yield

    call, told = Call(), queue.Queue[Assignment]()
    hub.watch([TASK], call, told.put, lambda item: [item], late())  # type: ignore[arg-type]
    assert told.get(timeout=60) == new
    call.end()
    hub.close()


def test_a_move_through_another_copy_is_found(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    publish: Callable[..., None],
    watch: Callable[..., Watcher],
) -> None:
    here, there = connect(start()), connect(start())
    publish(here, "1.0.0", "1.1.0")
    watcher = watch(here)
    assert watcher.version() == ("", 0)

    there.promote(TASK, "1.0.0", "production")
    assert watcher.version() == ("1.0.0", 1)
    there.promote(TASK, "1.1.0", "production")
    assert watcher.version() == ("1.1.0", 2)


def test_watchers_take_no_thread_from_short_calls(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    publish: Callable[..., None],
    watch: Callable[..., Watcher],
) -> None:
    client = connect(start(threads=1, max_watchers=20, max_transfers=1))
    publish(client, "1.0.0")
    open_watches = [watch(client) for _ in range(20)]
    for watcher in open_watches:
        assert watcher.version() == ("", 0)

    assert isinstance(refusal := watch(client).next(), QueueFull)
    assert "20 devices watch" in str(refusal)
    assert client.list_versions().versions[0].version == "1.0.0"
    assert b"".join(client.download(client.get_version(TASK, "1.0.0").version.digest)).startswith(b"format: 1")
    client.promote(TASK, "1.0.0", "production")
    for watcher in open_watches:
        assert watcher.version() == ("1.0.0", 1)


def test_who_leaves_makes_room(
    start: Callable[..., RegistryServer],
    connect: Callable[..., RegistryClient],
    watch: Callable[..., Watcher],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    server = start(max_watchers=1, poll_seconds=FOREVER)
    first = watch(connect(server))
    assert first.version() == ("", 0)
    assert watchers(server) == 1

    first.close()

    eventually(lambda: watchers(server) == 0)
    assert watch(connect(server)).version() == ("", 0)


def test_a_registry_that_stops_says_so(
    start: Callable[..., RegistryServer], connect: Callable[..., RegistryClient], watch: Callable[..., Watcher]
) -> None:
    server = start(poll_seconds=FOREVER)
    watcher = watch(connect(server))
    assert watcher.version() == ("", 0)

    server.stop(30)

    assert isinstance(error := watcher.next(), Unavailable)
    assert "is stopping" in str(error)


def test_a_wrong_watch_is_refused(client: RegistryClient) -> None:
    with pytest.raises(InvalidInput, match="watch 1 to 100 tasks"):
        list(client.watch((), "production"))
    with pytest.raises(InvalidInput, match="environment"):
        list(client.watch((TASK,), "../x"))
    with pytest.raises(InvalidInput, match="task"):
        list(client.watch(("x",), "production"))
