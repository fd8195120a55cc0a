"""What runs beside the answers takes nothing from them, leaves nothing behind, and is counted as what it is."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from pipit.inputs import EncodedImage, Input, Landmarks
from pipit.inputs.memory import Budget, room_for
from pipit.metrics import Metrics
from pipit.serving.attempts import Part
from pipit.serving.beside import Kept
from pipit.serving.host_meters import HostMeters
from pipit.serving.loaded import LoadedVersions, nothing
from pipit.serving.model import LoadedModel
from pipit.serving.replay import Replayer, Sample
from pipit.serving.shadow import Shadow
from pipit.types import Decoded
from tiny import TASK
from tiny_server import MakeBundle, OpenModel, Serve, Until, desired

VALUES = np.array([0.1, 0.2, 0.3, 0.4], np.float32)


def versions(open_model: OpenModel) -> LoadedVersions:
    """Of a host that has nothing to tell."""
    loader, changed = open_model._loader, threading.Condition()
    meters = HostMeters(TASK, "attic", loader._metrics)
    return LoadedVersions(TASK, loader, meters, changed, nothing, lambda _: None, 0.0, keeps_standby=True)


def sample(model: LoadedModel, item: Input) -> Sample:
    return Sample(item, (), model.manifest, 16)


LANDMARKS = Landmarks(VALUES)
BROKEN = EncodedImage(b"broken")


def test_a_candidate_that_answers_already_is_not_opened_again(
    serve: Serve, make_bundle: MakeBundle, until: Until
) -> None:
    old, bad = make_bundle("1.3.0"), make_bundle("1.4.0", golden_sign=-1.0)
    host = serve(bundle=(old.path,), trial_seconds=0.0).server.hosts[TASK]
    shadows: list[LoadedModel | None] = []
    host.on_shadow = shadows.append
    host.desire(desired(bad), Part(5, "r-1", candidate=desired(old), shadow=True))

    def rests() -> bool:
        with host._orders.changed:
            agenda = host._orders.agenda
            return bool(agenda.candidate.is_had and host._orders._attempt is None and host._to_do() is None)

    until(rests)
    assert host.report().failed_step == "golden"
    assert (shadows, list(host._loaded.beside.besides(()))) == ([], [])


def test_what_is_not_kept_is_freed_whatever_else_is_loaded_of_it(
    open_model: OpenModel, make_bundle: MakeBundle
) -> None:
    loaded, bundle = versions(open_model), make_bundle("1.0.0")
    first, again = (open_model._loader.open(bundle) for _ in range(2))
    loaded.swap(first, nothing, standby="")
    loaded.put(Kept(again, nothing, shadow=True))
    loaded.swap(open_model("2.0.0"), nothing, standby="")
    assert first.is_drained
    loaded.drop_beside(())
    assert again.is_drained
    loaded.free_drained()


def test_what_stands_by_is_still_counted_after_older_versions_were_forgotten(
    open_model: OpenModel, make_bundle: MakeBundle, enough_memory: None
) -> None:
    """Of a version that was loaded anew, for another key signed it, the first is freed long before the last."""
    loaded, bundle = versions(open_model), make_bundle("1.0.0")
    first, again = (open_model._loader.open(bundle) for _ in range(2))
    for model in (first, again, open_model("2.0.0")):
        loaded.swap(model, nothing, standby=bundle.digest)
        loaded.free_drained()
    loaded.put(Kept(open_model("3.0.0"), nothing, shadow=True))
    loaded.drop_beside({bundle.digest})
    loaded.free_drained()
    kept = loaded.take(bundle.digest)
    assert kept is not None
    assert kept.model is again
    loaded.swap(again, nothing, standby="")
    again.meters.count_answer(0.1)
    labels = {"task": TASK, "version": "1.0.0", "code": "OK"}
    assert open_model._loader._metrics.registry.get_sample_value("pipit_requests_total", labels) == 1.0
    again.close()


@pytest.fixture
def full() -> Budget:
    """Memory to decode with, of which real requests have all."""
    budget = Budget(100)
    budget.take(100, until=None)
    return budget


def needs_room(model: LoadedModel) -> LoadedModel:
    """Landmarks are decoded as a picture is: with memory."""
    decode = model.pipeline.decode

    def with_room(item: Input) -> Decoded:
        with room_for(60 if isinstance(item, Landmarks) else 0, 0):
            return decode(item)

    model.pipeline.decode = with_room  # type: ignore[method-assign]
    return model


def test_a_shadow_leaves_out_what_there_is_no_memory_for(open_model: OpenModel, until: Until, full: Budget) -> None:
    serving, candidate = open_model("1.0.0"), needs_room(open_model("2.0.0"))
    metrics = Metrics("inference")
    shadow = Shadow(TASK, metrics, full, lambda: False)
    counts = shadow.follow(candidate)
    assert counts is not None
    shadow.offer(sample(serving, LANDMARKS))
    shadow.offer(sample(serving, BROKEN))
    until(lambda: bool(counts.totals().errors))
    shadow.follow(None)
    assert (counts.totals().answered, counts.totals().errors, full.waiting) == (0, {"INTERNAL": 1}, 0)
    for name in ("pipit_shadow_answers_total", "pipit_shadow_disagreements_total"):
        assert metrics.registry.get_sample_value(name, {"task": TASK, "version": "2.0.0"}) == 0.0


def test_a_replay_leaves_out_what_there_is_no_memory_for(open_model: OpenModel, full: Budget) -> None:
    serving, candidate = open_model("1.0.0"), needs_room(open_model("2.0.0"))
    metrics = Metrics("inference")
    samples = [sample(serving, LANDMARKS), sample(serving, BROKEN)]
    counts = Replayer(metrics, full, 30.0).run(candidate, samples, threading.Event())
    totals = counts.totals()
    assert (totals.answered, totals.errors, full.waiting) == (0, {"INTERNAL": 1}, 0)
    labels = {"task": TASK, "version": "2.0.0", "result": "failed"}
    assert metrics.registry.get_sample_value("pipit_replayed_total", labels) == 1.0
