"""A small trainer: counts words in text files, one file an epoch.

word_counter.py DATA RUNS STOP trains in a process of its own that, after STOP files, says so and waits to be ended.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipit.errors import IntegrityError
from pipit.files import write_atomically
from pipit.logging import configure_logging
from pipit.training.recipe import DataSource, Recipe, Split
from pipit.training.run import Run, open_run
from pipit.training.steps import actions_of, run_steps

TASK = "test.words"


class WordRecipe(Recipe):
    shortest: int = 1


def recipe(name: str = "plain", **values: Any) -> WordRecipe:
    source = DataSource(kind="text", path="words", licence="CC0")
    return WordRecipe(task=TASK, name=name, network="counter", data=(source,), split=Split(rule="group"), **values)


class WordTrainer:
    def __init__(self, recipe: WordRecipe, data: Path) -> None:
        self.recipe = recipe
        self._folder = recipe.data[0].folder(data)
        self.ran: list[str] = []
        self.read: list[str] = []

    def data_files(self) -> Mapping[str, Path]:
        return {path.name: path for path in sorted(self._folder.glob("*.txt"))}

    def prepare(self, run: Run) -> dict[str, Any]:
        self.ran.append("prepare")
        names = list(self.data_files())
        run.write_json("prepare", "files.json", names)
        return {"files": len(names)}

    def fit(self, run: Run) -> dict[str, Any]:
        self.ran.append("fit")
        memory = run.scratch("fit") / "memory.json"
        done, counts = json.loads(memory.read_bytes()) if memory.exists() else (0, {})
        counter = Counter(counts)
        for name in run.read_json("prepare", "files.json")[done:]:
            self.read.append(name)
            words = (self._folder / name).read_text().split()
            counter.update(word for word in words if len(word) >= self.recipe.shortest)
            done += 1
            write_atomically(memory, json.dumps([done, counter]).encode())
            self.after_file(done)
        run.write_json("fit", "counts.json", dict(sorted(counter.items())))
        return {"words": counter.total()}

    def after_file(self, done: int) -> None:
        pass

    def evaluate(self, run: Run) -> dict[str, Any]:
        self.ran.append("evaluate")
        counter = Counter(run.read_json("fit", "counts.json"))
        run.write_json("evaluate", "report.json", counter.most_common(1))
        return {}

    def export(self, run: Run) -> dict[str, Any]:
        self.ran.append("export")
        counts = run.read_json("fit", "counts.json")
        lines = [f"{word} {count}\n" for word, count in counts.items()]
        (run.output("export") / "counts.txt").write_text("".join(lines))
        return {"lines": len(lines)}

    def verify(self, run: Run) -> dict[str, Any]:
        self.ran.append("verify")
        lines = (run.output("export") / "counts.txt").read_text().splitlines()
        exported = {word: int(count) for word, count in (line.split() for line in lines)}
        if exported != run.read_json("fit", "counts.json"):
            raise IntegrityError("the exported counts are not the fitted ones")
        run.write_json("verify", "parity.json", {"equal": True})
        return {}


class _StoppingTrainer(WordTrainer):
    stop = 0

    def after_file(self, done: int) -> None:
        if done == self.stop:
            print("waiting", flush=True)  # noqa: T201 (to the parent process)
            sys.stdin.read()


if __name__ == "__main__":
    configure_logging()
    trainer = _StoppingTrainer(recipe(), Path(sys.argv[1]))
    trainer.stop = int(sys.argv[3])
    with open_run(trainer, Path(sys.argv[2])) as opened:
        run_steps(opened, actions_of(trainer))
