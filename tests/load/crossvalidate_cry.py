"""Cross-validates `baby_monitor.cry` on Donate-a-Cry: each recorder is tested once, by a network that never heard it.

    python crossvalidate_cry.py
    python crossvalidate_cry.py --recipes yamnet --labels guide

PIPIT_DATA must hold baby_cry, esc50, sounds_background and backbones. Five rounds of recorders, stratified by reason; a
fifth of the other recorders stops the training. Of each recipe two networks are trained: one whose loss makes up for
rare reasons (`prior` 1), and one that does not. Labels: `guide`, the guide's, and `corpus`, the corpus' own five. What
the gate hears is the same for every recipe, and is asked of all recordings: nothing of it was trained.

`split by recording` divides recordings without regard to recorders, as the guide does: it measures who cries, too.
p: the share of 2,000 permutations of recorders' labels that reach as much; the network is not trained again for them.

Writes `cry.csv` (reasons) and `cry_gate.csv`. What was computed is kept in --work, so that an interrupted call goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from baby_monitor.cry.fitting import Ungated, encoded_rows
from baby_monitor.cry.labels import CRY, NO_CRY
from baby_monitor.cry.measures import listen_for_cries, long_recordings
from baby_monitor.cry.network import Gated
from baby_monitor.cry.pipeline import scores_of
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.speech import Encoded
from baby_monitor.cry.task import CryTrainer
from measure import write_csv
from numpy.typing import NDArray
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.audio.clips import Clip
from pipit.training.cache import ArrayCache
from pipit.training.evaluation import evaluate
from pipit.training.intervals import Estimate, grouped_share
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.roc import area_under_curve
from pipit.training.run import Run, open_run
from pipit.training.source_set import Listing
from pipit.training.steps import actions_of, run_steps
from scipy.stats import rankdata
from sklearn.model_selection import StratifiedGroupKFold

TASK = "baby_monitor.cry"
ROUNDS, SEED, PERMUTATIONS = 5, 1, 2_000
PACKAGES = ("numpy", "torch", "lightning", "scikit-learn", "onnxruntime")
CORPUS = {name: name for name in ("belly_pain", "burping", "discomfort", "hungry", "tired")}
SPLITS = ("recorder", "recording")
Row = dict[str, Any]


class RoundTrainer(CryTrainer):
    """Deals the recordings of cries into rounds."""

    by_recorder = True

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


class ClipTrainer(RoundTrainer):
    """The same, without regard to recorders."""

    by_recorder = False


def main() -> None:
    """Trains what is not trained yet, and writes the tables."""
    arguments = _arguments()
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    rows: list[Row] = []
    for labels in arguments.labels:
        for name in arguments.recipes:
            for prior in (0.0, 1.0):
                for split in SPLITS if (labels, prior) == ("guide", 0.0) else SPLITS[:1]:
                    rows += _measured(name, labels, prior, split, data, arguments.work)
    write_csv("cry", rows, PACKAGES)
    if arguments.gate:
        write_csv("cry_gate", list(_gate(data, arguments.work)), PACKAGES)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=["yamnet", "whisper"])
    parser.add_argument("--labels", nargs="+", default=["guide", "corpus"], choices=["guide", "corpus"])
    parser.add_argument("--no-gate", dest="gate", action="store_false", help="leave the gate out")
    parser.add_argument("--work", type=Path, default=Path("runs"), help="where runs are kept")
    return parser.parse_args()


def _recipe(name: str, **overrides: Any) -> CryRecipe:
    return load_recipe(find_recipe(CryTrainer.recipe_folder, TASK, name), CryRecipe, overrides)


def _measured(name: str, labels: str, prior: float, split: str, data: Path, work: Path) -> list[Row]:
    """Rows of one recipe, all rounds together."""
    tests: list[tuple[NDArray[Any], ...]] = []
    reasons: tuple[str, ...] = ()
    for number in range(ROUNDS):
        overrides: dict[str, Any] = {
            "split": {"rule": "fold", "test_folds": [str(number)]},
            "network_options.prior": prior,
            # A run of its own: how recordings are dealt stands in no recipe.
            **({} if split == "recorder" else {"description": "recorders are torn"}),
            **({"reasons": CORPUS} if labels == "corpus" else {}),
        }
        recipe = load_recipe(find_recipe(CryTrainer.recipe_folder, TASK, name), CryRecipe, overrides)
        # The gate takes no part in this.
        cries = recipe.model_copy(update={"data": recipe.data[:1]})
        trainer = (RoundTrainer if split == "recorder" else ClipTrainer)(cries, data)
        with open_run(trainer, work) as run:
            run_steps(run, actions_of(trainer), "fit")
            test = trainer.side(run, "test")
            network = trainer.kit.load(run.output("fit"), lambda t=trainer, r=run: t.build(r))
            outputs = _outputs(trainer, network, test.rows, run)
            found = [label for label in trainer.labels(run) if label != NO_CRY]
            assert not reasons or reasons == tuple(found)
            reasons = tuple(found)
            first = len(trainer.labels(run)) - len(reasons)
            dealt = np.full(len(test.truth), number)
            tests.append((test.truth - first, scores_of(outputs, 0.0, has_gate=False), test.groups, dealt))
    truth, scores, groups, rounds = (np.concatenate(parts) for parts in zip(*tests, strict=True))
    given = {"recipe": name, "labels": labels, "prior": prior, "split": split}
    return [{**given, **row} for row in _rows(reasons, truth, scores, groups, rounds)]


def _outputs(trainer: CryTrainer, network: Gated, rows: NDArray[np.float32], run: Run) -> NDArray[np.float32]:
    """Of the trained network; an encoder is asked once about each recording, for all rounds together."""
    if not isinstance(network.head, Encoded):
        return trainer.kit.outputs(network, rows)
    encoded = encoded_rows(network, rows, ArrayCache(run.cache / "encoded"), run.progress)
    return trainer.kit.outputs(Ungated(network.head.head), encoded)


def _rows(
    reasons: tuple[str, ...],
    truth: NDArray[np.int64],
    scores: NDArray[np.float32],
    groups: NDArray[Any],
    rounds: NDArray[np.int64],
) -> Iterator[Row]:
    recorders = len(np.unique(groups))
    evaluation = evaluate(reasons, truth, scores, groups, seed=SEED)
    metrics = evaluation.metrics()
    kept = ["accuracy", "macro_f1", "baseline.accuracy", "baseline.macro_f1", "calibration_error"]
    kept += [f"{kind}.{reason}" for reason in reasons for kind in ("recall", "f1", "average_precision")]
    for metric in kept:
        if metric in metrics:
            one = metrics[metric]
            yield _row(metric, Estimate(one.value, one.samples, one.low, one.high), recorders)
    for position, reason in enumerate(reasons):
        own, ranked = truth == position, scores[:, position].copy()
        for number in range(ROUNDS):
            # Networks of different rounds are compared by ranks: what was common in one's training is rare in its test.
            there = rounds == number
            ranked[there] = rankdata(ranked[there]) / there.sum()
        area = area_under_curve(own.astype(np.int64), ranked, groups, SEED)
        if area is not None:
            yield _row(f"auc.{reason}", replace(area, samples=int(own.sum())), len(np.unique(groups[own])))
    yield _row("macro_f1.p", Estimate(_chance(truth, scores, groups), PERMUTATIONS), recorders)


def _chance(truth: NDArray[np.int64], scores: NDArray[np.float32], groups: NDArray[Any]) -> float:
    """How often labels that were dealt to recorders anew are answered with as high a macro F1."""
    best = scores.argmax(axis=1)
    found = _macro_f1(truth, best, scores.shape[1])
    names = np.unique(groups)
    order = np.concatenate([np.flatnonzero(groups == name) for name in names])
    generator, reached = np.random.default_rng(SEED), 1
    for _ in range(PERMUTATIONS):
        dealt = np.concatenate([truth[groups == name] for name in generator.permutation(names)])
        reached += _macro_f1(dealt, best[order], scores.shape[1]) >= found
    return reached / (PERMUTATIONS + 1)


def _macro_f1(truth: NDArray[np.int64], best: NDArray[np.int64], labels: int) -> float:
    confusion = np.bincount(truth * labels + best, minlength=labels**2).reshape(labels, labels)
    both = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float((2.0 * confusion.diagonal() / np.maximum(both, 1)).mean())


def _gate(data: Path, work: Path) -> Iterator[Row]:
    trainer = CryTrainer(_recipe("yamnet"), data)
    with open_run(trainer, work) as run:
        clips = trainer.sources.items()
        features, _ = trainer.features(run, clips, 0)
        for what, of in (("cries", None), ("cries of ESC-50", CRY), ("no cry", NO_CRY)):
            chosen = [
                clip for clip in clips if clip.category == of or (of is None and clip.category not in (CRY, NO_CRY))
            ]
            heard = np.array([features[clip.name][0, 0] >= trainer.rule.enter for clip in chosen], bool)
            groups = np.array([clip.recording for clip in chosen], dtype=object)
            share = grouped_share(heard, groups, SEED)
            assert share is not None
            yield {"what": what, **_row("share_heard", share, len(np.unique(groups)))}
        quiet = long_recordings(clips)
        listened = listen_for_cries(trainer.hearing, trainer.rule, quiet, run.progress)
        for name, one in listened.metrics().items():
            found = Estimate(one.value, one.samples, one.low, one.high)
            yield {"what": f"{listened.total.hours:.2f} h without a cry", **_row(name, found, len(quiet))}
        for recording in listened.recordings:
            if recording.alarms.events:
                episodes = Estimate(recording.alarms.events, recording.alarms.windows)
                yield {"what": recording.name, **_row("episodes", episodes, 1)}


def _row(metric: str, found: Estimate, recorders: int) -> Row:
    ends = {
        name: "" if value is None else round(value, 4) for name, value in (("low", found.low), ("high", found.high))
    }
    return {"metric": metric, "value": round(found.value, 4), **ends, "samples": found.samples, "recorders": recorders}


if __name__ == "__main__":
    main()
