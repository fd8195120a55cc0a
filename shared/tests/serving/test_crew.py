"""Who computes: the server, or a worker that is a process of its own."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipit.errors import InvalidInput, Unavailable
from pipit.inputs import Landmarks, TensorInput
from pipit.metrics import Metrics
from pipit.workers import crew as crews
from pipit.workers import worker as workers
from pipit.workers.crew import Crew, most_workers
from pipit.workers.messages import Failed, Open, Ran, Worked, WorkerFailed
from pipit.workers.worker import LANES, Lane, Worker
from tiny import scores_of
from tiny_server import MakeBundle, OpenModel, Until

MEBIBYTE = 1 << 20
VALUES = np.array([0.1, 0.2, 0.3, 0.4], np.float32)


class Site:
    """A crew, and what it was told."""

    def __init__(self, metrics: Metrics, most: int, idle_seconds: float = 600.0) -> None:
        self.metrics = metrics
        self.widened: list[int] = []
        self.begun: list[Worker] = []
        self.crew = Crew(most, 128 * MEBIBYTE, metrics, self.widened.append, self._begin, idle_seconds)

    def _begin(self, room: int) -> Worker:
        self.begun.append(Worker(room))
        return self.begun[-1]

    def lane(self, bundle: Open, until: Until) -> Lane:
        """While one request computes here, the next one's lane."""
        found: list[Lane] = []

        def look() -> bool:
            lane = self.crew.take(bundle)
            if lane is None:
                self.crew.give(None)
                return False
            found.append(lane)
            return True

        assert self.crew.take(bundle) is None
        until(look)
        self.crew.give(None)
        return found[0]

    def ends(self, why: str) -> float:
        return self.metrics.registry.get_sample_value("pipit_worker_ends_total", {"why": why}) or 0.0


MakeSite = Callable[..., Site]


@pytest.fixture
def site(tiny_site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeSite]:
    # A worker looks for pipelines where its server does.
    monkeypatch.syspath_prepend(str(tiny_site))
    monkeypatch.setattr(crews, "memory_is_short", lambda needed: False)
    made: list[Site] = []

    def make(most: int = 1, idle_seconds: float = 600.0) -> Site:
        made.append(Site(Metrics("inference"), most, idle_seconds))
        return made[-1]

    yield make
    for one in made:
        one.crew.stop()
        for worker in one.begun:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, 0)
                pytest.fail("a worker outlives its crew")


@pytest.fixture
def bundle(make_bundle: MakeBundle) -> Open:
    made = make_bundle()
    return Open(made.digest, str(made.path), "float32", 1, 8)


def test_a_worker_answers_as_the_server_does(site: MakeSite, bundle: Open, until: Until) -> None:
    one = site()
    lane = one.lane(bundle, until)
    answer = lane.ask(bundle.digest, Landmarks(VALUES), None)
    assert isinstance(answer, Worked)
    expected = scores_of(VALUES)[0]
    scores = {score.label: score.score for score in answer.predictions[0].scores}
    assert [scores[label] for label in ("low", "middle", "high")] == pytest.approx(list(map(float, expected)), abs=1e-6)
    assert answer.rows == 1
    assert min(answer.times.decode, answer.times.run, answer.times.interpret) > 0.0
    assert one.widened == [LANES - 1]
    one.crew.give(lane)


@pytest.mark.parametrize(
    ("item", "error", "text"),
    [
        (TensorInput("", np.zeros((9, 4), np.float32)), "InputTooLarge", "9 rows in one request, the limit is 8"),
        (TensorInput("", np.zeros((1, 3), np.float32)), "InvalidInput", "x"),
    ],
)
def test_what_is_wrong_with_an_input_is_said_as_the_server_says_it(
    site: MakeSite, bundle: Open, until: Until, item: TensorInput, error: str, text: str
) -> None:
    one = site()
    lane = one.lane(bundle, until)
    failed = lane.ask(bundle.digest, item, None)
    assert isinstance(failed, Failed)
    assert type(failed.error).__name__ == error
    assert text in str(failed.error)
    # It goes on answering.
    assert isinstance(lane.ask(bundle.digest, Landmarks(VALUES), None), Worked)
    one.crew.give(lane)


def test_a_worker_runs_the_network_itself(site: MakeSite, bundle: Open, until: Until) -> None:
    one = site()
    lane = one.lane(bundle, until)
    rows = np.stack([VALUES, 2 * VALUES])
    ran = lane.run(bundle.digest, {"x": rows}, None)
    assert isinstance(ran, Ran)
    np.testing.assert_allclose(ran.outputs["scores"], scores_of(rows), atol=1e-6)
    failed = lane.run(bundle.digest, {"y": rows}, None)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, InvalidInput)
    one.crew.give(lane)


def test_a_deadline_that_is_over_is_seen_by_the_worker(site: MakeSite, bundle: Open, until: Until) -> None:
    one = site()
    lane = one.lane(bundle, until)
    failed = lane.ask(bundle.digest, Landmarks(VALUES), 0.0)
    assert isinstance(failed, Failed)
    assert failed.kind == "DeadlineExceeded"
    one.crew.give(lane)


def test_the_least_of_late_says_whether_an_input_is_long(open_model: OpenModel) -> None:
    model = open_model("1.0.0")
    assert not model.is_long(Landmarks)
    model.took(Landmarks, 0.004)
    assert model.is_long(Landmarks)
    assert not model.is_long(TensorInput)
    model.took(Landmarks, 0.0004)
    # What others made slow says nothing.
    for _ in range(50):
        model.took(Landmarks, 0.02)
        assert not model.is_long(Landmarks)
    # What is slow for long is.
    for _ in range(100):
        model.took(Landmarks, 0.02)
    assert model.is_long(Landmarks)


def test_one_request_alone_needs_no_worker(site: MakeSite, bundle: Open) -> None:
    one = site()
    for _ in range(50):
        assert one.crew.take(bundle) is None
        one.crew.give(None)
    assert one.begun == []


def test_a_worker_has_two_lanes_and_there_are_no_more_workers_than_allowed(
    site: MakeSite, bundle: Open, until: Until
) -> None:
    one = site()
    first = one.lane(bundle, until)
    assert one.crew.take(bundle) is None
    second = one.crew.take(bundle)
    assert second is not None
    assert second.worker is first.worker
    assert one.crew.take(bundle) is None
    assert len(one.begun) == 1
    for lane in (first, None, second, None):
        one.crew.give(lane)


def test_what_a_killed_worker_was_asked_is_for_the_server_and_another_takes_its_place(
    site: MakeSite, bundle: Open, until: Until
) -> None:
    one = site()
    lane = one.lane(bundle, until)
    os.kill(lane.worker.pid, signal.SIGKILL)
    assert lane.ask(bundle.digest, Landmarks(VALUES), None) is None
    one.crew.give(lane)
    until(lambda: one.ends("died") == 1.0)
    lane = one.lane(bundle, until)
    assert isinstance(lane.ask(bundle.digest, Landmarks(VALUES), None), Worked)
    assert one.widened == [LANES - 1, 1 - LANES, LANES - 1]
    one.crew.give(lane)


def test_workers_that_die_over_and_over_are_left_alone(site: MakeSite, make_bundle: MakeBundle, until: Until) -> None:
    aborts = make_bundle(pipeline="test.aborts")
    bundle = Open(aborts.digest, str(aborts.path), "float32", 1, None)
    one = site()
    for deaths in (1.0, 2.0, 3.0):
        lane = one.lane(bundle, until)
        # Whoever takes this input ends: the server does not.
        with pytest.raises(Unavailable, match="the process that computed this ended; ask again"):
            lane.ask(bundle.digest, Landmarks(VALUES), None)
        one.crew.give(lane)
        until(lambda expected=deaths: one.ends("died") == expected)  # type: ignore[misc]
    assert one.crew.take(bundle) is None
    for _ in range(50):
        assert one.crew.take(bundle) is None
        one.crew.give(None)
    assert len(one.begun) == 3


def test_a_bundle_that_can_not_be_opened_there_is_answered_here(
    site: MakeSite, bundle: Open, until: Until, tmp_path: Path
) -> None:
    wrong = bundle._replace(path=str(tmp_path), digest="f" * 64)
    one = site()
    assert one.crew.take(wrong) is None
    assert one.crew.take(wrong) is None
    until(lambda: wrong.digest in one.crew._refused)
    assert one.crew.take(wrong) is None
    # The worker is there for others.
    lane = one.lane(bundle, until)
    assert isinstance(lane.ask(bundle.digest, Landmarks(VALUES), None), Worked)
    assert len(one.begun) == 1
    one.crew.give(lane)


def test_where_memory_is_short_the_server_computes_by_itself(
    site: MakeSite, bundle: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = site()
    asked: list[int] = []
    monkeypatch.setattr(crews, "memory_is_short", lambda needed: asked.append(needed) or True)
    assert one.crew.take(bundle) is None
    assert one.crew.take(bundle) is None
    until(lambda: asked == [crews.NEEDED] and one.crew._wanted is None)
    # It does not look again with each request.
    for _ in range(50):
        assert one.crew.take(bundle) is None
    assert (asked, one.begun, one.widened) == ([crews.NEEDED], [], [])


def test_what_is_freed_is_freed_there_too_and_asked_here_from_then_on(
    site: MakeSite, bundle: Open, until: Until
) -> None:
    one = site()
    lane = one.lane(bundle, until)
    one.crew.forget(bundle.digest)
    failed = lane.ask(bundle.digest, Landmarks(VALUES), None)
    # Which of the two came first is open: the worker has it still, or says that it has it no more.
    assert isinstance(failed, Worked) or (failed is not None and failed.kind == "QueueFull")
    assert bundle.digest not in lane.worker.has
    one.crew.give(lane)


def test_workers_that_nobody_needs_are_ended(site: MakeSite, bundle: Open, until: Until) -> None:
    one = site(idle_seconds=0.01)
    # It may be ended again before it is seen.
    assert one.crew.take(bundle) is None
    assert one.crew.take(bundle) is None
    until(lambda: one.ends("idle") >= 1.0)
    assert one.widened[:2] == [LANES - 1, 1 - LANES]


def test_a_stop_waits_for_nobody(site: MakeSite, bundle: Open, until: Until) -> None:
    one = site()
    lane = one.lane(bundle, until)
    one.crew.stop()
    assert not lane.worker.is_running
    assert one.ends("stopped") == 1.0
    # Whoever waits is told, by the lane that is still theirs.
    assert lane.ask(bundle.digest, Landmarks(VALUES), None) is None


def test_a_stop_does_not_wait_for_a_worker_that_opens_without_end(
    site: MakeSite, bundle: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "_STOP_SECONDS", 0.1)
    one = site()
    lane = one.lane(bundle, until)
    one.crew.give(lane)
    os.kill(lane.worker.pid, signal.SIGSTOP)
    assert one.crew.take(bundle._replace(digest="f" * 64)) is None
    assert one.crew.take(bundle._replace(digest="f" * 64)) is None
    one.crew.stop()
    assert not lane.worker.is_running


def test_a_bundle_that_is_forgotten_while_it_is_opened_does_not_stay(
    site: MakeSite, bundle: Open, make_bundle: MakeBundle, until: Until
) -> None:
    other = make_bundle("2.0.0", -1.0)
    one = site()
    begin = one._begin

    def begin_late(room: int) -> Worker:
        one.crew.forget(bundle.digest)
        return begin(room)

    one.crew._begin = begin_late
    assert one.crew.take(bundle) is None
    assert one.crew.take(bundle) is None
    until(lambda: bool(one.begun))
    # The same worker opens it next.
    lane = one.lane(bundle._replace(digest=other.digest, path=str(other.path)), until)
    assert lane.worker.has == {other.digest}
    one.crew.give(lane)


def test_a_refusal_that_is_forgotten_at_the_same_moment_is_forgotten(
    site: MakeSite, bundle: Open, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version may come again, and its bundle be whole then."""
    wrong = bundle._replace(path=str(tmp_path), digest="f" * 64)
    one = site()

    class Log:
        def info(self, *_: object, **__: object) -> None:
            pass

        def warning(self, *_: object, **__: object) -> None:
            one.crew.forget(wrong.digest)

    monkeypatch.setattr(crews, "_log", Log())
    assert one.crew.take(wrong) is None
    assert one.crew.take(wrong) is None
    until(lambda: bool(one.begun) and one.crew._wanted is None)
    # What it does next comes after all of that.
    lane = one.lane(bundle, until)
    one.crew.give(lane)
    assert wrong.digest not in one.crew._refused


def test_a_worker_is_not_ended_in_the_middle_of_what_it_is_told(
    site: MakeSite, bundle: Open, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of a socket that is closed is the next file's, and whoever writes to it writes there."""
    one = site()
    lane = one.lane(bundle, until)
    one.crew.give(lane)
    worker, telling, closed = lane.worker, threading.Event(), threading.Event()
    close, number = worker._control.close, worker._control.fileno()
    numbers: list[int | None] = []

    def close_and_say() -> None:
        close()
        closed.set()

    def send_late(connection: Any, message: Any) -> None:
        telling.set()
        closed.wait(0.3)
        numbers.append(None if connection.closed else connection.fileno())

    monkeypatch.setattr(worker._control, "close", close_and_say)
    monkeypatch.setattr(workers, "send", send_late)
    teller = threading.Thread(target=worker.drop, args=(bundle.digest,))
    teller.start()
    assert telling.wait(30)
    worker.end()
    teller.join()
    assert closed.is_set()
    assert numbers == [number]
    worker.is_dead = True


def test_a_crew_that_has_stopped_begins_nothing(site: MakeSite, bundle: Open) -> None:
    """A request that outlives the time it had may still ask; its thread would begin while the stop waits for none."""
    one = site()
    one.crew.stop()
    assert one.crew.take(bundle) is None
    assert one.crew.take(bundle) is None
    assert one.crew._thread is None


def test_a_worker_has_room_to_decode_with_however_little_all_may() -> None:
    rooms = {mib: Crew(1, mib * MEBIBYTE, Metrics("inference"), lambda more: None).room for mib in (16, 64, 256)}
    assert rooms == {16: 16 * MEBIBYTE, 64: 16 * MEBIBYTE, 256: 32 * MEBIBYTE}


def test_an_error_that_nobody_foresaw_keeps_its_stack(site: MakeSite, bundle: Open, until: Until) -> None:
    one = site()
    lane = one.lane(bundle, until)
    failed = lane.ask(bundle.digest, InvalidInput, None)  # type: ignore[arg-type]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, WorkerFailed)
    assert "AttributeError" in failed.text
    one.crew.give(lane)


@pytest.mark.parametrize(
    ("processes", "cores", "machine_mib", "limit_mib", "workers"),
    [
        (1, 4, 8192, 8192, 0),
        (3, 1, 1024, 1024, 2),
        (0, 4, 8192, 8192, 3),
        (0, 2, 8192, 8192, 1),
        (0, 16, 65536, 65536, 3),
        (0, 4, 1024, 1024, 0),
        (0, 4, 8192, 512, 1),
        (0, 4, 8192, 448, 0),
    ],
)
def test_how_many_workers_there_may_be(
    monkeypatch: pytest.MonkeyPatch, processes: int, cores: int, machine_mib: int, limit_mib: int, workers: int
) -> None:
    monkeypatch.setattr(crews, "machine_memory", lambda: machine_mib * MEBIBYTE)
    monkeypatch.setattr(crews, "memory_there_is", lambda: (limit_mib * MEBIBYTE, 0))
    assert most_workers(processes, cores, 256 * MEBIBYTE) == workers
