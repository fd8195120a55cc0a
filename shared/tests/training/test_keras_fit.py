from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.training.progress import LogProgress
from pipit.training.recipe import Recipe

pytestmark = [
    pytest.mark.slow,
    # Keras and TensorFlow call what numpy and TensorFlow have deprecated.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def keras_fit() -> Any:
    from pipit.training import keras_fit

    return keras_fit


def recipe(**changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "task": "test.lines",
        "name": "lines",
        "network": "line",
        "data": [{"kind": "none", "path": ".", "licence": "made here"}],
        "split": {"rule": "group"},
        "epochs": 6,
        "batch_size": 16,
        "seed": 5,
        "early_stopping_patience": 6,
        "optimiser": {"learning_rate": 0.05},
    }
    return Recipe.model_validate(values | changes)


def points(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    values = np.random.default_rng(seed).normal(size=(count, 2)).astype(np.float32)
    return values, np.eye(2, dtype=np.float32)[(values.sum(axis=1) > 0).astype(int)]


class Interrupted(Exception):
    """The power was cut."""


@pytest.fixture
def train(keras_fit: Any, tmp_path: Path) -> Iterator[Callable[..., tuple[Any, Any]]]:
    import keras

    class Batches(keras.utils.PyDataset):
        """Batches of the same points in the same order."""

        def __init__(self, size: int, nan_from: int | None) -> None:
            """nan_from: the epoch from which on the points are no numbers, and soon the weights neither."""
            super().__init__()
            self.rows, self.truth = points(256, 1)
            self.size = size
            self.nan_from = nan_from
            self.epoch = -1
            self.on_epoch_end()

        def on_epoch_end(self) -> None:
            self.epoch += 1
            if self.epoch == self.nan_from:
                self.rows = np.full_like(self.rows, np.nan)

        def __len__(self) -> int:
            return len(self.rows) // self.size

        def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            chosen = slice(index * self.size, (index + 1) * self.size)
            return self.rows[chosen], self.truth[chosen]

    def call(
        settings: Recipe,
        folder: str = "run",
        cut: int | None = None,
        class_weights: Any = None,
        nan_from: int | None = None,
    ) -> tuple[Any, Any]:
        keras_fit.seed_everything(settings.seed)
        inputs = keras.Input((2,), name="point")
        model = keras.Model(inputs, keras.layers.Dense(2, name="logits")(inputs))
        model.compile(
            keras_fit.make_optimiser(settings.optimiser),
            keras.losses.CategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        scratch, logs = tmp_path / folder / "scratch", tmp_path / folder / "logs"
        scratch.mkdir(parents=True, exist_ok=True)
        fitted = keras_fit.fit(
            model,
            settings,
            Batches(settings.batch_size, nan_from),
            points(64, 2),
            scratch,
            logs,
            Watch(cut),
            class_weights,
        )
        return model, fitted

    yield call
    keras.backend.clear_session()


class Watch(LogProgress):
    """Progress that cuts the power when as many epochs are done as it was told."""

    def __init__(self, cut: int | None) -> None:
        self.cut = cut

    def track(self, description: str, total: float) -> Any:
        outer = self

        class Bar:
            done = 0.0

            def advance(self, amount: float = 1, note: str = "") -> None:
                self.done += amount
                if outer.cut is not None and self.done >= outer.cut:
                    raise Interrupted

        @contextmanager
        def bar() -> Iterator[Bar]:
            yield Bar()

        return bar()


def test_it_learns_and_tells_every_epoch(train: Any, keras_fit: Any, tmp_path: Path) -> None:
    model, fitted = train(recipe())
    assert keras_fit.fitted_before(tmp_path / "run" / "scratch") == fitted
    assert len(fitted.history["loss"]) == len(fitted.history["val_loss"]) == 6
    assert fitted.history["loss"][-1] < fitted.history["loss"][0]
    assert fitted.best_epoch == int(np.argmin(fitted.history["val_loss"]))
    rows, truth = points(200, 9)
    assert (model.predict(rows, verbose=0).argmax(axis=1) == truth.argmax(axis=1)).mean() > 0.9
    assert list((tmp_path / "run" / "logs").rglob("events.out.tfevents.*"))


def test_a_seed_gives_the_same_network_again(train: Any) -> None:
    first, again, other = train(recipe(), "one")[0], train(recipe(), "two")[0], train(recipe(seed=6), "three")[0]
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])


def test_an_interrupted_training_goes_on_where_it_was(train: Any, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(recipe(), cut=3)
    kept = json.loads((tmp_path / "run/scratch/history.json").read_bytes())
    assert len(kept["val_loss"]) == 3
    _, fitted = train(recipe())
    assert len(fitted.history["val_loss"]) == 6
    assert fitted.history["val_loss"][:2] == kept["val_loss"][:2]
    assert fitted.history["loss"][-1] < fitted.history["loss"][0]


def test_weights_that_were_being_written_when_the_power_was_cut_count_for_nothing(train: Any, tmp_path: Path) -> None:
    for folder in ("torn", "tidy"):
        with pytest.raises(Interrupted):
            train(recipe(), folder, cut=3)
    (tmp_path / "torn/scratch/epoch-00003.weights.h5").write_bytes(b"half a fi")
    (torn, one), (tidy, other) = train(recipe(), "torn"), train(recipe(), "tidy")
    assert one == other
    for a, b in zip(torn.get_weights(), tidy.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_of_the_last_and_of_the_best_epoch_are_kept(train: Any, tmp_path: Path) -> None:
    wild = recipe(optimiser={"name": "sgd", "learning_rate": 300.0, "schedule": "constant"})
    _, fitted = train(wild)
    kept = {path.name for path in (tmp_path / "run/scratch").glob("*.h5")}
    assert fitted.best_epoch != 5
    assert kept == {f"epoch-0000{fitted.best_epoch}.weights.h5", "epoch-00005.weights.h5"}


def test_a_history_whose_weights_are_gone_counts_for_nothing(train: Any, keras_fit: Any, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(recipe(), cut=3)
    scratch = tmp_path / "run/scratch"
    assert keras_fit.epochs_done(scratch) == 3
    (scratch / "epoch-00002.weights.h5").unlink()
    assert keras_fit.epochs_done(scratch) == 0
    _, fitted = train(recipe())
    assert len(fitted.history["val_loss"]) == 6


def test_the_best_weights_outlive_the_process(train: Any, tmp_path: Path) -> None:
    # At this rate the loss grows: the best epoch is an early one.
    wild = recipe(optimiser={"name": "sgd", "learning_rate": 300.0, "schedule": "constant"})
    with pytest.raises(Interrupted):
        train(wild, cut=4)
    model, fitted = train(wild)
    loss = model.evaluate(*points(64, 2), verbose=0)[0]
    assert loss == pytest.approx(min(fitted.history["val_loss"]), rel=1e-5)


def test_training_stops_when_nothing_gets_better(train: Any) -> None:
    still = recipe(epochs=50, early_stopping_patience=3, optimiser={"name": "sgd", "learning_rate": 1e-12})
    _, fitted = train(still)
    assert len(fitted.history["val_loss"]) - 1 - fitted.best_epoch == 3


def test_an_epoch_whose_loss_is_no_number_is_never_the_best(train: Any, tmp_path: Path) -> None:
    model, fitted = train(recipe(epochs=9, early_stopping_patience=3), nan_from=2)
    losses = fitted.history["val_loss"]
    known = int(np.isfinite(losses).sum())
    assert known in (1, 2)  # Keras fetches the next epoch's first batches ahead.
    assert np.isfinite(losses[:known]).all()
    assert fitted.best_epoch == int(np.argmin(losses[:known]))
    # An epoch without a number counts as one that was no better.
    assert len(losses) - 1 - fitted.best_epoch == 3
    assert np.isfinite(np.concatenate([weights.ravel() for weights in model.get_weights()])).all()
    assert model.evaluate(*points(64, 2), verbose=0)[0] == pytest.approx(min(losses[:known]), rel=1e-5)
    kept = json.loads((tmp_path / "run/scratch/history.json").read_text(), parse_constant=pytest.fail)
    assert kept["val_loss"][known:] == [None] * len(losses[known:])


def test_a_training_of_nothing_but_nan_says_what_to_try(train: Any) -> None:
    with pytest.raises(InvalidInput, match=r"no number in any of 3 epochs; lower optimiser\.learning_rate"):
        train(recipe(epochs=9, early_stopping_patience=3), nan_from=0)
