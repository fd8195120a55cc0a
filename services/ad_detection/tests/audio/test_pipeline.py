from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import soundfile
from ad_detection.audio.hearing import DEAD_SECONDS, MOVES, RATE, last_seconds, trailing_row
from ad_detection.audio.pipeline import INPUT, AudioPipeline, HeardRows
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage, Input, PcmAudio, TensorInput
from pipit.types import Decoded, Prediction, TimeSpan


def manifest(**parameters: object) -> Manifest:
    return Manifest.model_validate(
        {
            "task": "ad_detection.audio",
            "version": "1.0.0",
            "model_type": "moves",
            "created_at": "2026-11-28T00:00:00+00:00",
            "labels": ["ad", "content"],
            "input": {"kind": "audio"},
            "pipeline": {"name": "ad_detection.audio", "parameters": {"window": 30, "hop": 1, **parameters}},
            "variants": [{"name": "float32", "runtime": "litert", "file": "weights/float32.tflite"}],
            "default_variant": "float32",
            "decision": {"thresholds": {"ad": 0.6}, "background": "content"},
            "golden": {"tolerance": {"float32": 0.001}},
            "lineage": {
                "dataset_digest": "0" * 64,
                "split_rule": "none",
                "config_digest": "0" * 64,
                "code_version": "0",
                "seed": 1,
            },
            "files": {},
        }
    )


def sound(seconds: float, rate: int = RATE, channels: int = 1, seed: int = 1) -> PcmAudio:
    samples = np.random.default_rng(seed).normal(0, 0.1, (round(seconds * rate), channels)).astype(np.float32)
    return PcmAudio(samples * np.linspace(0.2, 1.0, len(samples), dtype=np.float32)[:, np.newaxis], rate)


def spans(decoded: Decoded | None) -> list[tuple[float, float]]:
    assert decoded is not None
    assert all(isinstance(region, TimeSpan) for region in decoded.regions)
    return [(region.start, region.end) for region in decoded.regions if isinstance(region, TimeSpan)]


def ads(pipeline: AudioPipeline, decoded: Decoded, logits: Sequence[Sequence[float]]) -> list[Prediction]:
    return pipeline.interpret({"logits": np.array(logits, np.float32)}, decoded)


@pytest.mark.parametrize(
    ("seconds", "hop", "window", "wanted"),
    [
        (1.0, 1, 30, [(0, 1)]),
        (4.992, 5, 30, [(0, 5)]),
        (4.5, 2, 30, [(0, 2), (0, 4)]),
        (5.0, 2, 3, [(0, 2), (1, 4), (2, 5)]),
        (33.0, 15, 30, [(0, 15), (0, 30), (3, 33)]),
    ],
)
def test_answers_say_by_how_much_sound_they_went(
    seconds: float, hop: int, window: int, wanted: list[tuple[float, float]]
) -> None:
    decoded = AudioPipeline(manifest(hop=hop, window=window)).decode(sound(seconds))
    assert spans(decoded) == wanted
    assert decoded.tensors[INPUT].shape == (len(wanted), MOVES)
    assert decoded.tensors[INPUT].dtype == np.float32


def test_a_row_is_that_of_the_window_alone() -> None:
    pcm = sound(9.0)
    decoded = AudioPipeline(manifest(window=4)).decode(pcm)
    row, _ = trailing_row(AudioPipeline(manifest()).ear, last_seconds(pcm.samples[:, 0], 4), 4)
    np.testing.assert_array_equal(decoded.tensors[INPUT][-1], row)


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([16_000, 22_050, 48_000]),
    st.floats(1.0, 8.0),
    st.lists(st.floats(0.01, 3.0), min_size=1, max_size=8),
)
def test_a_stream_says_what_the_whole_clip_would(rate: int, seconds: float, pieces: list[float]) -> None:
    pipeline = AudioPipeline(manifest(hop=2, window=4))
    pcm = sound(seconds, rate, 2)
    stream = pipeline.open_stream()
    found = []
    place = 0
    for number in range(len(pcm.samples)):
        if place >= len(pcm.samples):
            break
        length = max(1, round(pieces[number % len(pieces)] * rate))
        found.append(stream.push(PcmAudio(pcm.samples[place : place + length], rate)))
        place += length
    found.append(stream.finish())
    given_rows = [one for one in found if one is not None]
    whole = pipeline.decode(pcm)
    assert [span for one in given_rows for span in spans(one)] == spans(whole)
    rows = np.concatenate([one.tensors[INPUT] for one in given_rows])
    np.testing.assert_allclose(rows, whole.tensors[INPUT], atol=2e-3)
    assert stream.seconds == pytest.approx(len(pcm.samples) / rate)


def test_a_stream_answers_from_its_first_seconds_on() -> None:
    stream = AudioPipeline(manifest(hop=1)).open_stream()
    pcm = sound(3.2)
    ready = [stream.push(PcmAudio(pcm.samples[at : at + 1600], RATE)) for at in range(0, len(pcm.samples), 1600)]
    assert [(at, spans(one)) for at, one in enumerate(ready) if one is not None] == [
        (9, [(0, 1)]),
        (19, [(0, 2)]),
        (29, [(0, 3)]),
    ]
    assert stream.finish() is None


def test_a_stream_too_short_for_an_answer_gives_none() -> None:
    stream = AudioPipeline(manifest()).open_stream()
    assert stream.finish() is None
    stream = AudioPipeline(manifest()).open_stream()
    assert stream.push(sound(0.5)) is None
    assert stream.finish() is None


def test_dead_sound_is_said_to_be_unknown() -> None:
    pipeline = AudioPipeline(manifest())
    living = sound(4.0)
    dead = np.zeros(((DEAD_SECONDS + 1) * RATE, 1), np.float32)
    decoded = pipeline.decode(PcmAudio(np.concatenate([living.samples, dead, living.samples]), RATE))
    assert isinstance(decoded, HeardRows)
    found = ads(pipeline, decoded, [[3.0, 0.0]] * len(decoded.regions))
    said = [(one.label, one.unknown, any(score.detected for score in one.scores)) for one in found]
    ad, nothing = ("ad", False, True), ("", True, False)
    assert said == [ad] * 4 + [ad] * (DEAD_SECONDS - 1) + [nothing] * 2 + [ad] * 4


def test_a_silent_file_is_unknown_and_no_error() -> None:
    pipeline = AudioPipeline(manifest(hop=5))
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(5 * RATE), RATE, format="WAV")
    decoded = pipeline.decode(EncodedAudio(buffer.getvalue()))
    (one,) = ads(pipeline, decoded, [[0.0, 3.0]])
    assert (one.label, one.unknown) == ("", True)
    assert one.region == TimeSpan(0.0, 5.0)


def test_the_networks_input_can_be_sent_as_it_is() -> None:
    pipeline = AudioPipeline(manifest())
    decoded = pipeline.decode(TensorInput(INPUT, np.zeros((2, MOVES), np.float32)))
    found = ads(pipeline, decoded, [[1.0, 0.0], [0.0, 1.0]])
    assert [one.label for one in found] == ["ad", "content"]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (EncodedImage(b"\xff\xd8\xff"), "takes audio, not a picture"),
        (EncodedAudio(b"no sound at all"), "not an audio file"),
        (sound(0.9), r"0\.90 s of sound are too few; send at least 0\.975 s"),
        (PcmAudio(np.full((RATE, 1), np.nan, np.float32), RATE), "NaN or infinite"),
        (PcmAudio(np.zeros((0, 1), np.float32), RATE), "holds no samples"),
        (PcmAudio(np.zeros((100, 1), np.float32), 100), "sample rate of 100 Hz"),
        (TensorInput(INPUT, np.zeros((1, 3), np.float32)), "must be float32 of shape"),
        (TensorInput("other", np.zeros((1, MOVES), np.float32)), "send sound, and not what was measured"),
    ],
)
def test_what_can_t_be_heard_is_refused(item: Input, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        AudioPipeline(manifest()).decode(item)


def test_a_stream_takes_pcm_alone() -> None:
    stream = AudioPipeline(manifest()).open_stream()
    assert not stream.takes(EncodedAudio(b""))
    with pytest.raises(InvalidInput, match="a stream of sound takes PCM, not a recording"):
        stream.push(EncodedAudio(b""))
    # What was refused is left out, and the stream goes on.
    with pytest.raises(InvalidInput, match="NaN"):
        stream.push(PcmAudio(np.full((RATE, 1), np.nan, np.float32), RATE))
    assert spans(stream.push(sound(1.0))) == [(0, 1)]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"window": "long"}, "needs window and hop"),
        ({"hop": 0}, "needs 1 <= hop <= window"),
        ({"hop": 31}, "needs 1 <= hop <= window"),
        ({"window": 301}, "<= 300"),
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        AudioPipeline(manifest(**parameters))
