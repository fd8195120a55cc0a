"""What answers: one network, or two by the mean of their shares.

    crop ─┬─> body ─┬─> tail ─────> shares ─┐
          │         └─> likeness ───────────┼──────┐
          └─> the network beside ─> shares ─┴─ mean x ─> scores

Body and tail are the first network. Scores of one crop add up to its likeness, which is less than 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from footprints.species.likeness import Likeness, likeness_of
from footprints.species.pipeline import INPUT, OUTPUT


def answer_together(
    body: keras.Model, tail: keras.Model, likeness: Likeness, beside: Sequence[keras.Model]
) -> keras.Model:
    """Crops, RGB 0..255, to scores of species. likeness: of what `body` says. beside: networks to shares."""
    crops = keras.Input(body.input_shape[1:], name=INPUT)
    seen = body(crops)
    shares = [tail(seen), *(network(crops) for network in beside)]
    together = layers.Average()(shares) if beside else shares[0]
    scores = layers.Multiply(name=OUTPUT)([together, likeness_of(seen, likeness)])
    return keras.Model(crops, scores, name="species")
