"""What a host does next, whatever it is told in between: what is desired comes first, and the last word counts."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import numpy as np
import pytest
from candidate_site import Site
from hypothesis import given
from hypothesis import strategies as st
from pipit.bundle import Bundle
from pipit.errors import Unavailable
from pipit.metrics import Metrics
from pipit.proving import Overtaken, Proof
from pipit.serving.agenda import Agenda
from pipit.serving.attempts import Attempt, Desired, Part, Purpose
from pipit.serving.host import ModelHost
from pipit.serving.model import LoadedModel
from tiny import TASK
from tiny_server import MakeBundle, OpenModel, Serve, Until, desired, version


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc-"), st.booleans()), min_size=1, max_size=8))
def test_what_is_desired_always_comes_first(told: list[tuple[str, str, bool]]) -> None:
    agenda, active = Agenda(), ""
    for wanted, candidate, shadow in told:
        part = Part(candidate=None if candidate == "-" else plain(candidate), shadow=shadow)
        agenda.desire(plain(wanted), part, before="")
        attempt = agenda.next(active, has_shadow=False, may_shadow=True)
        if wanted != active:
            assert attempt is not None
            assert (attempt.purpose, attempt.desired.digest) == (Purpose.ANSWER, wanted)
            # Nothing else goes on meanwhile, but what leads to the same version.
            assert agenda.wants(Attempt(plain(candidate), Purpose.PREFETCH), active) == (candidate == wanted)
            active = wanted
            attempt = agenda.next(active, has_shadow=False, may_shadow=True)
        assert (attempt is None) == (candidate == "-")
        if attempt is not None:
            assert (attempt.purpose, attempt.desired.digest) == (Purpose.PREFETCH, candidate)
            assert agenda.wants(attempt, active)
            agenda.desire(plain(wanted), Part(), before="")
            assert not agenda.wants(attempt, active)


def plain(digest: str) -> Desired:
    return Desired(digest, digest, Path)


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


def test_what_served_last_and_gave_way_answers_where_the_other_can_not(
    serve: Serve, make_bundle: MakeBundle, until: Until
) -> None:
    old, new = make_bundle("1.0.0"), make_bundle("2.0.0", -1.0)
    host = serve(bundle=(old.path,)).server.hosts[TASK]
    begun, cancelled = threading.Event(), threading.Event()

    def fetch() -> Path:
        begun.set()
        assert cancelled.wait(30)
        raise Unavailable("cancelled")

    def away() -> Path:
        raise Unavailable("its files are damaged, and the registry is away")

    fresh = ModelHost(TASK, "production", "attic", host._loader, Metrics("inference"))
    last = Desired("2.0.0", new.digest, fetch, cancel=cancelled.set, renewed=lambda: desired(new))
    fresh.start_with(last, desired(old))
    fresh.start()
    assert begun.wait(30)
    fresh.desire(Desired("1.0.0", old.digest, away), Part(9))
    until(lambda: fresh.is_serving)
    assert fresh.report().active_version == "2.0.0"
    fresh.stop()


def test_what_is_opened_on_an_earlier_proof_and_wanted_no_more_is_freed(
    open_model: OpenModel, make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version is told of after it was opened, and before its golden samples are checked."""
    loader, bundle = open_model._loader, make_bundle("1.0.0")
    loader.trials.confirm(TASK, bundle.digest, Proof(0.0), loader._setup)
    attempt, opened, closed = Attempt(desired(bundle)), list[LoadedModel](), list[LoadedModel]()
    open_now, close = loader.open, LoadedModel.close

    def open_late(bundle: Bundle) -> LoadedModel:
        opened.append(open_now(bundle))
        attempt.cancel()
        return opened[-1]

    monkeypatch.setattr(loader, "open", open_late)
    monkeypatch.setattr(LoadedModel, "close", lambda model: (closed.append(model), close(model)))
    with pytest.raises(Overtaken):
        loader.prepare(TASK, attempt)
    assert len(opened) == 1
    assert closed == opened


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
