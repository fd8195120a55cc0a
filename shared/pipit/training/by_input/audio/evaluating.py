"""Labelled recordings as what a bundle of a task of sounds is asked about: `pipit evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipit.bundle.manifest import Manifest
from pipit.errors import NotFound
from pipit.inputs import EncodedAudio, Input, PcmAudio
from pipit.inputs.audio import decode_audio
from pipit.training.asking import most_alarming
from pipit.training.by_input.audio.clips import Clip, layout_of, read_clips
from pipit.training.by_input.audio.features import DEVICE_ENDINGS, read_clip
from pipit.training.by_input.audio.robustness import LabelledSound, measure_robustness, write_robustness
from pipit.training.by_input.audio.settings import SoundSource
from pipit.training.examples import Asked, Example, ExampleSet, Further
from pipit.training.source_set import Listing
from pipit.types import Prediction


def clip_examples(folder: Path, manifest: Manifest, known: Sequence[str] = ()) -> ExampleSet:
    """Clips in any of the layouts of `pipit.training.by_input.audio.clips`; each group is a recording.

    Of a clip of several windows the one counts that a person is alarmed by. known: as for `read_clips`. Raises NotFound
    for no folder, InvalidInput for a table without its columns.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the recordings")
    listing = read_clips(folder, SoundSource(kind=layout_of(folder), path=str(folder), licence=""), known)
    return listed_examples(listing, manifest)


def listed_examples(listing: Listing[Clip], manifest: Manifest) -> ExampleSet:
    """The same for clips that a task lists by itself."""
    return ExampleSet(
        tuple(Example(clip.name, clip.category, clip.recording, partial(read_input, clip)) for clip in listing.items),
        listing.problems,
        most_alarming(manifest),
        further=(robustness,),
    )


def robustness(asked: Asked) -> Further:
    """The stress tests of `robustness`, by the pipeline that is served."""

    def answer(sounds: Iterable[tuple[NDArray[np.float32], int]]) -> Iterator[list[Prediction]]:
        return (asked.served.answer(PcmAudio(samples[:, np.newaxis], rate)) for samples, rate in sounds)

    def sound(one: Example) -> LabelledSound:
        return LabelledSound(one.name, one.label, one.group, lambda: decode_audio(one.read()))

    found = measure_robustness(
        answer,
        [sound(one) for one, _ in asked.answered],
        asked.decision.background,
        experimental=asked.decision.experimental,
        seed=asked.seed,
        progress=asked.progress,
    )
    title = "sounds as a house changes them"
    return Further(found.metrics(), title, found.table(), found.to_json(), partial(write_robustness, found=found))


def read_input(clip: Clip) -> Input:
    """As a caller would send it: the file, where a device decodes such files. Raises InvalidInput, InputTooLarge."""
    if clip.end is None and clip.path.suffix.lower() in DEVICE_ENDINGS:
        return EncodedAudio(clip.path.read_bytes())
    samples, rate = read_clip(clip.path, clip.start, clip.end)
    return PcmAudio(samples[:, np.newaxis], rate)
