"""A float LiteRT file becomes weights of the network that it was made of again, or is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipit.errors import InvalidInput

keras = pytest.importorskip("keras", reason="the networks are Keras'")
litert = pytest.importorskip("pipit.training.keras_litert")

from pipit.training.quantise import export_litert  # noqa: E402 (needs what is looked for above)

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*np.object.*:FutureWarning"),
]


def network(seed: int, filters: int = 8, branch: bool = True) -> Any:
    """With a shortcut of the same shape as the way beside it, so that order alone would not tell them apart."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    inputs = keras.Input((16, 16, 3), name="pixels")
    value = layers.Rescaling(1 / 127.5, -1.0)(inputs)
    value = layers.Conv2D(filters, 3, padding="same", use_bias=False, name="stem")(value)
    value = stem = layers.ReLU(6.0)(layers.BatchNormalization(name="stem_bn")(value))
    value = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="deep")(value)
    value = layers.ReLU(6.0)(layers.BatchNormalization(name="deep_bn")(value))
    value = layers.Conv2D(filters, 1, name="main")(value)
    if branch:
        value = layers.Add()([layers.Conv2D(filters, 1, name="beside")(stem), value])
    value = layers.GlobalAveragePooling2D()(value)
    whole = keras.Model(inputs, layers.Dense(2, name="logits")(value), name="net")
    draw = np.random.default_rng(seed)
    for norm in (whole.get_layer("stem_bn"), whole.get_layer("deep_bn")):
        norm.set_weights([draw.uniform(0.5, 2.0, value.shape) for value in norm.get_weights()])
    return whole


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    export_litert(network(1), "float32", tmp_path / "float32.tflite")
    return tmp_path / "float32.tflite"


def test_it_says_the_same_and_can_be_trained_on(exported: Path) -> None:
    pixels = np.random.default_rng(5).uniform(0, 255, (3, 16, 16, 3)).astype(np.float32)
    wanted = np.asarray(network(1)(pixels))
    other = network(2)
    assert np.abs(np.asarray(other(pixels)) - wanted).max() > 0.1
    litert.take_litert_weights(other, exported)
    np.testing.assert_allclose(np.asarray(other(pixels)), wanted, atol=1e-4)
    # Batch norm is what adds the bias now, and divides by one.
    gamma, beta, mean, variance = other.get_layer("stem_bn").get_weights()
    assert (gamma == 1).all()
    assert (mean == 0).all()
    np.testing.assert_allclose(variance + other.get_layer("stem_bn").epsilon, 1.0, atol=1e-6)
    assert np.abs(beta).max() > 0


def test_another_network_is_refused(exported: Path) -> None:
    with pytest.raises(InvalidInput, match="holds another network than net"):
        litert.take_litert_weights(network(2, filters=4), exported)
    with pytest.raises(InvalidInput, match="holds another network than net"):
        litert.take_litert_weights(network(2, branch=False), exported)


def test_what_is_not_the_same_function_is_refused(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert, "_norm_after", lambda layer: None)
    with pytest.raises(InvalidInput, match="can't be turned back into net; name the run that made it"):
        litert.take_litert_weights(network(2), exported)


def test_eight_bits_are_no_weights_to_go_on_from(tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).uniform(0, 255, (8, 16, 16, 3)).astype(np.float32)
    export_litert(network(1), "int8", tmp_path / "int8.tflite", pixels)
    with pytest.raises(InvalidInput, match="holds no weights of 32 bits"):
        litert.take_litert_weights(network(2), tmp_path / "int8.tflite")
