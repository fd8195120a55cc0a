"""A rollout's version that does not answer here yet is fetched and proven beside what answers, and refused alone."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from candidate_site import Site
from pipit.errors import IntegrityError, Unavailable
from pipit.fleet import State
from pipit.serving.attempts import Desired
from tiny_server import MakeBundle, Until, desired, version


def test_a_candidate_is_proven_beside_what_answers_and_needs_no_second_proof(site: Site, until: Until) -> None:
    freed = threading.Event()
    site.told(site.old, candidate=desired(site.new, on_freed=freed.set))
    until(lambda: site.candidate == ("2.0.0", State.PREFETCHED, ""))
    assert freed.wait(30)
    assert (version(site.running), site.proven, site.opened) == ("1.0.0", ["2.0.0 patiently"], [])
    assert site.host.status().reason == ""
    site.canary()
    until(lambda: version(site.running) == "2.0.0")
    assert (site.proven, site.opened, site.replayed) == (["2.0.0 patiently"], ["2.0.0"], ["2.0.0"])
    until(lambda: site.loads("swapped") == 2.0)
    assert (site.loads("prefetched"), site.loads("prove")) == (1.0, 0.0)
    report = site.host.report()
    assert (report.desired_version, report.active_version, report.state) == ("2.0.0", "2.0.0", State.SERVING)
    assert (report.revision, report.active_digest) == (6, site.new.digest)
    assert report.golden_deviation == site.deviations[0]
    assert report.candidate_state is State.UNSPECIFIED


def test_a_refused_candidate_touches_nothing_and_is_not_tried_again(
    site: Site, make_bundle: MakeBundle, until: Until
) -> None:
    site.new = make_bundle("2.0.0", golden_sign=-1.0)
    site.waits()
    until(lambda: site.candidate == ("2.0.0", State.REFUSED, "golden"))
    assert "golden sample 0" in site.host.report().candidate_reason
    assert (site.host.report().state, site.host.report().reason, site.host.status().reason) == (State.SERVING, "", "")
    until(lambda: site.loads("golden") == 1.0)
    assert site.loads("swapped") == 1.0
    # The next stage does not try it anew; the end of the rollout forgets it.
    site.told(site.old, 1, candidate=desired(site.new))
    assert site.candidate == ("2.0.0", State.REFUSED, "golden")
    site.told(site.old)
    assert site.candidate == ("", State.UNSPECIFIED, "")
    assert len(site.proven) == 1


@pytest.mark.parametrize(
    ("error", "state", "step"),
    [
        (Unavailable("away"), State.PREFETCHING, "fetch"),
        (IntegrityError("the registry's content does not match"), State.REFUSED, "fetch"),
    ],
)
def test_a_candidate_that_can_not_be_fetched_says_whose_fault_it_is_and_is_tried_again(
    site: Site, until: Until, error: Exception, state: State, step: str
) -> None:
    tries: list[tuple[str, State, str]] = []

    def fetch() -> Path:
        tries.append(site.candidate)
        if len(tries) == 1:
            raise error
        return Path(site.new.path)

    site.told(site.old, candidate=Desired("2.0.0", site.new.digest, fetch))
    until(lambda: site.candidate == ("2.0.0", State.PREFETCHED, ""))
    assert tries == [("2.0.0", State.PREFETCHING, ""), ("2.0.0", state, step)]


def test_what_is_desired_goes_before_a_candidate_which_is_taken_up_again(
    site: Site, make_bundle: MakeBundle, until: Until
) -> None:
    third = make_bundle("3.0.0")
    cancelled = threading.Event()
    begun = threading.Event()

    def fetch() -> Path:
        begun.set()
        assert cancelled.wait(30)
        raise Unavailable("cancelled")

    site.told(site.old, candidate=Desired("2.0.0", site.new.digest, fetch, cancel=cancelled.set))
    assert begun.wait(30)
    site.told(third, candidate=desired(site.new))
    until(lambda: version(site.running) == "3.0.0")
    until(lambda: site.candidate == ("2.0.0", State.PREFETCHED, ""))
    assert site.proven == ["3.0.0", "2.0.0 patiently"]
    assert site.loads("overtaken") == 1.0


def test_another_candidate_or_none_ends_the_way_to_it(site: Site, make_bundle: MakeBundle, until: Until) -> None:
    begun, ends = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def held(bundle: Any, number: int) -> Desired:
        end = ends[number]

        def fetch() -> Path:
            begun[number].set()
            assert end.wait(30)
            return Path(bundle.path)

        return Desired(str(bundle.manifest.version), bundle.digest, fetch, cancel=end.set)

    site.told(site.old, candidate=held(site.new, 0))
    assert begun[0].wait(30)
    site.told(site.old, candidate=held(make_bundle("3.0.0"), 1))
    assert ends[0].is_set()
    assert begun[1].wait(30)
    site.told(site.old)
    assert ends[1].is_set()
    until(lambda: site.host._orders._attempt is None)
    assert site.proven == []
    assert site.candidate == ("", State.UNSPECIFIED, "")


def test_a_candidate_that_is_desired_meanwhile_is_not_begun_anew(site: Site, until: Until) -> None:
    end, begun, cancelled = threading.Event(), threading.Event(), threading.Event()

    def fetch() -> Path:
        begun.set()
        assert end.wait(30)
        return Path(site.new.path)

    site.told(site.old, candidate=Desired("2.0.0", site.new.digest, fetch, cancel=cancelled.set))
    assert begun.wait(30)
    site.canary()
    end.set()
    until(lambda: version(site.running) == "2.0.0")
    assert site.proven == ["2.0.0 patiently"]
    assert not cancelled.is_set()
