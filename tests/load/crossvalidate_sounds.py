"""Cross-validates `home_security.sounds` on real recordings: each is tested once, by a network that never heard it.

    python crossvalidate_sounds.py
    python crossvalidate_sounds.py --extra-glass

PIPIT_DATA must hold esc50, backbones, sounds_events, sounds_background and baby_cry. Four rounds follow ESC-50's folds;
recordings of other sets take turns (`sound_rounds`). A fifth of the other recordings validates: it stops the training
and sets thresholds. What decides is the default recipe, `yamnet`; what is asked, short and faint and among others, goes
the served way through the 8-bit file (`sound_field`).

Writes `sounds_crossvalidation.csv`, `sounds_classes.csv`, `sounds_changes.csv`, `sounds_false_alarms.csv`,
`sounds_cries.csv` and `sounds_confusion_yamnet.png`, with --extra-glass the first with that suffix alone. What was
computed is kept in --work, so that an interrupted call goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from home_security.sounds.classes import choose_labels
from home_security.sounds.network import patches_of
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.task import SoundsTrainer
from measure import MEASURED, write_csv
from numpy.typing import NDArray
from pipit.settings import DataSettings, load_settings
from pipit.training.alarms import alarm_labels_of, alarmed
from pipit.training.by_input.audio.clips import read_clips
from pipit.training.by_input.audio.listening import RecordingAlarms
from pipit.training.by_input.audio.networks.yamnet import build_body
from pipit.training.by_input.audio.networks.yamnet_file import yamnet_file
from pipit.training.by_input.audio.settings import SoundSource
from pipit.training.evaluation import Evaluation, evaluate
from pipit.training.intervals import Estimate, grouped_share, poisson_rate, proportion
from pipit.training.keras_kit import KerasKit
from pipit.training.plots import plot_confusion
from pipit.training.recipe import find_recipe, load_recipe
from sound_field import Heard, Listener, ask_changed, ask_cries, ask_quiet, background_alarms
from sound_rounds import ROUNDS, CrossValidation, Round

Rows = NDArray[np.float32]
Row = dict[str, Any]
SEED = 1


def main() -> None:
    """Trains what is not trained yet, and writes the tables."""
    arguments = _arguments()
    data = load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    validation = open_validation(data, arguments.work)
    rounds, changed, quiet, cries, recordings = [], [], [], [], []
    for number, key in enumerate(ROUNDS):
        one = validation.train(key, extra=arguments.extra_glass)
        listener = Listener(validation, one)
        one.logits["int8"] = listener.logits(validation.rows[one.test, 0])
        rounds.append(one)
        recordings += background_alarms(validation, one, listener)
        changed += ask_changed(validation, one, listener)
        quiet += ask_quiet(listener)
        if not arguments.extra_glass:
            cries += ask_cries(data, number, len(ROUNDS), listener)
    suffix = "_extra_glass" if arguments.extra_glass else ""
    rows = [*_eighteen_classes(validation, rounds), *_security(validation, rounds), *_int8(validation, rounds)]
    rows += [*_alarms_an_hour(recordings), *_silence(quiet), *_changed(changed)]
    if arguments.extra_glass:
        write_csv(f"sounds_crossvalidation{suffix}", rows)
        return
    rows += [*_nearest_mean(validation, data), *_cries(cries)]
    write_csv("sounds_crossvalidation", rows)
    write_csv("sounds_classes", list(_classes(validation, rounds)))
    write_csv("sounds_changes", list(_by_label([*changed, *quiet])))
    write_csv("sounds_false_alarms", list(_by_recording(recordings)))
    write_csv("sounds_cries", list(_by_recorder(cries)))


def open_validation(data: Path, work: Path) -> CrossValidation:
    """Of all that the default recipe reads, and the one-second glass breaks."""
    recipe = load_recipe(find_recipe(SoundsTrainer.recipe_folder, "home_security.sounds", "yamnet"), SoundsRecipe)
    folder = data / "esc50" / "glass_break_1s"
    rename = {"glass_break": "glass_breaking"}
    extra = read_clips(folder, SoundSource(kind="table", path=str(folder), licence="", rename=rename, train_only=True))
    clips = [clip for clip in SoundsTrainer(recipe, data).sources.items() if not clip.name.startswith("own_")]
    return CrossValidation(recipe, [*clips, *extra.items], data, work)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extra-glass", action="store_true", help="train on the one-second glass breaks too")
    parser.add_argument("--work", type=Path, default=Path("runs/crossvalidation"))
    return parser.parse_args()


def _eighteen_classes(validation: CrossValidation, rounds: Sequence[Round]) -> Iterator[Row]:
    """ESC-50's clips, told apart by the outputs of their categories alone."""
    esc50 = [i for i, clip in enumerate(validation.clips) if clip.name.startswith("esc50/")]
    names = tuple(sorted({validation.clips[i].category for i in esc50}))
    columns = [validation.labels.outputs.index(name) for name in names]
    for variant in ("trained", "int8"):
        found = _evaluated(validation, rounds, variant, set(esc50), names, columns)
        yield _row("ESC-50, 18 classes", variant, "accuracy", found.accuracy)
        yield _row("ESC-50, 18 classes", variant, "macro_f1", found.macro_f1)
        if variant == "int8":
            plot_confusion(MEASURED / "sounds_confusion_yamnet.png", found.labels, found.confusion)
        else:
            baseline = Estimate(found.baseline.accuracy, found.samples)
            yield _row("ESC-50, 18 classes", "majority class", "accuracy", baseline)


def _evaluated(
    validation: CrossValidation,
    rounds: Sequence[Round],
    variant: str,
    chosen: set[int],
    names: tuple[str, ...],
    columns: Sequence[int],
) -> Evaluation:
    places = [(one, row, i) for one in rounds for row, i in enumerate(one.test) if i in chosen]
    logits = np.stack([one.logits[variant][row, columns] for one, row, _ in places])
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return evaluate(
        names,
        np.array([names.index(validation.clips[i].category) for _, _, i in places], np.int64),
        shifted / shifted.sum(axis=1, keepdims=True),
        np.array([validation.clips[i].recording for _, _, i in places], dtype=object),
    )


def _security(validation: CrossValidation, rounds: Sequence[Round]) -> Iterator[Row]:
    """Of all sets, and of ESC-50's clips alone, as before other sets were there."""
    for task, prefix in (("security", ""), ("security, ESC-50's clips", "esc50/")):
        chosen = {i for i, clip in enumerate(validation.clips) if clip.name.startswith(prefix) and not clip.background}
        for variant in ("trained", "int8"):
            yield from _security_rows(validation, rounds, task, variant, chosen)


def _security_rows(
    validation: CrossValidation, rounds: Sequence[Round], task: str, variant: str, chosen: set[int]
) -> Iterator[Row]:
    labels = validation.labels
    truth, scores, groups, quiet, hits = _scored(validation, rounds, variant, chosen)
    found = evaluate(labels.names, truth, scores, groups, subsets={"security": labels.alarms})
    yield _row(task, variant, "accuracy", found.accuracy)
    yield _row(task, variant, "macro_f1", found.macro_f1)
    yield _row(task, variant, "accuracy.security", found.subsets["security"])
    yield _row(task, variant, "background_alarm_rate", proportion(int(hits[quiet].any(axis=1).sum()), int(quiet.sum())))
    for place, name in enumerate(labels.names):
        own = truth == place
        if name != labels.background and own.any():
            yield _row(
                task,
                variant,
                f"best_label_rate.{name}",
                proportion(int((scores[own].argmax(1) == place).sum()), int(own.sum())),
            )
            if name not in validation.experimental:
                yield _row(
                    task, variant, f"detection_rate.{name}", proportion(int(hits[own, place].sum()), int(own.sum()))
                )
                yield _row(
                    task,
                    variant,
                    f"false_positive_rate.{name}",
                    proportion(int(hits[~own, place].sum()), int((~own).sum())),
                )


def _scored(
    validation: CrossValidation, rounds: Sequence[Round], variant: str, chosen: set[int]
) -> tuple[NDArray[np.int64], Rows, NDArray[Any], NDArray[np.bool_], NDArray[np.bool_]]:
    """Truth, scores, recordings, which clips are background, and what is detected by each round's thresholds."""
    labels = validation.labels
    parts: list[tuple[int, Rows, str, list[bool]]] = []
    for one in rounds:
        alarms = alarm_labels_of(labels.names, one.decision)
        for row, place in enumerate(one.test):
            if place in chosen:
                scores = validation.collapse(one.logits[variant][row : row + 1])
                hits = [
                    bool(alarmed(labels.names, scores, one.decision.thresholds, [name] if name in alarms else [])[0])
                    for name in labels.names
                ]
                clip = validation.clips[place]
                parts.append((labels.index(clip.category), scores[0], clip.recording, hits))
    truth = np.array([part[0] for part in parts], np.int64)
    groups = np.array([part[2] for part in parts], dtype=object)
    quiet = truth == labels.names.index(str(labels.background))
    return truth, np.stack([part[1] for part in parts]), groups, quiet, np.array([part[3] for part in parts], bool)


def _int8(validation: CrossValidation, rounds: Sequence[Round]) -> Iterator[Row]:
    """8 bits beside float: of all clips, and of those that are mostly silence."""
    padded = {i for i, clip in enumerate(validation.clips) if clip.category == "glass_breaking"}
    for task, chosen in (("int8 beside float", None), ("int8 beside float, breaking glass", padded)):
        exact, rounded = (
            np.concatenate([one.logits[v][[chosen is None or i in chosen for i in one.test]] for one in rounds])
            for v in ("trained", "int8")
        )
        away = np.abs(exact - rounded)
        labels = [validation.collapse(logits).argmax(axis=1) for logits in (exact, rounded)]
        yield _row(
            task,
            "int8",
            "correlation of logits",
            Estimate(float(np.corrcoef(exact.ravel(), rounded.ravel())[0, 1]), len(exact)),
        )
        yield _row(task, "int8", "root mean square difference", Estimate(float(np.sqrt(np.mean(away**2))), len(exact)))
        yield _row(task, "int8", "largest difference", Estimate(float(away.max()), len(exact)))
        yield _row(task, "int8", "labels changed", proportion(int((labels[0] != labels[1]).sum()), len(exact)))


def _alarms_an_hour(recordings: Sequence[RecordingAlarms]) -> Iterator[Row]:
    for task, chosen in (
        ("background", list(recordings)),
        ("background but moodist__road", [one for one in recordings if "road" not in one.name]),
    ):
        hours, events = sum(one.alarms.hours for one in chosen), sum(one.alarms.events for one in chosen)
        value, low, high = poisson_rate(events, hours)
        yield _row(f"{task}, {hours:.2f} h", "int8", "false_alarms_per_hour", Estimate(value, len(chosen), low, high))
        loud = sum(one.alarms.events > 0 for one in chosen)
        yield _row(f"{task}, {hours:.2f} h", "int8", "recordings_with_alarm", proportion(loud, len(chosen)))


def _silence(quiet: Sequence[Heard]) -> Iterator[Row]:
    for kind in ("", *dict.fromkeys(one.change for one in quiet)):
        own = [one for one in quiet if not kind or one.change == kind]
        yield _row(
            "sounds without an event",
            "int8",
            f"alarm_rate{kind and '.'}{kind}",
            proportion(sum(bool(one.detected) for one in own), len(own)),
        )


def _changed(changed: Sequence[Heard]) -> Iterator[Row]:
    for change in dict.fromkeys(one.change for one in changed):
        own = [one for one in changed if one.change == change and one.source == "esc50"]
        for name, part, hits in (
            ("detection_rate", [one for one in own if one.label != "none"], lambda one: one.label in one.detected),
            ("background_alarm_rate", [one for one in own if one.label == "none"], lambda one: bool(one.detected)),
        ):
            if part:
                groups = np.array([one.group for one in part], dtype=object)
                yield _row(
                    "changed clips of ESC-50",
                    "int8",
                    f"{name}.{change}",
                    grouped_share(np.array([hits(one) for one in part]), groups, SEED),
                )


def _cries(cries: Sequence[Heard]) -> Iterator[Row]:
    hits = np.array(["crying_baby" in one.detected for one in cries])
    groups = np.array([one.group for one in cries], dtype=object)
    yield _row("Donate-a-Cry", "int8", "detection_rate.crying_baby", grouped_share(hits, groups, SEED))
    means = np.array([hits[groups == name].mean() for name in sorted(set(groups))])
    yield _row(
        "Donate-a-Cry, mean over recorders",
        "int8",
        "detection_rate.crying_baby",
        Estimate(float(means.mean()), len(means)),
    )
    others = [bool(one.detected - {"crying_baby"}) for one in cries]
    yield _row("Donate-a-Cry", "int8", "another_alarm_rate", proportion(sum(others), len(others)))


def _classes(validation: CrossValidation, rounds: Sequence[Round]) -> Iterator[Row]:
    chosen = {i for i, clip in enumerate(validation.clips) if not clip.background}
    for variant in ("trained", "int8"):
        truth, scores, groups, _, _ = _scored(validation, rounds, variant, chosen)
        for report in evaluate(validation.labels.names, truth, scores, groups).classes:
            row: Row = {"variant": variant, "label": report.label, "samples": report.support}
            for name, estimate in (("precision", report.precision), ("recall", report.recall)):
                for part in ("value", "low", "high"):
                    value = None if estimate is None else getattr(estimate, part)
                    row[name if part == "value" else f"{name}_{part}"] = "" if value is None else round(value, 4)
            yield row


def _by_label(heard: Sequence[Heard]) -> Iterator[Row]:
    groups: dict[tuple[str, str, str], list[Heard]] = {}
    for one in heard:
        groups.setdefault((one.change, one.source, one.label), []).append(one)
    for (change, source, label), own in groups.items():
        yield {
            "change": change,
            "source": source,
            "label": label,
            "samples": len(own),
            "detected": sum(label in one.detected for one in own),
            "best_label": sum(label == one.best for one in own),
            "another_alarm": sum(bool(one.detected - {label}) for one in own),
        }


def _by_recording(recordings: Sequence[RecordingAlarms]) -> Iterator[Row]:
    for one in sorted(recordings, key=lambda one: (-one.alarms.events, one.name)):
        heard = "; ".join(f"{count} x {label}" for label, count in one.heard.items())
        yield {
            "recording": one.name,
            "seconds": round(one.alarms.hours * 3600, 1),
            "windows": one.alarms.windows,
            "alarms": one.alarms.events,
            "heard": heard,
        }


def _by_recorder(cries: Sequence[Heard]) -> Iterator[Row]:
    for recorder in sorted({one.group for one in cries}):
        own = [one for one in cries if one.group == recorder]
        yield {
            "recorder": recorder,
            "recordings": len(own),
            "detected": sum("crying_baby" in one.detected for one in own),
        }


def _nearest_mean(validation: CrossValidation, data: Path) -> Iterator[Row]:
    """The reference: the class whose mean YAMNet embedding is nearest, by the angle between them."""
    esc50 = [i for i, clip in enumerate(validation.clips) if clip.name.startswith("esc50/")]
    windows = validation.rows[esc50, 0]
    body = build_body(yamnet_file(data))
    parts = [KerasKit(batch=16).outputs(body, patches_of(windows[i : i + 16])) for i in range(0, len(windows), 16)]
    embeddings = np.concatenate(parts).reshape(len(windows), -1, parts[0].shape[1]).mean(axis=1)
    values = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    categories = np.array([validation.clips[i].category for i in esc50])
    names = choose_labels(categories, "all").names
    scores = np.zeros((len(esc50), len(names)), np.float32)
    rounds = np.array([validation.rounds[i] for i in esc50])
    for key in ROUNDS:
        test = rounds == key
        means = np.stack([values[~test & (categories == name)].mean(axis=0) for name in names])
        away = np.linalg.norm(values[test][:, np.newaxis] - means, axis=2)
        scores[test] = np.eye(len(names))[away.argmin(axis=1)]
    truth = np.array([names.index(category) for category in categories], np.int64)
    recordings = np.array([validation.clips[i].recording for i in esc50], dtype=object)
    found = evaluate(names, truth, scores, recordings)
    yield _row("ESC-50, 18 classes", "nearest class mean", "accuracy", found.accuracy)


def _row(task: str, variant: str, metric: str, estimate: Estimate | None) -> Row:
    def rounded(value: float | None) -> float | str:
        return "" if value is None else round(value, 4)

    assert estimate is not None, (task, metric)
    parts = {part: rounded(getattr(estimate, part)) for part in ("value", "low", "high")}
    return {"task": task, "variant": variant, "metric": metric, **parts, "samples": estimate.samples}


if __name__ == "__main__":
    main()
