from __future__ import annotations

import keras
import numpy as np
from home_security.sounds.equalise import CEILING, channel_ranges, equalise
from keras import layers


def _chain(ceiling: float | None) -> tuple[keras.Model, list[layers.Layer]]:
    value = inputs = keras.Input((16, 16, 1))
    chain = [
        layers.Conv2D(8, 3, padding="same"),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.Conv2D(6, 1),
    ]
    for layer in chain:
        value = layers.ReLU(max_value=ceiling)(layer(value))
    return keras.Model(inputs, value), chain


def test_what_is_computed_stays_up_to_scale_and_every_channel_uses_the_range() -> None:
    keras.utils.set_random_seed(1)
    plain, plain_chain = _chain(None)
    spread = plain_chain[0].get_weights()
    spread[0] *= np.logspace(-1.0, 1.0, 8).astype(np.float32)
    plain_chain[0].set_weights(spread)
    rows = np.random.default_rng(1).uniform(0, 1, (64, 16, 16, 1)).astype(np.float32)
    ranges = channel_ranges(plain, rows)
    before = [layer.output for layer in plain.layers if isinstance(layer, layers.ReLU)]
    first = np.asarray(keras.Model(plain.input, before[0])(rows)).max(axis=(0, 1, 2))
    assert first.max() / first[first > 0].min() > 30

    ready, ready_chain = _chain(CEILING)
    for source, target in zip(plain_chain, ready_chain, strict=True):
        target.set_weights(source.get_weights())
    equalise(ready_chain, ranges)
    activations = keras.Model(ready.input, [layer.output for layer in ready.layers if isinstance(layer, layers.ReLU)])
    after = [np.asarray(values).max(axis=(0, 1, 2)) for values in activations(rows)]
    np.testing.assert_allclose(after[0][first > 0], CEILING, rtol=0.01)
    assert all(values.max() <= CEILING for values in after)

    expected, found = np.asarray(plain(rows)).reshape(-1, 6), np.asarray(ready(rows)).reshape(-1, 6)
    for channel in range(6):
        if expected[:, channel].any():
            assert np.corrcoef(expected[:, channel], found[:, channel])[0, 1] > 0.99


def test_a_rare_peak_does_not_set_the_range() -> None:
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, layers.ReLU()(layers.ReLU()(inputs)))
    rows = np.abs(np.random.default_rng(1).normal(0, 1, (500, 4, 4, 1))).astype(np.float32)
    usual, _ = channel_ranges(model, rows)
    rows[0, 0, 0, 0] = 100.0
    cut, _ = channel_ranges(model, rows)
    assert usual[0] < 6
    assert usual[0] < cut[0] < 15


def test_a_channel_that_never_answers_does_no_harm() -> None:
    keras.utils.set_random_seed(1)
    network, chain = _chain(CEILING)
    rows = np.zeros((2, 16, 16, 1), np.float32)
    equalise(chain, channel_ranges(_chain(None)[0], rows))
    assert all(np.isfinite(weights).all() for layer in chain for weights in layer.get_weights())
    assert np.isfinite(np.asarray(network(rows))).all()
