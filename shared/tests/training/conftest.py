"""A data set of words, and the trainer that counts them; see `word_counter.py`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pipit.training.run import Run, open_run

SCRIPT = Path(__file__).parent / "word_counter.py"
TEXTS = {"a.txt": "tick tock tick", "b.txt": "tock", "c.txt": "tick rain", "d.txt": "rain rain rain rain"}
COUNTS = {"rain": 5, "tick": 3, "tock": 2}


@pytest.fixture(scope="session")
def word_counter() -> ModuleType:
    spec = importlib.util.spec_from_file_location("word_counter", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of data sets with one: four files of words."""
    folder = tmp_path / "data" / "words"
    folder.mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    return folder.parent


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def trainer(word_counter: ModuleType, data: Path) -> Any:
    return word_counter.WordTrainer(word_counter.recipe(), data)


@pytest.fixture
def run(trainer: Any, runs: Path) -> Iterator[Run]:
    with open_run(trainer, runs) as opened:
        yield opened


@pytest.fixture
def interrupted(data: Path, runs: Path) -> Callable[[int], Any]:
    """A process that trains as `trainer` does, and waits after so many files; killed at the end of the context."""

    @contextmanager
    def start(stop: int) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, str(SCRIPT), str(data), str(runs), str(stop)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "waiting\n"
                yield process
            finally:
                process.kill()

    return start
