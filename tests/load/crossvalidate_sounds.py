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
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from home_security.sounds.classes import Labels, choose_labels
from home_security.sounds.dataset import Clip, read_dataset
from home_security.sounds.features import FeatureMaker
from home_security.sounds.fit import Samples, logits_of, train_network
from home_security.sounds.pipeline import INPUT, OUTPUT, Collapse, FrontEnd
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.train import SoundsTrainer
from home_security.sounds.yamnet import FRAMES, build_body, yamnet_file
from measure import MEASURED, milliseconds, side_by_side, write_csv
from numpy.typing import NDArray
from pipit.runtimes import load_runtime
from pipit.settings import DataSettings, load_settings
from pipit.training.alarms import alarmed
from pipit.training.cache import ArrayCache
from pipit.training.datasets import file_digests
from pipit.training.evaluation import Evaluation, evaluate
from pipit.training.intervals import Estimate, poisson_rate, proportion
from pipit.training.plots import plot_confusion
from pipit.training.progress import RichProgress
from pipit.training.quantise import export_litert
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.thresholds import choose_decision
from sklearn.model_selection import StratifiedGroupKFold

TASK = "home_security.sounds"
VARIANTS = ("trained", "float32", "dynamic", "int8")
ROUNDS: Mapping[str, tuple[str, ...]] = {"1": ("1", "5"), "2": ("2",), "3": ("3",), "4": ("4",)}
ESC10 = (
    "dog rooster rain sea_waves crackling_fire crying_baby sneezing clock_tick helicopter chainsaw".split()  # noqa: SIM905
)
WINDOW_SECONDS = 5.0
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Round:
    """Logits of one network trained without the clips of one round. By variant; validation of the trained one."""

    test: Sequence[int]
    validation: Sequence[int]
    test_logits: Mapping[str, Rows]
    validation_logits: Rows


def main() -> None:
    """Trains what is not trained yet, and writes the tables."""
    arguments = _arguments()
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    clips = read_dataset(data / "esc50", "esc50", {}).clips
    extra = _extra(data) if arguments.extra_glass else ()
    rows: list[dict[str, Any]] = []
    classes: list[dict[str, Any]] = []
    costs: list[dict[str, Any]] = []
    for name in arguments.networks:
        recipe = load_recipe(
            find_recipe(SoundsTrainer.recipe_folder, TASK, name), SoundsRecipe, _overrides(arguments, name)
        )
        # The ten classes alone serve to compare with the published reference; only the best network is trained on them.
        for set_name in arguments.sets if name == "yamnet" else ("all",):
            chosen = tuple(clip for clip in clips if set_name == "all" or clip.category in ESC10)
            rounds = [_round(recipe, chosen, extra, key, arguments.work, data) for key in ROUNDS]
            notes = {"epochs": recipe.epochs, "extra": len(extra)}
            rows += list(_measure_set(set_name, name, chosen, rounds, notes, classes))
            if set_name == "all":
                rows += list(_measure_security(name, chosen, rounds, notes, classes))
                costs += list(_costs(recipe, arguments.work, len({clip.category for clip in chosen})))
    if "yamnet" in arguments.networks:
        for set_name in arguments.sets:
            chosen = tuple(clip for clip in clips if set_name == "all" or clip.category in ESC10)
            rows += list(_nearest_mean(set_name, chosen, arguments.work, data))
    suffix = arguments.suffix
    write_csv(f"sounds_crossvalidation{suffix}", rows)
    write_csv(f"sounds_classes{suffix}", classes)
    if costs:
        write_csv(f"sounds_cost{suffix}", costs)


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
    return read_dataset(folder, "table", {"glass_break": "glass_breaking"}, train_only=True).clips


def _round(
    recipe: SoundsRecipe, clips: Sequence[Clip], extra: Sequence[Clip], key: str, work: Path, data: Path
) -> Round:
    test = [i for i, clip in enumerate(clips) if clip.fold in ROUNDS[key]]
    rest = [i for i, clip in enumerate(clips) if clip.fold not in ROUNDS[key]]
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=recipe.seed)
    categories = [clips[i].category for i in rest]
    train_at, validation_at = next(iter(splitter.split(rest, categories, [clips[i].recording for i in rest])))
    train, validation = [rest[i] for i in train_at], [rest[i] for i in validation_at]
    listed = json.dumps([recipe.digest, key, [clip.name for clip in (*clips, *extra)]])
    folder = work / f"{recipe.name}-{hashlib.sha256(listed.encode()).hexdigest()[:12]}"
    done = folder / "logits.npz"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _train_round(recipe, clips, extra, train, validation, test, folder, work, data)
    with np.load(done) as stored:
        logits = {variant: stored[variant] for variant in VARIANTS}
        return Round(test, validation, logits, stored["validation"])


def _train_round(
    recipe: SoundsRecipe,
    clips: Sequence[Clip],
    extra: Sequence[Clip],
    train: Sequence[int],
    validation: Sequence[int],
    test: Sequence[int],
    folder: Path,
    work: Path,
    data: Path,
) -> None:
    outputs = sorted({clip.category for clip in clips})
    copies = recipe.augmentation.copies

    def samples(chosen: Sequence[Clip], copies: int) -> Samples:
        rows = _features(recipe, chosen, copies, work)
        return Samples(rows, np.array([outputs.index(clip.category) for clip in chosen], np.int64))

    training = samples([*(clips[i] for i in train), *extra], copies)
    validating = samples([clips[i] for i in validation], 0)
    testing = samples([clips[i] for i in test], 0).rows[:, 0]
    weights = yamnet_file(data) if recipe.network == "yamnet" else None
    progress = RichProgress()
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    network, _ = train_network(recipe, len(outputs), training, validating, weights, scratch, folder / "logs", progress)
    found = {"trained": logits_of(network, testing), "validation": logits_of(network, validating.rows[:, 0])}
    calibration = training.rows[np.random.default_rng(recipe.seed).permutation(len(train))[:200], 0]
    for variant in VARIANTS[1:]:
        path = folder / f"{variant}.tflite"
        export_litert(network, variant, path, calibration)
        runtime = load_runtime(path, "litert")
        found[variant] = runtime.run({INPUT: testing})[OUTPUT]
        runtime.close()
    network.save(folder / "network.keras")
    with (folder / "logits.part").open("wb") as file:
        np.savez(file, **found)
    (folder / "logits.part").rename(folder / "logits.npz")


def _features(recipe: SoundsRecipe, clips: Sequence[Clip], copies: int, work: Path) -> Rows:
    features = recipe.features
    front_end = FrontEnd(features.front_end, features.window_seconds, features.hop_seconds)
    maker = FeatureMaker(front_end, recipe.augmentation, recipe.seed, ArrayCache(work / "features"), recipe.workers)
    digests = file_digests({clip.name: clip.path for clip in clips}, work / "file_digests.json")
    made, problems = maker.make(clips, digests, copies, RichProgress(), "log-mel")
    assert not problems, problems
    return np.stack([made[clip.name] for clip in clips])


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
    windows = _features(recipe, clips, 0, work)[:, 0]
    body = build_body(yamnet_file(data))
    starts = range(0, windows.shape[2] - FRAMES + 1, FRAMES // 2)
    parts = [logits_of(body, windows[:, :, start : start + FRAMES].swapaxes(1, 2)) for start in starts]
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


def _costs(recipe: SoundsRecipe, work: Path, outputs: int) -> Iterator[dict[str, Any]]:
    """Size, multiply-adds and time of one window, one thread."""
    folder = next(path.parent for path in sorted(work.glob(f"{recipe.name}-*/network.keras")))
    network = keras.models.load_model(folder / "network.keras")
    window = np.random.default_rng(1).normal(size=(1, *network.input_shape[1:])).astype(np.float32)
    runtimes = {variant: load_runtime(folder / f"{variant}.tflite", "litert") for variant in VARIANTS[1:]}
    seconds = side_by_side(
        {variant: (lambda r=runtime: r.run({INPUT: window})) for variant, runtime in runtimes.items()}, rounds=100
    )
    for variant in runtimes:
        yield {
            "network": recipe.name,
            "variant": variant,
            "weights": network.count_params(),
            "megabytes": round((folder / f"{variant}.tflite").stat().st_size / 1e6, 3),
            "million_multiply_adds": round(multiply_adds(network) / 1e6, 1),
            "median_ms": milliseconds(seconds[variant], 50),
            "p95_ms": milliseconds(seconds[variant], 95),
            "samples": len(seconds[variant]),
        }


def multiply_adds(network: keras.Model) -> int:
    """Of the convolutions and dense layers, for one row; a nested network runs once for each patch."""
    total = 0
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer) * _patches(network)
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            total += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


def _patches(network: keras.Model) -> int:
    """How many slices of the input the nested body hears."""
    return sum(layer.__class__.__name__ == "GetItem" for layer in network.operations)


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
