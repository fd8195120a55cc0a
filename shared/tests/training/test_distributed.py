from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipit.errors import InvalidInput
from pipit.training.distributed import ALONE, Worker, read_worker

SCRIPT = Path(__file__).with_name("distributed_worker.py")
Ports = Callable[[int], list[int]]
WORKERS = ("pi-0.trainers:2222", "pi-1.trainers:2222")


def test_kubernetes_index_and_the_addresses_make_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPIT_WORKERS", " pi-0.trainers:2222, pi-1.trainers:2222 ")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    monkeypatch.setenv("PIPIT_WORKERS_WAIT_SECONDS", "30")

    worker = read_worker()

    assert worker == Worker(WORKERS, 1, 30.0)
    assert (worker.count, worker.is_chief) == (2, False)
    assert json.loads(worker.tf_config()) == {
        "cluster": {"worker": list(WORKERS)},
        "task": {"type": "worker", "index": 1},
    }
    assert worker.torchrun_variables() == {
        "MASTER_ADDR": "pi-0.trainers",
        "MASTER_PORT": "2222",
        "WORLD_SIZE": "2",
        "RANK": "1",
    }


@pytest.mark.parametrize("workers", ["", "pi-0.trainers:2222"])
def test_a_job_of_one_trains_alone(monkeypatch: pytest.MonkeyPatch, workers: str) -> None:
    monkeypatch.setenv("PIPIT_WORKERS", workers)
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")

    assert read_worker() == ALONE
    assert (ALONE.count, ALONE.is_chief) == (1, True)
    with pytest.raises(InvalidInput, match="PIPIT_WORKERS"):
        ALONE.torchrun_variables()


def test_an_address_may_be_ipv6() -> None:
    assert Worker(("[2001:db8::7]:2222", "b:1"), 0).torchrun_variables()["MASTER_ADDR"] == "2001:db8::7"


@pytest.mark.parametrize(
    ("workers", "index", "text"),
    [
        ("a:1,b:1", None, "set JOB_COMPLETION_INDEX to this one's number, 0 to 1"),
        ("a:1,b:1", "2", "JOB_COMPLETION_INDEX is 2, but PIPIT_WORKERS names 2 workers, 0 to 1"),
        ("a:1,b:1", "-1", "JOB_COMPLETION_INDEX: "),
        ("a:1,b:1", "first", "JOB_COMPLETION_INDEX: "),
        ("a:1,b", "0", "PIPIT_WORKERS: 'b' is not host:port"),
        ("a:1,a:1", "0", "PIPIT_WORKERS: an address stands there twice"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, workers: str, index: str | None, text: str) -> None:
    monkeypatch.setenv("PIPIT_WORKERS", workers)
    monkeypatch.delenv("JOB_COMPLETION_INDEX", raising=False)
    if index is not None:
        monkeypatch.setenv("JOB_COMPLETION_INDEX", index)

    with pytest.raises(InvalidInput) as refusal:
        read_worker()

    assert text in str(refusal.value)


@dataclass
class Ended:
    code: int
    facts: Any
    errors: str
    weights: list[Any]


class Training:
    """Workers of one training, as processes on loopback."""

    def __init__(self, folder: Path, values: Mapping[str, Any], popen: Callable[..., Any], ports: Ports) -> None:
        self._folder = folder
        self._values = values
        self._popen = popen
        self._ports = ports
        self._processes: list[subprocess.Popen[str]] = []

    def start(
        self,
        workers: int,
        dies_in: Mapping[int, int] | None = None,
        values: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> None:
        """dies_in: epoch by worker. values: of the recipe, by worker."""
        addresses = ",".join(f"127.0.0.1:{port}" for port in self._ports(workers))
        for index in range(workers):
            given = json.dumps({**self._values, **(values or {}).get(index, {})})
            dies = [str((dies_in or {})[index])] if index in (dies_in or {}) else []
            process = self._popen(
                [sys.executable, SCRIPT, self._folder, self._folder / f"{index}.npz", given, *dies],
                env={
                    **os.environ,
                    "PIPIT_WORKERS": addresses if workers > 1 else "",
                    "JOB_COMPLETION_INDEX": str(index),
                    "TF_CPP_MIN_LOG_LEVEL": "3",
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            self._processes.append(process)

    def wait_begun(self) -> None:
        """Until the first worker trains."""
        output = self._processes[0].stdout
        assert output is not None
        assert any("work_started" in line for line in output)

    def terminate(self, index: int) -> None:
        self._processes[index].send_signal(signal.SIGTERM)

    def end(self) -> list[Ended]:
        ended = []
        for index, process in enumerate(self._processes):
            output, errors = process.communicate(timeout=400)
            facts = json.loads(output.splitlines()[-1]) if process.returncode == 0 else None
            path = self._folder / f"{index}.npz"
            weights = [*np.load(path).values()] if process.returncode == 0 else []
            ended.append(Ended(process.returncode, facts, errors, weights))
        self._processes = []
        return ended


VALUES = {"epochs": 6, "batch_size": 4, "optimiser": {"learning_rate": 0.01, "schedule": "cosine"}}


@pytest.fixture
def training(tmp_path: Path, popen: Callable[..., Any], free_ports: Ports) -> Callable[..., Training]:
    def make(name: str = "training", **values: Any) -> Training:
        folder = tmp_path / name
        folder.mkdir()
        return Training(folder, VALUES | values, popen, free_ports)

    return make


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, module_popen: Callable[..., Any], free_ports: Ports
) -> tuple[Ended, Ended, Path]:
    """Two workers that nothing disturbed, and the folder of what they left."""
    folder = tmp_path_factory.mktemp("whole")
    together = Training(folder, VALUES, module_popen, free_ports)
    together.start(2)
    chief, other = together.end()
    assert (chief.code, other.code) == (0, 0), chief.errors + other.errors
    return chief, other, folder


@pytest.mark.slow
def test_two_workers_do_what_one_does_with_their_batches_joined(
    whole: tuple[Ended, Ended, Path], training: Callable[..., Training]
) -> None:
    first, second, folder = whole
    alone = training("alone", batch_size=8)
    alone.start(1)
    (one,) = alone.end()

    assert one.code == 0, one.errors
    assert first.facts == second.facts
    for mine, others, single in zip(first.weights, second.weights, one.weights, strict=True):
        np.testing.assert_array_equal(mine, others)
        np.testing.assert_allclose(mine, single, atol=1e-5)
    assert first.facts["best"] == one.facts["best"]
    np.testing.assert_allclose(first.facts["val_loss"], one.facts["val_loss"], atol=1e-5)
    np.testing.assert_allclose(first.facts["val_accuracy"], one.facts["val_accuracy"], atol=1e-5)
    # The chief alone keeps something to go on from; the script saves the network on both.
    assert {path.name for path in (folder / "1").iterdir()} == {"model.keras"}
    kept = {path.name for path in (folder / "0").iterdir()}
    assert {"epoch-00005.weights.h5", "history.json", "logs"} <= kept


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_others_and_all_go_on_together(
    whole: tuple[Ended, Ended, Path], training: Callable[..., Training]
) -> None:
    broken = training("broken")
    broken.start(2, dies_in={1: 3})
    chief, dead = broken.end()
    assert dead.code == -signal.SIGKILL
    assert chief.code == 1
    assert "Unavailable: another worker of the training ended or can't be reached (worker 0 of 2 says" in chief.errors

    broken.start(2)
    resumed = broken.end()

    assert [each.code for each in resumed] == [0, 0], resumed[0].errors + resumed[1].errors
    assert resumed[0].facts == resumed[1].facts == whole[0].facts
    assert resumed[0].facts["best"] >= 3


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_does(training: Callable[..., Training]) -> None:
    plateau = {"learning_rate": 0.05, "schedule": "plateau"}
    running = training(epochs=100_000, early_stopping_patience=100_000, optimiser=plateau)
    running.start(2)
    running.wait_begun()
    running.terminate(0)

    told, other = running.end()

    assert told.code == -signal.SIGTERM
    assert other.code == 1
    assert "another worker of the training ended" in other.errors


@pytest.mark.slow
def test_workers_with_different_recipes_do_not_train(training: Callable[..., Training]) -> None:
    different = training()
    different.start(2, values={1: {"seed": 9}})

    ended = different.end()

    assert [each.code for each in ended] == [1, 1]
    for each in ended:
        assert "InvalidInput: recipe: worker 1 has another than worker 0" in each.errors
