"""What answers: one network or two, shown a crop from one side or several.

    crop ─┬─ as it is ──┐                ┌─> body ─┬─> tail ─────> shares ─┐
          ├─ mirrored ──┤                │         └─> likeness ───────────┼──────┐
          ├─ upside down┼─ rows of one ──┤                                 ├─ mean x ─> mean over views ─> scores
          └─ both ──────┘     batch      └─> the network beside ─> shares ─┘

Body and tail are the first network. Scores of one crop add up to its likeness, which is less than 1. The views are rows
of one batch, so that weights lie in the exported file once.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, ops

from footprints.species.likeness import Likeness, likeness_of
from footprints.species.pipeline import INPUT, OUTPUT

VIEWS: Sequence[tuple[int, ...] | None] = (None, (2,), (1,), (1, 2))
"""Axes of (rows, height, width, channels) along which a crop is turned: a print has no side that is up."""


def answer_together(
    body: keras.Model, tail: keras.Model, likeness: Likeness, beside: Sequence[keras.Model], views: int
) -> keras.Model:
    """Crops, RGB 0..255, to scores of species. likeness: of what `body` says. views: how many of `VIEWS`."""
    crops = keras.Input(body.input_shape[1:], name=INPUT)
    turned = [crops if axes is None else ops.flip(crops, axes) for axes in VIEWS[:views]]
    rows = layers.Concatenate(axis=0)(turned) if views > 1 else crops
    seen = body(rows)
    shares = [tail(seen), *(network(rows) for network in beside)]
    together = layers.Average()(shares) if beside else shares[0]
    scores = layers.Multiply()([together, likeness_of(seen, likeness)])
    if views > 1:
        scores = ops.mean(ops.reshape(scores, (views, -1, int(scores.shape[-1]))), axis=0)
    return keras.Model(crops, layers.Identity(name=OUTPUT)(scores), name="species")
