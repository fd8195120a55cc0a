from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
import pytest
from home_security.sounds import network as networks
from home_security.sounds.network import MOMENTUM, guide, small, yamnet_head
from home_security.sounds.recipe import Network
from keras import layers
from pipit.pipelines.audio_windows import INPUT
from pipit.runtimes import Runtime, load_runtime

SHAPE = (128, 216, 1)


def test_the_guide_network_is_the_guides() -> None:
    network = guide(SHAPE, 5, Network(dropout=0.5))
    kinds = [type(layer).__name__ for layer in network.layers[2:]]
    assert kinds == ["Conv2D", "BatchNormalization", "MaxPooling2D"] * 3 + ["Flatten", "Dense", "Dropout", "Dense"]
    assert [layer.filters for layer in network.layers if isinstance(layer, layers.Conv2D)] == [32, 64, 128]
    # 16 x 27 places of 128 channels into 256 units: nearly all of its 14 million weights.
    assert network.get_layer(index=-3).count_params() == 16 * 27 * 128 * 256 + 256
    assert network.count_params() == 14_250_885


def test_the_small_network_stays_under_half_a_million_weights() -> None:
    assert small(SHAPE, 50, Network()).count_params() < 500_000


@pytest.mark.parametrize("build", [guide, small])
def test_batch_norm_forgets_fast_enough_for_a_short_training(build: object) -> None:
    network: keras.Model = build(SHAPE, 3, Network())  # type: ignore[operator]
    norms = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    assert norms
    assert {layer.momentum for layer in norms} == {MOMENTUM}
    assert network.output_names == ["logits"]
    assert network.output_shape == (None, 3)


def test_the_head_scales_by_what_it_was_shown_and_no_silent_channel_explodes() -> None:
    embeddings = np.random.default_rng(1).normal(3.0, 2.0, (200, 16)).astype(np.float32)
    embeddings[:, 0] = 0.0
    embeddings[0, 0] = 1e-4
    head = yamnet_head(4, Network(), embeddings)
    scaled = np.asarray(head.get_layer("scale")(embeddings))
    np.testing.assert_allclose(scaled[:, 1:].mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(scaled[:, 1:].std(axis=0), 1.0, atol=1e-3)
    assert np.abs(scaled[:, 0]).max() < 0.01
    np.testing.assert_array_equal(np.asarray(head(embeddings)), 0.0)


def test_the_embedder_in_8_bits_answers_as_in_float_and_its_runtime_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def load(path: Path, kind: str) -> Runtime:
        # LiteRT says so once a process, whoever opens the first network.
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        return load_runtime(path, kind)

    monkeypatch.setattr(networks, "load_runtime", load)
    rows = np.random.default_rng(1).uniform(-1, 1, (8, 6, 4, 1)).astype(np.float32)
    inputs = keras.Input((6, 4, 1), name=INPUT)
    embedder = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    with networks.in_int8(embedder, rows, tmp_path) as rounded:
        heard = rounded(rows)
    np.testing.assert_allclose(heard, embedder.predict_on_batch(rows), atol=0.05)
    assert capfd.readouterr().err == ""
