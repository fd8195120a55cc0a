from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from home_security.sounds.network import yamnet, yamnet_embedder, yamnet_head
from home_security.sounds.recipe import Network
from pipit.errors import InvalidInput, NotFound
from pipit.inputs.audio import cut_windows, resample
from pipit.pipelines.audio_windows import AudioWindows, FrontEnd
from pipit.runtimes import load_runtime
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.features import read_clip
from pipit.training.by_input.audio.networks.yamnet import build_body
from pipit.training.by_input.audio.networks.yamnet_file import yamnet_file
from pipit.training.by_input.audio.networks.yamnet_weights import classifier_weights
from pipit.training.quantise import export_litert
from pipit.training.source_set import Listing
from scipy.special import expit

Read = Callable[..., Listing[Clip]]

pytestmark = [
    pytest.mark.data,
    # Keras 3.15 saves weights in a way that numpy 2.4 warns of.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]


PIPELINE = AudioWindows(FrontEnd("yamnet", 5.0, 2.5))


@pytest.fixture(scope="module")
def windows(real_data: Path, read_set: Read) -> np.ndarray:
    """40 real clips, (40, 64, 576, 1): every tenth, so of many classes."""
    return _heard([clip.path for clip in read_set(real_data / "esc50", "esc50").items[::10][:40]])


@pytest.fixture(scope="module")
def others(real_data: Path, read_set: Read) -> np.ndarray:
    """42 further ones, none of them among the 40."""
    return _heard([clip.path for clip in read_set(real_data / "esc50", "esc50").items[5::10]])


@pytest.fixture(scope="module")
def padded(real_data: Path, read_set: Read) -> np.ndarray:
    """The breaking glass, of which more than half is digital silence; and as much of it in less than a second."""
    glass = [c.path for c in read_set(real_data / "esc50", "esc50").items if c.category == "glass_breaking"]
    return np.concatenate([_heard(glass), _heard(glass, seconds=0.5)])


def _heard(paths: list[Path], seconds: float = 5.0) -> np.ndarray:
    rows = []
    for path in paths:
        samples, rate = read_clip(path)
        samples = resample(samples, rate, 16_000)[: int(seconds * 16_000)]
        rows.append(cut_windows(samples, 16_000, 5.0, 2.5)[0][0])
    return PIPELINE.log_mel(np.stack(rows))


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
    embedder = yamnet_embedder(PIPELINE.front_end.shape, yamnet_weights, windows)
    body = build_body(yamnet_weights)
    parts = [np.asarray(body(windows[:, :, start : start + 96].swapaxes(1, 2))) for start in range(0, 576, 96)]
    expected, found = np.mean(parts, axis=0), np.asarray(embedder(windows))
    # Channels are rescaled for 8 bits and rare peaks cut; what a channel says stays the same.
    loud = expected.max(axis=0) > 0.5
    correlations = [np.corrcoef(expected[:, c], found[:, c])[0, 1] for c in np.flatnonzero(loud)]
    assert loud.sum() > 300
    assert np.median(correlations) > 0.99


def test_head_and_body_in_one_answer_as_they_did_apart_and_in_int8_too(
    yamnet_weights: Path, windows: np.ndarray, tmp_path: Path
) -> None:
    embedder = yamnet_embedder(PIPELINE.front_end.shape, yamnet_weights, windows[:20])
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


def test_int8_says_what_the_network_says(
    yamnet_weights: Path, windows: np.ndarray, others: np.ndarray, padded: np.ndarray, tmp_path: Path
) -> None:
    """Clips that are padded with silence were once off by six logits."""
    embedder = yamnet_embedder(PIPELINE.front_end.shape, yamnet_weights, windows[:20])
    embeddings = np.asarray(embedder(windows))
    rows = np.concatenate([windows[20:], others, padded])
    agreed: list[bool] = []
    # Random weights make the most of every error, so those are asked whose two best labels do not lie close together.
    for seed in (1, 2, 3):
        head = yamnet_head(3, Network(), embeddings)
        kernel = np.random.default_rng(seed).normal(0, 0.1, (1024, 3)).astype(np.float32)
        head.get_layer("logits").set_weights([kernel, np.array([0.5, -0.5, 0.0], np.float32)])
        network = yamnet(embedder, head)
        export_litert(network, "int8", tmp_path / f"{seed}.tflite", windows[:20])
        with closing(load_runtime(tmp_path / f"{seed}.tflite", "litert")) as runtime:
            trained, found = np.asarray(network(rows)), runtime.run({"log_mel": rows})["logits"]
        ascending = np.sort(trained, axis=1)
        asked = ascending[:, -1] - ascending[:, -2] > 1.0
        agreed += (found.argmax(axis=1) == trained.argmax(axis=1))[asked].tolist()
    assert len(agreed) >= 150
    # 170 to 172 of 194, by how a processor rounds: a seventh digit of the log-mel moves some of them.
    assert np.mean(agreed) >= 0.8


def test_missing_weights_say_how_to_get_them(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(NotFound, match="pipit data fetch yamnet"):
            yamnet_file(folder)


def test_another_network_is_refused(tmp_path: Path) -> None:
    graph = onnx.helper.make_graph([], "empty", [], [])
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "other.onnx"))
    with pytest.raises(InvalidInput, match="not YAMNet"):
        build_body(tmp_path / "other.onnx")
