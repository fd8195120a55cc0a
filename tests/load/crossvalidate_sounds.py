"""Cross-validates the networks of `home_security.sounds` on real clips, every clip tested exactly once.

    python crossvalidate_sounds.py --networks yamnet small guide --epochs guide=30 --patience guide=6

PIPIT_DATA must hold esc50 and backbones.

Folds are ESC-50's own. Of the ten classes of ESC-10, the data that this was written for has folds 1 to 4; fold 5 holds
two other classes only, so it is tested together with fold 1: four rounds. Within a round, a fifth of the training
recordings validates: it stops the training and sets thresholds. The tested fold decides nothing.

One network is trained a round, on all categories; the security task is the same network with the background summed.
Writes `sounds_crossvalidation.csv`, `sounds_classes.csv`, `sounds_cost.csv` and `sounds_confusion_<network>.png`. What
was trained is kept in --work, by recipe, so that an interrupted call goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from home_security.sounds.classes import Labels, choose_labels
from home_security.sounds.pipeline import Collapse
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.task import SoundsTrainer
from home_security.sounds.yamnet import FRAMES, build_body, yamnet_file
from measure import MEASURED, write_csv
from numpy.typing import NDArray
from pipit.settings import DataSettings, load_settings
from pipit.training.alarms import alarmed
from pipit.training.by_input.audio.clips import Clip
from pipit.training.evaluation import Evaluation, evaluate
from pipit.training.intervals import Estimate, poisson_rate, proportion
from pipit.training.keras_kit import KerasKit
from pipit.training.plots import plot_confusion
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.thresholds import choose_decision
from sound_costs import costs
from sound_rounds import ROUNDS, VARIANTS, Round, features_of, read_set, train_or_load

TASK = "home_security.sounds"
ESC10 = (
    "dog rooster rain sea_waves crackling_fire crying_baby sneezing clock_tick helicopter chainsaw".split()  # noqa: SIM905
)
WINDOW_SECONDS = 5.0
Rows = NDArray[np.float32]


def main() -> None:
    """Trains what is not trained yet, and writes the tables."""
    arguments = _arguments()
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    clips = read_set(data / "esc50", "esc50")
    extra = _extra(data) if arguments.extra_glass else ()
    rows: list[dict[str, Any]] = []
    classes: list[dict[str, Any]] = []
    spent: list[dict[str, Any]] = []
    for name in arguments.networks:
        recipe = load_recipe(
            find_recipe(SoundsTrainer.recipe_folder, TASK, name), SoundsRecipe, _overrides(arguments, name)
        )
        # The ten classes alone serve to compare with the published reference; only the best network is trained on them.
        for set_name in arguments.sets if name == "yamnet" else ("all",):
            chosen = tuple(clip for clip in clips if set_name == "all" or clip.category in ESC10)
            rounds = [train_or_load(recipe, chosen, extra, key, arguments.work, data) for key in ROUNDS]
            notes = {"epochs": recipe.epochs, "extra": len(extra)}
            rows += list(_measure_set(set_name, name, chosen, rounds, notes, classes))
            if set_name == "all":
                rows += list(_measure_security(name, chosen, rounds, notes, classes))
                spent += list(costs(name, rounds[0].folder))
    if "yamnet" in arguments.networks:
        for set_name in arguments.sets:
            chosen = tuple(clip for clip in clips if set_name == "all" or clip.category in ESC10)
            rows += list(_nearest_mean(set_name, chosen, arguments.work, data))
    suffix = arguments.suffix
    write_csv(f"sounds_crossvalidation{suffix}", rows)
    write_csv(f"sounds_classes{suffix}", classes)
    if spent:
        write_csv(f"sounds_cost{suffix}", spent)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["yamnet", "small", "guide"])
    parser.add_argument("--sets", nargs="+", default=["all", "esc10"], choices=["all", "esc10"])
    parser.add_argument("--epochs", nargs="*", default=[], metavar="NETWORK=N", help="fewer than the recipe's")
    parser.add_argument("--patience", nargs="*", default=[], metavar="NETWORK=N", help="of early stopping")
    parser.add_argument("--extra-glass", action="store_true", help="train on the one-second glass breaks too")
    parser.add_argument("--suffix", default="", help="of the tables' names")
    parser.add_argument("--work", type=Path, default=Path("runs/crossvalidation"))
    return parser.parse_args()


def _overrides(arguments: argparse.Namespace, network: str) -> dict[str, Any]:
    chosen: dict[str, Any] = {"labels": "all"}
    for key, given in (("epochs", arguments.epochs), ("early_stopping_patience", arguments.patience)):
        named = dict(entry.split("=", 1) for entry in given)
        if network in named:
            chosen[key] = int(named[network])
    return chosen


def _extra(data: Path) -> tuple[Clip, ...]:
    folder = data / "esc50" / "glass_break_1s"
    return read_set(folder, "table", rename={"glass_break": "glass_breaking"}, train_only=True)


def _measure_set(
    set_name: str,
    network: str,
    clips: Sequence[Clip],
    rounds: Sequence[Round],
    notes: Mapping[str, Any],
    classes: list[dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    labels = choose_labels((clip.category for clip in clips), "all")
    for variant in VARIANTS:
        evaluation = _evaluation(labels, clips, rounds, variant)
        task = f"{set_name} ({len(labels.names)} classes)"
        yield _row(task, network, variant, "accuracy", evaluation.accuracy, notes)
        yield _row(task, network, variant, "macro_f1", evaluation.macro_f1, notes)
        if variant == "trained":
            baseline = Estimate(evaluation.baseline.accuracy, evaluation.samples)
            yield _row(task, "majority class", "", "accuracy", baseline, notes)
        if variant in ("trained", "int8"):
            classes += _class_rows(task, network, variant, evaluation)
        if variant == "int8" and set_name == "all":
            plot_confusion(MEASURED / f"sounds_confusion_{network}.png", evaluation.labels, evaluation.confusion)


def _measure_security(
    network: str,
    clips: Sequence[Clip],
    rounds: Sequence[Round],
    notes: Mapping[str, Any],
    classes: list[dict[str, Any]],
) -> Iterator[dict[str, Any]]:
    labels = choose_labels((clip.category for clip in clips), "security")
    for variant in VARIANTS:
        evaluation = _evaluation(labels, clips, rounds, variant)
        yield _row("security", network, variant, "accuracy", evaluation.accuracy, notes)
        yield _row("security", network, variant, "macro_f1", evaluation.macro_f1, notes)
        subset = evaluation.subsets["security"]
        assert subset is not None
        yield _row("security", network, variant, "accuracy.security", subset, notes)
        if variant == "trained":
            baseline = Estimate(evaluation.baseline.accuracy, evaluation.samples)
            yield _row("security", "majority class", "", "accuracy", baseline, notes)
        if variant in ("trained", "int8"):
            classes += _class_rows("security", network, variant, evaluation)
        for metric, estimate in _alarm_estimates(labels, clips, rounds, variant):
            yield _row("security", network, variant, metric, estimate, notes)


def _evaluation(labels: Labels, clips: Sequence[Clip], rounds: Sequence[Round], variant: str) -> Evaluation:
    collapse = Collapse(labels.names, labels.output_labels)
    order = [i for one in rounds for i in one.test]
    assert sorted(order) == list(range(len(clips))), "every clip is tested exactly once"
    return evaluate(
        labels.names,
        np.array([labels.index(clips[i].category) for i in order], np.int64),
        np.concatenate([collapse(one.test_logits[variant]) for one in rounds]),
        np.array([clips[i].recording for i in order], dtype=object),
        subsets={"security": labels.alarms},
    )


def _alarm_estimates(
    labels: Labels, clips: Sequence[Clip], rounds: Sequence[Round], variant: str
) -> Iterator[tuple[str, Estimate]]:
    """At thresholds that each round's validation clips set, summed over the rounds."""
    collapse = Collapse(labels.names, labels.output_labels)
    hits = {name: [0, 0, 0, 0] for name in labels.alarms}
    alarms = background = 0
    for one in rounds:
        known = np.array([labels.index(clips[i].category) for i in one.validation], np.int64)
        truth = np.array([labels.index(clips[i].category) for i in one.test], np.int64)
        scores = collapse(one.test_logits[variant])
        rule = SoundsRecipe.model_fields["thresholds"].default
        decision = choose_decision(labels.names, known, collapse(one.validation_logits), rule, labels.background)
        quiet = truth == labels.names.index(str(labels.background))
        alarms += int(alarmed(labels.names, scores[quiet], decision.thresholds, labels.alarms).sum())
        background += int(quiet.sum())
        for name in labels.alarms:
            position = labels.names.index(name)
            detected, own = scores[:, position] >= decision.thresholds[name], truth == position
            for at, count in enumerate((detected & own, own, detected & ~own, ~own)):
                hits[name][at] += int(count.sum())
    for name, (found, own, wrong, others) in hits.items():
        for metric, estimate in (
            ("detection_rate", proportion(found, own)),
            ("false_positive_rate", proportion(wrong, others)),
        ):
            assert estimate is not None
            yield f"{metric}.{name}", estimate
    rate = proportion(alarms, background)
    assert rate is not None
    yield "background_alarm_rate", rate
    hours = background * WINDOW_SECONDS / 3600.0
    value, low, high = poisson_rate(alarms, hours)
    yield f"false_alarms_per_hour (in {hours:.2f} h)", Estimate(value, background, low, high)


def _nearest_mean(set_name: str, clips: Sequence[Clip], work: Path, data: Path) -> Iterator[dict[str, Any]]:
    """The reference: the class whose mean YAMNet embedding is nearest. Patches every 0.48 s, their mean."""
    recipe = load_recipe(find_recipe(SoundsTrainer.recipe_folder, TASK, "yamnet"), SoundsRecipe)
    windows = features_of(recipe, clips, 0, work)[:, 0]
    body = build_body(yamnet_file(data))
    starts = range(0, windows.shape[2] - FRAMES + 1, FRAMES // 2)
    kit = KerasKit(batch=16)
    parts = [kit.outputs(body, windows[:, :, start : start + FRAMES].swapaxes(1, 2)) for start in starts]
    embeddings = np.mean(parts, axis=0)
    categories = np.array([clip.category for clip in clips])
    recordings = np.array([clip.recording for clip in clips], dtype=object)
    names = tuple(sorted(set(categories)))
    for distance in ("Euclidean", "cosine"):
        values = embeddings
        if distance == "cosine":
            values = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
        scores = np.zeros((len(clips), len(names)), np.float32)
        for folds in ROUNDS.values():
            test = np.isin([clip.fold for clip in clips], folds)
            means = np.stack([values[~test & (categories == name)].mean(axis=0) for name in names])
            away = np.linalg.norm(values[test][:, np.newaxis] - means, axis=2)
            scores[test] = np.eye(len(names))[away.argmin(axis=1)]
        truth = np.array([names.index(category) for category in categories], np.int64)
        found = evaluate(names, truth, scores, recordings)
        task = f"{set_name} ({len(names)} classes)"
        name = f"nearest class mean, YAMNet, {distance}"
        yield _row(task, name, "", "accuracy", found.accuracy, {"epochs": "", "extra": 0})
        yield _row(task, name, "", "macro_f1", found.macro_f1, {"epochs": "", "extra": 0})


def _row(
    task: str, network: str, variant: str, metric: str, estimate: Estimate, notes: Mapping[str, Any]
) -> dict[str, Any]:
    def rounded(value: float | None) -> float | str:
        return "" if value is None else round(value, 4)

    return {
        "task": task,
        "network": network,
        "variant": variant,
        "metric": metric,
        "value": rounded(estimate.value),
        "low": rounded(estimate.low),
        "high": rounded(estimate.high),
        "samples": estimate.samples,
        "epochs_at_most": notes["epochs"],
        "extra_clips": notes["extra"],
    }


def _class_rows(task: str, network: str, variant: str, evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    for report in evaluation.classes:
        row: dict[str, Any] = {"task": task, "network": network, "variant": variant, "label": report.label}
        row["samples"] = report.support
        for name, estimate in (("precision", report.precision), ("recall", report.recall)):
            for part in ("value", "low", "high"):
                value = None if estimate is None else getattr(estimate, part)
                row[name if part == "value" else f"{name}_{part}"] = "" if value is None else round(value, 4)
        yield row


if __name__ == "__main__":
    main()
