"""A device and a registry: what is kept, what leaves the device, and what ends with the consent."""

from __future__ import annotations

import io
import os
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from capture_device import TASK, Device, until
from fake_registry import FakeRegistry
from pipit.capture import capture as capture_module
from pipit.capture.answered import Answered, WaitingForFeedback
from pipit.examples import Consent, Example, Reason
from pipit.inputs import EncodedImage, Landmarks
from pipit.types import Box, Identity, LabelScore, Prediction

IDENTITY = Identity(TASK, "1.0.0", "f" * 64, "float32")
MakeDevice = Callable[..., Device]
EVERYTHING = {"random_rate": 1.0}
BAND = {"random_rate": 0.0, "rate": 1.0}
REMOVED = {"random_rate": 0.0, "rate": 0.0}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipit.capture.sender.ASK_SECONDS", 0.05)
    monkeypatch.setattr("pipit.capture.sender.FIRST_PAUSE", 0.01)


def said(score: float, label: str = "high") -> list[Prediction]:
    return [Prediction((LabelScore(label, score), LabelScore("low", 1 - score)), Box(1, 2, 3, 4), label)]


def landmarks(number: float) -> Landmarks:
    return Landmarks(np.full(4, number, np.float32))


def begun(device: Device) -> Device:
    """Once it knows its consent."""
    device.capture.start()
    until(lambda: TASK in device.capture.choosers)
    return device


def values(content: bytes) -> list[float]:
    with np.load(io.BytesIO(content)) as arrays:
        return list(arrays["landmarks"])


def test_what_is_uncertain_is_kept_sent_and_gone_from_the_disk(device: MakeDevice, registry: FakeRegistry) -> None:
    one = begun(device(**BAND))
    for number, score in enumerate((0.5, 0.9, 0.6)):
        one.capture.offer(IDENTITY, landmarks(number), said(score))
    until(lambda: len(registry.order) == 2)
    first, second = (registry.taken[key] for key in registry.order)
    assert (values(first[1]), values(second[1])) == ([0.0] * 4, [2.0] * 4)
    example = first[0]
    assert (example.reason, example.version, example.device_id) == (Reason.UNCERTAIN, "1.0.0", "pi-1")
    assert (example.media_type, example.was_corrected) == ("application/x-npz", False)
    (part,) = example.parts
    assert (part.label, part.box, [score.label for score in part.scores]) == ("high", (1, 2, 3, 4), ["high", "low"])
    until(lambda: one.value("pipit_examples_sent_total") == 2.0)
    until(lambda: one.value("pipit_examples_kept_total", reason="uncertain") == 2.0)
    until(lambda: one.value("pipit_examples_waiting_bytes") == 0.0)
    assert one.capture._rings[TASK].oldest() is None


def test_what_runs_beside_says_its_opinion(device: MakeDevice, registry: FakeRegistry) -> None:
    one = begun(device(**EVERYTHING))
    one.capture.ask_other = lambda task, item: ("2.0.0", said(0.7, f"of {task}"))
    one.capture.offer(IDENTITY, landmarks(1), said(0.5))
    until(lambda: len(registry.order) == 1)
    example, _ = registry.taken[registry.order[0]]
    assert (example.other_version, example.other_parts[0].label) == ("2.0.0", f"of {TASK}")


def test_what_is_kept_is_written_when_answers_leave_time(device: MakeDevice, registry: FakeRegistry) -> None:
    one = begun(device(**EVERYTHING))
    nice: list[int] = []

    def ask(task: str, item: object) -> None:
        nice.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    one.capture.ask_other = ask
    one.capture.offer(IDENTITY, landmarks(1), said(0.5))
    until(lambda: len(registry.order) == 1)
    assert nice[0] >= 10


def test_without_a_consent_nothing_is_kept(device: MakeDevice, registry: FakeRegistry) -> None:
    one = device(given=False)
    registry.give(Consent("another device", TASK, "", random_rate=1.0))
    one.capture.start()
    assert registry.asked.acquire(timeout=30)
    assert registry.asked.acquire(timeout=30)
    assert one.capture.choosers == {}
    assert one.capture.offer(IDENTITY, landmarks(1), said(0.5)) is None


def test_a_consent_that_goes_takes_all_with_it(device: MakeDevice, registry: FakeRegistry, tmp_path: Path) -> None:
    registry.refuse = [grpc.StatusCode.UNAVAILABLE] * 1000
    one = begun(device(**EVERYTHING))
    held = one.capture.offer(IDENTITY, landmarks(1), said(0.5))
    assert held is not None
    one.capture.remember("a", held)
    until(lambda: one.value("pipit_examples_waiting_bytes") > 0)
    registry.consents.clear()
    until(lambda: TASK not in one.capture.choosers)
    until(lambda: list((tmp_path / "capture" / TASK).iterdir()) == [])
    until(lambda: one.capture._feedback.size == 0)
    one.capture.judged("a", "low", was_right=False)
    assert registry.taken == {}
    until(lambda: one.value("pipit_examples_waiting_bytes") == 0.0)


def test_a_refused_upload_deletes_the_tasks_ring_at_once(
    device: MakeDevice, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = begun(device(**EVERYTHING))
    registry.refuse = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED]
    one.capture.offer(IDENTITY, landmarks(1), said(0.5))
    until(lambda: one.value("pipit_examples_left_out_total", reason="refused") == 1.0)
    assert one.capture._rings[TASK].oldest() is None


def test_feedback_that_says_wrong_keeps_the_input_with_its_right_label(
    device: MakeDevice, registry: FakeRegistry
) -> None:
    one = begun(device(**REMOVED))
    for request_id, right in (("a", True), ("b", False), ("never held", False)):
        if request_id != "never held":
            held = one.capture.offer(IDENTITY, landmarks(3), said(0.99))
            assert held is not None
            one.capture.remember(request_id, held)
        one.capture.judged(request_id, "low", was_right=right)
    until(lambda: len(registry.order) == 1)
    example, _ = registry.taken[registry.order[0]]
    assert (example.reason, example.corrected, example.was_corrected) == (Reason.WRONG, "low", True)


def test_one_of_the_fair_sample_stays_one_when_it_was_wrong(device: MakeDevice, registry: FakeRegistry) -> None:
    registry.refuse = [grpc.StatusCode.UNAVAILABLE] * 3
    one = begun(device(**EVERYTHING))
    held = one.capture.offer(IDENTITY, landmarks(3), said(0.99))
    assert held is not None
    one.capture.remember("a", held)
    one.capture.judged("a", "", was_right=False)
    until(lambda: one.value("pipit_examples_kept_total", reason="random") == 2.0)
    until(lambda: len(registry.taken) == 1)
    assert next(iter(registry.taken.values()))[0].reason is Reason.RANDOM


def test_what_was_kept_survives_a_restart_and_an_absent_registry(
    device: MakeDevice, registry: FakeRegistry, tmp_path: Path
) -> None:
    one = begun(device(**EVERYTHING))
    registry.stop()
    for number in range(3):
        one.capture.offer(IDENTITY, landmarks(number), said(0.5))
    until(lambda: one.value("pipit_examples_kept_total", reason="random") == 3.0)
    one.stop()
    broken = sorted((tmp_path / "capture" / TASK).iterdir())[1]
    broken.write_bytes(b"a disk's fault")
    registry.start()
    two = begun(device(**EVERYTHING))
    until(lambda: len(registry.order) == 2)
    assert [values(registry.taken[key][1])[0] for key in registry.order] == [0.0, 2.0]
    until(lambda: two.value("pipit_examples_left_out_total", reason="broken") == 1.0)


def test_what_makes_room_while_it_is_sent_counts_as_sent(
    device: MakeDevice, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = device(**EVERYTHING)
    ring, upload = one.capture._rings[TASK], one.client.upload

    def overtaken(example: Example, content: bytes) -> Example:
        stored = upload(example, content)
        name = ring.oldest()
        assert name is not None
        ring.drop(name)
        return stored

    monkeypatch.setattr(one.client, "upload", overtaken)
    begun(one).capture.offer(IDENTITY, landmarks(1), said(0.5))
    until(lambda: one.value("pipit_examples_sent_total") == 1)


def test_an_upload_goes_on_where_it_broke_off(device: MakeDevice, registry: FakeRegistry) -> None:
    registry.cut_after = 256 * 1024
    one = begun(device(most_bytes=100 << 20, **EVERYTHING))
    item = Landmarks(np.random.default_rng(1).random(200_000, np.float32))
    one.capture.offer(IDENTITY, item, said(0.5))
    until(lambda: len(registry.taken) == 1)
    _, content = next(iter(registry.taken.values()))
    assert registry.received == len(content) > 512 * 1024
    assert values(content) == item.values.tolist()


@pytest.mark.parametrize(("status", "times"), [(grpc.StatusCode.INVALID_ARGUMENT, 1), (grpc.StatusCode.DATA_LOSS, 2)])
def test_what_the_registry_can_not_take_does_not_stand_in_the_way(
    device: MakeDevice, registry: FakeRegistry, status: grpc.StatusCode, times: int
) -> None:
    registry.refuse = [status] * times
    one = begun(device(**EVERYTHING))
    for number in range(2):
        one.capture.offer(IDENTITY, landmarks(number), said(0.5))
    until(lambda: len(registry.taken) == 1)
    assert values(next(iter(registry.taken.values()))[1])[0] == 1.0
    assert one.value("pipit_examples_left_out_total", reason="refused") == 1.0


def test_pictures_are_not_kept_where_faces_can_not_be_blurred(
    device: MakeDevice, registry: FakeRegistry, photograph: Any
) -> None:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(photograph).save(stream, "PNG")
    picture = EncodedImage(stream.getvalue())
    one = begun(device(most_bytes=100 << 20, **EVERYTHING))
    one.capture.offer(IDENTITY, picture, said(0.5))
    until(lambda: one.value("pipit_examples_left_out_total", reason="no_blur") == 1.0)
    one.capture.offer(IDENTITY, picture, said(0.5), shows_people=True)
    until(lambda: len(registry.taken) == 1)
    assert next(iter(registry.taken.values()))[0].faces_blurred == 0


def test_faces_are_blurred_before_a_picture_touches_the_disk(
    device: MakeDevice, registry: FakeRegistry, photograph: Any, networks_folder: Path
) -> None:
    from PIL import Image
    from pipit.landmarks import FaceAndBody

    stream = io.BytesIO()
    Image.fromarray(photograph).save(stream, "PNG")
    one = begun(device(most_bytes=100 << 20, networks=networks_folder, **EVERYTHING))
    one.capture.offer(IDENTITY, EncodedImage(stream.getvalue()), said(0.5))
    until(lambda: len(registry.taken) == 1)
    example, content = next(iter(registry.taken.values()))
    assert (example.media_type, example.faces_blurred >= 1) == ("image/jpeg", True)
    finder = FaceAndBody.load(networks_folder, body=False)
    kept = np.asarray(Image.open(io.BytesIO(content)))
    assert len(finder.find(photograph, None, body=False)) == 1
    assert finder.find(kept, None, body=False) == []
    # What is far from the face is as it was.
    assert np.abs(kept[300:].astype(int) - photograph[300:]).mean() < 4
    finder.close()


def test_names_never_leave_the_device_and_people_who_change_take_their_pictures_along(
    device: MakeDevice, registry: FakeRegistry, tmp_path: Path
) -> None:
    one = begun(device(**EVERYTHING))
    one.capture.offer(IDENTITY, landmarks(1), said(0.9, "Ada"), names_people=True)
    until(lambda: len(registry.taken) == 1)
    (part,) = next(iter(registry.taken.values()))[0].parts
    assert (part.label, [score.label for score in part.scores]) == ("known", ["known"])
    registry.stop()
    held = one.capture.offer(IDENTITY, landmarks(2), said(0.9, "Ada"), names_people=True)
    assert held is not None
    one.capture.remember("a", held)
    until(lambda: one.value("pipit_examples_waiting_bytes") > 0)
    one.stop()
    # Another process, which has named nobody yet.
    two = device(given=False)
    two.capture.forget_people()
    assert two.capture._rings[TASK].oldest() is None
    registry.start()


def test_pictures_of_people_do_not_outlive_a_restart(
    device: MakeDevice, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.refuse = [grpc.StatusCode.UNAVAILABLE] * 1000
    one = begun(device(**EVERYTHING))
    one.capture.offer(IDENTITY, landmarks(1), said(0.9, "Ada"), names_people=True)
    until(lambda: one.value("pipit_examples_waiting_bytes") > 0)
    one.stop()
    registry.refuse = []
    two = begun(device(**EVERYTHING))
    # Who was in it may have been forgotten while nobody served.
    two.capture.offer(IDENTITY, landmarks(2), said(0.9, "Ada"), names_people=True)
    until(lambda: len(registry.taken) == 1)
    assert values(next(iter(registry.taken.values()))[1])[0] == 2.0


def test_what_was_kept_of_a_task_that_is_served_no_more_goes_with_its_consent(
    device: MakeDevice, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.refuse = [grpc.StatusCode.UNAVAILABLE] * 1000
    one = begun(device(**EVERYTHING))
    one.capture.offer(IDENTITY, landmarks(1), said(0.5))
    until(lambda: one.value("pipit_examples_waiting_bytes") > 0)
    one.stop()
    registry.consents.clear()
    two = device(given=False, tasks=())
    two.capture.start()
    until(lambda: list((tmp_path / "capture" / TASK).iterdir()) == [])


def test_what_is_too_old_goes_though_the_registry_is_away(
    device: MakeDevice, registry: FakeRegistry, tmp_path: Path
) -> None:
    one = begun(device(keep_days=30, **EVERYTHING))
    registry.stop()
    one.capture.offer(IDENTITY, landmarks(1), said(0.5))
    until(lambda: one.value("pipit_examples_waiting_bytes") > 0)
    one.stop()
    (kept,) = (tmp_path / "capture" / TASK).iterdir()
    kept.rename(kept.with_name(f"20200101{kept.name[8:]}"))
    two = device(given=False)
    two.capture.start()
    until(lambda: two.value("pipit_examples_left_out_total", reason="too_old") == 1.0)
    assert list((tmp_path / "capture" / TASK).iterdir()) == []
    registry.start()


def test_a_fault_with_the_consents_has_the_registry_asked_no_more_often(
    device: MakeDevice, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: capture_module.Capture, consents: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("pipit.capture.sender.ASK_SECONDS", 1000.0)
    monkeypatch.setattr(capture_module.Capture, "use", broken)
    device(**EVERYTHING).capture.start()
    assert registry.asked.acquire(timeout=30)
    assert not registry.asked.acquire(timeout=0.5)


def test_small_inputs_that_wait_for_feedback_take_no_more_memory_than_allowed(
    device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_module, "FEEDBACK_BYTES", 1 << 20)
    one = device(**REMOVED)
    one.capture.use([Consent("pi-1", TASK, "", random_rate=0.0, rate=0.0)])
    tracemalloc.start()
    for number in range(10_000):
        held = one.capture.offer(IDENTITY, landmarks(number), said(0.5))
        assert held is not None
        one.capture.remember(str(number), held)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 2 << 20
    one.capture.judged("9999", "low", was_right=False)
    assert len(one.capture._queue) == 1


def test_an_input_of_before_the_people_changed_is_not_kept_after(device: MakeDevice, registry: FakeRegistry) -> None:
    one = begun(device(**REMOVED))
    one.capture._rings[TASK].note_people()
    held = one.capture.offer(IDENTITY, landmarks(2), said(0.9, "Ada"), names_people=True)
    assert held is not None
    one.capture.forget_people()
    # As an answer that was under way meanwhile.
    one.capture.remember("a", held)
    one.capture.judged("a", "somebody else", was_right=False)
    again = one.capture.offer(IDENTITY, landmarks(3), said(0.9, "Ada"), names_people=True)
    assert again is not None
    one.capture.remember("b", again)
    one.capture.judged("b", "somebody else", was_right=False)
    until(lambda: len(registry.taken) == 1)
    assert values(next(iter(registry.taken.values()))[1])[0] == 3.0


def test_an_input_that_is_remembered_while_all_is_forgotten_is_not_held(
    device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = device()
    one.capture.use([Consent("pi-1", TASK, "", **REMOVED)])
    before, during = (one.capture.offer(IDENTITY, landmarks(number), said(0.9)) for number in range(2))
    assert before is not None
    assert during is not None
    forget = one.capture._feedback.forget

    def overtaken(task: str) -> None:
        forget(task)
        one.capture.remember("b", during)

    monkeypatch.setattr(one.capture._feedback, "forget", overtaken)
    one.capture.use([])
    one.capture.remember("a", before)
    assert one.capture._feedback.size == 0


def test_what_comes_faster_than_the_disk_is_left_out_and_counted(
    device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = device(**EVERYTHING)
    monkeypatch.setattr(capture_module, "QUEUE_LENGTH", 2)
    one.capture.use([Consent("pi-1", TASK, "", random_rate=1.0)])
    # Its threads have not begun.
    for number in range(5):
        one.capture.offer(IDENTITY, landmarks(number), said(0.5))
    assert one.value("pipit_examples_left_out_total", reason="busy") == 3.0
    one.capture.start()
    until(lambda: one.value("pipit_examples_kept_total", reason="random") == 2.0)


@pytest.mark.parametrize(("item", "reason"), [(EncodedImage(b"no picture"), "unreadable"), (None, "too_large")])
def test_what_can_not_be_kept_is_counted(device: MakeDevice, item: EncodedImage | None, reason: str) -> None:
    one = begun(device(most_bytes=1000, **EVERYTHING))
    large = Landmarks(np.random.default_rng(1).random(1000, np.float32))
    one.capture.offer(IDENTITY, item or large, said(0.5), shows_people=True)
    until(lambda: one.value("pipit_examples_left_out_total", reason=reason) == 1.0)


def test_inputs_wait_for_feedback_within_their_bytes() -> None:
    waiting = WaitingForFeedback(250)

    def answered(number: int) -> Answered:
        from datetime import UTC, datetime

        return Answered(IDENTITY, landmarks(number), said(0.5), datetime.now(UTC), 100)

    for key in "abca":
        waiting.hold(key, answered(ord(key)))
    assert waiting.size == 200
    assert [waiting.take(key) is not None for key in "abca"] == [True, False, True, False]
    assert waiting.size == 0
    waiting.hold("d", answered(1))
    waiting.forget(TASK)
    assert (waiting.take("d"), waiting.size) == (None, 0)
