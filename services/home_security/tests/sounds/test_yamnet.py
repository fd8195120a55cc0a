from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from home_security.sounds.network import yamnet, yamnet_embedder, yamnet_head
from home_security.sounds.recipe import Network
from home_security.sounds.yamnet import build_body, classifier_weights, yamnet_file
from pipit.errors import InvalidInput, NotFound
from pipit.inputs.audio import YAMNET, LogMel, cut_windows, resample
from pipit.runtimes import load_runtime
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.features import read_clip
from pipit.training.quantise import export_litert
from pipit.training.source_set import Listing
from scipy.special import expit

Read = Callable[..., Listing[Clip]]

pytestmark = [
    pytest.mark.data,
    # Keras 3.15 saves weights in a way that numpy 2.4 warns of.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def windows(real_data: Path, read_set: Read) -> np.ndarray:
    """Log-mel of 40 real clips, (40, 64, 498, 1): every tenth, so of many classes."""
    clips = read_set(real_data / "esc50", "esc50").items[::10][:40]
    rows = []
    for clip in clips:
        samples, rate = read_clip(clip.path)
        rows.append(cut_windows(resample(samples, rate, 16_000), 16_000, 5.0, 2.5)[0][0])
    return LogMel(YAMNET)(np.stack(rows))[..., np.newaxis]


def test_the_body_equals_the_onnx_network_on_real_clips(yamnet_weights: Path, windows: np.ndarray) -> None:
    patches = windows[:, :, 100:196].swapaxes(1, 2)
    session = onnxruntime.InferenceSession(str(yamnet_weights), providers=["CPUExecutionProvider"])
    embedding, scores = session.run(["embedding", "scores"], {"input": patches.transpose(0, 3, 1, 2)})
    found = np.asarray(build_body(yamnet_weights)(patches))
    assert found.shape == (40, 1024)
    np.testing.assert_allclose(found, embedding, atol=1e-4)
    kernel, bias = classifier_weights(yamnet_weights)
    np.testing.assert_allclose(expit(found @ kernel + bias), scores, atol=1e-5)
    assert scores.shape == (40, 521)


def test_a_window_is_the_mean_of_its_patches(yamnet_weights: Path, windows: np.ndarray) -> None:
    embedder = yamnet_embedder((64, 498, 1), yamnet_weights, windows)
    body = build_body(yamnet_weights)
    starts = [0, 80, 161, 241, 322, 402]
    parts = [np.asarray(body(windows[:, :, start : start + 96].swapaxes(1, 2))) for start in starts]
    expected, found = np.mean(parts, axis=0), np.asarray(embedder(windows))
    # Channels are rescaled for 8 bits and rare peaks cut; what a channel says stays the same.
    loud = expected.max(axis=0) > 0.5
    correlations = [np.corrcoef(expected[:, c], found[:, c])[0, 1] for c in np.flatnonzero(loud)]
    assert loud.sum() > 300
    assert np.median(correlations) > 0.99


def test_head_and_body_in_one_answer_as_they_did_apart_and_in_int8_too(
    yamnet_weights: Path, windows: np.ndarray, tmp_path: Path
) -> None:
    embedder = yamnet_embedder((64, 498, 1), yamnet_weights, windows[:20])
    embeddings = np.asarray(embedder(windows))
    head = yamnet_head(3, Network(), embeddings)
    kernel = np.random.default_rng(1).normal(0, 0.1, (1024, 3)).astype(np.float32)
    head.get_layer("logits").set_weights([kernel, np.array([0.5, -0.5, 0.0], np.float32)])
    network = yamnet(embedder, head)
    expected = np.asarray(head(embeddings))
    np.testing.assert_allclose(np.asarray(network(windows)), expected, atol=1e-3)

    network.save(tmp_path / "network.keras")
    restored = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_allclose(np.asarray(restored(windows)), np.asarray(network(windows)), atol=1e-4)

    export_litert(network, "int8", tmp_path / "int8.tflite", windows[:20])
    assert (tmp_path / "int8.tflite").stat().st_size < 5_000_000
    runtime = load_runtime(tmp_path / "int8.tflite", "litert")
    found = runtime.run({"log_mel": windows})["logits"]
    runtime.close()
    # Digital silence is where 8 bits err, and by how much differs from processor to processor: windows that hold sound
    # are asked, and those whose two best labels do not lie close together.
    ascending = np.sort(expected, axis=1)
    asked = (silence_of(windows) < 0.1) & (ascending[:, -1] - ascending[:, -2] > 1.0)
    assert asked.sum() >= 20
    assert (found.argmax(axis=1) == expected.argmax(axis=1))[asked].mean() >= 0.9


def silence_of(windows: np.ndarray) -> np.ndarray:
    """Share of each window's cells that lie at the floor of the logarithm."""
    floor = np.log(YAMNET.floor)
    return (windows <= floor + 0.01).mean(axis=(1, 2, 3))


def test_missing_weights_say_how_to_get_them(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(NotFound, match="pipit data fetch yamnet"):
            yamnet_file(folder)


def test_another_network_is_refused(tmp_path: Path) -> None:
    graph = onnx.helper.make_graph([], "empty", [], [])
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "other.onnx"))
    with pytest.raises(InvalidInput, match="not YAMNet"):
        build_body(tmp_path / "other.onnx")
