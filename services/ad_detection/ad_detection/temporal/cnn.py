"""The CNN of a run: made or taken from a run of frames, exported once, and asked about every frame.

What it makes of a recording's frames is kept under the digests of its file and of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from pipit.files import sha256_bytes, sha256_file
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image
from pipit.runtimes import load_runtime
from pipit.training.cache import ArrayCache
from pipit.training.keras_kit import KerasKit
from pipit.training.progress import Progress
from pipit.training.quantise import export_litert

from ad_detection.frames.pipeline import whole_picture
from ad_detection.labelled_frames import Frame
from ad_detection.temporal.network import build_frames, cut_cnn
from ad_detection.temporal.recipe import TemporalRecipe

Placed = tuple[Frame, int]
"""A frame, and the position of its label."""


def make_cnn(
    recipe: TemporalRecipe,
    weights: Path | None,
    labels: int,
    sides: Mapping[str, Sequence[Placed]],
    scratch: Path,
    logs: Path,
    progress: Progress,
) -> keras.Model:
    """Pixels to features. weights: ImageNet's. labels: how many. sides: frames by side.

    Without any weights it first learns single frames; it goes on from what an interrupted call left in `scratch`.
    Raises what `build_frames` raises.
    """
    if not recipe.first_learns_frames:
        return cut_cnn(build_frames(recipe, weights, labels), learnt=recipe.cnn.start_from is not None)
    train, validation = (_rows(sides[side], recipe.cnn.crop) for side in ("train", "validation"))
    kept = scratch / "cnn"
    kept.mkdir(parents=True, exist_ok=True)
    trained = KerasKit().fit(
        lambda: build_frames(recipe, None, labels), recipe.of_frames, train, validation, kept, logs / "cnn", progress
    )
    return cut_cnn(trained.network, learnt=True)


def export_cnn(recipe: TemporalRecipe, cnn: keras.Model, train: Sequence[Placed], path: Path) -> None:
    """Writes the form that serves; ranges of 8 bits are those of training frames that the seed draws."""
    calibration = None
    if recipe.cnn.variant == "int8":
        chosen = np.random.default_rng(recipe.seed).permutation(len(train))[: recipe.export.calibration_samples]
        few = [train[place] for place in chosen.tolist()]
        calibration = _rows(few, recipe.cnn.crop)[0].astype(np.float32)
    export_litert(cnn, recipe.cnn.variant, path, calibration)


def features_of(
    path: Path, frames: Sequence[Placed], crop: int, cache: Path, progress: Progress
) -> NDArray[np.float32]:
    """What the exported CNN at `path` makes of frames, (frames, columns), in their order. cache: of the runs."""
    keep, digest = ArrayCache(cache / "temporal"), sha256_file(path)
    parts = []
    with (
        closing(load_runtime(path, "litert")) as cnn,
        progress.track("features of frames", len(frames)) as bar,
    ):
        (given,), (made,) = cnn.inputs, cnn.outputs
        for _, group in groupby((frame for frame, _ in frames), key=lambda frame: frame.recording):
            recording = list(group)
            content = "".join(sha256_file(frame.path) for frame in recording)
            key = {"cnn": digest, "frames": sha256_bytes(content.encode()), "crop": crop}

            def look(of: Sequence[Frame] = recording) -> NDArray[np.float32]:
                seen = [cnn.run({given.name: shown_of(frame, crop)[np.newaxis].astype(np.float32)}) for frame in of]
                return np.concatenate([one[made.name] for one in seen])

            parts.append(keep.get(key, look))
            bar.advance(len(recording))
    return np.concatenate(parts)


def _rows(frames: Sequence[Placed], crop: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    pixels = np.stack([shown_of(frame, crop) for frame, _ in frames])
    return pixels, np.array([place for _, place in frames], np.int64)


def shown_of(frame: Frame, crop: int) -> NDArray[np.uint8]:
    """What the CNN is shown of a frame, as the device makes it: (crop, crop, 3). Raises InvalidInput, InputTooLarge."""
    return whole_picture(decode_image(EncodedImage(frame.path.read_bytes()), shorter_side=crop), crop)
