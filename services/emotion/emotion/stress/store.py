"""The recordings of a recipe, from the folders of its data sets to windows of one side of the split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pipit.errors import InvalidInput
from pipit.training.run import Run
from pipit.training.splits import split_samples

from emotion.stress.dataset import read_dataset
from emotion.stress.past import Prior, prior_of
from emotion.stress.recipe import StressRecipe
from emotion.stress.recordings import LABELS, Listing, Recording
from emotion.stress.stream import StepReader
from emotion.stress.windows import Windows, cut_windows

SIDES = ("train", "validation", "test")


class RecordingStore:
    """Reads a data set when it is first asked for. What became of it in `prepare` is read from the run."""

    def __init__(self, recipe: StressRecipe, data: Path | None) -> None:
        self._recipe = recipe
        self._data = data
        self._listings: tuple[Listing, ...] | None = None

    def listings(self) -> tuple[Listing, ...]:
        """One for each source of the recipe. Raises NotFound, InvalidInput."""
        if self._listings is None:
            step = self._recipe.features.step_seconds
            sources = self._recipe.data
            self._listings = tuple(read_dataset(s.folder(self._data), s.kind, step, s.scale) for s in sources)
            files = [name for listing in self._listings for name in listing.files]
            twice = sorted({name for name in files if files.count(name) > 1})
            if twice:
                raise InvalidInput(f"two data sets hold a file of the name {twice[0]}; rename a folder")
        return self._listings

    def recordings(self) -> tuple[Recording, ...]:
        """Of all sources."""
        return tuple(recording for listing in self.listings() for recording in listing.recordings)

    def files(self) -> dict[str, Path]:
        """What they were read from."""
        return {name: path for listing in self.listings() for name, path in listing.files.items()}

    def split(self) -> dict[str, list[str]]:
        """Participants of each side, about alike in what they were. Raises InvalidInput."""
        recordings = self.recordings()
        if not recordings:
            raise InvalidInput("the data holds no recording that can be used")
        scores = np.concatenate([recording.score for recording in recordings])
        people = [recording.participant for recording in recordings for _ in recording.score]
        labels = [LABELS[int(score >= self._recipe.features.stressed_from)] for score in np.nan_to_num(scores)]
        folds = [person.rpartition("/")[2] for person in people]
        sides = split_samples(self._recipe.split, labels, people, folds, self._recipe.seed)
        return {side: sorted({people[i] for i in getattr(sides, side)}) for side in SIDES}

    def prior(self, participants: Sequence[str]) -> Prior:
        """What is expected of a person, from training participants alone."""
        return prior_for(self._recipe, self.of(participants))

    def of(self, participants: Sequence[str]) -> list[Recording]:
        """Recordings of some participants, in their order."""
        return [recording for recording in self.recordings() if recording.participant in participants]

    def windows(self, participants: Sequence[str], prior: Prior) -> Windows:
        """Of some participants."""
        return windows_for(self._recipe, self.of(participants), prior)

    def side(self, run: Run, side: str) -> Windows:
        """Windows of a side as `prepare` left it."""
        return self.windows(run.read_json("prepare", "participants.json")[side], self.prior_of_run(run))

    def prior_of_run(self, run: Run) -> Prior:
        """As `prepare` left it."""
        kept = run.read_json("prepare", "prior.json")
        return Prior(np.array(kept["mean"]), np.array(kept["deviation"]), kept["weight"])

    def reader(self, prior: Prior) -> StepReader:
        """What the device does with steps."""
        features = self._recipe.features
        return StepReader(self._recipe.signals, prior, features.window, features.hop, features.step_seconds)


def prior_for(recipe: StressRecipe, recordings: Sequence[Recording]) -> Prior:
    """Of training recordings."""
    comparable = [recipe.signals.check(recording.values) for recording in recordings]
    participants = [recording.participant for recording in recordings]
    return prior_of(comparable, participants, recipe.features.prior_steps)


def windows_for(recipe: StressRecipe, recordings: Sequence[Recording], prior: Prior) -> Windows:
    """As the recipe cuts them."""
    features = recipe.features
    ends = features.past == "recording"
    return cut_windows(recordings, recipe.signals, prior, features.window, features.hop, past_ends=ends)
