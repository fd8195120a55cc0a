"""Adam in one operation takes Keras' own steps, is kept with its state, and goes on from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

keras = pytest.importorskip("keras", reason="the optimiser is Keras'")
fused = pytest.importorskip("pipit.training.keras_adam")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

Rows = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    values = np.random.default_rng(1).normal(size=(64, 5)).astype(np.float32)
    return values, np.tanh(values @ np.arange(5, dtype=np.float32))[:, np.newaxis]


def network(optimiser: Any) -> Any:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((5,))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dense(7, activation="relu")(inputs)))
    model.compile(optimiser, "mse", jit_compile=False)
    return model


def trained(model: Any, rows: Rows, epochs: int) -> list[NDArray[np.float32]]:
    model.fit(*rows, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    return [np.asarray(value) for value in (*model.get_weights(), *model.optimizer.variables)]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("Adam", {}),
        ("Adam", {"weight_decay": 0.1, "beta_1": 0.8}),
        ("Adam", {"amsgrad": True}),
        ("AdamW", {"weight_decay": 0.1}),
    ],
)
def test_it_takes_keras_own_steps(rows: Rows, name: str, settings: dict[str, Any]) -> None:
    ours, theirs = (
        trained(network(getattr(module, name)(0.02, **settings)), rows, 5) for module in (fused, keras.optimizers)
    )
    assert len(ours) == len(theirs) >= 14
    for own, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-5)


def test_a_training_goes_on_from_what_was_kept(rows: Rows, tmp_path: Path) -> None:
    whole = trained(network(fused.Adam(0.02)), rows, 4)
    first = network(fused.Adam(0.02))
    trained(first, rows, 2)
    first.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    assert type(again.optimizer) is fused.Adam
    for own, other in zip(trained(again, rows, 2), whole, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-6)
