"""Photographs of prints as the classifier is shown them, as far as the trainer and `pipit data check` need it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from pipit.bundle import Bundle, open_bundle
from pipit.bundle.manifest import Manifest
from pipit.data.check import Advance, DataReport
from pipit.errors import NotFound
from pipit.runtimes import load_runtime
from pipit.training.by_input.pictures.check import check_pictures
from pipit.training.by_input.pictures.evaluating import picture_examples
from pipit.training.examples import ExampleSet

from footprints.names import name_of
from footprints.photographs import read_photographs
from footprints.prints import PrintFinder, finder_settings
from footprints.species.measure import measure_asked
from footprints.species.recipe import Crops


def check_folder(folder: Path, advance: Advance) -> DataReport:
    """`pipit data check footprints.species`. Raises NotFound, InvalidInput."""
    report = check_pictures(folder, read_photographs, Crops().smallest, advance)
    unnamed = [label for label in report.classes if name_of(label) is None]
    notes = (f"{label}: its English and Latin names are not known here" for label in unnamed)
    return replace(report, notes=(*notes, *report.notes))


def read_examples(folder: Path, manifest: Manifest) -> ExampleSet:
    """`pipit evaluate`: photographs in folders by species; others than the bundle's are strangers. Raises NotFound."""
    if not folder.is_dir():
        raise NotFound(f"{folder} is not a folder; name the one that holds the photographs")
    return replace(picture_examples(read_photographs(folder)), further=(measure_asked,))


def detector_of(crops: Crops, data: Path | None) -> Bundle | None:
    """The detector's bundle that the recipe names. data: the folder of data sets, where it may lie.

    Raises NotFound, IntegrityError, InvalidInput.
    """
    if crops.detector is None:
        return None
    path = Path(crops.detector).expanduser()
    if not path.is_absolute() and data is not None and not path.is_dir():
        path = data / path
    return open_bundle(path)


@contextmanager
def opened_finder(detector: Bundle | None) -> Iterator[PrintFinder | None]:
    """What finds prints; None without a detector."""
    if detector is None:
        yield None
        return
    with closing(load_runtime(detector.weights(), detector.manifest.variant().runtime)) as runtime:
        yield PrintFinder(runtime, finder_settings(detector.manifest.pipeline.parameters))
