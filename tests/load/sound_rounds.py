"""Rounds of a cross-validation of sounds: one network trained on all clips but those of one round."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from home_security.sounds.network import train_network
from home_security.sounds.pipeline import OUTPUT
from home_security.sounds.recipe import SoundsRecipe
from home_security.sounds.yamnet import yamnet_file
from numpy.typing import NDArray
from pipit.pipelines.audio_windows import INPUT, FrontEnd
from pipit.training.by_input.audio.batches import Samples
from pipit.training.by_input.audio.clips import Clip, read_clips
from pipit.training.by_input.audio.features import FeatureMaker
from pipit.training.by_input.audio.settings import SoundSource
from pipit.training.cache import ArrayCache
from pipit.training.datasets import file_digests
from pipit.training.keras_kit import KerasKit
from pipit.training.kit import exported
from pipit.training.progress import RichProgress
from sklearn.model_selection import StratifiedGroupKFold

VARIANTS = ("trained", "float32", "dynamic", "int8")
ROUNDS: Mapping[str, tuple[str, ...]] = {"1": ("1", "5"), "2": ("2",), "3": ("3",), "4": ("4",)}
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Round:
    """Logits of one network trained without the clips of one round. By variant; validation of the trained one."""

    folder: Path
    test: Sequence[int]
    validation: Sequence[int]
    test_logits: Mapping[str, Rows]
    validation_logits: Rows


def read_set(folder: Path, kind: str, **source: Any) -> tuple[Clip, ...]:
    """The clips of a data set; source: further fields of its place in a recipe."""
    return read_clips(
        folder, SoundSource.model_validate({"kind": kind, "path": str(folder), "licence": "", **source})
    ).items


def train_or_load(
    recipe: SoundsRecipe, clips: Sequence[Clip], extra: Sequence[Clip], key: str, work: Path, data: Path
) -> Round:
    test = [i for i, clip in enumerate(clips) if clip.fold in ROUNDS[key]]
    rest = [i for i, clip in enumerate(clips) if clip.fold not in ROUNDS[key]]
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=recipe.seed)
    categories = [clips[i].category for i in rest]
    train_at, validation_at = next(iter(splitter.split(rest, categories, [clips[i].recording for i in rest])))
    train, validation = [rest[i] for i in train_at], [rest[i] for i in validation_at]
    listed = json.dumps([recipe.digest, key, [clip.name for clip in (*clips, *extra)]])
    folder = work / f"{recipe.name}-{hashlib.sha256(listed.encode()).hexdigest()[:12]}"
    done = folder / "logits.npz"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _train_round(recipe, clips, extra, train, validation, test, folder, work, data)
    with np.load(done) as stored:
        logits = {variant: stored[variant] for variant in VARIANTS}
        return Round(folder, test, validation, logits, stored["validation"])


def _train_round(
    recipe: SoundsRecipe,
    clips: Sequence[Clip],
    extra: Sequence[Clip],
    train: Sequence[int],
    validation: Sequence[int],
    test: Sequence[int],
    folder: Path,
    work: Path,
    data: Path,
) -> None:
    outputs = sorted({clip.category for clip in clips})
    copies = recipe.augmentation.copies

    def samples(chosen: Sequence[Clip], copies: int) -> Samples:
        rows = features_of(recipe, chosen, copies, work)
        return Samples(rows, np.array([outputs.index(clip.category) for clip in chosen], np.int64))

    training = samples([*(clips[i] for i in train), *extra], copies)
    validating = samples([clips[i] for i in validation], 0)
    testing = samples([clips[i] for i in test], 0).rows[:, 0]
    weights = yamnet_file(data) if recipe.network == "yamnet" else None
    progress = RichProgress()
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    network, _ = train_network(recipe, len(outputs), training, validating, weights, scratch, folder / "logs", progress)
    kit, names = KerasKit(batch=16), (INPUT, OUTPUT)
    found = {"trained": kit.outputs(network, testing), "validation": kit.outputs(network, validating.rows[:, 0])}
    calibration = training.rows[np.random.default_rng(recipe.seed).permutation(len(train))[:200], 0]
    for variant in VARIANTS[1:]:
        path = folder / f"{variant}.tflite"
        kit.export(network, variant, path, names, testing, calibration)
        with exported(path, kit.runtime, names) as ask:
            found[variant] = ask(testing)
    network.save(folder / "network.keras")
    with (folder / "logits.part").open("wb") as file:
        np.savez(file, allow_pickle=False, **found)
    (folder / "logits.part").rename(folder / "logits.npz")


def features_of(recipe: SoundsRecipe, clips: Sequence[Clip], copies: int, work: Path) -> Rows:
    features = recipe.features
    front_end = FrontEnd(features.front_end, features.window_seconds, features.hop_seconds)
    maker = FeatureMaker(front_end, recipe.augmentation, recipe.seed, ArrayCache(work / "features"), recipe.workers)
    digests = file_digests({clip.name: clip.path for clip in clips}, work / "file_digests.json")
    made, problems = maker.make(clips, digests, copies, RichProgress(), "log-mel")
    assert not problems, problems
    return np.stack([made[clip.name] for clip in clips])
