"""The pictures of a recipe: from the folders of its data sets to crops of one side of the split.

prepare/crops/<side>/<class>/<number>.png    224 x 224, as the device would crop; read back by Keras
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pipit.bundle import Bundle, open_bundle
from pipit.errors import InputTooLarge, InvalidInput, NotFound
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image
from pipit.runtimes import load_runtime
from pipit.training.run import Run

from footprints.crops import square_crop
from footprints.prints import PrintFinder, finder_settings
from footprints.species.dataset import Listing, Picture, read_dataset
from footprints.species.duplicates import Hash, perceptual_hash
from footprints.species.fit import BATCH, Crops
from footprints.species.recipe import PrintSource, SpeciesRecipe
from footprints.species.settings import CROP

FOLDER = "crops"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a picture gives. region_score: the detector's, 0 for the centre crop."""

    pixels: NDArray[np.uint8]
    region_score: float
    hash: Hash


class PrintStore:
    """Reads a data set when it is first asked for. What became of it in `prepare` is read from the run."""

    def __init__(self, recipe: SpeciesRecipe, data: Path | None) -> None:
        self._recipe = recipe
        self._data = data
        self._listings: tuple[Listing, ...] | None = None

    def listings(self) -> tuple[Listing, ...]:
        """One for each source of the recipe, empty for an optional one that is missing."""
        if self._listings is None:
            self._listings = tuple(self._listing(source) for source in self._recipe.data)
            counts = Counter(picture.name for picture in self.pictures())
            twice = [name for name, count in counts.items() if count > 1]
            if twice:
                raise InvalidInput(f"{len(twice)} pictures bear a name twice, for example {twice[0]}; rename a folder")
        return self._listings

    def pictures(self) -> tuple[Picture, ...]:
        """Of all sources."""
        return tuple(picture for listing in self.listings() for picture in listing.pictures)

    def labels(self) -> tuple[str, ...]:
        """Every class that has pictures, sorted."""
        return tuple(sorted({picture.label for picture in self.pictures()}))

    def detector(self) -> Bundle | None:
        """The detector's bundle that the recipe names. Raises NotFound, IntegrityError, InvalidInput."""
        if self._recipe.crops.detector is None:
            return None
        path = Path(self._recipe.crops.detector).expanduser()
        if not path.is_absolute() and self._data is not None and not path.is_dir():
            path = self._data / path
        return open_bundle(path)

    @contextmanager
    def finder(self) -> Iterator[PrintFinder | None]:
        """What finds prints; None where the recipe has no detector."""
        bundle = self.detector()
        if bundle is None:
            yield None
            return
        variant = bundle.manifest.variant()
        with closing(load_runtime(bundle.weights(), variant.runtime)) as runtime:
            yield PrintFinder(runtime, finder_settings(bundle.manifest.pipeline.parameters))

    def see(self, path: Path, finder: PrintFinder | None) -> Seen:
        """Decodes and crops as the device does. Raises InvalidInput, InputTooLarge, OSError for a file that is bad."""
        crops = self._recipe.crops
        pixels = decode_image(EncodedImage(path.read_bytes()), shorter_side=crops.shorter_side)
        if min(pixels.shape[:2]) < crops.smallest:
            raise InvalidInput(f"only {min(pixels.shape[:2])} pixels on its shorter side; {crops.smallest} are needed")
        found = finder.find(pixels) if finder is not None else ()
        box, score = (found[0].box, found[0].score) if found else (None, 0.0)
        return Seen(square_crop(pixels, box, crops.margin, CROP), score, perceptual_hash(pixels))

    def see_all(self, run: Run) -> tuple[dict[str, Seen], list[str]]:
        """What each picture gives, by name; and a line for each that can't be used."""
        seen: dict[str, Seen] = {}
        problems: list[str] = []
        pictures = self.pictures()
        with self.finder() as finder, run.progress.track("pictures", len(pictures)) as bar:
            for picture in pictures:
                try:
                    seen[picture.name] = self.see(picture.path, finder)
                except (InvalidInput, InputTooLarge, OSError) as error:
                    problems.append(f"{picture.path}: {error}")
                bar.advance()
        return seen, problems

    def without_print(self) -> tuple[NDArray[np.uint8], dict[str, int]]:
        """Crops of pictures that hold no print, and how many came from each folder that is there.

        A detector that finds a print in one of them is believed, as on the device.
        """
        crops: list[NDArray[np.uint8]] = []
        counts: dict[str, int] = {}
        with self.finder() as finder:
            for name in self._recipe.without_print:
                paths = [] if self._data is None else sorted(_pictures_below(self._data / name))
                draw = np.random.default_rng(self._recipe.seed).permutation(len(paths))
                chosen = [paths[i] for i in draw[: self._recipe.without_print_samples]]
                crops += [self.see(path, finder).pixels for path in chosen]
                counts |= {name: len(chosen)} if chosen else {}
        return np.stack(crops) if crops else np.zeros((0, CROP, CROP, 3), np.uint8), counts

    def _listing(self, source: PrintSource) -> Listing:
        try:
            folder = source.folder(self._data)
        except NotFound:
            if not source.optional:
                raise
            return Listing((), ())
        return read_dataset(folder, source.path, source.rename)


def write_crops(folder: Path, entries: Sequence[Mapping[str, Any]], seen: Mapping[str, Seen]) -> None:
    """entries: with `name`, `label`, `side` and `file`. Every side gets a folder for each class, empty ones too."""
    for side in {entry["side"] for entry in entries}:
        for label in {entry["label"] for entry in entries}:
            (folder / side / label).mkdir(parents=True, exist_ok=True)
    for entry in entries:
        Image.fromarray(seen[entry["name"]].pixels).save(folder / entry["file"], compress_level=1)


def read_crops(folder: Path, labels: Sequence[str], sources: Mapping[str, str]) -> Crops:
    """The crops of one side, in the order of classes and file names. sources: data set by `<class>/<file>`."""
    dataset = keras.utils.image_dataset_from_directory(
        folder,
        class_names=list(labels),
        label_mode="int",
        image_size=(CROP, CROP),
        batch_size=BATCH,
        shuffle=False,
        verbose=False,
    )
    batches = [(np.asarray(pixels, np.uint8), np.asarray(truth, np.int64)) for pixels, truth in dataset]
    paths = [Path(path) for path in dataset.file_paths]
    return Crops(
        np.concatenate([pixels for pixels, _ in batches]),
        np.concatenate([truth for _, truth in batches]),
        tuple(sources[f"{path.parent.name}/{path.name}"] for path in paths),
    )


def _pictures_below(folder: Path) -> list[Path]:
    return [path for ending in ("*.jpg", "*.jpeg", "*.png") for path in folder.rglob(ending)]
