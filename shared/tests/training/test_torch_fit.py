from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.training.progress import LogProgress
from pipit.training.recipe import Recipe
from pipit.training.torch_data import Samples, SeededBatches, Vary, batches_in_order
from pipit.training.torch_fit import fit, load_weights, outputs_of, precision_of, save_weights, seed_everything
from torch import Tensor, nn

pytestmark = pytest.mark.slow


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
        "optimiser": {"learning_rate": 0.05, "schedule": "plateau"},
    }
    return Recipe.model_validate(values | changes)


def points(count: int, seed: int) -> Samples:
    values = np.random.default_rng(seed).normal(size=(count, 2)).astype(np.float32)
    return Samples({"point": values}, (values.sum(axis=1) > 0).astype(np.int64))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Such small networks only wait for a second one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Interrupted(Exception):
    """The power was cut."""


class Watch(LogProgress):
    """Progress that cuts the power when as many epochs are done as it was told."""

    def __init__(self, cut: int | None = None, error: type[BaseException] = Interrupted) -> None:
        self.cut = cut
        self.error = error
        self.notes: list[str] = []

    @contextmanager
    def track(self, description: str, total: float) -> Iterator[Any]:
        self.done = 0.0
        yield self

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.done += amount
        self.notes.append(note)
        if self.cut is not None and self.done >= self.cut:
            raise self.error


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs, targets, reduction="none")


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(dim=1) == targets).float().mean()


def small() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))


class NanFrom:
    """Varies batches to no numbers from an epoch on, and the weights with them."""

    def __init__(self, epoch: int, batches: int) -> None:
        self.left = epoch * batches

    def __call__(self, inputs: Any, targets: Any, generator: np.random.Generator) -> tuple[Any, Any]:
        self.left -= 1
        return (
            {name: values * np.float32(np.nan) for name, values in inputs.items()} if self.left < 0 else inputs
        ), targets


def noisy(inputs: Any, targets: Any, generator: np.random.Generator) -> tuple[Any, Any]:
    values = inputs["point"]
    return {"point": values + generator.normal(0, 0.05, values.shape).astype(np.float32)}, targets


def train(
    settings: Recipe, folder: Path, watch: Watch | None = None, data: Samples | None = None, vary: Vary = noisy
) -> tuple[Any, Any]:
    seed_everything(settings.seed)
    network = small()
    scratch, logs = folder / "scratch", folder / "logs"
    scratch.mkdir(parents=True, exist_ok=True)
    fitted = fit(
        network,
        loss,
        settings,
        data or points(200, 1),
        points(64, 2),
        scratch,
        logs,
        watch or Watch(),
        vary=vary,
        measures={"accuracy": accuracy},
        threads=1,
    )
    return network, fitted


def weights_of(network: nn.Module) -> NDArray[np.float32]:
    return np.concatenate([value.numpy().ravel() for value in network.state_dict().values()])


def test_a_training_learns_and_keeps_the_weights_of_its_best_epoch(tmp_path: Path) -> None:
    watch = Watch()
    network, fitted = train(recipe(epochs=10), tmp_path, watch)
    test = points(64, 2)
    outputs = outputs_of(network, test.inputs, batch_size=10)
    assert outputs.shape == (64, 2)
    assert (outputs.argmax(axis=1) == test.targets).mean() > 0.9
    found = float(loss(torch.from_numpy(outputs), torch.from_numpy(test.targets)).mean())
    assert found == pytest.approx(min(fitted.history["val_loss"]), rel=1e-5)
    assert fitted.best_epoch == int(np.argmin(fitted.history["val_loss"]))
    assert {name: len(values) for name, values in fitted.history.items()} == dict.fromkeys(
        ("loss", "val_loss", "accuracy", "val_accuracy", "learning_rate"), 10
    )
    assert not network.training
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))
    assert watch.done == 10
    assert watch.notes[0].startswith("loss ")


def test_a_seed_gives_the_same_network_and_another_seed_another(tmp_path: Path) -> None:
    found = [
        weights_of(train(recipe(seed=seed, epochs=2), tmp_path / name)[0])
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


@pytest.mark.parametrize("error", [Interrupted, KeyboardInterrupt])
@pytest.mark.parametrize("schedule", ["plateau", "cosine"])
def test_an_interrupted_training_ends_as_if_it_had_not_been(
    tmp_path: Path, error: type[BaseException], schedule: str
) -> None:
    # A rate so high that the loss does not fall, so that the plateau lowers it after the interruption.
    optimiser = {"name": "sgd", "learning_rate": 3.0, "schedule": schedule}
    settings = recipe(epochs=8, early_stopping_patience=4, optimiser=optimiser)
    whole, expected = train(settings, tmp_path / "whole")
    with pytest.raises(error):
        train(settings, tmp_path / "cut", Watch(cut=6, error=error))
    watch = Watch()
    resumed, fitted = train(settings, tmp_path / "cut", watch)
    assert watch.notes[0] == "resumed"
    assert fitted.history == expected.history
    assert len(set(fitted.history["learning_rate"])) > 1
    assert fitted.best_epoch == expected.best_epoch
    np.testing.assert_array_equal(weights_of(resumed), weights_of(whole))


class Walk(nn.Module):
    """Its only weight has the gradient 1 and goes down by the learning rate with each batch; its buffer counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("batches", torch.zeros(1))

    def forward(self, values: Tensor) -> Tensor:
        if self.training:
            self.batches += 1.0
        return self.weight + 0.0 * values[:, :1]


def walk(folder: Path, averaging: float, watch: Watch | None = None) -> tuple[NDArray[np.float32], Any]:
    """Four epochs of four batches; the loss is the weight itself. Gives weight and buffer at the end."""
    optimiser = {"name": "sgd", "learning_rate": 1.0, "schedule": "constant", "momentum": 0.0}
    settings = recipe(epochs=4, optimiser=optimiser)
    seed_everything(1)
    network = Walk()
    data, rest = points(64, 1), {"measures": None, "threads": 1, "averaging": averaging}
    folder.mkdir(exist_ok=True)
    found = fit(
        network, lambda outputs, _: outputs[:, 0], settings, data, data, folder, folder, watch or Watch(), **rest
    )
    return weights_of(network), found


def test_averaged_weights_and_buffers_look_back_and_are_what_is_validated_and_kept(tmp_path: Path) -> None:
    expected = np.array([-1.0, 1.0])
    losses = []
    for batch in range(2, 17):
        expected = 0.75 * expected + 0.25 * np.array([-batch, batch])
        if batch % 4 == 0:
            losses.append(expected[0])
    kept, fitted = walk(tmp_path, 0.75)
    np.testing.assert_allclose(kept, expected, rtol=1e-6)
    np.testing.assert_allclose(fitted.history["val_loss"], losses, rtol=1e-6)
    plain, _ = walk(tmp_path / "plain", 0.0)
    np.testing.assert_array_equal(plain, [-16.0, 16.0])


def test_averages_go_on_after_an_interruption(tmp_path: Path) -> None:
    whole, expected = walk(tmp_path / "whole", 0.75)
    with pytest.raises(Interrupted):
        walk(tmp_path / "cut", 0.75, Watch(cut=3))
    resumed, fitted = walk(tmp_path / "cut", 0.75)
    np.testing.assert_array_equal(resumed, whole)
    assert fitted.history == expected.history


def test_best_weights_of_before_an_interruption_are_kept(tmp_path: Path) -> None:
    # From the third epoch on nothing is a number, so that the best one lies before the interruption on any processor.
    settings = recipe(early_stopping_patience=4)
    with pytest.raises(Interrupted):
        train(settings, tmp_path, Watch(cut=4), vary=NanFrom(2, 13))
    network, fitted = train(settings, tmp_path, vary=NanFrom(0, 13))
    assert fitted.best_epoch < 2
    outputs = outputs_of(network, points(64, 2).inputs)
    found = float(loss(torch.from_numpy(outputs), torch.from_numpy(points(64, 2).targets)).mean())
    assert found == pytest.approx(float(np.nanmin(fitted.history["val_loss"])), rel=1e-5)


def test_training_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    still = recipe(epochs=50, early_stopping_patience=3, optimiser={"name": "sgd", "learning_rate": 1e-12})
    _, fitted = train(still, tmp_path)
    assert len(fitted.history["val_loss"]) - 1 - fitted.best_epoch == 3


def test_an_epoch_whose_loss_is_no_number_is_never_the_best(tmp_path: Path) -> None:
    settings = recipe(epochs=9, early_stopping_patience=3)
    network, fitted = train(settings, tmp_path, data=points(64, 1), vary=NanFrom(2, 4))
    losses = fitted.history["val_loss"]
    assert np.isfinite(losses).tolist() == [True, True, False, False, False][: len(losses)]
    assert fitted.best_epoch == int(np.argmin(losses[:2]))
    # It counts as one that was no better.
    assert len(losses) - 1 - fitted.best_epoch == 3
    assert np.isfinite(weights_of(network)).all()


def test_a_training_of_nothing_but_nan_says_what_to_try(tmp_path: Path) -> None:
    broken = points(64, 1)
    broken.inputs["point"][:] = np.nan
    with pytest.raises(InvalidInput, match=r"no number in any of 3 epochs; lower optimiser\.learning_rate"):
        train(recipe(early_stopping_patience=3), tmp_path, data=broken)


def test_weights_that_were_kept_come_back(tmp_path: Path) -> None:
    seed_everything(3)
    network, other = small(), small()
    save_weights(network, tmp_path / "network.pt")
    load_weights(other, tmp_path / "network.pt")
    np.testing.assert_array_equal(weights_of(other), weights_of(network))


def test_samples_count_by_their_weights(tmp_path: Path) -> None:
    # Every point twice, with opposite labels: the heavier one is learnt.
    values = points(100, 1)
    both = {"point": np.concatenate([values.inputs["point"]] * 2)}
    targets = np.concatenate([values.targets, 1 - values.targets])
    weights = np.repeat(np.array([1.9, 0.1], np.float32), 100)
    network, _ = train(recipe(epochs=8), tmp_path, data=Samples(both, targets, weights))
    test = points(64, 2)
    assert (outputs_of(network, test.inputs).argmax(axis=1) == test.targets).mean() > 0.9


def test_samples_that_are_not_equally_many_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"as many of each: .*'point': 3.*'targets': 2"):
        Samples({"point": np.zeros((3, 2), np.float32)}, np.zeros(2, np.int64))


def test_an_epoch_holds_every_sample_once_in_an_order_of_its_own() -> None:
    values = Samples({"point": np.arange(33, dtype=np.float32)}, np.arange(33))

    def epoch(number: int) -> list[list[float]]:
        batches = SeededBatches(values, 16, seed=1)
        batches.set_epoch(number)
        return [batch[0][0].tolist() for batch in batches.loader()]

    # A batch of one would upset batch norm.
    assert [len(batch) for batch in epoch(0)] == [16, 16]
    assert len({value for batch in epoch(0) for value in batch}) == 32
    assert epoch(0) == epoch(0) != epoch(1)
    in_order = [batch[1].tolist() for batch in batches_in_order(values, 16)]
    assert [value for batch in in_order for value in batch] == list(range(33))


def threads_seen(folder: Path, epochs: int, threads: int | None) -> list[int]:
    """Of each batch, in order."""
    seen = []

    def noted(outputs: Tensor, targets: Tensor) -> Tensor:
        seen.append(torch.get_num_threads())
        return accuracy(outputs, targets)

    (folder / "scratch").mkdir()
    fit(
        small(),
        loss,
        recipe(epochs=epochs),
        points(32, 1),
        points(32, 2),
        folder / "scratch",
        folder / "logs",
        Watch(),
        measures={"accuracy": noted},
        threads=threads,
    )
    return seen


def test_a_training_takes_the_threads_it_is_given_and_gives_them_back(tmp_path: Path) -> None:
    assert set(threads_seen(tmp_path, 1, threads=3)) == {3}
    assert torch.get_num_threads() == 1


def test_a_training_that_is_given_none_takes_the_cores_that_idle_when_an_epoch_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = iter([2, 1, 3])
    monkeypatch.setattr("pipit.training.torch_callbacks.idle_processors", lambda: next(idle))

    seen = threads_seen(tmp_path, 3, threads=None)

    assert list(dict.fromkeys(seen)) == [2, 1, 3]
    assert torch.get_num_threads() == 1


def test_weights_learn_at_shares_of_the_rate_and_others_stay(tmp_path: Path) -> None:
    seed_everything(3)
    network = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    changes = {"optimiser": {"name": "sgd", "learning_rate": 0.05, "schedule": "constant", "momentum": 0.0}}
    train = points(32, 1)
    fitted = fit(
        network,
        loss,
        recipe(epochs=1, batch_size=16, **changes),
        train,
        points(8, 2),
        tmp_path / "scratch",
        tmp_path / "logs",
        LogProgress(),
        rates={"2.weight": 1.0, "1.weight": 0.5},
        accumulate=2,
    )
    assert fitted.history["learning_rate"] == [0.05]
    # Two batches of one step are one batch of all samples.
    for name, value in before.items():
        network.get_parameter(name).data.copy_(value)
    outputs = network(torch.from_numpy(train.inputs["point"]))
    loss(outputs, torch.from_numpy(train.targets)).mean().backward()
    wanted = dict(before)
    for name, share in (("2.weight", 1.0), ("1.weight", 0.5)):
        gradient = network.get_parameter(name).grad
        assert gradient is not None
        wanted[name] = before[name] - 0.05 * share * gradient
    kept = torch.load(tmp_path / "scratch" / "best.ckpt", weights_only=True)["state_dict"]
    for name, value in wanted.items():
        torch.testing.assert_close(kept[f"network.{name}"], value)


def test_shares_of_the_rate_go_on_after_an_interruption(tmp_path: Path) -> None:
    def trained(folder: Path, watch: Watch) -> tuple[nn.Module, Any]:
        seed_everything(4)
        network = small()
        places = folder / "scratch", folder / "logs"
        rates = {"3.weight": 1.0, "0.weight": 0.1}
        settings = recipe(epochs=4, optimiser={"name": "adamw", "learning_rate": 0.05})
        fitted = fit(
            network, loss, settings, points(64, 1), points(16, 2), *places, watch, threads=1, rates=rates, accumulate=3
        )
        return network, fitted

    whole, expected = trained(tmp_path / "whole", Watch())
    with pytest.raises(Interrupted):
        trained(tmp_path / "cut", Watch(cut=2))
    resumed, fitted = trained(tmp_path / "cut", Watch())
    assert fitted.history == expected.history
    np.testing.assert_array_equal(weights_of(resumed), weights_of(whole))


def test_half_floats_are_for_a_gpu_that_gains_by_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert precision_of(mixed=True) == "32-true"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert precision_of(mixed=False) == "32-true"
    for has, wanted in ((True, "bf16-mixed"), (False, "16-mixed")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, has=has: has)
        assert precision_of(mixed=True) == wanted
