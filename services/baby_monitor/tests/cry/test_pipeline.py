from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from baby_monitor.cry.hearing import TAKES, Hearing, shape_of
from baby_monitor.cry.pipeline import INPUT, OUTPUT, CryPipeline, scores_of
from baby_monitor.cry.stream import CryDecoded
from baby_monitor.cry.synthetic import RATE, crying, room
from numpy.typing import NDArray
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import PcmAudio, TensorInput
from pipit.pipelines.audio_windows import FrontEnd
from pipit.runtimes import Runtime
from pipit.types import Decoded, Prediction, TimeSpan

FRONT_END = FrontEnd("yamnet", 2.0, 1.0)
Make = Callable[..., Manifest]


@pytest.fixture
def pipeline(make_manifest: Make, gate: Runtime) -> CryPipeline:
    return CryPipeline(make_manifest(), {"yamnet": gate})


def pcm(*parts: NDArray[np.float32]) -> PcmAudio:
    return PcmAudio(np.concatenate(parts)[:, np.newaxis], RATE)


def answers(decoded: Decoded | None) -> tuple[tuple[TimeSpan, int], ...]:
    """Spans and numbers of windows."""
    assert isinstance(decoded, CryDecoded)
    return tuple((answer.span, len(answer.rows)) for answer in decoded.answers)


def asked(pipeline: CryPipeline, decoded: Decoded, logits: tuple[float, float] = (2.0, 0.0)) -> list[Prediction]:
    """What is said where the network answers every row alike."""
    rows = decoded.tensors[INPUT]
    outputs = np.concatenate([rows[:, :1], np.tile(np.float32(logits), (len(rows), 1))], axis=1)
    return pipeline.interpret({OUTPUT: outputs} if len(rows) else {}, decoded)


def test_a_cry_in_a_long_recording_is_one_answer_with_its_time(pipeline: CryPipeline) -> None:
    decoded = pipeline.decode(pcm(room(4.0), crying(3.0), room(4.0)))
    ((span, windows),) = answers(decoded)
    assert 2 <= windows <= 4
    assert 2.0 <= span.start <= 4.0
    assert 7.0 <= span.end <= 9.0
    assert decoded.tensors[INPUT].shape == (windows, 1 + 1024)
    assert len(decoded.regions) == windows
    (prediction,) = asked(pipeline, decoded)
    assert prediction.label == "hungry"
    assert prediction.region == span
    scores = {score.label: score.score for score in prediction.scores}
    assert scores["no_cry"] == 0.0
    assert scores["hungry"] == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-6)


def test_nobody_cries_is_an_answer_and_needs_no_network(pipeline: CryPipeline) -> None:
    decoded = pipeline.decode(pcm(room(5.0)))
    assert decoded.tensors[INPUT].shape == (0, 1 + 1024)
    assert decoded.regions == ()
    (prediction,) = pipeline.interpret({}, decoded)
    assert (prediction.label, prediction.unknown) == ("no_cry", False)
    assert prediction.region == TimeSpan(0.0, 5.0)
    assert {score.label: score.score for score in prediction.scores} == {"no_cry": 1.0, "hungry": 0.0, "pain": 0.0}
    assert not any(score.detected for score in prediction.scores)


def test_a_cry_of_no_clear_reason_is_unknown_and_never_no_cry(pipeline: CryPipeline) -> None:
    decoded = pipeline.decode(pcm(crying(4.0)))
    (prediction,) = asked(pipeline, decoded, (0.1, 0.0))
    assert (prediction.label, prediction.unknown) == ("", True)
    # Above what is needed to say it, below what is needed to alarm.
    (prediction,) = asked(pipeline, decoded, (0.0, 1.0))
    assert (prediction.label, prediction.unknown) == ("pain", False)
    assert not any(score.detected for score in prediction.scores)
    (prediction,) = asked(pipeline, decoded, (0.0, 5.0))
    assert [score.label for score in prediction.scores if score.detected] == ["pain"]


def test_the_answer_is_the_mean_of_log_odds_over_the_episode(pipeline: CryPipeline) -> None:
    decoded = pipeline.decode(pcm(crying(4.0)))
    rows = decoded.tensors[INPUT]
    assert len(rows) == 3
    logits = np.float32([[4.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    (prediction,) = pipeline.interpret({OUTPUT: np.concatenate([rows[:, :1], logits], axis=1)}, decoded)
    scores = {score.label: score.score for score in prediction.scores}
    assert scores["hungry"] == pytest.approx(1 / (1 + np.exp(-2.0 / 3.0)), abs=1e-6)


@pytest.mark.parametrize("piece", [0.1, 0.7, 30.0])
def test_a_stream_hears_the_episodes_of_the_recording(pipeline: CryPipeline, piece: float) -> None:
    recording = pcm(room(4.0), crying(3.0), room(4.0), crying(9.0), room(3.0, 2))
    whole = pipeline.decode(recording)
    stream = pipeline.open_stream()
    found: list[tuple[TimeSpan, int]] = []
    rows = []
    step = int(piece * RATE)
    for start in range(0, len(recording.samples), step):
        decoded = stream.push(PcmAudio(recording.samples[start : start + step], RATE))
        if decoded is not None:
            found += answers(decoded)
            rows.append(decoded.tensors[INPUT])
    last = stream.finish()
    if last is not None:
        found += answers(last)
        rows.append(last.tensors[INPUT])
    cries = [answer for answer in found if answer[1]]
    assert len(cries) == 2
    assert tuple(cries) == answers(whole)
    np.testing.assert_allclose(np.concatenate(rows), whole.tensors[INPUT], atol=1e-5)
    # The rest of the time it says that nobody cries.
    assert len(found) > 5
    assert stream.seconds == pytest.approx(23.0)


def test_a_stream_takes_pcm_alone_and_one_without_sound_says_nothing(pipeline: CryPipeline) -> None:
    stream = pipeline.open_stream()
    assert stream.finish() is None
    tensor = TensorInput(INPUT, np.zeros((1, 1025), np.float32))
    assert not stream.takes(tensor)
    with pytest.raises(InvalidInput, match="a stream of sound takes PCM"):
        stream.push(tensor)


def test_rows_that_a_caller_made_are_answered_one_by_one(pipeline: CryPipeline) -> None:
    rows = np.zeros((2, 1025), np.float32)
    rows[0, 0] = 0.9
    decoded = pipeline.decode(TensorInput(INPUT, rows))
    cry, quiet = asked(pipeline, decoded)
    assert (cry.label, quiet.label) == ("hungry", "no_cry")
    with pytest.raises(InvalidInput, match="float32 of shape"):
        pipeline.decode(TensorInput(INPUT, np.zeros((2, 1024), np.float32)))


def test_scores_of_rows_are_what_the_pipeline_says() -> None:
    outputs = np.float32([[0.9, 1.0, 1.0], [0.1, 5.0, 0.0]])
    np.testing.assert_allclose(scores_of(outputs, 0.5, has_gate=True), [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(scores_of(outputs, 0.5, has_gate=False)[0], [0.5, 0.5])


def test_each_network_hears_what_it_takes(gate: Runtime) -> None:
    windows = np.stack([crying(2.0), room(2.0)])
    heard = {takes: Hearing(FRONT_END, takes, gate)(windows) for takes in TAKES}
    for takes, rows in heard.items():
        assert rows.shape == (2, 1 + np.prod(shape_of(FRONT_END, takes)))
        assert rows[0, 0] > 0.9
        assert rows[1, 0] < 0.3
        np.testing.assert_array_equal(rows[:, 0], heard["embedding"][:, 0])
    np.testing.assert_array_equal(heard["samples"][:, 1:], windows)
    assert Hearing(FRONT_END, "samples", None)(windows)[:, 0].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "has_gate", "says"),
    [
        ({"takes": "pictures"}, True, "takes embedding, log_mel, speech, samples"),
        ({"episodes": {"enter": 0.5}}, True, "rule of episodes is wrong"),
        ({}, False, "YAMNet's embedding needs YAMNet"),
        ({"takes": "samples"}, False, "a bundle with a gate has no_cry as its first label"),
        ({"labels": ("hungry", "no_cry")}, True, "a bundle with a gate has no_cry as its first label"),
        ({"front_end": "librosa_22k"}, True, "heard with the front end yamnet"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused(
    make_manifest: Make, gate: Runtime, changes: dict[str, object], has_gate: bool, says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        CryPipeline(make_manifest(**changes), {"yamnet": gate} if has_gate else {})  # type: ignore[arg-type]
