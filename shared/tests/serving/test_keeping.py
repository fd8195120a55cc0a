"""A server keeps hard examples: stills, windows of streams, what feedback called wrong; none without a consent."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import numpy as np
import pytest
from fake_registry import FakeRegistry
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.errors import Unavailable
from pipit.examples import Consent, Example, Reason
from pipit.inputs import EncodedImage, Input, InputSequence, TensorInput
from pipit.inputs.memory import Budget
from pipit.metrics import Metrics
from pipit.serving.keeping import Keeping, keeping_of
from pipit.serving.settings import ServingSettings
from pipit.types import Identity
from tiny import RATE, REQUEST, TASK
from tiny_server import Serve, Until

STREAM = [
    pb.ClassifyStreamRequest(
        request=pb.ClassifyRequest(
            input=pb.Input(
                pcm=pb.PcmAudio(
                    samples=np.full(3, number / 10, "<f4").tobytes(),
                    encoding=pb.PcmAudio.ENCODING_F32,
                    sample_rate=RATE,
                    channels=1,
                )
            ),
            request_id=f"piece {number}",
        )
    )
    for number in range(1, 5)
]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    monkeypatch.setattr("pipit.capture.sender.ASK_SECONDS", 0.05)
    registry = FakeRegistry()
    registry.start()
    yield registry
    registry.stop()


class Site:
    """A server whose registry knows nothing but consents."""

    def __init__(self, running: Any, registry: FakeRegistry, folder: Path, **settings: Any) -> None:
        self.running = running
        self._channel = grpc.insecure_channel(registry.address)
        source: Any = SimpleNamespace(client=SimpleNamespace(channel=self._channel), tasks=(TASK,))
        server = running.server
        chosen = ServingSettings(tasks=(TASK,), cache_dir=folder, device_id="pi-1", **settings)
        self.keeping: Keeping | None = keeping_of(chosen, source, server.metrics, server.memory)
        server.plane.keeping = self.keeping
        if self.keeping is not None:
            self.keeping.start()

    def close(self) -> None:
        if self.keeping is not None:
            self.keeping.settle()
            self.keeping.stop()
        self._channel.close()


@pytest.fixture
def site(serve: Serve, registry: FakeRegistry, tmp_path: Path, until: Until) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def make(**consent: Any) -> Site:
        registry.give(Consent("pi-1", TASK, "we agree", **consent))
        made.append(site := Site(serve(), registry, tmp_path / "device"))
        keeping = site.keeping
        assert keeping is not None
        until(lambda: TASK in keeping.tasks)
        return site

    yield make
    for one in made:
        one.close()


def taken(registry: FakeRegistry) -> list[tuple[Example, bytes]]:
    return [registry.taken[key] for key in registry.order]


def test_a_still_is_kept_with_what_was_said_of_it(
    site: Callable[..., Site], registry: FakeRegistry, until: Until
) -> None:
    answer = site(random_rate=1.0).running.calls.Classify(REQUEST, timeout=30)
    until(lambda: len(registry.order) == 1)
    ((example, content),) = taken(registry)
    (part,) = example.parts
    best = answer.predictions[0].scores[0]
    assert (part.scores[0].label, part.scores[0].score) == (best.label, pytest.approx(best.score))
    assert (example.task, example.version, example.group) == (TASK, "1.0.0", "")
    with np.load(io.BytesIO(content)) as arrays:
        assert arrays["landmarks"] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_of_a_stream_the_window_that_was_answered_is_kept(
    site: Callable[..., Site], registry: FakeRegistry, until: Until
) -> None:
    list(site(random_rate=1.0).running.calls.ClassifyStream(iter(STREAM), timeout=30))
    until(lambda: len(registry.order) == 3)
    heard = []
    for example, content in taken(registry):
        with wave.open(io.BytesIO(content)) as file:
            heard += (np.frombuffer(file.readframes(100), "<i2") / 32768).tolist()
        assert (example.media_type, [part.span for part in example.parts]) == ("audio/wav", [(0.0, 0.5)])
    assert heard == pytest.approx(np.repeat([0.1, 0.2, 0.3, 0.4], 3), abs=1e-4)
    groups = {example.group for example, _ in taken(registry)}
    assert len(groups) == 1
    assert groups != {""}


def test_wrong_answers_come_with_their_right_label(
    site: Callable[..., Site], registry: FakeRegistry, until: Until
) -> None:
    calls = site(random_rate=0.0, rate=0.0).running.calls
    said = calls.Classify(pb.ClassifyRequest(input=REQUEST.input, request_id="a"), timeout=30).predictions[0].label
    right = next(label for label in ("low", "middle", "high") if label != said)
    calls.Feedback(pb.FeedbackRequest(request_id="a", label=right), timeout=30)
    list(calls.ClassifyStream(iter(STREAM[:2]), timeout=30))
    verdict = calls.Feedback(pb.FeedbackRequest(request_id="piece 2", label="low"), timeout=30)
    until(lambda: len(registry.order) == (1 if verdict.was_right else 2))
    first = taken(registry)[0][0]
    assert (first.reason, first.corrected, first.was_corrected) == (Reason.WRONG, right, True)
    if not verdict.was_right:
        assert taken(registry)[1][0].media_type == "audio/wav"


def test_without_a_consent_no_input_stays(serve: Serve, registry: FakeRegistry, tmp_path: Path) -> None:
    site = Site(serve(), registry, tmp_path / "device")
    for _ in range(2):
        assert registry.asked.acquire(timeout=30)
    tell = site.running.server.plane._tell
    kept: list[object] = []
    site.running.server.plane._tell = lambda *all_, **more: kept.append(given := tell(*all_, **more)) or given
    site.running.calls.Classify(REQUEST, timeout=30)
    list(site.running.calls.ClassifyStream(iter(STREAM), timeout=30))
    assert [one.kept for one in kept] == [None] * 4  # type: ignore[attr-defined]
    site.close()
    assert not (tmp_path / "device/capture" / TASK).exists()


def test_never_deletes_what_was_kept_before(
    site: Callable[..., Site], registry: FakeRegistry, until: Until, tmp_path: Path
) -> None:
    registry.refuse = [grpc.StatusCode.UNAVAILABLE] * 1000
    one = site(random_rate=1.0)
    one.running.calls.Classify(REQUEST, timeout=30)
    folder = tmp_path / "device/capture"
    until(lambda: any((folder / TASK).glob("*.sealed")))
    one.close()
    assert Site(one.running, registry, tmp_path / "device", capture="never").keeping is None
    assert not folder.exists()


@pytest.mark.parametrize(
    ("kind", "names_people", "kept"), [("image", False, 1), ("image", True, 3), ("tensor", False, 3)]
)
def test_pixels_in_which_no_detector_looks_are_not_kept(kind: str, names_people: bool, kept: int) -> None:
    offered: list[Input] = []

    def offer(identity: Identity, item: Input, predictions: object, **rest: object) -> None:
        offered.append(item)

    capture: Any = SimpleNamespace(offer=offer)
    for name in ("start", "settle", "stop", "remember", "judged", "forget_people"):
        setattr(capture, name, None)
    manifest = SimpleNamespace(files={}, networks={}, input=SimpleNamespace(kind=kind))
    model: Any = SimpleNamespace(manifest=manifest, names_people=names_people, identity=None)
    pixels = TensorInput("pixels", np.zeros((2, 2, 3), np.float32))
    for item in (pixels, InputSequence((pixels,)), EncodedImage(b"")):
        assert Keeping(capture).offer(model, item, None, ()) is None
    assert len(offered) == kept


def test_never_deletes_it_where_no_registry_is_followed_any_more(serve: Serve, tmp_path: Path) -> None:
    folder = tmp_path / "cache/capture" / TASK
    folder.mkdir(parents=True)
    (folder / "20261129T101500123456-x.sealed").write_bytes(b"of before")
    serve(capture="never")
    assert not folder.parent.exists()


@pytest.mark.parametrize("capture", ["never", "consent"])
def test_a_folder_that_is_none_is_named_at_the_start(capture: Any, tmp_path: Path) -> None:
    (tmp_path / "capture").write_bytes(b"a file")
    settings = ServingSettings(registry="127.0.0.1:1", tasks=(TASK,), cache_dir=tmp_path, capture=capture)
    source: Any = SimpleNamespace(client=SimpleNamespace(channel=grpc.insecure_channel("127.0.0.1:1")), tasks=(TASK,))
    with source.client.channel, pytest.raises(Unavailable, match="kept inputs can't be used"):
        keeping_of(settings, source, Metrics("inference"), Budget(1 << 20))
