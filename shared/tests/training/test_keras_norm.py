"""The fused batch norm is Keras' own: what it gives, its gradients, what it remembers, and as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

keras = pytest.importorskip("keras", reason="the layer is Keras'")
tf = pytest.importorskip("tensorflow", reason="it is TensorFlow that fuses it")
fused = pytest.importorskip("pipit.training.keras_norm")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

Layer = Callable[..., Any]


def rows(*shape: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(3.0, 2.0, shape).astype(np.float32)


def network(make: Layer, *, trainable: bool = True) -> Any:
    """With scales of its own, so that none of them could be left out."""
    inputs = keras.Input((6, 5, 4))
    layer = make(momentum=0.8, epsilon=1e-3, trainable=trainable, name="norm")
    model = keras.Model(inputs, layer(inputs))
    draw = np.random.default_rng(2)
    layer.set_weights([draw.uniform(0.5, 2.0, value.shape) for value in layer.get_weights()])
    return model


def step(model: Any, values: NDArray[np.float32], target: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Outputs in training, gradients by input and weights, and all weights afterwards."""
    given = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(given)
        outputs = model(given, training=True)
        loss = tf.reduce_mean((outputs - target) ** 2)
    gradients = tape.gradient(loss, [given, *(weight.value for weight in model.trainable_weights)])
    return [np.asarray(value) for value in (outputs, *gradients, *model.get_weights())]


@pytest.mark.parametrize("batch", [2, 8])
def test_it_trains_as_keras_own(batch: int) -> None:
    values, target = rows(batch, 6, 5, 4), rows(batch, 6, 5, 4, seed=3)
    ours, theirs = (
        step(network(make), values, target) for make in (fused.BatchNormalization, keras.layers.BatchNormalization)
    )
    assert len(ours) == len(theirs) == 8
    for own, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-5)


def test_it_remembers_the_variance_of_the_batch_itself() -> None:
    values = rows(2, 6, 5, 4)
    model = network(fused.BatchNormalization)
    before = model.get_layer("norm").get_weights()[3]
    model(values, training=True)
    wanted = 0.8 * before + 0.2 * values.reshape(-1, 4).var(axis=0)
    np.testing.assert_allclose(model.get_layer("norm").get_weights()[3], wanted, rtol=1e-5)


def test_a_frozen_one_and_one_that_answers_learn_nothing() -> None:
    values = rows(4, 6, 5, 4)
    for model, training in (
        (network(fused.BatchNormalization, trainable=False), True),
        (network(fused.BatchNormalization), False),
    ):
        before = model.get_weights()
        answer = np.asarray(model(values, training=training))
        for kept, was in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(kept, was)
        np.testing.assert_array_equal(answer, np.asarray(network(keras.layers.BatchNormalization)(values)))


def test_rows_without_places_go_keras_own_way() -> None:
    inputs = keras.Input((3,))
    model = keras.Model(inputs, fused.BatchNormalization()(inputs))
    outputs = np.asarray(model(rows(16, 3), training=True))
    np.testing.assert_allclose(outputs.mean(axis=0), 0.0, atol=1e-4)


def test_a_network_with_it_is_kept_and_read_again(tmp_path: Path) -> None:
    model, values = network(fused.BatchNormalization), rows(4, 6, 5, 4)
    model.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    assert type(again.get_layer("norm")) is fused.BatchNormalization
    np.testing.assert_array_equal(np.asarray(again(values)), np.asarray(model(values)))
