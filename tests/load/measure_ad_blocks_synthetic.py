"""Blocks of real bundles on SYNTHETIC channels: what members say by themselves, together, and over time.

    python tests/load/measure_ad_blocks_synthetic.py FOLDER RUN...

RUN: folders of bundles or runs of `ad_detection.frames`, `.temporal` and `.audio`, trained on channels 1 to 6. FOLDER
takes what is filmed, scored and trained; what is there is not made again. Channels 51 and 52 fit weights and policies;
101 to 104 come afterwards, as they are and with their sound taken away. Nothing here says anything about television.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from ad_detection.blocks.asking import bundle_named, members_alone
from ad_detection.blocks.drawing import plot_hour
from ad_detection.blocks.ensemble import Ensemble, Member, ensemble_of
from ad_detection.blocks.fitting import Watched, measured, muted, skipped
from ad_detection.blocks.members import find_members
from ad_detection.blocks.network import VoteKit, build_network
from ad_detection.blocks.recipe import BlocksRecipe
from ad_detection.blocks.recordings import (
    Scored,
    breaks_of,
    prepare_folder,
    read_scored,
    read_series,
    series_of,
    series_text,
    truth_of,
)
from ad_detection.blocks.skipping import read_rows, write_list
from ad_detection.blocks.task import BlocksTrainer
from ad_detection.channels.recordings import FITTING, LABELS, UNSEEN, Size, write_channels
from measure import MEASURED, write_csv
from pipit.answers import softmax
from pipit.blocks.debounce import Debounce
from pipit.blocks.measures import blocks_of
from pipit.blocks.offline import Block
from pipit.blocks.policy import Policy, policy_of
from pipit.bundle import Bundle, open_bundle
from pipit.data.frames.sources import files_of, source_named
from pipit.data.synthetic import mark_synthetic
from pipit.training.publish import FIRST_VERSION, make_bundle
from pipit.training.recipe import find_recipe, load_recipe
from pipit.training.run import open_run
from pipit.training.steps import actions_of, run_steps
from sklearn.metrics import roc_auc_score

TASK = "ad_detection.blocks"
SIZES = {
    "fitting": Size(channels=FITTING, programmes=2, seconds=900.0, fps=Fraction(2)),
    "unseen": Size(channels=UNSEEN, programmes=1, seconds=900.0, fps=Fraction(4)),
}
Say = Callable[[Watched], list[Block]]
Row = dict[str, object]


def main() -> None:
    """Prints and writes `docs/measured/ad_blocks_synthetic.csv` and a picture of an hour."""
    folder, runs = Path(sys.argv[1]), sys.argv[2:]
    members = find_members(runs)
    bundles = dict(zip(members, map(bundle_named, runs), strict=True))
    rows: list[Row] = []
    for name, size in SIZES.items():
        films = filmed(folder / name, size)
        rows += scored(films, folder / f"{name}_scores", members, bundles)
    bundle = trained(folder, folder / "fitting_scores")
    ensemble = ensemble_of(bundle.manifest.pipeline.parameters)
    print(ensemble.parameters, *(bundle.manifest.pipeline.parameters[mode] for mode in ("mute", "skip")))  # noqa: T201
    items = read_scored(folder / "unseen_scores").items
    for what in ("as they are", "sound taken away"):
        rows += compared(what, items, ensemble, bundle)
    write_csv("ad_blocks_synthetic", rows, ("numpy", "ai-edge-litert", "keras", "av"))
    draw(items, ensemble, bundle)


def filmed(folder: Path, size: Size) -> Path:
    """Made where it is not there."""
    return folder if (folder / LABELS).is_file() else write_channels(folder, size)


def scored(films: Path, output: Path, members: Sequence[Member], bundles: dict[Member, Bundle]) -> list[Row]:
    """Tables of what members say; how long that took, in seconds of film a second."""
    prepare_folder(output, members)
    mark_synthetic(output, (films.name,))
    rows: list[Row] = []
    with members_alone(bundles) as opened:
        for file in files_of(source_named(str(films))):
            place = output / f"{file.recording}.csv"
            if place.is_file():
                continue
            begun = perf_counter()
            found, source = read_rows(file, members, opened)
            factor = source.end / (perf_counter() - begun)
            write_list(place, series_text([member.name for member in members], series_of(found)))
            rows.append(row("time", "all members", "read and asked", "seconds_of_film_a_second", factor, len(found)))
    shutil.copy(films / LABELS, output / LABELS)
    return rows


def trained(folder: Path, scores: Path) -> Bundle:
    """The recipe `base`."""
    path = find_recipe(BlocksTrainer.recipe_folder, TASK, "base")
    changes = {"data.0.path": str(scores), "data.0.licence": "none needed; made by a program"}
    trainer = BlocksTrainer(load_recipe(path, BlocksRecipe, changes), folder)
    with open_run(trainer, folder / "runs") as run:
        run_steps(run, actions_of(trainer), "verify")
        place = run.output("publish") / "bundle"
        return open_bundle(place) if place.is_dir() else make_bundle(trainer, run, FIRST_VERSION, place)


def compared(what: str, items: Sequence[Scored], ensemble: Ensemble, bundle: Bundle) -> list[Row]:
    """Members by their own thresholds, the vote by its own, and the policies."""
    parameters, decision = bundle.manifest.pipeline.parameters, bundle.manifest.decision
    mute, skip = (policy_of(parameters[mode]) for mode in ("mute", "skip"))
    keep = [what == "as they are" or not member.hears for member in ensemble.members]
    rows: list[Row] = []
    seen = [watched(item, ensemble, keep) for item in items]
    columns = [[watched(item, ensemble, keep, place) for item in items] for place in range(len(ensemble.members))]
    for member, series, kept in zip(ensemble.members, columns, keep, strict=True):
        if kept:
            rows += of(
                what, member.name, "threshold", series, lambda one, limit=member.threshold: at(one, limit), items
            )
    limit = decision.thresholds["ad"]
    policies: dict[str, Say] = {
        "threshold": partial(at, limit=limit),
        "debounce": lambda one: debounced(one, replace(mute, threshold=limit)),
        "mute": lambda one: muted(one, mute),
        "skip": lambda one: skipped(one, skip),
    }
    for policy, say in policies.items():
        rows += of(what, "vote", policy, seen, say, items)
    return rows


def of(what: str, scores: str, policy: str, seen: Sequence[Watched], say: Say, items: Sequence[Scored]) -> list[Row]:
    """Rows of one way to decide, and once the AUC of its scores."""
    moments = sum(len(one.seconds) for one in seen)
    found = measured(seen, [say(one) for one in seen])
    if policy == "threshold":
        truth = np.concatenate([np.array(truth_of(i, o.seconds)) == "ad" for i, o in zip(items, seen, strict=True)])
        values = np.concatenate([one.scores for one in seen])
        known = ~np.isnan(values)
        found["auc"] = float(roc_auc_score(truth[known], values[known]))
    return [row(what, scores, policy, metric, value, moments) for metric, value in found.items()]


def watched(item: Scored, ensemble: Ensemble, keep: Sequence[bool], place: int | None = None) -> Watched:
    """A recording by the vote, or by one member."""
    series = read_series(item.path, ensemble.names)
    scores = np.where(np.array(keep), series.scores, np.float32(np.nan))
    table = ensemble.rows(scores)
    if place is not None:
        values = scores[:, place].astype(np.float64)
    else:
        voted = softmax(VoteKit().outputs(build_network(ensemble), table))[:, 0].astype(np.float64)
        values = np.where(ensemble.share(table) > 0.0, voted, np.nan)
    return Watched(series.seconds, values, ensemble.is_whole(table), tuple(breaks_of(item)))


def at(one: Watched, limit: float) -> list[Block]:
    """Moment by moment."""
    return blocks_of(one.seconds, np.nan_to_num(one.scores) >= limit, one.end)


def debounced(one: Watched, policy: Policy) -> list[Block]:
    """Once it has lasted."""
    state = Debounce(policy)
    looks = zip(one.seconds.tolist(), np.nan_to_num(one.scores).tolist(), strict=True)
    return blocks_of(one.seconds, np.array([state.step(second, score) for second, score in looks], bool), one.end)


def draw(items: Sequence[Scored], ensemble: Ensemble, bundle: Bundle) -> None:
    """Four recordings one after the other."""
    parameters = bundle.manifest.pipeline.parameters
    mute, skip = (policy_of(parameters[mode]) for mode in ("mute", "skip"))
    parts = [watched(item, ensemble, [True] * len(ensemble.members)) for item in items]
    said: dict[str, list[Block]] = {"mute": [], "skip": []}
    seconds, breaks, begin = [], [], 0.0
    for one in parts:
        for name, blocks in (("mute", muted(one, mute)), ("skip", skipped(one, skip))):
            said[name] += [(start + begin, stop + begin) for start, stop in blocks]
        breaks += [(start + begin, stop + begin) for start, stop in one.truth]
        seconds.append(one.seconds + begin)
        begin += one.end
    joined = Watched(
        np.concatenate(seconds),
        np.concatenate([one.scores for one in parts]),
        np.concatenate([one.whole for one in parts]),
        tuple(breaks),
    )
    plot_hour(MEASURED / "ad_blocks_hour.png", joined, said)


def row(what: str, scores: str, policy: str, metric: str, value: float, moments: int) -> Row:
    """One line of the table."""
    return {
        "channels": what,
        "scores": scores,
        "policy": policy,
        "metric": metric,
        "value": round(value, 4),
        "moments": moments,
    }


if __name__ == "__main__":
    main()
