"""A run folder: what one recipe makes of one data set, and how far it is.

    runs/<task>/<recipe>-<digest12>/      digest12: of the recipe and the data set together
        recipe.yaml                       as it was resolved, defaults included
        state.json                        one record a step; written whole, then renamed into place
        prepare/ fit/ evaluate/ …         what each step left; `scratch/` in each: what only helps it to go on
    runs/.cache/                          features and file digests, shared by all runs

Another recipe or other data give another folder, so nothing old can be taken for new.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipit.data.synthetic import mark_synthetic, synthetic_among
from pipit.errors import Conflict, InvalidInput, NotFound
from pipit.files import sha256_bytes, write_atomically
from pipit.locks import try_exclusive_lock
from pipit.plain_yaml import dump_plain_yaml
from pipit.training.datasets import file_digests, listing_digest
from pipit.training.distributed import ALONE, Worker
from pipit.training.progress import LogProgress, Progress
from pipit.training.recipe import Recipe

if TYPE_CHECKING:
    from pipit.training.trainer import Trainer

Facts = Mapping[str, Any]
"""A few values for people, of JSON's types."""

Status = Literal["running", "failed", "done"]

STATE_FILE = "state.json"
SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of a run, as `state.json` keeps it. inputs, outputs: digests. Times: UTC, ISO 8601; seconds: taken."""

    status: Status
    inputs: str
    started_at: str
    finished_at: str = ""
    seconds: float = 0.0
    outputs: str = ""
    facts: Facts = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Run:
    """An open run folder. cache: a folder for what several runs can share. worker: which one of a training this is.

    synthetic: names of what a program made, among its data and what they and the weights come from. A run that was
    synthetic once stays so: its folder is marked (`pipit.data.synthetic`).
    """

    folder: Path
    recipe: Recipe
    dataset_digest: str
    cache: Path
    progress: Progress
    worker: Worker = ALONE
    synthetic: tuple[str, ...] = ()

    def output(self, step: str) -> Path:
        """The folder that `step` owns; made if it is not there."""
        return _made(self.folder / step)

    def scratch(self, step: str) -> Path:
        """For what `step` needs only to go on after an interruption; no part of what it leaves."""
        return _made(self.folder / step / SCRATCH)

    def write_json(self, step: str, name: str, value: Any) -> Path:
        """Keeps a value of JSON's types."""
        path = self.output(step) / name
        write_atomically(path, json.dumps(value, indent=1, allow_nan=False).encode())
        return path

    def read_json(self, step: str, name: str) -> Any:
        """Gives back what `write_json` kept. Raises NotFound."""
        path = self.folder / step / name
        try:
            return json.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise NotFound(f"{path} is not there; run the step {step!r} first") from error

    def records(self) -> dict[str, StepRecord]:
        """The state of each step that was ever begun."""
        return read_records(self.folder)

    def record(self, step: str, record: StepRecord) -> None:
        """Replaces the state of one step."""
        records = {**self.records(), step: record}
        state = {
            "format": 1,
            "task": self.recipe.task,
            "recipe": self.recipe.name,
            "recipe_digest": self.recipe.digest,
            "dataset_digest": self.dataset_digest,
            "steps": {name: asdict(entry) for name, entry in records.items()},
        }
        write_atomically(self.folder / STATE_FILE, json.dumps(state, indent=1, allow_nan=False).encode())

    def outputs_digest(self, step: str) -> str:
        """SHA-256 over the names and content of what `step` left, without its scratch."""
        folder = self.folder / step
        paths = {
            path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_file() and path.relative_to(folder).parts[0] != SCRATCH
        }
        return listing_digest(file_digests(paths))


def read_records(folder: Path) -> dict[str, StepRecord]:
    """The state of each step of the run in `folder`; needs no lock. Raises InvalidInput for a broken file."""
    path = folder / STATE_FILE
    try:
        steps = json.loads(path.read_bytes())["steps"]
        return {name: StepRecord(**entry) for name, entry in steps.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} can't be read ({error}); delete the run folder and train again") from error


def run_folder(runs: Path, recipe: Recipe, dataset_digest: str) -> Path:
    """Where the run of this recipe on this data lies."""
    digest = sha256_bytes(f"{recipe.digest}{dataset_digest}".encode())
    return runs / recipe.task / f"{recipe.name}-{digest[:12]}"


def dataset_digests(trainer: Trainer, runs: Path) -> dict[str, str]:
    """SHA-256 of each file that the trainer lists, by name; remembered in the folder of runs. Raises NotFound."""
    return file_digests(trainer.data_files(), _made(runs / ".cache") / "file_digests.json")


@contextmanager
def open_run(trainer: Trainer, runs: Path, progress: Progress | None = None, worker: Worker = ALONE) -> Iterator[Run]:
    """Opens the run of `trainer`'s recipe on its data, for this process alone.

    worker: any but the chief gets a run folder that vanishes when it is closed, for what it helps to make is the
    chief's.
    Raises Conflict if another process has it open, NotFound if a data set is not there.
    """
    recipe: Recipe = trainer.recipe
    cache = _made(runs / ".cache")
    digest = listing_digest(dataset_digests(trainer, runs))
    if not worker.is_chief:
        with tempfile.TemporaryDirectory(prefix="pipit-worker-") as temporary:
            yield Run(Path(temporary), recipe, digest, cache, progress or LogProgress(), worker)
        return
    folder = _made(run_folder(runs, recipe, digest))
    with _held(folder):
        write_atomically(folder / "recipe.yaml", dump_plain_yaml(recipe.model_dump(mode="json")).encode())
        synthetic = _marked(folder, trainer)
        yield Run(folder, recipe, digest, cache, progress or LogProgress(), worker, synthetic)


def _marked(folder: Path, trainer: Trainer) -> tuple[str, ...]:
    """Marks a run as synthetic if its data are; gives what they are called."""
    synthetic = synthetic_among([*trainer.data_files().values(), folder])
    if synthetic:
        mark_synthetic(folder, synthetic)
    return synthetic


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    with try_exclusive_lock(folder / ".lock") as held:
        if not held:
            raise Conflict(f"another process trains in {folder}; wait until it is done, or end it")
        yield


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
