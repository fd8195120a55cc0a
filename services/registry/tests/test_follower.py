"""A follower learns every change, and outlives every absence of the registry."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from model_registry.server import RegistryServer
from pipit.bundle import Bundle
from pipit.errors import InvalidInput, Unavailable
from pipit.registry import Assignment, AssignmentFollower, RegistryClient

TASK = "test.sounds"


class Device:
    """Collects what it is told; can refuse it first."""

    def __init__(self) -> None:
        self.told: queue.Queue[Assignment] = queue.Queue()
        self.refusals: list[Exception] = []

    def __call__(self, assignment: Assignment) -> None:
        self.told.put(assignment)
        if self.refusals:
            raise self.refusals.pop()

    def next(self) -> str:
        return self.told.get(timeout=120).version


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def follow(device: Device) -> Iterator[Callable[[str], AssignmentFollower]]:
    """Starts a follower of the registry at an address."""
    with ExitStack() as stack:

        def start(address: str) -> AssignmentFollower:
            client = stack.enter_context(RegistryClient(address))
            return stack.enter_context(
                AssignmentFollower(client, (TASK,), "production", "pi-1", device, first_pause=0.01, longest_pause=0.1)
            )

        yield start


@pytest.fixture
def promoted(client: RegistryClient, make_bundle: Callable[..., Bundle]) -> RegistryClient:
    """A registry with two versions, the first of which is in production."""
    for version in ("1.0.0", "1.1.0"):
        client.publish(make_bundle(version, version.encode()).path)
    client.promote(TASK, "1.0.0", "production")
    return client


def test_every_change_is_told(
    promoted: RegistryClient, follow: Callable[[str], AssignmentFollower], device: Device
) -> None:
    follower = follow(promoted.address)

    assert device.next() == "1.0.0"
    assert follower.connected
    promoted.promote(TASK, "1.1.0", "production")
    assert device.next() == "1.1.0"
    promoted.rollback(TASK, "production")
    assert device.next() == "1.0.0"


def test_what_was_not_promoted_is_not_told(
    client: RegistryClient,
    make_bundle: Callable[..., Bundle],
    follow: Callable[[str], AssignmentFollower],
    device: Device,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    follower = follow(client.address)
    eventually(lambda: follower.connected)

    client.publish(make_bundle().path)
    client.promote(TASK, "1.0.0", "production")

    assert device.next() == "1.0.0"
    assert device.told.empty()


def test_an_absence_is_outlived_and_nothing_told_twice(
    registry: RegistryServer,
    promoted: RegistryClient,
    follow: Callable[[str], AssignmentFollower],
    device: Device,
    wire_to: Callable[[str], Any],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    wire = wire_to(f"127.0.0.1:{registry.port}")
    follower = follow(f"127.0.0.1:{wire.port}")
    assert device.next() == "1.0.0"

    wire.cut()
    eventually(lambda: not follower.connected)
    wire.mend()
    eventually(lambda: follower.connected)
    wire.cut()
    eventually(lambda: not follower.connected)
    promoted.promote(TASK, "1.1.0", "production")
    wire.mend()

    assert device.next() == "1.1.0"
    assert device.told.empty()


def test_a_registry_that_is_away_at_the_start_is_waited_for(
    registry: RegistryServer,
    promoted: RegistryClient,
    follow: Callable[[str], AssignmentFollower],
    device: Device,
    wire_to: Callable[[str], Any],
) -> None:
    wire = wire_to(f"127.0.0.1:{registry.port}")
    wire.cut()
    follower = follow(f"127.0.0.1:{wire.port}")
    assert not follower.connected

    wire.mend()

    assert device.next() == "1.0.0"


def test_a_passing_failure_is_tried_again(
    promoted: RegistryClient, follow: Callable[[str], AssignmentFollower], device: Device
) -> None:
    device.refusals = [Unavailable("the disk is full")] * 2

    follow(promoted.address)

    assert [device.next() for _ in range(3)] == ["1.0.0"] * 3
    promoted.promote(TASK, "1.1.0", "production")
    assert device.next() == "1.1.0"


@pytest.mark.parametrize("failure", [InvalidInput("bad bundle"), ValueError("a bug")])
def test_a_lasting_failure_is_not_tried_again(
    promoted: RegistryClient, follow: Callable[[str], AssignmentFollower], device: Device, failure: Exception
) -> None:
    device.refusals = [failure]
    follow(promoted.address)
    assert device.next() == "1.0.0"

    promoted.promote(TASK, "1.1.0", "production")

    assert device.next() == "1.1.0"
    assert device.told.empty()


def test_it_stops_while_it_waits_and_before_it_began(promoted: RegistryClient, device: Device) -> None:
    with RegistryClient("127.0.0.1:1") as nobody:
        waiting = AssignmentFollower(nobody, (TASK,), "production", "pi-1", device, 3600.0, 3600.0)
        waiting.start()
        waiting.stop()
        waiting.stop()
        AssignmentFollower(nobody, (TASK,), "production", "pi-1", device).stop()
    assert device.told.empty()


class Wedged:
    """A registry whose stream ends only when it is closed for the second time, as one that misses a cancellation."""

    def __init__(self, assignments: Sequence[Assignment]) -> None:
        self.assignments = assignments
        self.asked = threading.Event()
        self.ended = threading.Event()
        self.closed = 0

    def watch(self, tasks: object, environment: str, device_id: str) -> Wedged:
        return self

    def __iter__(self) -> Iterator[Assignment]:
        yield from self.assignments
        self.asked.set()
        assert self.ended.wait(120)

    def close(self) -> None:
        self.closed += 1
        if self.closed == 2:
            self.ended.set()


def test_a_stream_that_misses_its_end_is_ended_again(device: Device) -> None:
    wedged = Wedged(())
    follower = AssignmentFollower(wedged, (TASK,), "production", "pi-1", device)
    follower.start()
    assert wedged.asked.wait(120)

    assert follower.stop()
    assert wedged.closed >= 2


def test_a_callback_that_hangs_is_left_behind_and_told_no_more(device: Device) -> None:
    first, second = (Assignment(TASK, "production", version, "0" * 64, 1) for version in ("1.0.0", "1.1.0"))
    wedged = Wedged((first, second))
    entered, released = threading.Event(), threading.Event()

    def hang(assignment: Assignment) -> None:
        entered.set()
        assert released.wait(120)
        device(assignment)

    follower = AssignmentFollower(wedged, (TASK,), "production", "pi-1", hang)
    follower.start()
    assert entered.wait(120)

    assert not follower.stop(timeout=0.05)
    released.set()
    wedged.ended.set()
    assert follower.stop()
    assert device.next() == "1.0.0"
    assert device.told.empty()
