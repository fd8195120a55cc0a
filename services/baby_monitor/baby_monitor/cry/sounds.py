"""The sounds of `baby_monitor.cry` as its trainer needs them: listed, divided, heard, and as samples to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipit.runtimes import load_runtime
from pipit.training.by_input.audio.clips import Clip, split_clips
from pipit.training.by_input.audio.features import FeatureMaker
from pipit.training.by_input.audio.networks.yamnet_file import FILE, yamnet_file
from pipit.training.by_input.audio.trainer import SoundTrainer
from pipit.training.cache import ArrayCache
from pipit.training.datasets import file_digests
from pipit.training.run import Facts, Run
from pipit.training.sides import SIDES, Entry, require_trained
from pipit.training.source_set import Listing
from pipit.training.splits import cut_by_group
from pipit.training.torch_data import Samples

from baby_monitor.cry.distillation import NOT_KNOWN
from baby_monitor.cry.encoders import encoder_files
from baby_monitor.cry.episodes import EpisodeRule
from baby_monitor.cry.hearing import Hearing
from baby_monitor.cry.labels import CRY, NO_CRY, reasons_among
from baby_monitor.cry.network import TAKES_OF
from baby_monitor.cry.reading import read_cries
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.stream import INPUT
from baby_monitor.cry.teacher import teacher_files


class CrySounds(SoundTrainer[CryRecipe]):
    """What of the trainer is about its data; see `baby_monitor.cry.task`."""

    def __init__(self, recipe: CryRecipe, data: Path | None) -> None:
        super().__init__(recipe, data)
        self.takes = TAKES_OF[recipe.network]
        self.rule = EpisodeRule(**recipe.episodes.model_dump())

    @cached_property
    def hearing(self) -> Hearing:
        """As a device hears. Raises NotFound without YAMNet's file, where the recipe has a gate."""
        gate = load_runtime(yamnet_file(self.data), "onnx") if self.has_gate else None
        return Hearing(self.front_end, self.takes, gate)

    @property
    def has_gate(self) -> bool:
        """Whether the bundle can tell that nobody cries."""
        return self.recipe.gate != "none"

    def weights_files(self) -> Mapping[str, Path]:
        """YAMNet's, which travel with the bundle, those of an encoder of speech, and a student's teacher."""
        encoder, teacher = (
            encoder_files(self.recipe, self.data),
            teacher_files(self.recipe, self.recipe_folder, self.data),
        )
        return {**self._gate_files(), **encoder, **teacher}

    def read_source(self, folder: Path, source: Any) -> Listing[Clip]:
        """See `read_cries`. Recordings without a cry are no use without a gate."""
        listing = read_cries(folder, source, self.recipe.label_of)
        if self.has_gate:
            return listing
        return replace(listing, items=tuple(clip for clip in listing.items if clip.category not in (CRY, NO_CRY)))

    def split_items(self, run: Run, items: Sequence[Clip]) -> tuple[list[Entry], Facts]:
        """Cries by recorder; of what is none, half validates and half tests. Raises InvalidInput."""
        cries = [clip for clip in items if clip.category not in (CRY, NO_CRY)]
        quiet = [clip for clip in items if clip.category == NO_CRY and not clip.train_only]
        sides = split_clips(self.recipe.split, cries, self.recipe.seed)
        entries = [_entry(clip, side) for side, clips in sides.items() for clip in clips]
        require_trained(entries)
        if quiet:
            names = [NO_CRY] * len(quiet), [clip.recording for clip in quiet]
            validation, test = cut_by_group(0.5, *names, self.recipe.seed)
            entries += [_entry(quiet[i], "validation") for i in validation.tolist()]
            entries += [_entry(quiet[i], "test") for i in test.tolist()]
        babies = {side: len({clip.recording for clip in clips}) for side, clips in sides.items()}
        return entries, {"recorders": babies}

    def split_rule(self) -> str:
        """See `ClassifierTrainer`."""
        return f"{super().split_rule()} (a recording is a recorder here); recordings without a cry: half each"

    def maker(self, run: Run) -> FeatureMaker:
        """See `SoundTrainer`."""
        recipe = self.recipe
        digests = file_digests(self._gate_files(), run.cache / "file_digests.json")
        cache = ArrayCache(run.cache / "features")
        return FeatureMaker(
            self.front_end,
            recipe.augmentation,
            recipe.seed,
            cache,
            recipe.workers,
            self.hearing,
            {"takes": self.takes, "gate": digests},
        )

    def labels(self, run: Run) -> tuple[str, ...]:
        """`no_cry` where there is a gate, then the reasons of which there are recordings."""
        return ((NO_CRY,) if self.has_gate else ()) + self.reasons(run)

    def background(self, run: Run) -> str | None:
        """See `ClassifierTrainer`."""
        return NO_CRY if self.has_gate else None

    def reasons(self, run: Run) -> tuple[str, ...]:
        """Those of which there are recordings, in the order of the bundle's labels."""
        return reasons_among(str(entry["label"]) for side in SIDES for entry in self.entries(run, side))

    def labelled(self, run: Run) -> tuple[Samples, Samples]:
        """Cries that train and that validate, with their copies; targets: positions of reasons."""
        return self._samples(run, "train"), self._samples(run, "validation")

    def unlabelled(self, run: Run, clips: Sequence[Clip]) -> Samples:
        """Cries of no known reason, with their copies, and NOT_KNOWN for targets."""
        features, _ = self.features(run, clips, self.recipe.augmentation.copies)
        rows = np.concatenate([features[clip.name] for clip in clips if clip.name in features])
        return Samples({INPUT: rows}, np.full(len(rows), NOT_KNOWN, np.int64))

    def other_cries(self, run: Run) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """The gate's scores of cries of no known reason, and their recordings, both (n,)."""
        clips = [clip for clip in self.sources.items() if clip.category == CRY]
        features, _ = self.features(run, clips, 0) if clips else ({}, [])
        known = [clip for clip in clips if clip.name in features]
        scores = np.array([features[clip.name][0, 0] for clip in known], np.float32)
        return scores, np.array([clip.recording for clip in known], dtype=object)

    def _samples(self, run: Run, side: str) -> Samples:
        clips, rows = self.windows(run, side, self.recipe.augmentation.copies)
        reasons = self.reasons(run)
        cries = [position for position, clip in enumerate(clips) if clip.category != NO_CRY]
        truth = np.array([reasons.index(clips[position].category) for position in cries], np.int64)
        chosen = rows[cries]
        return Samples({INPUT: chosen.reshape(-1, rows.shape[-1])}, truth.repeat(rows.shape[1]))

    def _gate_files(self) -> dict[str, Path]:
        return {FILE.as_posix(): yamnet_file(self.data)} if self.has_gate else {}


def _entry(clip: Clip, side: str) -> Entry:
    return Entry(clip.name, clip.category, clip.recording, side)
