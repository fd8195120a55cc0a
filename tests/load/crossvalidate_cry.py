"""Cross-validates `baby_monitor.cry` on Donate-a-Cry: each recorder is tested once, by a network that never heard it.

    python crossvalidate_cry.py
    python crossvalidate_cry.py --tables learning --recipes yamnet --work runs

PIPIT_DATA must hold baby_cry, esc50, sounds_background and backbones. Five rounds of recorders, stratified by reason; a
fifth of the other recorders stops the training. Of each recipe two networks are trained: one whose loss makes up for
rare reasons (`prior` 1), and one that does not. Labels: `guide`, the guide's, and `corpus`, the corpus' own five. What
the gate hears is the same for every recipe, and is asked of all recordings: nothing of it was trained.

`split by recording` divides recordings without regard to recorders, as the guide does: it measures who cries, too.
p: the share of 2,000 permutations of recorders' labels that reach as much; the network is not trained again for them.
The learning curve trains on an eighth, a quarter and a half of the recorders, with `prior` 1, since without it most
networks give the same answer to everything, however much they heard.

Tables: `reasons` writes `cry.csv`, `learning` `cry_learning.csv` with its picture, `gate` `cry_gate.csv`. int8: asks
each round's network in 8 bits too, which has to be exported for it. What was computed is kept in --work, so that an
interrupted call goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from baby_monitor.cry.labels import CRY, NO_CRY
from baby_monitor.cry.measures import listen_for_cries, long_recordings
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.task import CryTrainer
from cry_rounds import ROUNDS, SEED, TASK, UNTAUGHT, Answered, Plan, answered
from measure import MEASURED, write_csv
from numpy.typing import NDArray
from pipit.settings import DataSettings, load_settings
from pipit.training.evaluation import evaluate
from pipit.training.intervals import Estimate, bootstrap_groups, grouped_share
from pipit.training.plots import BLUE, GREY, ORANGE, new_figure, save_figure
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.roc import areas_under
from pipit.training.run import open_run
from scipy.stats import rankdata

PERMUTATIONS = 2_000
PACKAGES = ("numpy", "torch", "lightning", "scikit-learn", "onnxruntime")
RECIPES = ("yamnet", "whisper", "student", UNTAUGHT)
TABLES = ("reasons", "learning", "gate")
SHARES = (0.125, 0.25, 0.5, 1.0)
COPIES = {"whisper": 3}
"""Measured with copies too, which the recipe itself does without."""
COLOURS, MARKS = (BLUE, ORANGE, GREY, "black"), ("o", "s", "^", "D")
Row = dict[str, Any]


def main() -> None:
    """Trains what is not trained yet, and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    parser.add_argument("--tables", nargs="+", default=TABLES, choices=TABLES)
    parser.add_argument("--int8", action="store_true", help="networks in 8 bits too; takes about twice as long")
    parser.add_argument("--work", type=Path, default=Path("runs"), help="where runs are kept")
    arguments = parser.parse_args()
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    if "reasons" in arguments.tables:
        write_csv("cry", list(_reasons(arguments.recipes, data, arguments.work, arguments.int8)), PACKAGES)
    if "learning" in arguments.tables:
        learnt = [row for name in arguments.recipes for row in _learnt(name, data, arguments.work)]
        write_csv("cry_learning", learnt, PACKAGES)
        _draw(learnt, MEASURED / "cry_learning.png")
    if "gate" in arguments.tables:
        write_csv("cry_gate", list(_gate(data, arguments.work)), PACKAGES)


def _reasons(recipes: Sequence[str], data: Path, work: Path, int8: bool) -> Iterator[Row]:
    for name in recipes:
        for plan in _plans(name):
            found = answered(plan, data, work, int8 and (plan.labels, plan.split) == ("guide", "recorder"))
            given = {"recipe": name, "labels": plan.labels, "prior": plan.prior, "split": plan.split}
            yield from ({**given, "copies": found.copies, **row} for row in _rows(found))


def _plans(name: str) -> Iterator[Plan]:
    for prior in (0.0, 1.0):
        yield Plan(name, prior=prior)
        yield Plan(name, prior=prior, labels="corpus")
        if name in COPIES:
            yield Plan(name, prior=prior, copies=COPIES[name])
    yield Plan(name, split="recording")


def _learnt(name: str, data: Path, work: Path) -> Iterator[Row]:
    for share in SHARES:
        found = answered(Plan(name, prior=1.0, share=share), data, work)
        for row in _rows(found):
            if row["metric"].endswith("macro_f1") or row["metric"].startswith("auc"):
                yield {"recipe": name, "prior": 1.0, "trained_on": round(found.recorders, 1), **row}


def _rows(found: Answered) -> Iterator[Row]:
    recorders = len(np.unique(found.groups))
    evaluation = evaluate(found.reasons, found.truth, found.scores, found.groups, seed=SEED)
    metrics = evaluation.metrics()
    kept = ["accuracy", "macro_f1", "baseline.accuracy", "baseline.macro_f1", "calibration_error"]
    kept += [f"{kind}.{reason}" for reason in found.reasons for kind in ("recall", "precision", "f1")]
    for metric in kept:
        if metric in metrics:
            one = metrics[metric]
            yield _row(metric, Estimate(one.value, one.samples, one.low, one.high), recorders)
    yield from _areas(found)
    yield _row("macro_f1.p", Estimate(_chance(found.truth, found.scores, found.groups), PERMUTATIONS), recorders)
    if found.int8 is not None:
        same = found.int8.argmax(axis=1) == found.scores.argmax(axis=1)
        agreement = grouped_share(same, found.groups, SEED)
        assert agreement is not None
        yield _row("int8.agreement", agreement, recorders)
        in_int8 = replace(found, scores=found.int8, int8=None)
        for row in _rows(in_int8):
            if row["metric"] in ("accuracy", "macro_f1", "auc"):
                yield {**row, "metric": f"int8.{row['metric']}"}


def _areas(found: Answered) -> Iterator[Row]:
    """One reason against the rest, and the mean of all."""
    statistics = []
    for position, reason in enumerate(found.reasons):
        own, ranked = found.truth == position, found.scores[:, position].astype(np.float64)
        for number in range(ROUNDS):
            # Networks of different rounds are compared by ranks: what was common in one's training is rare in its test.
            there = found.rounds == number
            ranked[there] = rankdata(ranked[there]) / there.sum()
        statistics.append(areas_under(own, ranked))
        area = _area(statistics[-1:], found, int(own.sum()))
        yield _row(f"auc.{reason}", area, len(np.unique(found.groups[own])))
    yield _row("auc", _area(statistics, found, len(found.truth)), len(np.unique(found.groups)))


def _area(statistics: Sequence[Any], found: Answered, samples: int) -> Estimate:
    def mean(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.mean([statistic(weights) for statistic in statistics], axis=0)

    value = float(mean(np.ones((1, len(found.truth))))[0])
    return Estimate(value, samples, *bootstrap_groups(found.groups, mean, SEED))


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
    recipe = load_recipe(find_recipe(CryTrainer.recipe_folder, TASK, "yamnet"), CryRecipe)
    trainer = CryTrainer(recipe, data)
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


def _draw(rows: Sequence[Row], path: Path) -> None:
    figure = new_figure(3.6)
    names = list(dict.fromkeys(row["recipe"] for row in rows))
    always = next(row["value"] for row in rows if row["metric"] == "baseline.macro_f1")
    parts = (
        ("macro_f1", "macro F1", (0.0, 0.5), always, "always hungry"),
        ("auc", "area under the curve, mean of the reasons", (0.2, 0.8), 0.5, "chance"),
    )
    for axes, (metric, title, limits, line, says) in zip(figure.subplots(1, 2), parts, strict=True):
        for number, name in enumerate(names):
            own = [row for row in rows if row["recipe"] == name and row["metric"] == metric]
            # Side by side, so that one interval does not hide another.
            places = [row["trained_on"] * 1.04**number for row in own]
            spread = [[row["value"] - row["low"] for row in own], [row["high"] - row["value"] for row in own]]
            style = {"color": COLOURS[number], "marker": MARKS[number], "capsize": 3.0}
            axes.errorbar(places, [row["value"] for row in own], spread, label=name, **style)
        axes.axhline(line, color="black", linestyle="--", linewidth=1.0, label=says)
        axes.set(xscale="log", xlabel="recorders that trained", title=title, ylim=limits)
        ticks = sorted({round(row["trained_on"]) for row in rows if row["recipe"] == names[0]})
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="upper left")
    save_figure(figure, path)


def _row(metric: str, found: Estimate, recorders: int) -> Row:
    ends = {
        name: "" if value is None else round(value, 4) for name, value in (("low", found.low), ("high", found.high))
    }
    return {"metric": metric, "value": round(found.value, 4), **ends, "samples": found.samples, "recorders": recorders}


if __name__ == "__main__":
    main()
