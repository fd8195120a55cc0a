"""What a folder holds, for `pipit data check`, and as what a bundle is asked about, for `pipit evaluate`."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

from pipit.bundle.manifest import Manifest
from pipit.data.check import Advance, DataReport
from pipit.training.examples import Asked, Example, ExampleSet, Further
from pipit.training.roc import area_under_curve

from ad_detection.audio.data import InOrder, heard, kind_of, read_moments
from ad_detection.audio.hearing import Ear, trailing_row
from ad_detection.audio.recipe import Features, SoundSource
from ad_detection.measure import AD, CONTENT, measure_asked

FEW_GROUPS = 10
"""Fewer sessions or programmes of a label are hard to split, let alone to learn."""
AS_CONTENT = {"non-ad": CONTENT, "no-ad": CONTENT, "programme": CONTENT, "program": CONTENT}
"""How data sets name what is no advertisement; a recipe's `rename` says it for a training."""


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """`pipit data check ad_detection.audio`: hears every moment. Raises NotFound, InvalidInput."""
    features = Features()
    listing = read_moments(folder, source_of(folder), features)
    ear, counts, dead = Ear(), Counter[str](), 0
    groups: dict[str, set[str]] = {}
    problems = list(listing.problems)
    for number, (moment, samples) in enumerate(heard(listing.items, features.window), 1):
        if isinstance(samples, str):
            problems.append(f"{moment.name}: {samples}")
        elif trailing_row(ear, samples, features.window)[1]:
            dead += 1
        else:
            counts[moment.label] += 1
            groups.setdefault(moment.label, set()).add(moment.group)
        advance(number, len(listing.items))
    notes = [
        f"{label}: only {len(found)} sessions or programmes; {FEW_GROUPS} or more are needed to split and learn"
        for label, found in sorted(groups.items())
        if len(found) < FEW_GROUPS
    ]
    both = set.intersection(*groups.values()) if len(groups) > 1 else set()
    alone = len(set().union(*groups.values())) - len(both)
    if alone:
        notes.append(f"{alone} sessions or programmes hold one label alone: their level and room may give it away")
    if dead:
        notes.append(f"{dead} moments of dead sound are left out")
    return DataReport(
        folder=folder,
        layout=kind_of(folder),
        classes=dict(sorted(counts.items())),
        recordings=len(set().union(*groups.values())),
        seconds=round(sum(counts.values()) * features.step, 1),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def read_examples(folder: Path, manifest: Manifest) -> ExampleSet:
    """`pipit evaluate`: moments, by the answer to the end of their sound. Raises NotFound, InvalidInput."""
    source = source_of(folder)
    window = int(manifest.pipeline.parameters["window"])
    listing = read_moments(folder, source, Features(window=window))
    read = InOrder(listing.items, window)
    examples = tuple(
        Example(moment.name, moment.label, moment.group, partial(read, moment)) for moment in listing.items
    )
    return ExampleSet(examples, listing.problems, choose=lambda found: found[-1], further=(measure_asked, rank_asked))


def rank_asked(asked: Asked) -> Further:
    """How well scores rank moments, whatever the threshold."""
    place = list(asked.labels).index(AD)
    area = area_under_curve(asked.truth == place, asked.scores[:, place], asked.groups, asked.seed)
    return Further({} if area is None else {"auc": area.to_metric()}, "ranking of moments")


def source_of(folder: Path) -> SoundSource:
    """A folder as a recipe would name it. Raises NotFound."""
    return SoundSource(kind=kind_of(folder), path=str(folder), licence="", rename=AS_CONTENT)
