"""What a device does in a rollout: a candidate proven beside what answers, and a version to go back to at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.errors import IntegrityError, Unavailable
from pipit.fleet import State
from pipit.metrics import Metrics
from pipit.proving import MemoryLimit, Overtaken, Proof, ProofRequest
from pipit.serving.agenda import Agenda
from pipit.serving.attempts import Attempt, Desired, Part, Purpose
from pipit.serving.host import ModelHost
from pipit.serving.model import LoadedModel

Serve = Callable[..., Any]
MakeBundle = Callable[..., Any]
Until = Callable[[Callable[[], bool]], None]

TASK = "test.tiny"
REQUEST = pb.ClassifyRequest(input=pb.Input(landmarks=pb.Landmarks(values=[0.1, 0.2, 0.3, 0.4])))


def desired(bundle: Any, **more: Any) -> Desired:
    return Desired(str(bundle.manifest.version), bundle.digest, lambda: bundle.path, **more)


def version(running: Any) -> str:
    return str(running.calls.Classify(REQUEST, timeout=30).model.version)


class Site:
    """A server of 1.0.0, whose proofs and openings are counted."""

    def __init__(self, running: Any, old: Any, new: Any) -> None:
        self.running, self.old, self.new = running, old, new
        self.host = running.server.hosts[TASK]
        self.proven, self.opened, self.replayed = list[str](), list[str](), list[str]()
        self.deviations = list[float]()
        self.shadows = list[str]()
        loader = self.host._loader
        prover, opens = loader._prover, loader.open

        def prove(request: ProofRequest, *more: Any) -> Proof:
            self.proven.append(str(request.bundle.manifest.version) + " patiently" * request.patient)
            proof: Proof = prover(request, *more)
            self.deviations.append(proof.deviation)
            return proof

        def open_one(bundle: Any) -> LoadedModel:
            self.opened.append(str(bundle.manifest.version))
            model: LoadedModel = opens(bundle)
            return model

        loader._prover, loader.open = prove, open_one
        self.host.before_swap = lambda model, cancelled: self.replayed.append(model.identity.version)
        self.host.on_shadow = lambda model: self.shadows.append("" if model is None else model.identity.version)

    def told(self, bundle: Any, stage: int = 0, **part: Any) -> None:
        """As an assignment of a rollout says it; without any part: as there is none."""
        rollout = "r-1" if part else ""
        self.host.desire(desired(bundle), Part(stage + 5, rollout, stage, **part))

    def waits(self, shadow: bool = False) -> None:
        self.told(self.old, candidate=desired(self.new), shadow=shadow)

    def canary(self) -> None:
        self.told(self.new, 1, standby=self.old.digest)

    def loads(self, outcome: str) -> float:
        labels = {"task": TASK, "outcome": outcome}
        value = self.running.server.metrics.registry.get_sample_value("pipit_model_loads_total", labels)
        return float(value or 0.0)

    @property
    def candidate(self) -> tuple[str, State, str]:
        report = self.host.report()
        return report.candidate_version, report.candidate_state, report.candidate_failed_step


@pytest.fixture
def site(serve: Serve, make_bundle: MakeBundle, until: Until, enough_memory: None) -> Site:
    old, new = make_bundle("1.0.0"), make_bundle("2.0.0", -1.0)
    site = Site(serve(bundle=(old.path,), queue=64), old, new)
    # A server is ready before it has counted the swap: until then its trial has not begun either.
    until(lambda: site.loads("swapped") == 1.0)
    return site


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


def test_a_swap_that_is_wanted_no_more_while_it_replays_does_not_happen(site: Site, until: Until) -> None:
    replayed = list[LoadedModel]()
    freed = threading.Event()

    def replay(model: LoadedModel, cancelled: threading.Event) -> None:
        assert model.acquire()
        site.told(site.old)
        assert cancelled.wait(30)
        model._free, free = lambda: (free(), freed.set()), model._free
        replayed.append(model)

    site.host.before_swap = replay
    site.canary()
    until(lambda: site.loads("overtaken") == 1.0)
    assert version(site.running) == "1.0.0"
    # A thread that is left behind runs it still.
    (model,) = replayed
    assert model.run({"x": np.zeros((1, 4), np.float32)}, 1)[0]["scores"].shape == (1, 3)
    assert not freed.is_set()
    model.release()
    assert freed.wait(30)


def test_a_candidate_in_the_shadow_is_open_and_takes_over_without_another_opening(site: Site, until: Until) -> None:
    site.host._loaded.on_trial = None  # 1.0.0 counts as good.
    site.waits(shadow=True)
    until(lambda: site.shadows == ["2.0.0"])
    assert version(site.running) == "1.0.0"
    assert site.candidate == ("2.0.0", State.PREFETCHED, "")
    site.canary()
    until(lambda: version(site.running) == "2.0.0")
    assert (site.opened, site.shadows) == (["2.0.0"], ["2.0.0", ""])


def test_the_shadow_ends_with_its_rollout_and_holds_nothing_against_the_version(
    site: Site, until: Until, tmp_path: Path
) -> None:
    site.host._loaded.on_trial = None
    site.waits(shadow=True)
    until(lambda: site.shadows == ["2.0.0"])
    mark = tmp_path / "cache/trials" / f"{TASK}.json"
    assert site.new.digest in mark.read_text()
    site.told(site.old)
    until(lambda: site.shadows == ["2.0.0", ""])
    until(lambda: site.new.digest not in mark.read_text())
    assert site.host._loaded.beside.besides(()) == []


def test_a_patient_proof_gives_way_to_one_that_is_needed_at_once(site: Site, make_bundle: MakeBundle) -> None:
    loader, begun, ends = site.host._loader, {"2.0.0": threading.Event(), "3.0.0": threading.Event()}, threading.Event()
    third, order = make_bundle("3.0.0"), list[str]()

    def prove(request: ProofRequest, at_step: Any, interrupted: threading.Event) -> Proof:
        version = str(request.bundle.manifest.version)
        order.append(version)
        begun[version].set()
        if not request.patient:
            assert ends.wait(30)
        elif len(order) == 1:
            assert interrupted.wait(30)
            raise Overtaken
        return Proof(0.0)

    def run(attempt: Attempt) -> threading.Thread:
        def go() -> None:
            try:
                loader.prove(TASK, attempt)
            except Overtaken:
                order.append("overtaken")

        thread = threading.Thread(target=go)
        thread.start()
        return thread

    loader._prover = prove
    first = Attempt(desired(site.new), Purpose.PREFETCH)
    threads = [run(first)]
    assert begun["2.0.0"].wait(30)
    threads.append(run(Attempt(desired(third))))
    assert begun["3.0.0"].wait(30)
    threads[0].join(30)
    assert not first.cancelled.is_set()
    # Taken up again, it waits for the end of that one; another one is wanted no more meanwhile.
    threads.append(run(Attempt(desired(site.new), Purpose.PREFETCH)))
    dropped = Attempt(desired(site.old), Purpose.PREFETCH)
    loader._proofs.clear()
    waiting = run(dropped)
    dropped.cancel()
    waiting.join(30)
    ends.set()
    for thread in threads:
        thread.join(30)
    assert sorted(order[:3]) == ["2.0.0", "3.0.0", "overtaken"]
    assert order[3:] == ["overtaken", "2.0.0"]


def test_what_is_wanted_and_on_the_disk_goes_before_what_served_last(
    serve: Serve, make_bundle: MakeBundle, until: Until
) -> None:
    old, new = make_bundle("1.0.0"), make_bundle("2.0.0", -1.0)
    running = serve(bundle=(old.path,))
    host = running.server.hosts[TASK]
    begun, cancelled = threading.Event(), threading.Event()

    def fetch() -> Path:
        begun.set()
        assert cancelled.wait(30)
        raise Unavailable("cancelled")

    fresh = ModelHost(TASK, "production", "attic", host._loader, Metrics("inference"))
    # As after a crash of what a rollout had brought, which the registry takes back meanwhile.
    fresh.start_with(Desired("2.0.0", new.digest, fetch, cancel=cancelled.set), desired(old))
    fresh.start()
    assert begun.wait(30)
    fresh.desire(desired(old), Part(9))
    until(lambda: fresh.is_serving)
    assert fresh.report().active_version == "1.0.0"
    fresh.stop()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc-"), st.booleans()), min_size=1, max_size=8))
def test_what_is_desired_always_comes_first(told: list[tuple[str, str, bool]]) -> None:
    agenda, active = Agenda(), ""
    for version, candidate, shadow in told:
        part = Part(candidate=None if candidate == "-" else plain(candidate), shadow=shadow)
        agenda.desire(plain(version), part, before="")
        attempt = agenda.next(active, has_shadow=False, may_shadow=True)
        if version != active:
            assert attempt is not None
            assert (attempt.purpose, attempt.desired.digest) == (Purpose.ANSWER, version)
            # Nothing else goes on meanwhile, but what leads to the same version.
            assert agenda.wants(Attempt(plain(candidate), Purpose.PREFETCH), active) == (candidate == version)
            active = version
            attempt = agenda.next(active, has_shadow=False, may_shadow=True)
        assert (attempt is None) == (candidate == "-")
        if attempt is not None:
            assert (attempt.purpose, attempt.desired.digest) == (Purpose.PREFETCH, candidate)
            assert agenda.wants(attempt, active)
            agenda.desire(plain(version), Part(), before="")
            assert not agenda.wants(attempt, active)


def plain(digest: str) -> Desired:
    return Desired(digest, digest, Path)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_was_told_in_between_the_last_word_counts_and_nothing_is_left_loaded(
    serve: Serve, make_bundle: MakeBundle, until: Until, seed: int
) -> None:
    bundles = [make_bundle("1.0.0"), make_bundle("2.0.0", -1.0), make_bundle("3.0.0", 2.0)]
    site = Site(serve(bundle=(bundles[0].path,), trial_seconds=0.0), bundles[0], bundles[1])
    site.host.before_swap = lambda model, cancelled: cancelled.wait(0.002)
    loaded = site.host._loaded
    closed: list[str] = []
    close = LoadedModel.close
    rolls = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LoadedModel, "close", lambda model: (closed.append(model.identity.version), close(model)))
        for step in range(60):
            runs, other = rolls.sample(bundles, 2)
            shape = rolls.choice(["alone", "candidate", "shadow", "canary"])
            if shape == "alone":
                site.told(runs)
            elif shape == "canary":
                site.told(runs, step, standby=other.digest)
            else:
                site.told(runs, step, candidate=desired(other), shadow=shape == "shadow")
            if rolls.random() < 0.5:
                until(lambda runs=runs: site.host.report().active_digest == runs.digest)
            site.host.lease().release()
        site.told(bundles[2])
        until(lambda: site.host.report().active_digest == bundles[2].digest)
        until(lambda: not loaded.beside and site.host._orders._attempt is None)
        # 1.0.0 was opened once before it was counted.
        until(lambda: len(closed) == len(site.opened))
    assert loaded.version == "3.0.0"
    assert site.shadows.count("") * 2 == len(site.shadows)
    assert site.loads("fault") == 0.0


def test_a_kept_proof_says_how_much_memory_it_takes_to_open(
    site: Site, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = site.host._loader
    loader._keep(site.new.digest, Proof(0.0, peak_bytes=300 << 20))
    free = [200, 400]
    monkeypatch.setattr(
        "pipit.serving.loading.memory_limit", lambda: MemoryLimit(free[0] << 20, "what was free here", passing=True)
    )
    site.canary()
    until(lambda: "found too little memory here and will be tried again" in site.host.report().reason)
    assert "its proof took 300 MiB, 200 MiB are what was free here" in site.host.report().reason
    until(lambda: site.loads("memory") >= 1.0)
    assert (version(site.running), site.host.report().failed_step) == ("1.0.0", "")
    free.pop(0)
    until(lambda: version(site.running) == "2.0.0")
    until(lambda: site.host.report().reason == "")


def test_without_memory_a_candidate_is_proven_and_not_opened(
    site: Site, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.host._loaded.on_trial = None
    monkeypatch.setattr("pipit.serving.ways.memory_is_short", lambda: True)
    site.waits(shadow=True)
    until(lambda: site.candidate == ("2.0.0", State.PREFETCHED, "memory"))
    assert (site.shadows, site.opened) == ([], [])
    monkeypatch.setattr("pipit.serving.ways.memory_is_short", lambda: False)
    until(lambda: site.shadows == ["2.0.0"])
