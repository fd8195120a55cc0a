"""All of it on a device: a rollout's version runs over what was asked here, or beside, before it answers anybody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.fleet import State, Window, WindowKind
from pipit.inputs import EncodedImage, Landmarks
from pipit.registry.types import Assignment, Target
from pipit.serving.attempts import Part
from pipit.serving.counts import Counts
from pipit.serving.fleet_side import FleetSide
from pipit.serving.model import LoadedModel
from pipit.serving.replay import Sample
from pipit.serving.settings import ServingSettings
from tiny import REQUEST, TASK
from tiny_server import MakeBundle, Serve, Until, desired


class Canary:
    """A server of 1.0.0 whose assignments a test gives; nobody takes its reports."""

    def __init__(self, running: Any, old: Any, new: Any, **settings: Any) -> None:
        self.running, self.old, self.new = running, old, new
        self.host = running.server.hosts[TASK]
        self._channel = grpc.insecure_channel("127.0.0.1:1")
        source: Any = SimpleNamespace(client=SimpleNamespace(channel=self._channel), on_assigned=None)
        server = running.server
        chosen = ServingSettings(tasks=(TASK,), **settings)
        self.side = FleetSide(chosen, source, server.plane, server.metrics, server.memory)
        self.on_assigned = source.on_assigned

    def told(self, bundle: Any, rollout: str = "r-1", stage: int = 0, **more: Any) -> None:
        """As a registry's assignment does it."""
        candidate, standby = more.get("candidate"), more.get("standby")
        assignment = Assignment(
            TASK,
            "production",
            str(bundle.manifest.version),
            bundle.digest,
            stage + 5,
            rollout,
            stage,
            None if candidate is None else target(candidate),
            more.get("shadow", False),
            None if standby is None else target(standby),
        )
        self.on_assigned(assignment)
        part = Part(
            assignment.revision,
            rollout,
            stage,
            None if candidate is None else desired(candidate),
            assignment.shadow,
            "" if standby is None else standby.digest,
        )
        self.host.desire(desired(bundle), part)

    def ask(self, times: int = 1) -> None:
        for _ in range(times):
            self.running.calls.Classify(REQUEST, timeout=30)

    def windows(self) -> dict[tuple[WindowKind, str], Window]:
        report = self.side._reporter.report()
        return {(window.kind, window.version): window for window in report.windows}

    def serves(self, version: str) -> bool:
        return bool(self.host.report().active_version == version)

    def close(self) -> None:
        self.side.settle()
        self._channel.close()
        self.side.stop()


def target(bundle: Any) -> Target:
    return Target(str(bundle.manifest.version), bundle.digest)


@pytest.fixture
def canary(serve: Serve, make_bundle: MakeBundle, enough_memory: None) -> Iterator[Callable[..., Canary]]:
    started: list[Canary] = []

    def start(sign: float = 1.0, **settings: Any) -> Canary:
        old, new = make_bundle("1.0.0"), make_bundle("2.0.0", sign)
        started.append(Canary(serve(bundle=(old.path,), trial_seconds=0.0), old, new, **settings))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_a_canary_replays_before_it_answers(canary: Callable[..., Canary], until: Until) -> None:
    device = canary(-1.0)
    device.ask(40)
    device.told(device.old, candidate=device.new)
    until(lambda: device.host.report().candidate_state is State.PREFETCHED)
    assert (WindowKind.REPLAY, "2.0.0") not in device.windows()
    device.told(device.new, stage=0, standby=device.old)
    until(lambda: device.serves("2.0.0"))
    device.ask(3)
    windows = device.windows()
    replay, live, before = (
        windows[WindowKind.REPLAY, "2.0.0"],
        windows[WindowKind.LIVE, "2.0.0"],
        windows[WindowKind.BEFORE, "1.0.0"],
    )
    assert (replay.answered, replay.disagreed, replay.rollout, replay.stage) == (32, 32, "r-1", 0)
    assert (live.answered, before.answered) == (3, 40)
    assert (live.label_counts, replay.label_counts) == ({"low": 3}, {"low": 32})


def test_a_replay_that_another_rollout_ends_is_not_counted_in_that(
    canary: Callable[..., Canary], until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = canary()
    device.ask(3)
    run = device.side._replayer.run

    def run_late(candidate: LoadedModel, samples: Sequence[Sample], cancelled: threading.Event) -> Counts:
        counts = run(candidate, samples, cancelled)
        device.told(device.old, rollout="r-2", candidate=device.new)
        return counts

    monkeypatch.setattr(device.side._replayer, "run", run_late)
    device.told(device.new, standby=device.old)
    until(lambda: device.host.report().candidate_state is State.PREFETCHED)
    assert (WindowKind.REPLAY, "2.0.0") not in device.windows()


def test_without_a_rollout_nothing_is_replayed(canary: Callable[..., Canary], until: Until) -> None:
    device = canary()
    device.ask(3)
    device.told(device.new, rollout="")
    until(lambda: device.serves("2.0.0"))
    assert (WindowKind.REPLAY, "2.0.0") not in device.windows()


def test_nothing_is_kept_where_the_settings_say_so(canary: Callable[..., Canary], until: Until) -> None:
    device = canary(replay_inputs=0)
    device.ask(3)
    assert device.side._recent[TASK].all() == ()
    device.told(device.new, standby=device.old)
    until(lambda: device.serves("2.0.0"))
    assert (WindowKind.REPLAY, "2.0.0") not in device.windows()


def test_a_recording_and_its_parts_are_kept(canary: Callable[..., Canary]) -> None:
    device = canary()
    samples = np.linspace(0.1, 0.4, 8, dtype=np.float32).tobytes()
    pcm = pb.Input(pcm=pb.PcmAudio(samples=samples, encoding=pb.PcmAudio.ENCODING_F32, sample_rate=8, channels=1))
    device.running.calls.Classify(pb.ClassifyRequest(input=pcm), timeout=30)
    message = pb.ClassifyStreamRequest(request=pb.ClassifyRequest(input=pcm))
    list(device.running.calls.ClassifyStream(iter([message]), timeout=30))
    part, whole = device.side._recent[TASK].all()
    assert type(part.given).__name__ == "Decoded"
    assert type(whole.given).__name__ == "PcmAudio"
    assert len(part.predictions) == len(whole.predictions) == 2


def test_a_shadow_runs_beside_until_it_is_to_answer(canary: Callable[..., Canary], until: Until) -> None:
    device = canary(-1.0)
    device.told(device.old, candidate=device.new, shadow=True)

    def all_differ() -> bool:
        device.ask()
        shadow = device.windows().get((WindowKind.SHADOW, "2.0.0"))
        return shadow is not None and shadow.disagreed == shadow.answered >= 3

    until(all_differ)
    item = Landmarks(np.array([0.1, 0.2, 0.3, 0.4], np.float32))
    said = device.side.say_beside(TASK, item)
    assert said is not None
    assert (said[0], said[1][0].label) == ("2.0.0", "low")
    assert device.side.say_beside(TASK, EncodedImage(b"none that it takes")) is None
    assert device.serves("1.0.0")
    assert (WindowKind.LIVE, "2.0.0") not in device.windows()
    device.told(device.new, stage=1, standby=device.old)
    until(lambda: device.serves("2.0.0"))
    assert not device.side._shadows[TASK].is_on
    assert device.side.say_beside(TASK, item) is None


def test_a_shadow_that_was_dropped_for_want_of_memory_goes_on_counting(
    canary: Callable[..., Canary], until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = canary(-1.0)
    shadow = device.side._shadows[TASK]
    device.told(device.old, candidate=device.new, shadow=True)

    def answered() -> int:
        window = device.windows().get((WindowKind.SHADOW, "2.0.0"))
        return 0 if window is None else window.answered

    def has_answered(more_than: int) -> bool:
        device.ask()
        return answered() > more_than

    until(lambda: has_answered(2))
    with monkeypatch.context() as patch:
        patch.setattr("pipit.serving.host.memory_is_short", lambda: True)
        device.told(device.old, candidate=device.new, shadow=True)
        until(lambda: not shadow.is_on)
    until(lambda: shadow.is_on)
    before = answered()
    assert before > 2
    until(lambda: has_answered(before))
    until(lambda: device.host.report().candidate_failed_step == "")


def test_pictures_of_people_go_when_people_change(canary: Callable[..., Canary]) -> None:
    device = canary()
    device.ask(2)
    device.host.current.names_people = True
    device.ask(3)
    assert len(device.side._recent[TASK].all()) == 5
    # As another version that answers by now.
    device.host.current.names_people = False
    device.side.forget_people()
    assert [sample.people for sample in device.side._recent[TASK].all()] == [None, None]
