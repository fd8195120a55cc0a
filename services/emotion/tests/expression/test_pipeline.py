from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from emotion.expression.classes import LABELS
from emotion.expression.features import ALIGNED
from emotion.expression.pipeline import ExpressionPipeline
from emotion.expression.settings import INPUT, OUTPUT
from emotion.expression.smoothing import SmoothedScores
from emotion.expression.synthetic import synthesise
from numpy.typing import NDArray
from pipit.bundle.manifest import Manifest
from pipit.errors import InputTooLarge, InvalidInput, PipitError
from pipit.inputs import EncodedAudio, EncodedImage, Input, InputSequence, Landmarks, TensorInput
from pipit.runtimes import Runtime
from pipit.types import Box, TimeSpan

Make = Callable[..., Manifest]
Networks = Mapping[str, Runtime]
Encode = Callable[[NDArray[np.uint8]], EncodedImage]


def _landmarks(label: str = "happy") -> Landmarks:
    return Landmarks(synthesise(label, 1, np.random.default_rng(1)))


def _answer(pipeline: ExpressionPipeline, decoded: Any, best: int = 0) -> Any:
    logits = np.zeros((len(decoded.regions), len(LABELS)), np.float32)
    logits[:, best] = 5.0
    return pipeline.interpret({OUTPUT: logits} if len(logits) else {}, decoded)


def test_a_picture_gives_its_face_with_a_box_in_full_pixels(
    make_manifest: Make, networks: Networks, photograph: NDArray[np.uint8], encode: Encode
) -> None:
    pipeline = ExpressionPipeline(make_manifest("image"), networks)
    decoded = pipeline.decode(encode(photograph))
    (box,) = decoded.regions
    assert isinstance(box, Box)
    assert 160 < box.left < 200
    assert 60 < box.top < 110
    assert 60 < box.width < 130
    (prediction,) = _answer(pipeline, decoded, 3)
    assert prediction.scores[0].label == "angry"
    assert prediction.region == box
    doubled = pipeline.decode(encode(photograph.repeat(2, axis=0).repeat(2, axis=1)))
    (large,) = doubled.regions
    assert isinstance(large, Box)
    assert large.width == pytest.approx(2 * box.width, rel=0.05)


def test_several_faces_are_answered_each_and_nobody_by_nothing(
    make_manifest: Make, networks: Networks, photograph: NDArray[np.uint8], encode: Encode
) -> None:
    pipeline = ExpressionPipeline(make_manifest("image"), networks)
    face = photograph[:256, 80:336]
    two = pipeline.decode(encode(np.concatenate([face, face], axis=1)))
    assert two.tensors[INPUT].shape[0] == 2
    assert sorted(round(box.left) // 256 for box in two.regions if isinstance(box, Box)) == [0, 1]
    nobody = pipeline.decode(encode(np.full((200, 200, 3), 90, np.uint8)))
    assert nobody.regions == ()
    assert _answer(pipeline, nobody) == []


def test_streams_side_by_side_know_nothing_of_each_other(
    make_manifest: Make, networks: Networks, photograph: NDArray[np.uint8], encode: Encode
) -> None:
    pipeline = ExpressionPipeline(make_manifest("image", frame_seconds=0.5, smoothing_seconds=1.0), networks)
    item, nobody = encode(photograph), encode(np.zeros((512, 512, 3), np.uint8))
    one, other = pipeline.open_stream(), pipeline.open_stream()
    seen: dict[str, list[float]] = {"one": [], "other": []}
    for name, stream, best in (("one", one, 0), ("other", other, 3), ("one", one, 0), ("other", other, 3)):
        face, smooth = _answer(pipeline, stream.push(item), best)
        assert isinstance(face.region, Box)
        assert isinstance(smooth.region, TimeSpan)
        assert smooth.scores[0].label == LABELS[best]
        seen[name].append(smooth.scores[0].score)
    assert seen["one"] == seen["other"]
    assert seen["one"][0] == pytest.approx(seen["one"][1])
    lost = one.push(nobody)
    assert lost is not None
    assert _answer(pipeline, lost) == []
    _, smooth = _answer(pipeline, one.push(item), 3)
    assert smooth.scores[0].label == "angry"  # What was before the face was lost no longer counts.
    assert smooth.region == TimeSpan(1.5, 2.0)
    assert one.finish() is None
    assert (one.seconds, other.seconds) == (2.0, 1.0)


def test_smoothing_forgets_with_its_time_constant() -> None:
    smoothed = SmoothedScores(2.0)
    first, second = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    np.testing.assert_array_equal(smoothed.add(first, 0.1), first)
    np.testing.assert_allclose(smoothed.add(second, 2.0), [np.exp(-1), 1 - np.exp(-1)], rtol=1e-6)
    smoothed.reset()
    np.testing.assert_array_equal(smoothed.add(second, 0.1), second)


def test_a_stream_over_several_frames_shows_the_last_ones(make_manifest: Make) -> None:
    pipeline = ExpressionPipeline(make_manifest(features="raw", frames=3))
    stream = pipeline.open_stream()
    items = [_landmarks(label) for label in ("happy", "sad", "angry", "neutral")]
    windows = []
    for item in items:
        decoded = stream.push(item)
        assert decoded is not None
        windows.append(decoded.tensors[INPUT][0])
    np.testing.assert_array_equal(windows[1], np.stack([items[0].values, items[0].values, items[1].values]))
    np.testing.assert_array_equal(windows[3], np.stack([item.values for item in items[1:]]))
    assert pipeline.decode(items[0]).tensors[INPUT].shape == (1, 3, 1536)
    together = pipeline.decode(InputSequence(tuple(items)))
    np.testing.assert_array_equal(together.tensors[INPUT], np.stack(windows))


def test_time_is_what_the_caller_says(make_manifest: Make) -> None:
    pipeline = ExpressionPipeline(make_manifest(features="raw", frames=3, frame_seconds=0.5, smoothing_seconds=2.0))
    stream = pipeline.open_stream()
    items = [_landmarks(label) for label in ("happy", "sad", "angry", "neutral", "fearful")]
    seen = []
    for item, seconds in zip(items, (10.0, 10.2, 10.5, 10.9, 11.0), strict=True):
        decoded = stream.push(item, seconds)
        assert decoded is not None
        _, smooth = _answer(pipeline, decoded, 0 if seconds < 10.9 else 3)
        seen.append((decoded.tensors[INPUT][0], smooth))
    # Half a second and a second before the last picture, whatever came between.
    np.testing.assert_array_equal(seen[4][0], np.stack([items[0].values, items[2].values, items[4].values]))
    np.testing.assert_array_equal(seen[1][0], np.stack([items[0].values, items[0].values, items[1].values]))
    assert [smooth.region for _, smooth in seen[:2]] == [TimeSpan(10.0, 10.0), TimeSpan(10.0, 10.2)]
    scores = {score.label: score.score for score in seen[3][1].scores}
    before = {score.label: score.score for score in seen[2][1].scores}
    kept = float(np.exp(-0.4 / 2.0))
    assert scores["angry"] == pytest.approx(kept * before["angry"] + (1 - kept) * before["happy"], abs=1e-5)
    assert stream.seconds == 11.0


def test_the_shape_of_the_picture_counts_for_aligned_landmarks(make_manifest: Make) -> None:
    pipeline = ExpressionPipeline(make_manifest())
    values = _landmarks().values
    squeezed = values.copy()
    squeezed[:1404:3] /= 2.0  # The same face in the middle of a picture twice as wide.
    squeezed[2:1404:3] /= 2.0
    square, wide, unknown = (
        pipeline.decode(Landmarks(points, aspect)).tensors[INPUT]
        for points, aspect in ((values, 1.0), (squeezed, 2.0), (squeezed, None))
    )
    np.testing.assert_allclose(wide, square, atol=1e-5)
    assert np.abs(unknown - square).max() > 0.1


@pytest.mark.parametrize(
    ("item", "error", "text"),
    [
        (EncodedAudio(b"RIFF"), InvalidInput, "takes a picture or landmarks"),
        (EncodedImage(b"no picture"), InvalidInput, "not a picture"),
        (EncodedImage(b"x" * (33 << 20)), InputTooLarge, "limit"),
        (Landmarks(np.zeros(1404, np.float32)), InvalidInput, "1536 numbers"),
        (Landmarks(np.full(1536, np.nan, np.float32)), InvalidInput, "finite"),
        (TensorInput("", np.zeros((1, 7), np.float32)), InvalidInput, "float32 of shape"),
        (TensorInput("pixels", np.zeros(7, np.float32)), InvalidInput, "landmarks, not a tensor named 'pixels'"),
        (InputSequence(()), InvalidInput, "empty"),
    ],
)
def test_bad_inputs_are_named(
    make_manifest: Make, networks: Networks, item: Input, error: type[PipitError], text: str
) -> None:
    pipeline = ExpressionPipeline(make_manifest(), networks)
    with pytest.raises(error, match=text):
        pipeline.decode(item)


def test_a_bundle_that_looks_at_pixels_refuses_landmarks_and_wrong_parameters_are_named(make_manifest: Make) -> None:
    with pytest.raises(InvalidInput, match="send the picture"):
        ExpressionPipeline(make_manifest(features="aligned_crop")).decode(_landmarks())
    without = ExpressionPipeline(make_manifest(features="aligned_crop", landmarks_alone=True)).decode(_landmarks())
    (row,) = without.tensors[INPUT]
    assert row[:ALIGNED].any()
    assert not row[ALIGNED:].any()
    for wrong in ({"features": "smell"}, {"frames": 0}, {"frame_seconds": "x"}):
        with pytest.raises(InvalidInput, match="pipeline parameters"):
            ExpressionPipeline(make_manifest(**wrong))
    pipeline = ExpressionPipeline(make_manifest())
    with pytest.raises(InvalidInput, match="the bundle is wrong"):
        pipeline.interpret({OUTPUT: np.zeros((1, 3), np.float32)}, pipeline.decode(_landmarks()))


def test_networks_that_are_missing_are_told_of_where_a_picture_needs_them(
    make_manifest: Make, networks: Networks, photograph: NDArray[np.uint8], encode: Encode
) -> None:
    with pytest.raises(InvalidInput, match="lacks networks that look at them"):
        ExpressionPipeline(make_manifest("image"))
    faces = {name: networks[name] for name in ("face_detector", "face_landmarks")}
    with pytest.raises(InvalidInput, match="lacks networks that look at them"):
        ExpressionPipeline(make_manifest(features="raw", body=True), faces)
    assert ExpressionPipeline(make_manifest("image"), faces).decode(encode(photograph)).tensors[INPUT].shape[0] == 1
    alone = ExpressionPipeline(make_manifest())
    assert alone.decode(_landmarks()).tensors[INPUT].shape[0] == 1
    with pytest.raises(InvalidInput, match="no networks that look at pictures; send landmarks"):
        alone.decode(encode(photograph))
    with pytest.raises(InvalidInput, match="no networks that look at pictures; send landmarks"):
        alone.open_stream().push(encode(photograph))
