"""Rounds of a cross-validation of cries: each recording is tested once, by a network that never heard its recorder.

Each network is trained as `pipit train` does it. What depends on no round is computed once and kept: features, and what
an encoder makes of a recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from baby_monitor.cry.fitting import Ungated, encoded_rows
from baby_monitor.cry.labels import CRY, NO_CRY
from baby_monitor.cry.pipeline import scores_of
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.speech import Encoded
from baby_monitor.cry.task import CryTrainer
from numpy.typing import NDArray
from pipit.training.by_input.audio.clips import Clip
from pipit.training.cache import ArrayCache
from pipit.training.kit import exported
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import Facts, Run, open_run
from pipit.training.sides import Entry
from pipit.training.source_set import Listing
from pipit.training.splits import cut_by_group
from pipit.training.steps import actions_of, run_steps
from sklearn.model_selection import StratifiedGroupKFold

TASK = "baby_monitor.cry"
ROUNDS, SEED = 5, 1
CORPUS = {name: name for name in ("belly_pain", "burping", "discomfort", "hungry", "tired")}
UNTAUGHT = "student-alone"
"""The recipe `student` without a teacher."""
AT_ONCE = 8
"""Windows that an exported network is asked about together."""
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """What is trained. recipe: its name, or UNTAUGHT. labels: `guide` or `corpus`.

    split: by `recorder`, or by `recording` as the guide does.
    copies: of each recording that trains; None: as the recipe has it. share: of the recorders that train.
    """

    recipe: str
    labels: str = "guide"
    prior: float = 0.0
    split: str = "recorder"
    copies: int | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Answered:
    """All rounds together. truth: positions of reasons, (n,). scores: (n, reasons). groups, rounds: (n,).

    int8: scores of the network in 8 bits. recorders: that trained, the mean of all rounds. copies: of each recording.
    """

    reasons: tuple[str, ...]
    truth: NDArray[np.int64]
    scores: Rows
    int8: Rows | None
    groups: NDArray[Any]
    rounds: NDArray[np.int64]
    recorders: float
    copies: int


class RoundTrainer(CryTrainer):
    """Deals the recordings of cries into rounds."""

    by_recorder: ClassVar[bool] = True
    share: ClassVar[float] = 1.0

    def read_source(self, folder: Path, source: Any) -> Listing[Clip]:
        """See `CryTrainer`."""
        listing = super().read_source(folder, source)
        cries = [clip for clip in listing.items if clip.category not in (CRY, NO_CRY)]
        if not cries:
            return listing
        if not self.by_recorder:
            cries = [replace(clip, recording=clip.name) for clip in cries]
        folds = StratifiedGroupKFold(ROUNDS, shuffle=True, random_state=SEED)
        dealt = folds.split(cries, [clip.category for clip in cries], [clip.recording for clip in cries])
        rounds = {position: str(number) for number, (_, test) in enumerate(dealt) for position in test.tolist()}
        return replace(listing, items=tuple(replace(clip, fold=rounds[i]) for i, clip in enumerate(cries)))

    def split_items(self, run: Run, items: Sequence[Clip]) -> tuple[list[Entry], Facts]:
        """See `CryTrainer`; of the training side a share of the recorders."""
        entries, facts = super().split_items(run, items)
        if self.share == 1.0:
            return entries, facts
        trains = [entry for entry in entries if entry.side == "train"]
        names = [entry.label for entry in trains], [entry.group for entry in trains]
        _, kept = cut_by_group(self.share, *names, SEED)
        return [*(trains[i] for i in kept.tolist()), *(e for e in entries if e.side != "train")], facts


def answered(plan: Plan, data: Path, work: Path, int8: bool = False) -> Answered:
    """Trains what is not trained yet. work: where runs are kept. int8: asks the network in 8 bits too."""
    kind = type("PlanTrainer", (RoundTrainer,), {"by_recorder": plan.split == "recorder", "share": plan.share})
    tests: list[tuple[NDArray[Any], ...]] = []
    reasons: tuple[str, ...] = ()
    recorders, copies = [], 0
    for number in range(ROUNDS):
        trainer = kind(_recipe(plan, number), data)
        copies = trainer.recipe.augmentation.copies
        with _opened(trainer, plan, work) as run:
            run_steps(run, actions_of(trainer), "export" if int8 else "fit")
            recorders.append(len({entry["group"] for entry in trainer.entries(run, "train")}))
            found = tuple(label for label in trainer.labels(run) if label != NO_CRY)
            assert reasons in ((), found)
            reasons = found
            test = trainer.side(run, "test")
            first = len(trainer.labels(run)) - len(reasons)
            parts = [test.truth - first, _scores(_trained(trainer, test.rows, run)), test.groups]
            parts.append(np.full(len(test.truth), number))
            if int8:
                with exported(trainer.variant_file(run, "int8"), trainer.kit.runtime, trainer.names, AT_ONCE) as ask:
                    parts.append(_scores(ask(test.rows)))
            tests.append(tuple(parts))
    truth, scores, groups, rounds, *in_int8 = (np.concatenate(each) for each in zip(*tests, strict=True))
    mean = float(np.mean(recorders))
    return Answered(reasons, truth, scores, in_int8[0] if int8 else None, groups, rounds, mean, copies)


def _recipe(plan: Plan, number: int) -> CryRecipe:
    overrides: dict[str, Any] = {
        "split": {"rule": "fold", "test_folds": [str(number)]},
        "network_options.prior": plan.prior,
        **({"reasons": CORPUS} if plan.labels == "corpus" else {}),
        **({} if plan.copies is None else {"augmentation.copies": plan.copies}),
        **({"distillation.weight": 0.0} if plan.recipe == UNTAUGHT else {}),
    }
    name = "student" if plan.recipe == UNTAUGHT else plan.recipe
    recipe = load_recipe(find_recipe(CryTrainer.recipe_folder, TASK, name), CryRecipe, overrides)
    # The gate takes no part in this.
    return recipe.model_copy(update={"data": recipe.data[:1]})


@contextmanager
def _opened(trainer: CryTrainer, plan: Plan, work: Path) -> Iterator[Run]:
    """How recordings are dealt stands in no recipe: such runs have a folder of their own, and all of them one cache."""
    runs = work / f"{plan.split}-{plan.share:g}"
    (work / ".cache").mkdir(parents=True, exist_ok=True)
    runs.mkdir(exist_ok=True)
    if not (runs / ".cache").exists():
        (runs / ".cache").symlink_to((work / ".cache").resolve(), target_is_directory=True)
    with open_run(trainer, runs) as run:
        yield run


def _scores(outputs: Rows) -> Rows:
    return scores_of(outputs, 0.0, has_gate=False)


def _trained(trainer: CryTrainer, rows: Rows, run: Run) -> Rows:
    """What the trained network says; an encoder is asked once about each recording, for all rounds together."""
    network = trainer.kit.load(run.output("fit"), lambda: trainer.build(run))
    if not isinstance(network.head, Encoded):
        return trainer.kit.outputs(network, rows)
    encoded = encoded_rows(network, rows, ArrayCache(run.cache / "encoded"), run.progress)
    return trainer.kit.outputs(Ungated(network.head.head), encoded)
