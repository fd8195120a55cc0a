from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from emotion.stress.pipeline import StressPipeline
from emotion.stress.synthetic import golden_inputs, synthesise_block, synthesise_faces
from pipit.bundle.manifest import Manifest
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage, InputSequence, Landmarks, PcmAudio, TensorInput
from pipit.runtimes import Runtime
from pipit.types import Decoded, TimeSpan

Make = Callable[..., Manifest]
Networks = Mapping[str, Runtime]
ROW = np.ones((1, 3, 6), np.float32)


def _minutes(count: int, seed: int = 1) -> np.ndarray:
    return synthesise_block("R" * count, count, np.random.default_rng(seed))


def _steps(values: np.ndarray) -> InputSequence:
    return InputSequence(tuple(TensorInput("physiology", row) for row in values))


def test_a_sequence_becomes_windows_with_their_times(make_manifest: Make) -> None:
    decoded = StressPipeline(make_manifest(window=3, hop=2)).decode(_steps(_minutes(8)))
    assert decoded.tensors["rows"].shape == (3, 3, 6)
    assert decoded.tensors["rows"].dtype == np.float32
    assert decoded.regions == (TimeSpan(0, 180), TimeSpan(120, 300), TimeSpan(240, 420))


def test_a_tensor_of_minutes_is_the_same_as_the_minutes_one_by_one(make_manifest: Make) -> None:
    pipeline, values = StressPipeline(make_manifest()), _minutes(6)
    one_by_one, whole = pipeline.decode(_steps(values)), pipeline.decode(TensorInput("physiology", values))
    np.testing.assert_array_equal(one_by_one.tensors["rows"], whole.tensors["rows"])
    assert one_by_one.regions == whole.regions


@pytest.mark.parametrize("hop", [1, 2, 3, 7])
@pytest.mark.parametrize("pieces", [1, 2, 5, 20])
def test_a_stream_gives_the_windows_of_the_whole(make_manifest: Make, hop: int, pieces: int) -> None:
    pipeline, values = StressPipeline(make_manifest(window=4, hop=hop)), _minutes(20)
    stream = pipeline.open_stream()
    parts = [stream.push(TensorInput("physiology", part)) for part in np.array_split(values, pieces)]
    found = [part for part in [*parts, stream.finish()] if part is not None]
    whole = pipeline.decode(TensorInput("physiology", values))
    np.testing.assert_array_equal(np.concatenate([part.tensors["rows"] for part in found]), whole.tensors["rows"])
    assert tuple(region for part in found for region in part.regions) == whole.regions
    assert stream.seconds == 20 * 60.0


def test_a_later_minute_changes_no_earlier_window(make_manifest: Make) -> None:
    pipeline, values = StressPipeline(make_manifest()), _minutes(10)
    changed = values.copy()
    changed[6:] *= 1.5
    before, after = (pipeline.decode(_steps(v)).tensors["rows"] for v in (values, changed))
    np.testing.assert_array_equal(after[:4], before[:4])
    assert not np.array_equal(after[4:], before[4:])


def test_streams_do_not_see_each_other(make_manifest: Make) -> None:
    pipeline = StressPipeline(make_manifest())
    one, other, alone = (pipeline.open_stream() for _ in range(3))
    for step, strange in zip(_minutes(5), _minutes(5, seed=2) * 1.3, strict=True):
        other.push(TensorInput("physiology", strange.astype(np.float32)))
        mixed = one.push(TensorInput("physiology", step))
        undisturbed = alone.push(TensorInput("physiology", step))
    assert mixed is not None
    assert undisturbed is not None
    np.testing.assert_array_equal(mixed.tensors["rows"], undisturbed.tensors["rows"])


def test_a_bad_step_leaves_the_stream_as_it_was(make_manifest: Make) -> None:
    pipeline, values = StressPipeline(make_manifest()), _minutes(3)
    stream = pipeline.open_stream()
    for step in values[:2]:
        assert stream.push(TensorInput("physiology", step)) is None
    for bad in (np.full(3, np.inf, np.float32), np.full(3, -1.0, np.float32), np.zeros(4, np.float32)):
        with pytest.raises(InvalidInput):
            stream.push(TensorInput("physiology", bad))
    found = stream.push(TensorInput("physiology", values[2]))
    assert found is not None
    np.testing.assert_array_equal(found.tensors["rows"], pipeline.decode(_steps(values)).tensors["rows"])


def test_landmarks_one_by_one_become_windows_and_lost_faces_are_missing(make_manifest: Make) -> None:
    pipeline = StressPipeline(make_manifest("landmarks", window=8, step_seconds=1.0))
    faces = synthesise_faces(9, np.random.default_rng(1))
    decoded = pipeline.decode(InputSequence(tuple(Landmarks(face) for face in faces)))
    assert decoded.tensors["rows"].shape == (2, 8, 1538)
    assert decoded.tensors["rows"][0, :, 1536].tolist() == [1, 1, 1, 1, 1, 0, 1, 1]
    assert not decoded.tensors["rows"][0, 5].any()
    assert decoded.regions[1] == TimeSpan(1, 9)
    as_tensor = pipeline.decode(TensorInput("landmarks", faces))
    np.testing.assert_array_equal(as_tensor.tensors["rows"], decoded.tensors["rows"])


def test_a_score_stands_as_two_labels(make_manifest: Make) -> None:
    pipeline = StressPipeline(make_manifest())
    # Calibrated: 2 * logit - 0.5.
    logits = np.array([[0.25], [1.25], [-0.75]], np.float32)
    decoded = Decoded({"rows": np.repeat(ROW, 3, axis=0)}, (TimeSpan(0, 180), TimeSpan(60, 240), None))
    even, stressed, calm = pipeline.interpret({"logits": logits}, decoded)
    assert {score.label: score.score for score in even.scores} == {"calm": 0.5, "stressed": 0.5}
    assert even.uncertain
    assert [(score.label, score.detected) for score in stressed.scores] == [("stressed", True), ("calm", False)]
    assert stressed.scores[0].score == pytest.approx(1 / (1 + np.exp(-2.0)))
    assert stressed.region == TimeSpan(60, 240)
    assert calm.scores[0].label == "calm"
    assert not any(prediction.unknown for prediction in (even, stressed, calm))


def test_a_window_without_any_value_is_unknown(make_manifest: Make) -> None:
    pipeline = StressPipeline(make_manifest())
    decoded = pipeline.decode(_steps(np.full((4, 3), np.nan, np.float32)))
    answers = pipeline.interpret({"logits": np.zeros((2, 1), np.float32)}, decoded)
    assert [answer.unknown for answer in answers] == [True, True]


def test_a_tensor_for_the_network_is_taken_as_it_is(make_manifest: Make) -> None:
    pipeline = StressPipeline(make_manifest())
    for name, values in (("", ROW[0]), ("rows", np.repeat(ROW, 2, axis=0))):
        decoded = pipeline.decode(TensorInput(name, values))
        np.testing.assert_array_equal(decoded.tensors["rows"], values.reshape(-1, 3, 6))
        assert decoded.regions == (None,) * len(values.reshape(-1, 3, 6))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (_steps(_minutes(2)), "2 steps are fewer than a window of 3; send a sequence, a step every 60 s"),
        (InputSequence(()), "0 steps are fewer"),
        (TensorInput("physiology", np.zeros((3, 4), np.float32)), r"shape \(steps, 3\)"),
        (TensorInput("", np.zeros((3, 5), np.float32)), "raw values go into a tensor named 'physiology'"),
        (TensorInput("", np.full((3, 6), np.nan, np.float32)), "NaN"),
        (TensorInput("", np.zeros((0, 3, 6), np.float32)), "must be float32"),
        (TensorInput("rows", np.zeros((3, 6))), "must be float32"),
        (TensorInput("heart", np.zeros((3, 3), np.float32)), "not a tensor named 'heart'"),
        (InputSequence((_steps(_minutes(3)),)), "a sequence within a sequence"),
        (Landmarks(np.zeros(1536, np.float32)), "takes a tensor named 'physiology', not landmarks"),
        (EncodedImage(b"JFIF"), "not a picture"),
        (EncodedAudio(b"RIFF"), "not a recording"),
        (PcmAudio(np.zeros((9, 1), np.float32), 8000), "not sound"),
    ],
)
def test_what_is_no_physiology_is_refused(make_manifest: Make, item: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        StressPipeline(make_manifest()).decode(item)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Landmarks(np.zeros(1404, np.float32)), r"shape \(steps, 1536\)"),
        (Landmarks(np.zeros(1536, np.float32)), "1 steps are fewer than a window of 3"),
        (EncodedImage(b"no picture at all"), "picture|image"),
        (
            TensorInput("physiology", np.zeros((3, 3), np.float32)),
            "takes landmarks, pictures, or a tensor named 'landm",
        ),
    ],
)
def test_what_are_no_landmarks_is_refused(make_manifest: Make, networks: Networks, item: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        StressPipeline(make_manifest("landmarks"), networks).decode(item)  # type: ignore[arg-type]


def test_a_tensor_of_too_many_minutes_is_too_large(make_manifest: Make) -> None:
    with pytest.raises(InputTooLarge, match="send at most 100000"):
        StressPipeline(make_manifest()).decode(TensorInput("physiology", np.full((100_001, 3), np.nan, np.float32)))


def _rows(parts: list[Decoded | None]) -> tuple[np.ndarray, list[TimeSpan]]:
    found = [part for part in parts if part is not None]
    return np.concatenate([p.tensors["rows"] for p in found]), [region for p in found for region in p.regions]


def test_faces_with_times_become_the_steps_that_the_trainer_makes_of_them(make_manifest: Make) -> None:
    """The last face of each step; a step without one is missing."""
    pipeline = StressPipeline(make_manifest("landmarks", window=3, step_seconds=1.0))
    faces = synthesise_faces(5, np.random.default_rng(1))
    nobody = Landmarks(np.zeros(1536, np.float32))
    first, second, third, fourth, fifth = (Landmarks(face) for face in faces)
    timed = pipeline.open_stream()
    sent = [(first, 0.0), (second, 0.9), (nobody, 0.95), (nobody, 1.5), (third, 2.0), (fourth, 3.1), (fifth, 3.2)]
    answers = [timed.push(item, seconds) for item, seconds in sent]
    assert [answer is not None for answer in answers] == [False] * 5 + [True, False]
    assert timed.seconds == 4.0
    rows, spans = _rows([*answers, timed.finish()])
    plain = pipeline.open_stream()
    expected, _ = _rows([plain.push(item) for item in (second, nobody, third, fifth)])
    np.testing.assert_array_equal(rows, expected)
    assert spans == [TimeSpan(0, 3), TimeSpan(1, 4)]
    assert timed.finish() is None


def test_minutes_with_times_leave_gaps_and_no_minute_comes_twice(make_manifest: Make) -> None:
    pipeline, values = StressPipeline(make_manifest()), _minutes(4)
    minutes = [TensorInput("physiology", row) for row in values]
    timed, plain = pipeline.open_stream(), pipeline.open_stream()
    missing = TensorInput("physiology", np.full(3, np.nan, np.float32))
    rows, spans = _rows(
        [timed.push(item, at) for item, at in zip(minutes, (0.0, 59.8, 179.5, 240.2), strict=True)] + [timed.finish()]
    )
    expected, _ = _rows([plain.push(item) for item in (minutes[0], minutes[1], missing, *minutes[2:])])
    np.testing.assert_array_equal(rows, expected)
    assert spans == [TimeSpan(0, 180), TimeSpan(60, 240), TimeSpan(120, 300)]
    with pytest.raises(InvalidInput, match="was taken already; send one every 60 s"):
        timed.push(minutes[0], 250.0)


@pytest.mark.parametrize("signals", ["physiology", "landmarks"])
def test_a_long_gap_begins_the_window_anew_and_costs_nothing(make_manifest: Make, signals: str) -> None:
    pipeline = StressPipeline(make_manifest(signals, window=3, step_seconds=1.0))
    items = (
        [TensorInput("physiology", row) for row in _minutes(6)]
        if signals == "physiology"
        else [Landmarks(face) for face in synthesise_faces(5, np.random.default_rng(1))] * 2
    )
    stream = pipeline.open_stream()
    before = [stream.push(item, float(at)) for at, item in enumerate(items[:3])]
    after = [stream.push(item, 1e9 + at) for at, item in enumerate(items[3:6])]
    rows, spans = _rows([*before, *after, stream.finish()])
    assert len(rows) <= 7
    assert spans[0] == TimeSpan(0, 3)
    assert spans[-1] == TimeSpan(1e9, 1e9 + 3)
    present = rows[:, :, len(pipeline.signals.names) :].any(axis=2)
    assert present[0].all()
    assert present[-1].all()
    assert present.any(axis=1).all()  # No window is answered in which nothing was there.


def test_a_stream_takes_steps_and_leaves_all_else_alone(make_manifest: Make) -> None:
    physiology, landmarks = (
        StressPipeline(make_manifest(signals)).open_stream() for signals in ("physiology", "landmarks")
    )
    step, face = TensorInput("physiology", _minutes(1)[0]), Landmarks(np.zeros(1536, np.float32))
    assert [stream.takes(step) for stream in (physiology, landmarks)] == [True, False]
    assert [stream.takes(face) for stream in (physiology, landmarks)] == [False, True]
    assert [stream.takes(EncodedImage(b"")) for stream in (physiology, landmarks)] == [False, True]
    for item in (_steps(_minutes(3)), TensorInput("", ROW), PcmAudio(np.zeros((9, 1), np.float32), 8000)):
        assert not physiology.takes(item)


@pytest.mark.parametrize(
    "parameters",
    [
        {"signals": "eeg"},
        {"window": 0},
        {"hop": 0},
        {"step_seconds": -1},
        {"prior": {"mean": [1.0], "deviation": [1.0], "weight": 1.0}},
        {"prior": {"mean": [1.0] * 3, "deviation": [0.0] * 3, "weight": 1.0}},
        {"prior": {}},
        {"calibration": {"scale": 0.0, "offset": 0.0}},
        {"calibration": None},
    ],
)
def test_wrong_parameters_of_a_bundle_are_refused(make_manifest: Make, parameters: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        StressPipeline(make_manifest(parameters=parameters))


def test_other_labels_and_logits_that_do_not_fit_are_refused(make_manifest: Make) -> None:
    with pytest.raises(InvalidInput, match="labels calm, stressed"):
        StressPipeline(make_manifest(labels=["stressed", "calm"]))
    with pytest.raises(InvalidInput, match="the bundle is wrong"):
        StressPipeline(make_manifest()).interpret(
            {"logits": np.zeros((1, 2), np.float32)}, Decoded({"rows": ROW}, (None,))
        )


@pytest.mark.parametrize("signals", ["physiology", "landmarks"])
def test_golden_inputs_are_the_same_each_time_and_can_be_decoded(make_manifest: Make, signals: str) -> None:
    pipeline = StressPipeline(make_manifest(signals, window=4))
    for one, again in zip(golden_inputs(pipeline.reader, 5, 3), golden_inputs(pipeline.reader, 5, 3), strict=True):
        decoded = pipeline.decode(one)
        assert len(decoded.regions) == 3
        np.testing.assert_array_equal(decoded.tensors["rows"], pipeline.decode(again).tensors["rows"])
    other = golden_inputs(pipeline.reader, 1, 4)[0]
    assert not np.array_equal(pipeline.decode(other).tensors["rows"], pipeline.decode(again).tensors["rows"])


def test_pictures_need_networks_and_all_else_does_not(make_manifest: Make, networks: Networks) -> None:
    item = EncodedImage(b"a picture")
    alone = StressPipeline(make_manifest("landmarks"))
    for send in (alone.decode, alone.open_stream().push):
        with pytest.raises(InvalidInput, match="no networks that look at pictures; send landmarks"):
            send(item)
    steps = InputSequence(tuple(Landmarks(face) for face in synthesise_faces(3, np.random.default_rng(1))))
    assert len(alone.decode(steps).regions) == 1
    with pytest.raises(InvalidInput, match="none that find bodies"):
        StressPipeline(
            make_manifest("landmarks"), {name: networks[name] for name in ("face_detector", "face_landmarks")}
        )


def test_serving_needs_no_library_of_the_trainer() -> None:
    code = """
import sys
import emotion.stress.pipeline
trainers = {"torch", "lightning", "sklearn", "scipy", "onnx", "mediapipe", "cv2", "pipit.training"}
print(sorted(trainers & set(sys.modules)))
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.data
def test_pictures_of_real_faces_become_steps(make_manifest: Make, networks: Networks, real_faces: Path) -> None:
    pipeline = StressPipeline(make_manifest("landmarks", window=3, step_seconds=1.0), networks)
    pictures = [EncodedImage(path.read_bytes()) for path in sorted((real_faces / "happy").glob("*.jpg"))[:5]]
    decoded = pipeline.decode(InputSequence(tuple(pictures)))
    assert decoded.tensors["rows"].shape == (3, 3, 1538)
    assert decoded.tensors["rows"][:, :, 1536].mean() > 0.5
    stream = pipeline.open_stream()
    found = [part for part in map(stream.push, pictures) if part is not None]
    np.testing.assert_array_equal(np.concatenate([p.tensors["rows"] for p in found]), decoded.tensors["rows"])
