"""The clips of a recipe, from the folders of its data sets to features of one side of the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pipit.errors import InvalidInput, NotFound
from pipit.training.cache import ArrayCache
from pipit.training.datasets import file_digests
from pipit.training.run import Run

from home_security.sounds.classes import Labels, choose_labels
from home_security.sounds.dataset import Clip, Listing, read_dataset
from home_security.sounds.features import FeatureMaker
from home_security.sounds.fit import Rows, Samples
from home_security.sounds.pipeline import FrontEnd
from home_security.sounds.recipe import SoundSource, SoundsRecipe


class ClipStore:
    """Reads a data set when it is first asked for. What became of it in `prepare` is read from the run."""

    def __init__(self, recipe: SoundsRecipe, data: Path | None) -> None:
        self._recipe = recipe
        self._data = data
        features = recipe.features
        self.front_end = FrontEnd(features.front_end, features.window_seconds, features.hop_seconds)
        self._listings: tuple[Listing, ...] | None = None

    def files(self) -> dict[str, Path]:
        """Clips and their tables, by name."""
        files = {clip.name: clip.path for clip in self.clips()}
        for listing in self.listings():
            files |= listing.tables
        return files

    def listings(self) -> tuple[Listing, ...]:
        """One for each source of the recipe, empty for an optional one that is missing."""
        if self._listings is None:
            self._listings = tuple(self._listing(source) for source in self._recipe.data)
            counts = Counter(clip.name for listing in self._listings for clip in listing.clips)
            twice = [name for name, count in counts.items() if count > 1]
            if twice:
                raise InvalidInput(
                    f"{len(twice)} clips bear a name twice, for example {twice[0]}; rename a data folder"
                )
        return self._listings

    def _listing(self, source: SoundSource) -> Listing:
        try:
            folder = source.folder(self._data)
        except NotFound:
            if not source.optional:
                raise
            return Listing((), {}, ())
        return read_dataset(folder, source.kind, source.rename, train_only=source.train_only)

    def clips(self) -> tuple[Clip, ...]:
        """Of all sources."""
        return tuple(clip for listing in self.listings() for clip in listing.clips)

    def features(self, run: Run, side: str, clips: Sequence[Clip]) -> tuple[dict[str, Rows], list[str]]:
        """Log-mel by clip name, and a line for each clip that can't be used."""
        maker = FeatureMaker(
            self.front_end,
            self._recipe.augmentation,
            self._recipe.seed,
            ArrayCache(run.cache / "features"),
            self._recipe.workers,
        )
        digests = file_digests({clip.name: clip.path for clip in clips}, run.cache / "file_digests.json")
        copies = self._recipe.augmentation.copies if side == "train" else 0
        return maker.make(clips, digests, copies, run.progress, f"log-mel, {side} clips")

    def clips_of(self, run: Run, side: str) -> list[Clip]:
        """The clips of a side as `prepare` left them."""
        by_name = {clip.name: clip for clip in self.clips()}
        return [by_name[entry["name"]] for entry in run.read_json("prepare", "clips.json") if entry["side"] == side]

    def samples(self, run: Run, side: str, labels: Labels) -> Samples:
        """Features of a side. Raises InvalidInput if a file can't be read any more."""
        clips = self.clips_of(run, side)
        features, problems = self.features(run, side, clips)
        if problems:
            raise InvalidInput("clips have changed since they were prepared:\n  " + "\n  ".join(problems))
        rows = np.stack([features[clip.name] for clip in clips])
        return Samples(rows, np.array([labels.outputs.index(clip.category) for clip in clips], np.int64))

    def labels(self, run: Run) -> Labels:
        """Those that the prepared clips have."""
        return choose_labels(
            (entry["category"] for entry in run.read_json("prepare", "clips.json")), self._recipe.labels
        )
