from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from home_security.sounds.pipeline import Collapse, SoundsPipeline
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pipit.answers import softmax
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage, PcmAudio, TensorInput
from pipit.pipelines.audio_windows import FrontEnd
from pipit.types import Decoded, TimeSpan

Make = Callable[..., Manifest]
LOGITS = np.log(np.array([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05], [0.37, 0.35, 0.28]], np.float32))


def _pcm(seconds: float, rate: int = 22_050, channels: int = 1) -> PcmAudio:
    samples = np.random.default_rng(1).normal(0, 0.1, (int(seconds * rate), channels)).astype(np.float32)
    return PcmAudio(samples, rate)


@pytest.mark.parametrize(("front_end", "shape"), [("librosa_22k", (128, 216, 1)), ("yamnet", (64, 576, 1))])
@pytest.mark.parametrize(
    ("seconds", "spans"),
    [
        (1.0, [(0, 1)]),
        (5.0, [(0, 5)]),
        (12.0, [(0, 5), (2.5, 7.5), (5, 10), (7, 12)]),
    ],
)
def test_a_clip_gives_windows_with_their_time_spans(
    make_manifest: Make, front_end: str, shape: tuple[int, ...], seconds: float, spans: list[tuple[float, float]]
) -> None:
    decoded = SoundsPipeline(make_manifest(front_end)).decode(_pcm(seconds))
    assert decoded.tensors["log_mel"].shape == (len(spans), *shape)
    assert decoded.tensors["log_mel"].dtype == np.float32
    for region, (start, end) in zip(decoded.regions, spans, strict=True):
        assert isinstance(region, TimeSpan)
        assert (region.start, region.end) == (pytest.approx(start, abs=1e-3), pytest.approx(end, abs=1e-3))


def test_a_file_and_its_samples_are_heard_alike(make_manifest: Make) -> None:
    pcm = _pcm(3.0, rate=44_100, channels=2)
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm.samples, 44_100, format="WAV", subtype="FLOAT")
    pipeline = SoundsPipeline(make_manifest())
    np.testing.assert_array_equal(
        pipeline.decode(EncodedAudio(buffer.getvalue())).tensors["log_mel"], pipeline.decode(pcm).tensors["log_mel"]
    )


def test_scores_become_labels_thresholds_unknown_and_uncertain(make_manifest: Make) -> None:
    decoded = Decoded({}, (TimeSpan(0, 5), TimeSpan(2.5, 7.5), TimeSpan(5, 10)))
    dog, siren, unsure = SoundsPipeline(make_manifest()).interpret({"logits": LOGITS}, decoded)
    assert [(score.label, score.detected) for score in dog.scores] == [("dog", True), ("siren", False), ("none", False)]
    assert dog.scores[0].score == pytest.approx(0.7, abs=1e-6)
    assert dog.region == TimeSpan(0, 5)
    assert (dog.unknown, dog.uncertain) == (False, False)
    assert (siren.scores[0].label, siren.scores[0].detected) == ("siren", True)  # 0.5 where no threshold is set
    assert (unsure.scores[0].detected, unsure.unknown, unsure.uncertain) == (False, True, True)


def test_outputs_of_one_label_are_summed(make_manifest: Make) -> None:
    manifest = make_manifest(output_labels=["none", "dog", "none", "siren"])
    logits = np.log(np.array([[0.3, 0.4, 0.25, 0.05]], np.float32))
    (prediction,) = SoundsPipeline(manifest).interpret({"logits": logits}, Decoded({}, (None,)))
    found = {score.label: score.score for score in prediction.scores}
    assert found == {
        "none": pytest.approx(0.55, abs=1e-6),
        "dog": pytest.approx(0.4, abs=1e-6),
        "siren": pytest.approx(0.05, abs=1e-6),
    }


@given(arrays(np.float32, (3, 4), elements=st.floats(-500, 500, width=32)))
def test_scores_are_a_distribution_however_large_the_logits(logits: np.ndarray) -> None:
    scores = Collapse(("a", "b"), ("a", "b", "a", "b"))(logits)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert (scores <= 1).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-5)
    # Two logits that are nearly alike may round to one another when shifted: scores stay, a tie may turn.
    np.testing.assert_allclose(softmax(logits), softmax(logits - 7), atol=1e-3)


def test_outputs_that_fit_no_label_are_refused(make_manifest: Make) -> None:
    with pytest.raises(InvalidInput, match="outputs stand for"):
        SoundsPipeline(make_manifest(output_labels=["none", "dog", "cat", "siren"]))
    with pytest.raises(InvalidInput, match=r"logits of shape \(1, 2\)"):
        SoundsPipeline(make_manifest()).interpret({"logits": np.zeros((1, 2), np.float32)}, Decoded({}, (None,)))


@pytest.mark.parametrize("rows", [0, 3])
def test_a_tensor_is_taken_as_it_is(make_manifest: Make, rows: int) -> None:
    shape = (rows, 64, 576, 1) if rows else (64, 576, 1)
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    decoded = SoundsPipeline(make_manifest()).decode(TensorInput("", values))
    np.testing.assert_array_equal(decoded.tensors["log_mel"], values.reshape(-1, 64, 576, 1))
    assert decoded.regions == (None,) * max(1, rows)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (TensorInput("image", np.zeros((64, 576, 1), np.float32)), "only input is 'log_mel'"),
        (TensorInput("", np.zeros((64, 576), np.float32)), "must be float32 of shape"),
        (TensorInput("", np.zeros((64, 576, 1), np.float64)), "must be float32"),
        (TensorInput("", np.zeros((0, 64, 576, 1), np.float32)), "must be float32"),
        (TensorInput("", np.full((64, 576, 1), np.nan, np.float32)), "NaN"),
        (EncodedImage(b"\x89PNG"), "audio"),
        (EncodedAudio(b"no sound at all"), "not an audio file"),
        (PcmAudio(np.zeros((0, 1), np.float32), 16_000), "no samples"),
    ],
)
def test_what_is_no_sound_is_refused(make_manifest: Make, item: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        SoundsPipeline(make_manifest()).decode(item)  # type: ignore[arg-type]


@pytest.mark.parametrize("parameters", [{"front_end": "mfcc"}, {"window_seconds": "long"}, {"hop_seconds": None}])
def test_wrong_parameters_of_a_bundle_are_refused(make_manifest: Make, parameters: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="front"):
        SoundsPipeline(make_manifest(**parameters))


def test_a_stream_gives_the_windows_of_the_whole_recording(make_manifest: Make) -> None:
    pipeline = SoundsPipeline(make_manifest())
    whole = _pcm(13.0, rate=16_000)
    stream = pipeline.open_stream()
    pieces = [stream.push(PcmAudio(piece, 16_000)) for piece in np.array_split(whole.samples, 29)]
    found = [piece for piece in [*pieces, stream.finish()] if piece is not None]
    assert stream.seconds == pytest.approx(13.0)
    expected = pipeline.decode(whole)
    np.testing.assert_array_equal(
        np.concatenate([piece.tensors["log_mel"] for piece in found]), expected.tensors["log_mel"]
    )
    assert tuple(region for piece in found for region in piece.regions) == expected.regions


def test_a_stream_without_sound_ends_without_an_answer_and_takes_no_files(make_manifest: Make) -> None:
    stream = SoundsPipeline(make_manifest()).open_stream()
    assert stream.takes(_pcm(1.0))
    assert not stream.takes(EncodedAudio(b"RIFF"))
    assert stream.finish() is None
    with pytest.raises(InvalidInput, match="takes PCM"):
        stream.push(EncodedAudio(b"RIFF"))


def test_an_unknown_front_end_names_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="librosa_22k, yamnet"):
        FrontEnd("mfcc", 5.0, 2.5)
