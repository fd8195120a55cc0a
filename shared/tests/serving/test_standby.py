"""A canary keeps what it answered with before: going back to it opens nothing and fails no request."""

from __future__ import annotations

import threading

import grpc
import pytest
from candidate_site import Site
from pipit.fleet import State
from tiny import REQUEST
from tiny_server import MakeBundle, Serve, Until, version


def test_going_back_to_what_stands_by_opens_nothing(site: Site, until: Until) -> None:
    site.waits()
    site.canary()
    until(lambda: version(site.running) == "2.0.0")
    until(lambda: site.host.report().standby)
    until(lambda: site.loads("swapped") == 2.0)
    before = (list(site.proven), list(site.opened), list(site.replayed))
    going_back: list[State] = []
    site.host._on_change = lambda: going_back.append(site.host.report().state)
    with site.host._orders.changed:
        # Nothing is done while the lock is held.
        site.told(site.old)
        assert site.host.report().state is State.ROLLING_BACK
    until(lambda: version(site.running) == "1.0.0")
    assert (site.proven, site.opened, site.replayed) == before
    until(lambda: going_back == [State.SERVING])
    report = site.host.report()
    assert (report.active_digest, report.state, report.standby) == (site.old.digest, State.SERVING, False)
    assert report.golden_deviation is not None
    until(lambda: site.loads("swapped") == 3.0)


def test_what_stood_by_is_freed_when_the_rollout_ends(site: Site, until: Until) -> None:
    model = site.host.lease()
    model.release()
    freed = threading.Event()
    model._free, free = lambda: (free(), freed.set()), model._free
    site.canary()
    until(lambda: site.host.report().standby)
    assert not freed.is_set()
    site.told(site.new, 2)
    assert freed.wait(30)
    assert not site.host.report().standby
    assert version(site.running) == "2.0.0"


def test_without_memory_nothing_stands_by_and_going_back_needs_no_proof(
    site: Site, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.canary()
    until(lambda: site.host.report().standby)
    monkeypatch.setattr("pipit.serving.host.memory_is_short", lambda: True)
    site.told(site.new, 2, standby=site.old.digest)
    until(lambda: not site.host.report().standby)
    assert version(site.running) == "2.0.0"
    site.told(site.old)
    until(lambda: version(site.running) == "1.0.0")
    # The server of directories had proven 1.0.0 when it began.
    assert (site.proven, site.opened) == (["2.0.0"], ["2.0.0", "1.0.0"])


def test_nothing_stands_by_where_the_settings_say_so(serve: Serve, make_bundle: MakeBundle, until: Until) -> None:
    old, new = make_bundle("1.0.0"), make_bundle("2.0.0", -1.0)
    site = Site(serve(bundle=(old.path,), standby="off"), old, new)
    site.canary()
    until(lambda: version(site.running) == "2.0.0")
    until(lambda: site.loads("swapped") == 2.0)
    assert not site.host.report().standby
    site.told(site.old)
    until(lambda: version(site.running) == "1.0.0")
    assert site.opened == ["2.0.0", "1.0.0"]


def test_no_request_fails_while_canaries_swap_and_go_back(site: Site, until: Until) -> None:
    stop, failures, answers = threading.Event(), list[Exception](), set[tuple[str, str]]()

    def ask() -> None:
        while not stop.is_set():
            try:
                answer = site.running.calls.Classify(REQUEST, timeout=30)
                answers.add((answer.model.version, answer.predictions[0].scores[0].label))
            except grpc.RpcError as error:
                failures.append(error)

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for caller in callers:
        caller.start()
    until(lambda: ("1.0.0", "high") in answers)
    for _ in range(8):
        site.waits()
        site.canary()
        until(lambda: site.host.report().active_version == "2.0.0" and site.host.report().standby)
        until(lambda: ("2.0.0", "low") in answers)
        site.told(site.old)
        until(lambda: site.host.report().active_version == "1.0.0")
    stop.set()
    for caller in callers:
        caller.join(30)
    assert failures == []
    assert answers == {("1.0.0", "high"), ("2.0.0", "low")}
    assert site.opened == ["2.0.0"] * 8
    assert len(site.proven) == 1
