"""Tables of members' scores: checked (`pipit data check`), and as what a bundle is asked about (`pipit evaluate`)."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from pipit.blocks.measures import measure_recordings
from pipit.blocks.offline import Block
from pipit.bundle.manifest import Manifest, Metric
from pipit.data.check import Advance, DataReport
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import Input, TensorInput
from pipit.training.examples import Asked, Example, ExampleSet, Further
from pipit.types import TimeSpan

from ad_detection.blocks.ensemble import ensemble_of
from ad_detection.blocks.pipeline import CONTENT, SCORES, said_breaks
from ad_detection.blocks.recordings import Scored, breaks_of, read_scored, read_series, truth_of
from ad_detection.measure import measure_asked

FEW_BREAKS = 10


def input_of(item: Scored) -> Input:
    """As a caller would send it. Raises InvalidInput."""
    series = read_series(item.path, [member.name for member in item.members])
    return TensorInput(SCORES, np.column_stack([series.seconds, series.scores]).astype(np.float32))


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """`pipit data check ad_detection.blocks`. Raises NotFound, InvalidInput."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the tables of scores")
    listing = read_scored(folder)
    problems = list(listing.problems)
    counts: Counter[str] = Counter()
    seconds, breaks, notes = 0.0, 0, []
    for number, item in enumerate(listing.items, 1):
        try:
            series = read_series(item.path, [member.name for member in item.members])
        except (InvalidInput, OSError) as error:
            problems.append(f"{item.path}: {error}")
        else:
            counts.update(label for label in truth_of(item, series.seconds) if label is not None)
            seconds += float(series.seconds[-1] - series.seconds[0])
            breaks += len(breaks_of(item))
            silent = [
                member.name
                for member, column in zip(item.members, series.scores.T, strict=True)
                if np.isnan(column).all()
            ]
            if silent:
                notes.append(f"{item.recording}: {', '.join(silent)} says nothing")
        advance(number, len(listing.items))
    if breaks < FEW_BREAKS:
        notes.append(f"only {breaks} breaks; {FEW_BREAKS} or more are needed to choose a policy")
    return DataReport(
        folder=folder,
        layout="tables of scores",
        classes=dict(sorted(counts.items())),
        recordings=len({item.group for item in listing.items}),
        seconds=seconds,
        problems=tuple(problems),
        notes=tuple(notes),
    )


def read_examples(folder: Path, manifest: Manifest) -> ExampleSet:
    """`pipit evaluate`: every moment counts. Raises NotFound, InvalidInput; for scores of other members, too."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the tables of scores")
    listing = read_scored(folder)
    wanted = ensemble_of(manifest.pipeline.parameters).members
    for item in listing.items:
        if item.members != wanted:
            raise InvalidInput(
                f"{folder} holds scores of {'; '.join(map(str, item.members))}, but the bundle's members are "
                f"{'; '.join(map(str, wanted))}; make them anew by pipit ads scores"
            )
    examples = tuple(
        Example(item.name, CONTENT, item.group, partial(input_of, item), partial(_label_at, item))
        for item in listing.items
    )
    breaks = {item.name: breaks_of(item) for item in listing.items}
    return ExampleSet(examples, listing.problems, further=(measure_asked, partial(measure_breaks, breaks)))


def measure_breaks(breaks: dict[str, list[Block]], asked: Asked) -> Further:
    """What a viewer who skips gets. breaks: by the example's name."""
    recordings = []
    for example, predictions in asked.answered:
        spans = [one.region for one in predictions if isinstance(one.region, TimeSpan)]
        begin, end = spans[0].start, spans[-1].end
        truth = [(max(a, begin), min(b, end)) for a, b in breaks[example.name] if min(b, end) > max(a, begin)]
        recordings.append((said_breaks(predictions), truth, begin, end))
    found = measure_recordings(recordings)
    count = sum(len(truth) for _, truth, _, _ in recordings)
    return Further({f"skip.{name}": Metric(value=value, samples=count) for name, value in found.items()}, "breaks")


def _label_at(item: Scored, span: TimeSpan) -> str | None:
    return item.spans.label_at(item.recording, (span.start + span.end) / 2.0, item.otherwise)
