"""Runs the steps of a training, each only when something it depends on has changed.

    prepare ─> fit ─┬─> evaluate ─┬─> verify ─> publish
                    └─> export  ──┘

A step's record in the run's state:

    (none) ──> running ──> done ──┐ an input's or its own output's digest is another now
                 │  ^       ^     │
         raised  │  │       └─ running <── stale: its folder is emptied first
                 v  │ called again, inputs the same: its scratch is kept, so that it can go on
               failed

A process that is killed leaves `running` behind; the lock is the operating system's and dies with it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pipit.errors import InvalidInput, NotFound
from pipit.files import sha256_bytes
from pipit.training.run import SCRATCH, Facts, Run, StepRecord
from pipit.training.trainer import Trainer

STEPS = ("prepare", "fit", "evaluate", "export", "verify", "publish")
NEEDS: Mapping[str, tuple[str, ...]] = {
    "prepare": (),
    "fit": ("prepare",),
    "evaluate": ("prepare", "fit"),
    "export": ("prepare", "fit"),
    "verify": ("prepare", "fit", "evaluate", "export"),
    "publish": ("prepare", "fit", "evaluate", "export", "verify"),
}

Action = Callable[[Run], Facts]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step. ran: False if it was up to date."""

    step: str
    ran: bool
    record: StepRecord


def actions_of(trainer: Trainer, publish: Action | None = None) -> dict[str, Action]:
    """The steps of a trainer. publish: see `pipit.training.publish.publish_action`."""
    actions: dict[str, Action] = {
        "prepare": trainer.prepare,
        "fit": trainer.fit,
        "evaluate": trainer.evaluate,
        "export": trainer.export,
        "verify": trainer.verify,
    }
    return actions if publish is None else {**actions, "publish": publish}


def run_steps(
    run: Run,
    actions: Mapping[str, Action],
    last: str = "verify",
    *,
    force: tuple[str, ...] = (),
    alone: bool = False,
    salt: str = "",
) -> list[Outcome]:
    """Brings `last` up to date, and first what it needs.

    force: steps to run even if they are up to date. alone: run nothing but `last`.
    salt: whatever else `last` depends on, such as where to publish to.
    Raises NotFound if `alone` and a step that it needs is not up to date, and what the steps raise.
    """
    for step in (last, *force):
        if step not in STEPS:
            raise InvalidInput(f"there is no step {step!r}; the steps are {', '.join(STEPS)}")
    outcomes = []
    for step in (*NEEDS[last], last):
        inputs = _inputs_digest(run, step, salt if step == last else "")
        record = run.records().get(step)
        if step not in force and record is not None and is_current(run, step, record, inputs):
            outcomes.append(Outcome(step, ran=False, record=record))
        elif alone and step != last:
            raise NotFound(f"the step {last!r} needs {step!r}, which is not up to date in {run.folder}; run it first")
        else:
            record = _run_step(run, step, actions[step], inputs, fresh=step in force)
            outcomes.append(Outcome(step, ran=True, record=record))
    return outcomes


def is_current(run: Run, step: str, record: StepRecord, inputs: str) -> bool:
    """Whether what `step` left is still what it would leave."""
    return record.status == "done" and record.inputs == inputs and record.outputs == run.outputs_digest(step)


def _inputs_digest(run: Run, step: str, salt: str) -> str:
    records = run.records()
    before = {need: records[need].outputs if need in records else "" for need in NEEDS[step]}
    text = json.dumps([step, run.recipe.digest, run.dataset_digest, before, salt], sort_keys=True)
    return sha256_bytes(text.encode())


def _run_step(run: Run, step: str, action: Action, inputs: str, *, fresh: bool) -> StepRecord:
    before = run.records().get(step)
    goes_on = not fresh and before is not None and before.inputs == inputs and before.status != "done"
    _empty(run.folder / step, keep=SCRATCH if goes_on else "")
    run.progress.say(f"{step}: going on" if goes_on else f"{step}: started")
    record = StepRecord("running", inputs, started_at=_now())
    run.record(step, record)
    begin = time.monotonic()
    try:
        facts = action(run)
    except Exception as error:
        run.record(step, replace(record, status="failed", finished_at=_now(), error=f"{type(error).__name__}: {error}"))
        raise
    seconds = round(time.monotonic() - begin, 3)
    outputs = run.outputs_digest(step)
    record = replace(record, status="done", finished_at=_now(), seconds=seconds, outputs=outputs, facts=dict(facts))
    run.record(step, record)
    run.progress.say(f"{step}: done in {seconds:.1f} s")
    return record


def _empty(folder: Path, keep: str) -> None:
    for path in folder.glob("*"):
        if path.is_dir() and not path.is_symlink():
            if path.name != keep:
                shutil.rmtree(path)
        else:
            path.unlink()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
