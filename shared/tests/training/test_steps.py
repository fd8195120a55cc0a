from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipit.errors import Conflict, IntegrityError, InvalidInput, NotFound
from pipit.training.run import Run, open_run, read_records
from pipit.training.steps import NEEDS, STEPS, actions_of, run_steps

COUNTS = {"rain": 5, "tick": 3, "tock": 2}
FIRST_FIVE = list(STEPS[:5])


def ran(outcomes: list[Any]) -> list[str]:
    return [outcome.step for outcome in outcomes if outcome.ran]


def test_steps_run_in_order_and_keep_what_they_found(run: Run, trainer: Any) -> None:
    outcomes = run_steps(run, actions_of(trainer))

    assert [outcome.step for outcome in outcomes] == trainer.ran == FIRST_FIVE
    assert run.read_json("fit", "counts.json") == COUNTS
    assert {step: record.status for step, record in run.records().items()} == dict.fromkeys(FIRST_FIVE, "done")
    assert run.records()["prepare"].facts == {"files": 4}
    assert outcomes[1].record == run.records()["fit"]
    assert outcomes[1].record.facts == {"words": 10}


def test_nothing_is_run_twice(run: Run, trainer: Any) -> None:
    first = run_steps(run, actions_of(trainer))
    again = run_steps(run, actions_of(trainer))

    assert ran(again) == []
    assert [outcome.record for outcome in again] == [outcome.record for outcome in first]
    assert trainer.ran == FIRST_FIVE


def test_only_what_the_last_step_needs_is_run(run: Run, trainer: Any) -> None:
    assert ran(run_steps(run, actions_of(trainer), "export")) == ["prepare", "fit", "export"]
    assert ran(run_steps(run, actions_of(trainer), "evaluate")) == ["evaluate"]
    assert ran(run_steps(run, actions_of(trainer))) == ["verify"]


def test_a_step_alone(run: Run, trainer: Any) -> None:
    with pytest.raises(NotFound, match="'fit' needs 'prepare', which is not up to date"):
        run_steps(run, actions_of(trainer), "fit", alone=True)
    assert trainer.ran == []

    assert ran(run_steps(run, actions_of(trainer), "prepare", alone=True)) == ["prepare"]
    assert ran(run_steps(run, actions_of(trainer), "fit", alone=True)) == ["fit"]


def test_a_step_that_does_not_exist(run: Run, trainer: Any) -> None:
    with pytest.raises(InvalidInput, match="no step 'deploy'; the steps are prepare, fit"):
        run_steps(run, actions_of(trainer), "deploy")
    with pytest.raises(InvalidInput, match="no step 'fitt'"):
        run_steps(run, actions_of(trainer), force=("fitt",))


def test_a_lost_output_is_made_again_and_what_stands_on_it_stays(run: Run, trainer: Any) -> None:
    run_steps(run, actions_of(trainer))
    (run.output("fit") / "counts.json").unlink()

    # The same counts come out, so nothing after it has changed.
    assert ran(run_steps(run, actions_of(trainer))) == ["fit"]


def test_a_changed_output_is_made_again(run: Run, trainer: Any) -> None:
    run_steps(run, actions_of(trainer))
    run.write_json("fit", "counts.json", {"tick": 1})

    assert ran(run_steps(run, actions_of(trainer))) == ["fit"]
    assert run.read_json("fit", "counts.json") == COUNTS


def test_another_output_makes_what_stands_on_it_stale(run: Run, trainer: Any) -> None:
    run_steps(run, actions_of(trainer))
    trainer.recipe = trainer.recipe.model_copy(update={"shortest": 5})

    # By force, since the run was opened with the recipe as it was.
    assert ran(run_steps(run, actions_of(trainer), force=("fit",))) == ["fit", "evaluate", "export", "verify"]
    assert run.read_json("fit", "counts.json") == {}
    assert (run.output("export") / "counts.txt").read_text() == ""


def test_a_forced_step_starts_from_nothing(run: Run, trainer: Any) -> None:
    run_steps(run, actions_of(trainer))
    trainer.read.clear()

    assert ran(run_steps(run, actions_of(trainer), "fit", force=("fit",))) == ["fit"]
    assert trainer.read == ["a.txt", "b.txt", "c.txt", "d.txt"]


def test_a_failed_step_says_why_and_keeps_only_its_scratch(run: Run, trainer: Any) -> None:
    def fail(run: Run) -> dict[str, Any]:
        (run.output("fit") / "half.json").write_text("[")
        (run.scratch("fit") / "memory.json").write_text(json.dumps([3, {"tick": 3, "tock": 2, "rain": 1}]))
        raise InvalidInput("d.txt can't be read")

    with pytest.raises(InvalidInput, match=r"d\.txt can't be read"):
        run_steps(run, {**actions_of(trainer), "fit": fail})
    record = run.records()["fit"]
    assert (record.status, record.error) == ("failed", "InvalidInput: d.txt can't be read")
    assert "evaluate" not in run.records()

    assert ran(run_steps(run, actions_of(trainer))) == ["fit", "evaluate", "export", "verify"]
    assert trainer.read == ["d.txt"]
    assert run.read_json("fit", "counts.json") == COUNTS
    assert not (run.output("fit") / "half.json").exists()


def test_scratch_of_other_inputs_is_not_gone_on_from(run: Run, trainer: Any) -> None:
    def prepare_less(run: Run) -> dict[str, Any]:
        run.write_json("prepare", "files.json", ["a.txt", "b.txt"])
        return {}

    def interrupt(run: Run) -> dict[str, Any]:
        (run.scratch("fit") / "memory.json").write_text(json.dumps([1, {"snow": 9}]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_steps(run, {**actions_of(trainer), "fit": interrupt})
    assert run.records()["fit"].status == "running"
    run_steps(run, {**actions_of(trainer), "prepare": prepare_less}, "fit", force=("prepare",))

    assert run.read_json("fit", "counts.json") == {"tick": 2, "tock": 2}


def test_a_verification_that_fails_stops_what_follows(run: Run, trainer: Any) -> None:
    published = []

    def export_wrongly(run: Run) -> dict[str, Any]:
        (run.output("export") / "counts.txt").write_text("tick 4\n")
        return {}

    actions = {**actions_of(trainer, lambda _: published.append(1) or {}), "export": export_wrongly}
    with pytest.raises(IntegrityError, match="not the fitted ones"):
        run_steps(run, actions, "publish")
    assert published == []


def test_publishing_is_repeated_for_another_target_only(run: Run, trainer: Any) -> None:
    made: list[str] = []

    def publish(run: Run) -> dict[str, Any]:
        # As a bundle: never written over.
        (run.output("publish") / "bundle").mkdir()
        made.append("bundle")
        return {"version": "1.0.0"}

    actions = actions_of(trainer, publish)
    assert ran(run_steps(run, actions, "publish", salt="1.0.0")) == list(STEPS)
    assert ran(run_steps(run, actions, "publish", salt="1.0.0")) == []
    assert ran(run_steps(run, actions, "publish", salt="1.1.0")) == ["publish"]
    assert len(made) == 2


def test_a_bundle_left_by_an_interrupted_publish_is_not_in_the_way(run: Run, trainer: Any) -> None:
    attempts: list[int] = []

    def publish(run: Run) -> dict[str, Any]:
        (run.output("publish") / "bundle").mkdir()
        attempts.append(1)
        if len(attempts) == 1:
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        run_steps(run, actions_of(trainer, publish), "publish")
    assert ran(run_steps(run, actions_of(trainer, publish), "publish")) == ["publish"]


@pytest.mark.parametrize("stop", [1, 3])
def test_a_killed_training_goes_on_where_it_was(
    interrupted: Callable[[int], Any], trainer: Any, runs: Path, stop: int
) -> None:
    with interrupted(stop) as process:
        process.kill()
        assert process.wait() < 0
    folder = next(runs.glob("test.words/plain-*"))
    assert read_records(folder)["fit"].status == "running"
    assert read_records(folder)["prepare"].status == "done"

    with open_run(trainer, runs) as run:
        assert run.folder == folder
        outcomes = run_steps(run, actions_of(trainer))

    assert ran(outcomes) == ["fit", "evaluate", "export", "verify"]
    assert trainer.read == ["a.txt", "b.txt", "c.txt", "d.txt"][stop:]
    assert json.loads((folder / "fit" / "counts.json").read_bytes()) == COUNTS


def test_two_processes_never_share_a_run(
    interrupted: Callable[[int], Any], word_counter: ModuleType, trainer: Any, data: Path, runs: Path
) -> None:
    with interrupted(2) as process:
        with pytest.raises(Conflict, match="another process trains in"), open_run(trainer, runs):
            raise AssertionError("the run was opened twice")
        other = word_counter.WordTrainer(word_counter.recipe("other"), data)
        with open_run(other, runs) as run:
            assert ran(run_steps(run, actions_of(other))) == FIRST_FIVE
        process.kill()
        process.wait()
        with open_run(trainer, runs) as run:
            assert run.records()["prepare"].status == "done"


DAMAGE = st.lists(
    st.tuples(st.sampled_from(FIRST_FIVE), st.sampled_from(["delete", "change", "empty folder", "force"])), max_size=6
)


@settings(max_examples=40, deadline=None)
@given(damage=DAMAGE, last=st.sampled_from(FIRST_FIVE))
def test_whatever_is_damaged_is_as_in_a_clean_run_afterwards(
    word_counter: ModuleType, damage: list[tuple[str, str]], last: str
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name) / "words"
        folder.mkdir()
        (folder / "a.txt").write_text("tick tock tick")
        trainer = word_counter.WordTrainer(word_counter.recipe(), Path(name))
        with open_run(trainer, Path(name) / "runs") as run:
            actions = actions_of(trainer)
            run_steps(run, actions)
            clean = {step: run.outputs_digest(step) for step in FIRST_FIVE}
            for step, kind in damage:
                _damage(run, step, kind)
            run_steps(run, actions, last, force=tuple(step for step, kind in damage if kind == "force"))
            for step in (*NEEDS[last], last):
                assert run.outputs_digest(step) == clean[step]
                assert run.records()[step].status == "done"


def _damage(run: Run, step: str, kind: str) -> None:
    files = [path for path in run.output(step).iterdir() if path.is_file()]
    if kind == "empty folder":
        shutil.rmtree(run.output(step))
    elif kind == "delete":
        for path in files:
            path.unlink()
    elif kind == "change":
        for path in files:
            path.write_bytes(path.read_bytes() + b" ")
