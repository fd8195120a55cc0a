"""Rounds of a cross-validation of sounds: YAMNet listens once to everything, and a head is trained for each round.

What a clip is put behind is always of its own round, so that no background stands on both sides. The frozen body's
ranges for 8 bits were seen on windows of all rounds, without their labels; everything else of a round is of its
training side.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
from home_security.sounds.classes import Labels, choose_labels
from home_security.sounds.network import EMBED_ROWS, in_int8, train_head, yamnet, yamnet_embedder
from home_security.sounds.pipeline import OUTPUT, Collapse
from home_security.sounds.recipe import SoundsRecipe
from numpy.typing import NDArray
from pipit.bundle.manifest import Decision
from pipit.files import sha256_bytes
from pipit.pipelines.audio_windows import INPUT, FrontEnd
from pipit.training.by_input.audio.batches import Samples
from pipit.training.by_input.audio.clips import Clip
from pipit.training.by_input.audio.features import FeatureMaker
from pipit.training.by_input.audio.networks.yamnet_file import yamnet_file
from pipit.training.by_input.audio.quiet import QUIET_CATEGORY
from pipit.training.cache import ArrayCache
from pipit.training.datasets import file_digests
from pipit.training.keras_kit import KerasKit
from pipit.training.progress import LogProgress
from pipit.training.thresholds import choose_decision
from sklearn.model_selection import StratifiedGroupKFold

Rows = NDArray[np.float32]
ROUNDS = ("1", "2", "3", "4")
QUIET_A_ROUND = 80
CALIBRATION_WINDOWS = 100


def round_of(clips: Sequence[Clip]) -> list[str]:
    """Folds are ESC-50's own; fold 5 holds two classes only and joins the first. Other recordings take turns.

    Clips that may only train have none.
    """
    turns: dict[str, dict[str, str]] = {}
    found = []
    for clip in clips:
        own = turns.setdefault(clip.category, {})
        turn = own.setdefault(clip.recording, ROUNDS[len(own) % len(ROUNDS)])
        fold = {"5": "1"}.get(clip.fold, clip.fold)
        found.append("" if clip.train_only else fold or turn)
    return found


@dataclass(frozen=True)
class Round:
    """A network trained without the clips of one round. test: positions of those clips. logits: of them, by variant."""

    key: str
    network: Path
    decision: Decision
    test: Sequence[int]
    logits: dict[str, Rows]


class CrossValidation:
    """All clips heard, and a network for each round. What was computed is kept in `work`."""

    def __init__(self, recipe: SoundsRecipe, clips: Sequence[Clip], data: Path, work: Path) -> None:
        self.recipe, self.clips, self.data, self.work = recipe, clips, data, work
        self.rounds = round_of(clips)
        features = recipe.features
        self.front_end = FrontEnd(features.front_end, features.window_seconds, features.hop_seconds)
        self.labels: Labels = choose_labels([clip.category for clip in clips] + [QUIET_CATEGORY], "security")
        self.collapse = Collapse(self.labels.names, self.labels.output_labels)
        recordings = {(clip.category, clip.recording) for clip in clips}
        few = recipe.thresholds.experimental_under
        self.experimental = tuple(
            name for name in self.labels.alarms if sum(category == name for category, _ in recordings) < few
        )

    @cached_property
    def rows(self) -> Rows:
        """Of all clips and their copies, then of quiet, round by round."""
        self.work.mkdir(parents=True, exist_ok=True)
        cache = ArrayCache(self.work / "features")
        maker = FeatureMaker(self.front_end, self.recipe.augmentation, self.recipe.seed, cache, self.recipe.workers)
        digests = file_digests({clip.file: clip.path for clip in self.clips}, self.work / "file_digests.json")
        made: dict[str, Rows] = {}
        copies = self.recipe.augmentation.copies
        for key in (*ROUNDS, ""):
            own = [clip for clip, other in zip(self.clips, self.rounds, strict=True) if other == key]
            behind = [clip for clip in own if clip.background]
            found, problems = maker.make(own, digests, copies, LogProgress(), f"round {key or 'none'}", behind)
            assert not problems, problems
            made |= found
        quiet = [maker.quiet(QUIET_A_ROUND, copies, [self.recipe.seed, int(key)]) for key in ROUNDS]
        return np.concatenate([np.stack([made[clip.name] for clip in self.clips]), *quiet])

    @cached_property
    def calibration(self) -> Rows:
        """Windows that set ranges of 8 bits."""
        order = np.random.default_rng(self.recipe.seed).permutation(len(self.rows))[:CALIBRATION_WINDOWS]
        return self.rows[order, 0]

    @cached_property
    def embedder(self) -> keras.Model:
        """YAMNet's body, the same for all rounds."""
        return yamnet_embedder(self.front_end.shape, yamnet_file(self.data), self.calibration)

    @cached_property
    def embeddings(self) -> tuple[Rows, Rows]:
        """Float and 8-bit ones of all rows, (rows, 1 + copies, 1024)."""
        named = [clip.name for clip in self.clips]
        key = sha256_bytes(json.dumps([self.recipe.augmentation.model_dump(mode="json"), named]).encode())[:12]
        path = self.work / f"embeddings-{key}.npz"
        if not path.exists():
            clips, copies = self.rows.shape[:2]
            flat = self.rows.reshape(-1, *self.rows.shape[2:])
            heard = []
            with in_int8(self.embedder, self.calibration, self.work) as rounded:
                for listen in (self.embedder.predict_on_batch, rounded):
                    with LogProgress().track("listening with YAMNet", len(flat)) as bar:
                        parts = []
                        for start in range(0, len(flat), EMBED_ROWS):
                            parts.append(listen(flat[start : start + EMBED_ROWS]))
                            bar.advance(len(parts[-1]))
                    heard.append(np.concatenate(parts).reshape(clips, copies, -1))
            np.savez(path, exact=heard[0], rounded=heard[1])
        with np.load(path) as stored:
            return stored["exact"], stored["rounded"]

    def train(self, key: str, *, extra: bool = False) -> Round:
        """The network of a round, and what it says to clips that it never heard. extra: see `Clip.train_only`."""
        exact, rounded = self.embeddings
        sides = self._sides(key, extra=extra)
        truth = np.array([self.labels.outputs.index(category) for category in self._categories()], np.int64)
        train, validation = sides["train"], sides["validation"]
        heard = Samples(np.concatenate([exact[train], rounded[train]], axis=1), truth[train])
        folder = self.work / f"{self.recipe.digest[:8]}-{key}{'-extra' if extra else ''}"
        scratch = folder / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        path = folder / "int8.tflite"
        keras.utils.set_random_seed(self.recipe.seed)
        own = Samples(exact[validation], truth[validation])
        outputs = len(self.labels.outputs)
        head, _ = train_head(self.recipe, outputs, heard, own, scratch, folder / "logs", LogProgress())
        kit, names = KerasKit(batch=16), (INPUT, OUTPUT)
        if not path.exists():
            network = yamnet(self.embedder, head)
            network.save(folder / "network.keras")
            kit.export(network, {"int8": path}, names, self.rows[train[:100], 0], self.calibration)
        copies = exact.shape[1]
        scores = self.collapse(kit.outputs(head, exact[validation].reshape(-1, exact.shape[2])))
        positions = np.array([self.labels.index(category) for category in self.labels.outputs], np.int64)
        known = positions[truth[validation]].repeat(copies)
        decision = choose_decision(
            self.labels.names, known, scores, self.recipe.thresholds, self.labels.background, self.experimental
        )
        test = [i for i, other in enumerate(self.rounds) if other == key]
        return Round(key, path, decision, test, {"trained": kit.outputs(head, exact[test, 0])})

    def _categories(self) -> list[str]:
        return [clip.category for clip in self.clips] + [QUIET_CATEGORY] * QUIET_A_ROUND * len(ROUNDS)

    def _sides(self, key: str, *, extra: bool) -> dict[str, list[int]]:
        rest = [i for i, other in enumerate(self.rounds) if other not in (key, "")]
        splitter = StratifiedGroupKFold(5, shuffle=True, random_state=self.recipe.seed)
        categories = [self.clips[i].category for i in rest]
        recordings = [self.clips[i].recording for i in rest]
        train_at, validation_at = next(iter(splitter.split(rest, categories, recordings)))
        sides = {"train": [rest[i] for i in train_at], "validation": [rest[i] for i in validation_at]}
        sides["train"] += [i for i, other in enumerate(self.rounds) if not other and extra]
        for place, other in enumerate(ROUNDS):
            if other != key:
                start = len(self.clips) + place * QUIET_A_ROUND
                side = "validation" if other == ROUNDS[ROUNDS.index(key) - 1] else "train"
                sides[side] += range(start, start + QUIET_A_ROUND)
        return sides
