"""A trainer of a task of sounds: clips read, split and turned into windows once for all such tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from pipit.bundle.manifest import Decision, InputDescription
from pipit.errors import InvalidInput
from pipit.inputs import Input, PcmAudio
from pipit.pipelines.audio_windows import INPUT, AudioWindows, FrontEnd
from pipit.pipelines.rows import predictions
from pipit.training.by_input.audio.clips import Clip, read_clips, split_clips
from pipit.training.by_input.audio.evaluating import read_input
from pipit.training.by_input.audio.features import FeatureMaker, read_clip
from pipit.training.by_input.audio.listening import Listened, listen_to_background
from pipit.training.by_input.audio.quiet import QUIET_CATEGORY
from pipit.training.by_input.audio.robustness import LabelledSound, Robustness, measure_robustness
from pipit.training.by_input.audio.settings import SoundRecipe, SoundSource
from pipit.training.cache import ArrayCache
from pipit.training.classifier import ClassifierTrainer
from pipit.training.datasets import file_digests
from pipit.training.kit import Ask
from pipit.training.recipe import LabelData
from pipit.training.run import Facts, Run
from pipit.training.sides import SIDES, Entry, Side, describe_split
from pipit.training.source_set import Listing
from pipit.types import Decoded, Prediction

RecipeT = TypeVar("RecipeT", bound=SoundRecipe)

ItemT = TypeVar("ItemT")

AT_ONCE = 16
"""Sounds that the network is asked about together."""


@dataclass(frozen=True, slots=True)
class SoundSide(Side):
    """rows: of the network's input, (n, bands, frames, 1). groups: recordings. clips: of each row.

    Each clip's first window; on the validation side its varied copies too, and sounds that hold no event, so that what
    is decided there, thresholds above all, holds for short sounds, at every level and among others.
    """

    clips: tuple[Clip, ...]


class SoundTrainer(ClassifierTrainer[RecipeT, Clip, SoundSide], Generic[RecipeT]):
    """What a task brings is its labels, its network, and its words."""

    items_are: ClassVar[str] = "clips"
    known_classes: ClassVar[Sequence[str]] = ()
    """Classes that the task looks for; a folder that is nearly named so is a typing error."""

    def __init__(self, recipe: RecipeT, data: Path | None) -> None:
        super().__init__(recipe, data)
        features = recipe.features
        self.front_end = FrontEnd(features.front_end, features.window_seconds, features.hop_seconds)

    def read_source(self, folder: Path, source: Any) -> Listing[Clip]:
        """See `ClassifierTrainer`."""
        return read_clips(folder, source, self.known_classes)

    def read_labelled(self, folder: Path, source: LabelData) -> Listing[Clip]:
        """See `ClassifierTrainer`."""
        renamed = {path.name: unquote(path.name) for path in folder.iterdir() if path.is_dir()}
        read_as = SoundSource(
            kind="folders", path=source.path, licence=source.licence, rename=renamed, train_only=source.train_only
        )
        return read_clips(folder, read_as, self.known_classes)

    def input_of(self, item: Clip) -> Input:
        """See `ClassifierTrainer`."""
        return read_input(item)

    def read_items(self, run: Run, items: Sequence[Clip]) -> tuple[list[Clip], list[str], Facts]:
        """See `ClassifierTrainer`."""
        features, problems = self.features(run, items, 0)
        return [clip for clip in items if clip.name in features], problems, {}

    def split_items(self, run: Run, items: Sequence[Clip]) -> tuple[list[Entry], Facts]:
        """See `split_clips`. What validates or tests does not train under another name, as an imported file may."""
        sides = split_clips(self.recipe.split, items, self.recipe.seed)
        digests = file_digests({clip.file: clip.path for clip in items}, run.cache / "file_digests.json")
        others = {digests[clip.file] for side in ("validation", "test") for clip in sides[side] if clip.end is None}
        sides["train"] = [c for c in sides["train"] if c.end is not None or digests[c.file] not in others]
        return [_entry(clip, side) for side, clips in sides.items() for clip in clips], {}

    def split_rule(self) -> str:
        """See `ClassifierTrainer`."""
        return describe_split(self.recipe.split, self.recipe.seed, "recordings")

    def features(
        self, run: Run, clips: Sequence[Clip], copies: int
    ) -> tuple[dict[str, NDArray[np.float32]], list[str]]:
        """Rows by clip name, (1 + copies, bands, frames, 1), and a line for each clip that can't be used."""
        digests = file_digests({clip.file: clip.path for clip in clips}, run.cache / "file_digests.json")
        title = "log-mel" if not copies else f"log-mel, with {copies} copies of each"
        backgrounds = [clip for clip in clips if clip.background]
        return self.maker(run).make(clips, digests, copies, run.progress, title, backgrounds)

    def windows(self, run: Run, side: str, copies: int = 0) -> tuple[list[Clip], NDArray[np.float32]]:
        """The clips of a side, and rows of each and of its copies, (clips, 1 + copies, bands, frames, 1).

        On the sides that something is learnt from, sounds without an event follow, where the recipe asks for them.
        Raises InvalidInput if a file can't be read any more.
        """
        clips = self.items(run, side)
        features, problems = self.features(run, clips, copies)
        if problems:
            raise InvalidInput("clips have changed since they were prepared:\n  " + "\n  ".join(problems))
        rows = np.stack([features[clip.name] for clip in clips])
        count = self.quiet_sounds(run, side)
        if not count:
            return clips, rows
        quiet = self.maker(run).quiet(count, copies, [self.recipe.seed, SIDES.index(side)])
        names = [f"{QUIET_CATEGORY}/{side}/{number}" for number in range(count)]
        made = [Clip(Path(name), name, QUIET_CATEGORY, name) for name in names]
        return [*clips, *made], np.concatenate([rows, quiet])

    def quiet_sounds(self, run: Run, side: str) -> int:
        """How many sounds without an event a side has beside its clips."""
        quiet = 0 if self.background(run) is None else self.recipe.augmentation.quiet
        return {"train": quiet, "validation": quiet // 2}.get(side, 0)

    def side(self, run: Run, side: str) -> SoundSide:
        """See `ClassifierTrainer` and `SoundSide`."""
        clips, rows = self.windows(run, side, self.recipe.augmentation.copies if side == "validation" else 0)
        clips = [clip for clip in clips for _ in range(rows.shape[1])]
        truth = np.array([self.label_index(run, clip.category) for clip in clips], np.int64)
        groups = np.array([clip.recording for clip in clips], dtype=object)
        return SoundSide(rows.reshape(-1, *rows.shape[2:]), truth, groups, tuple(clips))

    def maker(self, run: Run) -> FeatureMaker:
        """What turns clips into rows of the network's input."""
        recipe = self.recipe
        cache = ArrayCache(run.cache / "features")
        return FeatureMaker(self.front_end, recipe.augmentation, recipe.seed, cache, recipe.workers)

    def label_of(self, run: Run, entry: Mapping[str, Any]) -> str:
        """See `ClassifierTrainer`."""
        return self.labels(run)[self.label_index(run, entry["label"])]

    def label_index(self, run: Run, category: str) -> int:
        """Position of a category's label."""
        return self.labels(run).index(category)

    def robustness(
        self, run: Run, ask: Ask, decision: Decision, side: str = "test", clips_a_label: int = 12
    ) -> Robustness:
        """What the network says to clips of a side as a house changes them, and to sounds without events.

        ask: of the variant that will serve. Asked the whole way that a device goes; see `measure_robustness`.
        """
        pipeline, labels = AudioWindows(self.front_end), self.labels(run)

        def decode(sound: tuple[NDArray[np.float32], int]) -> Decoded:
            samples, rate = sound
            return pipeline.decode(PcmAudio(samples[:, np.newaxis], rate))

        def answer(sounds: Iterable[tuple[NDArray[np.float32], int]]) -> Iterator[list[Prediction]]:
            with ThreadPoolExecutor(self.recipe.workers) as pool:
                for decoded in _some_ahead(pool, decode, sounds):
                    # All at once: a network that is asked about one after the other takes longer than they to decode.
                    scores = self.scores(run, ask(np.concatenate([one.tensors[INPUT] for one in decoded])))
                    ends = np.cumsum([len(one.regions) for one in decoded])
                    for own, one in zip(np.split(scores, ends[:-1]), decoded, strict=True):
                        yield predictions(own, labels, decision, one)

        sounds = [
            LabelledSound(
                clip.name,
                labels[self.label_index(run, clip.category)],
                clip.recording,
                partial(read_clip, clip.path, clip.start, clip.end),
            )
            for clip in self.items(run, side)
        ]
        return measure_robustness(
            answer,
            sounds,
            decision.background,
            experimental=decision.experimental,
            clips_a_label=clips_a_label,
            seed=self.recipe.seed,
            progress=run.progress,
        )

    def listen(self, run: Run, ask: Ask, decision: Decision, recordings: Mapping[str, Path]) -> Listened:
        """False alarms of the network in recordings without events, by name. ask: of the variant that will serve."""
        pipeline, labels = AudioWindows(self.front_end), self.labels(run)

        def answered(decoded: Decoded | None) -> list[Prediction]:
            if decoded is None or not decoded.regions:
                return []
            return predictions(self.scores(run, ask(decoded.tensors[INPUT])), labels, decision, decoded)

        def listen(pieces: Iterable[PcmAudio]) -> Iterator[Prediction]:
            stream = pipeline.open_stream()
            for piece in pieces:
                yield from answered(stream.push(piece))
            yield from answered(stream.finish())

        return listen_to_background(listen, recordings, run.progress)

    def input(self, run: Run) -> InputDescription:
        """See `ClassifierTrainer`."""
        return InputDescription(kind="audio", shape=self.front_end.shape, units=self.front_end.units)


def _entry(clip: Clip, side: str) -> Entry:
    return Entry(clip.name, clip.category, clip.recording, side, {"fold": clip.fold})


def _some_ahead(
    pool: ThreadPoolExecutor, decode: Callable[[ItemT], Decoded], sounds: Iterable[ItemT]
) -> Iterator[list[Decoded]]:
    """What `decode` makes of sounds, in their order, AT_ONCE together; as many more are decoded meanwhile.

    `pool.map` would take all sounds at once, and hold all that is made of them.
    """
    begun: deque[list[Future[Decoded]]] = deque()
    waiting = iter(sounds)
    while some := [pool.submit(decode, sound) for sound in islice(waiting, AT_ONCE)]:
        begun.append(some)
        if len(begun) > 1:
            yield [one.result() for one in begun.popleft()]
    for some in begun:
        yield [one.result() for one in some]
