"""`ad_detection.audio` on sound of real news channels, one session out; on SYNTHETIC channels; and what it costs.

    python tests/load/compare_ad_audio.py FOLDER

Needs PIPIT_DATA with `tv_audio` and YAMNet's weights. FOLDER takes what is made and trained; what is there is not made
again. Most sessions of `tv_audio` hold one label alone, so that their level and their converter may tell it: the result
within the sessions that hold both stands beside the pooled one. Strengths are chosen by the other sessions alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from ad_detection.audio.data import Moment, heard, read_moments
from ad_detection.audio.hearing import MOVES, RATE, Ear, Second, seconds_of
from ad_detection.audio.network import regression, scale_of
from ad_detection.audio.recipe import AudioRecipe, Features, SoundSource
from ad_detection.audio.synthetic import write_sounds
from ad_detection.audio.task import AudioTrainer
from ad_detection.channels.recordings import TEST, TRAINING, UNSEEN, Size
from ad_detection.measure import AD
from measure import write_csv
from numpy.typing import NDArray
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.manifest import Metric
from pipit.data.synthetic import MARK
from pipit.inputs import PcmAudio
from pipit.pipelines.served import serve_bundle
from pipit.runtimes import load_runtime
from pipit.settings import DataSettings, load_settings
from pipit.training.bundle_evaluation import evaluate_bundle
from pipit.training.by_input.audio.networks.yamnet import build_body
from pipit.training.by_input.audio.networks.yamnet_file import yamnet_file
from pipit.training.intervals import Estimate, bootstrap_groups
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.quantise import export_litert
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.roc import area_under_curve
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold, KFold

TASK = "ad_detection.audio"
STRENGTHS: tuple[float, ...] = AudioRecipe.model_fields["strengths"].default
INNER_FOLDS = 5
FEWEST = 5
"""Moments of each label that a session needs to be ranked by itself."""
CLIP = 5
"""Seconds of a clip."""
LEVELS = 3
"""Columns that say how loud a window is."""
SOFTER = 0.25
"""A gain of -12 dB, as of another converter."""
KEPT = ("auc", "precision", "recall", "f1", "accuracy", "baseline.accuracy", "size_mb", "int8_loss_points")
Rows = NDArray[np.float32]
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/ads_audio.csv`."""
    folder, data = Path(sys.argv[1]), load_settings(DataSettings).data
    assert data is not None, "set PIPIT_DATA"
    rows: list[Row] = []
    with yamnet_ear(folder, data) as ear:
        for window in (5, 30):
            rows += real_sound(data / "tv_audio", folder, ear, window)
    rows += synthetic_sound(folder, data)
    write_csv("ads_audio", rows, ("numpy", "scikit-learn", "keras", "ai-edge-litert"))


@contextmanager
def yamnet_ear(folder: Path, data: Path) -> Iterator[Ear]:
    """That listens with YAMNet as a bundle holds it."""
    path = folder / "yamnet.tflite"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        export_litert(build_body(yamnet_file(data)), "dynamic", path)
    with closing(load_runtime(path, "litert")) as runtime:
        yield Ear(runtime)


def real_sound(folder: Path, made_in: Path, ear: Ear, window: int) -> list[Row]:
    """One session of `tv_audio` out, by what is heard."""
    source = SoundSource(kind="clips", path=str(folder), licence="", rename={"non-ad": "content"})
    moments = read_moments(folder, source, Features(window=window)).items
    truth = np.array([moment.label == AD for moment in moments], np.int64)
    sessions = np.array([moment.group for moment in moments], object)
    loud, softer = (
        kept(made_in / f"tv_audio_{window}_{gain}.npy", moments, ear, window, gain) for gain in (1.0, SOFTER)
    )
    levels = loud[:, -LEVELS:]
    moves, embedding = loud[:, :MOVES], loud[:, MOVES:-LEVELS]
    heard_by: dict[str, tuple[Rows, Rows]] = {
        "level alone": (levels, softer[:, -LEVELS:]),
        "moves": (moves, softer[:, :MOVES]),
        "moves and level": (np.hstack([moves, levels]), np.hstack([softer[:, :MOVES], softer[:, -LEVELS:]])),
        "yamnet's embedding": (embedding, softer[:, MOVES:-LEVELS]),
        "yamnet": (loud[:, :-LEVELS], softer[:, :-LEVELS]),
    }
    found: list[Row] = []
    for name, (rows, other) in heard_by.items():
        scores, shifted = one_out(rows, truth, sessions, other)
        found += told(f"tv_audio, {window} s", name, "one session out", truth, scores, sessions)
        found += told(f"tv_audio, {window} s, 12 dB softer", name, "one session out", truth, shifted, sessions)
        at_random = by_chance(rows, truth)
        found += told(f"tv_audio, {window} s", name, "split at random, which leaks", truth, at_random, sessions)
        print(name, window, roc_auc_score(truth, scores), flush=True)  # noqa: T201
    return found


def kept(path: Path, moments: Sequence[Moment], ear: Ear, window: int, gain: float) -> Rows:
    """What `listened` gives, made where it is not there."""
    if not path.is_file():
        np.save(path, listened(moments, ear, window, gain))
    return np.asarray(np.load(path))


def listened(moments: Sequence[Moment], ear: Ear, window: int, gain: float) -> Rows:
    """Rows, and behind them mean, most and least of the level in dB.

    A clip is heard once, however many windows it has a part in: seconds begin anew with each clip of 5 s.
    """
    clips = {moment.files[-1]: moment for moment in moments}
    alone = [Moment(m.name, m.label, m.group, m.files[-1:]) for m in clips.values()]
    heard_once: dict[Path, list[Second]] = {}
    for moment, samples in heard(alone, CLIP):
        assert not isinstance(samples, str), samples
        heard_once[moment.files[0]] = [ear.hear(piece * np.float32(gain)) for piece in seconds_of(samples)]
    rows = []
    for moment in moments:
        seconds = [second for path in moment.files for second in heard_once[path]][-window:]
        level = 20.0 * np.log10(np.concatenate([second.levels for second in seconds]) + 1e-6)
        rows.append(np.concatenate([ear.row(seconds), [level.mean() / 10.0, level.max() / 10.0, level.min() / 10.0]]))
    return np.stack(rows).astype(np.float32)


def one_out(rows: Rows, truth: NDArray[np.int64], groups: NDArray[Any], other: Rows) -> tuple[Rows, Rows]:
    """Scores of each session by what the others taught; of its rows, and of `other` rows of the same moments."""
    scores, shifted = np.empty(len(truth), np.float32), np.empty(len(truth), np.float32)
    for group in np.unique(groups):
        test = groups == group
        train = np.flatnonzero(~test)
        strength = chosen(rows[train], truth[train], groups[train])
        answer = taught(rows[train], truth[train], strength)
        scores[test], shifted[test] = answer(rows[test]), answer(other[test])
    return scores, shifted


def chosen(rows: Rows, truth: NDArray[np.int64], groups: NDArray[Any]) -> float:
    """The strength of the least log loss on sessions that did not teach."""
    losses = []
    folds = list(GroupKFold(INNER_FOLDS).split(rows, truth, groups))
    for strength in STRENGTHS:
        held = np.empty(len(truth))
        for train, test in folds:
            held[test] = taught(rows[train], truth[train], strength)(rows[test])
        losses.append(log_loss(truth, held))
    return STRENGTHS[int(np.argmin(losses))]


def taught(rows: Rows, truth: NDArray[np.int64], strength: float) -> Callable[[Rows], Rows]:
    """From rows to scores."""
    offset, divisor = scale_of(rows)
    model = regression(strength).fit((rows - offset) / divisor, truth)
    return lambda others: np.asarray(model.predict_proba((others - offset) / divisor)[:, 1], np.float32)


def by_chance(rows: Rows, truth: NDArray[np.int64]) -> Rows:
    """Scores where neighbours of a moment teach, as of a split that knows no sessions."""
    scores = np.empty(len(truth), np.float32)
    for train, test in KFold(10, shuffle=True, random_state=1).split(rows):
        scores[test] = taught(rows[train], truth[train], 0.1)(rows[test])
    return scores


def told(
    what: str, name: str, how: str, truth: NDArray[np.int64], scores: Rows, groups: NDArray[Any]
) -> list[Row]:  # fmt: skip
    """AUC pooled and within sessions that hold both labels, and accuracy at 0.5."""
    pooled = area_under_curve(truth, scores, groups)
    right = ((scores >= 0.5) == truth.astype(bool)).astype(np.float64)
    share = bootstrap_groups(groups, lambda weights: (weights @ right) / weights.sum(axis=1), 1)
    found = [
        line(what, name, how, "auc", pooled),
        line(what, name, how, "accuracy", Estimate(float(right.mean()), len(right), *share)),
    ]
    inside = within(truth, scores, groups)
    values = np.array(list(inside.values()))
    count = int(sum((groups == group).sum() for group in inside))
    interval = bootstrap_groups(np.arange(len(values)), lambda weights: (weights @ values) / weights.sum(axis=1), 1)
    found.append(line(what, name, how, "auc within sessions", Estimate(float(values.mean()), count, *interval)))
    for group, value in inside.items():
        found.append(
            line(
                what,
                name,
                how,
                f"auc of session {group.rpartition('/')[2]}",
                Estimate(value, int((groups == group).sum())),
            )
        )
    return found


def within(truth: NDArray[np.int64], scores: Rows, groups: NDArray[Any]) -> dict[str, float]:
    """AUC of each session with enough moments of both labels."""
    found = {}
    for group in np.unique(groups):
        own = groups == group
        if min(truth[own].sum(), (1 - truth[own]).sum()) >= FEWEST:
            found[str(group)] = float(roc_auc_score(truth[own], scores[own]))
    return found


def synthetic_sound(folder: Path, data: Path) -> list[Row]:
    """SYNTHETIC channels 1 to 6 train and validate, 7 and 8 test, 101 to 104 come afterwards.

    YAMNet never heard such sound, and how it does on it would tell nothing: it is trained on a moment a minute,
    for its size and its pace alone.
    """
    known = made(folder / "synthetic_trained", (*TRAINING, *TEST))
    unseen = made(folder / "synthetic_unseen", UNSEEN)
    moves, yamnet = (trained(name, known, folder / "runs", data) for name in ("moves", "yamnet"))
    metrics = moves.manifest.metrics
    rows = [line("SYNTHETIC, test channels", "moves", "run", key, metrics[key]) for key in KEPT if key in metrics]
    found = evaluate_bundle(moves, [unseen]).metrics
    rows += [line("SYNTHETIC, unseen channels", "moves", "run", key, found[key]) for key in KEPT if key in found]
    for name, bundle in (("moves", moves), ("yamnet", yamnet)):
        size = sum(path.stat().st_size for path in bundle.path.rglob("*") if path.suffix == ".tflite") / 1e6
        rows.append(line("bundle", name, "run", "networks_mb", Metric(value=size, samples=1)))
        rows.append(line("one stream", name, "run", "real_time_factor", Metric(value=factor(bundle), samples=120)))
    return rows


def made(folder: Path, channels: tuple[int, ...]) -> Path:
    """Recordings of 15 minutes, two programmes a channel."""
    if not (folder / MARK).is_file():
        write_sounds(folder, Size(channels=channels, programmes=2, seconds=900.0))
    return folder


def trained(name: str, sounds: Path, runs: Path, data: Path) -> Bundle:
    """A recipe on synthetic channels."""
    changes = {
        "data.0.path": str(sounds),
        "data.0.licence": "none needed; made by a program",
        "test_channels": [f"channel{number}" for number in TEST],
        "features.step": 60.0 if name == "yamnet" else 5.0,
    }
    recipe = load_recipe(find_recipe(AudioTrainer.recipe_folder, TASK, name), AudioRecipe, changes)
    trainer = AudioTrainer(recipe, data)
    with open_run(trainer, runs) as run:
        run_steps(run, actions_of(trainer), "verify")
        place = run.output("publish") / "bundle"
        return open_bundle(place) if place.is_dir() else make_bundle(trainer, run, FIRST_VERSION, place)


def factor(bundle: Bundle) -> float:
    """Seconds of work on one thread for a second of sound, of two minutes that are streamed."""
    samples = np.random.default_rng(1).normal(0.0, 0.1, (120 * RATE, 1)).astype(np.float32)
    pieces = [PcmAudio(second[:, np.newaxis], RATE) for second in seconds_of(samples[:, 0])]
    with serve_bundle(bundle) as served:
        begun = perf_counter()
        answers = sum(1 for _ in served.stream(pieces))
        spent = perf_counter() - begun
    assert answers == len(pieces)
    return spent / len(pieces)


def line(what: str, name: str, how: str, metric: str, found: Estimate | Metric | None) -> Row:
    """One line of the table."""
    assert found is not None, (what, name, metric)
    return {
        "sound": what,
        "network": name,
        "how": how,
        "metric": metric,
        "value": round(found.value, 5),
        "low": "" if found.low is None else round(found.low, 4),
        "high": "" if found.high is None else round(found.high, 4),
        "samples": found.samples,
    }


if __name__ == "__main__":
    main()
