"""A trainer of a task of pictures: read, cropped, split and measured once for all such tasks.

prepare/crops/<class>/<number>.png    what the network is shown of each picture
verify/mistakes.png                   a contact sheet of the worst mistakes; it stays in the run folder
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from PIL import Image

from pipit.data.duplicates import alike, perceptual_hash
from pipit.errors import InputTooLarge, InvalidInput
from pipit.inputs import Input
from pipit.training.by_input.pictures.evaluating import read_input
from pipit.training.by_input.pictures.listing import Picture, Pixels, Seen, read_labelled
from pipit.training.by_input.pictures.mistakes import write_contact_sheet
from pipit.training.by_input.pictures.settings import PictureRecipe
from pipit.training.by_input.pictures.sides import describe_sides, same_group, split_pictures
from pipit.training.classifier import ClassifierTrainer
from pipit.training.evaluation import Scores
from pipit.training.recipe import LabelData
from pipit.training.run import Facts, Run
from pipit.training.sides import Entry, Side, require_trained
from pipit.training.source_set import Listing

RecipeT = TypeVar("RecipeT", bound=PictureRecipe)

FOLDER = "crops"


@dataclass(frozen=True, slots=True)
class Crop:
    """What the network is shown of a picture, uint8, (height, width, 3); facts of it that `items.json` is to keep."""

    pixels: Pixels
    facts: Mapping[str, Any] = field(default_factory=dict)


Cropper = Callable[[Pixels], Crop]


class PictureTrainer(ClassifierTrainer[RecipeT, Picture, Side], Generic[RecipeT]):
    """What a task brings is its reader and cropper, its network, and its words. Rows of a side: its crops, uint8."""

    items_are: ClassVar[str] = "pictures"

    @abstractmethod
    def read(self, path: Path) -> Pixels:
        """The picture as the device decodes it. Raises InvalidInput, InputTooLarge, OSError."""

    @abstractmethod
    def cropper(self) -> AbstractContextManager[Cropper]:
        """What crops as the device does, all to one size; open while it is needed."""

    def read_labelled(self, folder: Path, source: LabelData) -> Listing[Picture]:
        """See `ClassifierTrainer`."""
        return read_labelled(folder, source)

    def input_of(self, item: Picture) -> Input:
        """See `ClassifierTrainer`."""
        return read_input(item)

    def read_items(self, run: Run, items: Sequence[Picture]) -> tuple[list[Picture], list[str], Facts]:
        """See `ClassifierTrainer`; leaves the crops."""
        folder = run.output("prepare") / FOLDER
        usable: list[Picture] = []
        problems: list[str] = []
        with self.cropper() as crop, run.progress.track(self.items_are, len(items)) as bar:
            for number, picture in enumerate(items):
                try:
                    pixels = self.read(picture.path)
                    cropped = crop(pixels)
                except (InvalidInput, InputTooLarge, OSError) as error:
                    problems.append(f"{picture.path}: {error}")
                else:
                    file = f"{picture.label}/{number:06d}.png"
                    (folder / file).parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(cropped.pixels).save(folder / file, compress_level=1)
                    seen = Seen(perceptual_hash(pixels), file, cropped.facts)
                    usable.append(replace(picture, seen=seen))
                bar.advance()
        return usable, problems, {}

    def split_items(self, run: Run, items: Sequence[Picture]) -> tuple[list[Entry], Facts]:
        """See `split_pictures`; each class has to be trained. Entries are in the order of their classes."""
        seen = [picture.seen for picture in items if picture.seen is not None]
        pairs = [*alike([one.hash for one in seen]), *same_group([picture.group for picture in items])]
        sides = split_pictures(self.recipe.split, items, pairs, self.recipe.seed)
        for first, second in sides.torn:
            run.progress.say(
                f"nearly the same, on two sides of the split: {items[first].name} and {items[second].name}; "
                "the one that does not train is left out"
            )
        entries = [
            Entry(
                picture.name,
                picture.label,
                group,
                side,
                {"source": picture.source, "file": f"{FOLDER}/{one.crop}", **one.facts},
            )
            for picture, one, side, group in zip(items, seen, sides.sides, sides.groups, strict=True)
            if side
        ]
        require_trained(entries)
        facts = {"near_duplicates": len(pairs), "torn_pairs": len(sides.torn)}
        return sorted(entries, key=lambda entry: entry.label), facts

    def split_rule(self) -> str:
        """See `ClassifierTrainer`."""
        return describe_sides(self.recipe.split, self.recipe.seed)

    def side(self, run: Run, side: str) -> Side:
        """See `ClassifierTrainer`."""
        entries, labels = self.entries(run, side), self.labels(run)
        crops = []
        for entry in entries:
            with Image.open(run.output("prepare") / entry["file"]) as stored:
                crops.append(np.asarray(stored))
        truth = np.array([labels.index(entry["label"]) for entry in entries], np.int64)
        return Side(np.stack(crops), truth, np.array([entry["group"] for entry in entries], dtype=object))

    def after_verify(self, run: Run, scores: Scores, test: Side) -> None:
        """See `ClassifierTrainer`."""
        write_contact_sheet(run.output("verify") / "mistakes.png", test.rows, test.truth, scores, self.labels(run))
