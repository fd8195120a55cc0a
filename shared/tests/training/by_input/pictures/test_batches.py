from __future__ import annotations

import numpy as np
import pytest
from pipit.training.by_input.pictures.augmentation import augmenter, vary
from pipit.training.by_input.pictures.settings import Augmentation
from pipit.training.keras_batches import CopiedBatches

# Of Keras' own code.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*np.object.*:FutureWarning"),
]


def test_copies_differ_repeat_by_seed_and_stay_pictures() -> None:
    crops = np.random.default_rng(1).normal(120, 10, (2, 224, 224, 3)).clip(0, 255).astype(np.uint8)
    settings = Augmentation(flip="horizontal_and_vertical", rotation=0.5, shift=0.1, brightness=0.2)
    first, again, other = (vary(augmenter(settings, seed), crops) for seed in (1, 1, 2))
    assert first.shape == (2, 224, 224, 3)
    assert first.min() >= 0
    assert first.max() <= 255
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 1
    assert np.abs(first - crops).mean() > 1


def test_every_row_comes_once_an_epoch_and_the_draw_follows_from_seed_and_epoch() -> None:
    copies = [np.arange(10, dtype=np.float32) + 100 * copy for copy in range(3)]
    targets = np.eye(10, dtype=np.float32)

    def epoch_of(batches: CopiedBatches) -> list[float]:
        drawn = [batches[i] for i in range(len(batches))]
        for values, wanted in drawn:
            np.testing.assert_array_equal(values % 100, wanted.argmax(axis=1))
        return [float(value) for values, _ in drawn for value in values]

    batches = CopiedBatches(copies, targets, 4, seed=1)
    first = epoch_of(batches)
    assert sorted(value % 100 for value in first) == list(range(10))
    batches.on_epoch_end()
    second = epoch_of(batches)
    assert first != second
    assert second == epoch_of(CopiedBatches(copies, targets, 4, seed=1, first_epoch=1))
