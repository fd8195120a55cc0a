from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput, NotFound
from pipit.training.datasets import listing_digest
from pipit.training.recipe import load_recipe
from pipit.training.run import STATE_FILE, Run, StepRecord, open_run, read_records, run_folder
from pipit.training.steps import actions_of, run_steps


def folder_of(trainer: Any, runs: Path) -> Path:
    with open_run(trainer, runs) as run:
        return run.folder


def test_the_folder_is_named_by_recipe_and_data(run: Run, trainer: Any, runs: Path) -> None:
    both = hashlib.sha256((run.recipe.digest + run.dataset_digest).encode()).hexdigest()

    assert run.folder == runs / "test.words" / f"plain-{both[:12]}" == run_folder(runs, run.recipe, run.dataset_digest)
    assert run.dataset_digest == listing_digest(
        {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in trainer.data_files().items()}
    )


def test_other_data_or_another_recipe_is_another_run(
    word_counter: ModuleType, trainer: Any, data: Path, runs: Path
) -> None:
    folders = [folder_of(trainer, runs)]
    folders.append(folder_of(word_counter.WordTrainer(word_counter.recipe(seed=2), data), runs))
    (data / "words" / "b.txt").write_text("tack")
    folders.append(folder_of(trainer, runs))
    (data / "words" / "b.txt").rename(data / "words" / "e.txt")
    folders.append(folder_of(trainer, runs))
    assert len(set(folders)) == 4

    (data / "words" / "e.txt").rename(data / "words" / "b.txt")
    (data / "words" / "b.txt").write_text("tock")
    assert folder_of(trainer, runs) == folders[0]


def test_data_may_lie_elsewhere(word_counter: ModuleType, trainer: Any, data: Path, runs: Path) -> None:
    here = folder_of(trainer, runs)
    moved = data.rename(data.with_name("moved"))

    assert folder_of(word_counter.WordTrainer(word_counter.recipe(), moved), runs) == here


def test_the_recipe_is_kept_as_it_was_resolved(run: Run, word_counter: ModuleType) -> None:
    kept = load_recipe(run.folder / "recipe.yaml", word_counter.WordRecipe)

    assert kept == run.recipe
    assert kept.digest == run.recipe.digest


def test_a_missing_data_set(word_counter: ModuleType, trainer: Any, data: Path, runs: Path) -> None:
    with pytest.raises(NotFound, match=r"data set 'words' is not at .*; fetch it"):
        word_counter.WordTrainer(word_counter.recipe(), data / "words")


def test_the_state_file(run: Run, trainer: Any) -> None:
    run_steps(run, actions_of(trainer), "fit")
    state = json.loads((run.folder / STATE_FILE).read_bytes())

    assert {key: value for key, value in state.items() if key != "steps"} == {
        "format": 1,
        "task": "test.words",
        "recipe": "plain",
        "recipe_digest": run.recipe.digest,
        "dataset_digest": run.dataset_digest,
    }
    fit = state["steps"]["fit"]
    assert list(state["steps"]) == ["prepare", "fit"]
    assert (fit["status"], fit["facts"], fit["error"]) == ("done", {"words": 10}, "")
    assert fit["outputs"] == run.outputs_digest("fit")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", fit["started_at"])
    assert fit["started_at"] <= fit["finished_at"]


def test_the_digest_of_outputs_covers_names_and_content_but_no_scratch(run: Run) -> None:
    run.write_json("export", "a.json", 1)
    first = run.outputs_digest("export")

    (run.scratch("export") / "memory.json").write_text("2")
    assert run.outputs_digest("export") == first
    run.write_json("export", "a.json", 2)
    second = run.outputs_digest("export")
    (run.output("export") / "a.json").rename(run.output("export") / "b.json")
    third = run.outputs_digest("export")
    (run.output("export") / "deep").mkdir()
    (run.output("export") / "b.json").rename(run.output("export") / "deep" / "b.json")
    assert len({first, second, third, run.outputs_digest("export")}) == 4


def test_what_a_step_did_not_leave(run: Run) -> None:
    with pytest.raises(NotFound, match="run the step 'fit' first"):
        run.read_json("fit", "history.json")


def test_numbers_that_json_does_not_know_are_not_kept(run: Run) -> None:
    run.write_json("fit", "history.json", {"loss": [0.5]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.write_json("fit", "history.json", {"loss": [float("nan")]})

    assert run.read_json("fit", "history.json") == {"loss": [0.5]}


def test_no_state_yet(tmp_path: Path) -> None:
    assert read_records(tmp_path) == {}


@given(content=st.one_of(st.binary(max_size=60), st.sampled_from([b"[]", b"{}", b'{"steps": {"fit": {"status": 1}}}'])))
def test_a_broken_state_is_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("run")
    (folder / STATE_FILE).write_bytes(content)

    with pytest.raises(InvalidInput, match="delete the run folder and train again"):
        read_records(folder)


STATUSES = st.sampled_from(["running", "failed", "done"])
FACTS = st.dictionaries(st.text(max_size=9), st.one_of(st.integers(), st.text(max_size=9), st.booleans()), max_size=3)
RECORDS = st.builds(
    StepRecord,
    status=STATUSES,
    inputs=st.text("0123456789abcdef", min_size=64, max_size=64),
    started_at=st.just("2026-11-21T04:00:00+00:00"),
    seconds=st.floats(0.0, 1e6),
    facts=FACTS,
    error=st.text(max_size=30),
)


@given(records=st.dictionaries(st.sampled_from(["prepare", "fit", "evaluate"]), RECORDS))
def test_records_read_back_as_they_were_kept(
    tmp_path_factory: pytest.TempPathFactory, word_counter: ModuleType, records: dict[str, StepRecord]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    run = Run(folder, word_counter.recipe(), "d" * 64, folder, progress=None)  # type: ignore[arg-type]
    for step, record in records.items():
        run.record(step, record)

    assert read_records(folder) == records
