"""Labelled series as what a bundle of a task of series is asked about: `pipit evaluate`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pipit.errors import NotFound
from pipit.inputs import Input, TensorInput
from pipit.pipelines.series import VALUES
from pipit.training.by_input.series.recordings import Recording, read_recordings, read_values
from pipit.training.examples import Example, ExampleSet
from pipit.types import TimeSpan


def series_examples(folder: Path, signals: tuple[str, ...]) -> ExampleSet:
    """Tables in the layout of `recordings`; every window counts, each group is a recording. Raises NotFound."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the tables")
    listing = read_recordings(folder)
    examples = (
        Example(one.name, one.label, one.group, partial(read_input, one, signals), partial(_always, one.label))
        for one in listing.items
    )
    return ExampleSet(tuple(examples), listing.problems)


def read_input(recording: Recording, signals: tuple[str, ...]) -> Input:
    """As a caller would send it. Raises InvalidInput."""
    return TensorInput(VALUES, read_values(recording.path, signals))


def _always(label: str, _span: TimeSpan) -> str:
    return label
