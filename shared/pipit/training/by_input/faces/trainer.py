"""A trainer of a task of faces: pictures searched, split and made samples once for all such tasks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import numpy as np

from pipit.bundle.manifest import Metric
from pipit.errors import InvalidInput
from pipit.inputs import Input
from pipit.landmarks.networks import RUNTIME, network_paths
from pipit.training.by_input.faces.evaluating import read_input
from pipit.training.by_input.faces.faces import Crop, FaceSamples, FaceSearch, Search, collect
from pipit.training.by_input.faces.groups import group_names
from pipit.training.by_input.faces.labelled import Face
from pipit.training.by_input.faces.settings import FaceRecipe
from pipit.training.cache import ArrayCache
from pipit.training.classifier import ClassifierTrainer
from pipit.training.datasets import file_digests
from pipit.training.intervals import wilson
from pipit.training.kit import Rows
from pipit.training.run import Facts, Run
from pipit.training.sides import ITEMS_FILE, SIDES, Entry, Side, describe_split
from pipit.training.splits import split_samples
from pipit.training.trainer import NetworkFile

RecipeT = TypeVar("RecipeT", bound=FaceRecipe)

WITHOUT_FACE_FILE = "without_face.json"
THREADS = 2
"""That search pictures."""


class FaceTrainer(ClassifierTrainer[RecipeT, Face, Side], Generic[RecipeT]):
    """What a task brings is its readers, its labels, its network, and its words.

    Beside `items.json` stands `prepare/without_face.json`: pictures in which no face was found, by name with their
    label. They neither train nor test.
    """

    items_are: ClassVar[str] = "faces"
    crop: ClassVar[Crop]

    @abstractmethod
    def rows(self, samples: FaceSamples) -> Rows:
        """Samples as the network takes them."""

    def networks(self) -> Mapping[str, NetworkFile]:
        """Those that find faces, and bodies where the recipe looks for them. Raises NotFound."""
        paths = network_paths(body=self.recipe.features.body)
        return {name: NetworkFile(RUNTIME, path) for name, path in paths.items()}

    def weights_files(self) -> Mapping[str, Path]:
        """See `ClassifierTrainer`: the same networks, which decide what is found."""
        return {f"networks/{network.path.name}": network.path for network in self.networks().values()}

    def input_of(self, item: Face) -> Input:
        """See `ClassifierTrainer`."""
        return read_input(item, self.recipe.features.frames)

    def read_items(self, run: Run, items: Sequence[Face]) -> tuple[list[Face], list[str], Facts]:
        """See `ClassifierTrainer`: those in which a face was found; the person of each is its group."""
        search = self.search(run, items)
        missed = frozenset(search.without)
        without = {face.name: face.label for face in items if face.name in missed}
        run.write_json("prepare", WITHOUT_FACE_FILE, without)
        kept = [face for face in items if face.name in search.found]
        looked = len(without) + len(kept)
        run.progress.say(f"no face was found in {len(without)} of {looked} pictures; they neither train nor test")
        groups, alike = group_names(kept, search.found)
        grouped = [replace(face, person=group) for face, group in zip(kept, groups, strict=True)]
        return grouped, list(search.problems), {"without_face": len(without), "look_alikes": alike}

    def split_items(self, run: Run, items: Sequence[Face]) -> tuple[list[Entry], Facts]:
        """By person and by look-alike, stratified by label where groups are drawn.

        Where folds test and groups validate, faces that look like one that tests are on no side.
        """
        sides = split_samples(
            self.recipe.split,
            [face.label for face in items],
            [face.person for face in items],
            [face.fold for face in items],
            self.recipe.seed,
        )
        entries = [
            Entry(items[i].name, items[i].label, items[i].person, side) for side in SIDES for i in getattr(sides, side)
        ]
        return entries, {"like_test_faces": len(items) - len(entries)}

    def split_rule(self) -> str:
        """See `ClassifierTrainer`."""
        groups = "persons where they are known, else pictures with their look-alikes,"
        return describe_split(self.recipe.split, self.recipe.seed, groups)

    def search(self, run: Run, faces: Sequence[Face]) -> Search:
        """Looks for the face in each, where that was not done before."""
        paths = {face.name: face.path for face in faces if face.path is not None}
        digests = file_digests(paths, run.cache / "file_digests.json")
        cache = ArrayCache(run.cache / "faces")
        search = FaceSearch(cache, THREADS, self.crop, body=self.recipe.features.body)
        return search.search(faces, digests, run.progress)

    def samples(self, run: Run, side: str) -> FaceSamples:
        """A side as `prepare` left it. Raises InvalidInput if a file can't be read any more."""
        faces = self.items(run, side)
        search = self.search(run, faces)
        lost = [*search.problems, *search.without]
        if lost:
            raise InvalidInput("pictures have changed since they were prepared:\n  " + "\n  ".join(lost))
        return collect(faces, search.found, self.recipe.features.frames, self.labels(run))

    def side(self, run: Run, side: str) -> Side:
        """See `ClassifierTrainer`."""
        samples = self.samples(run, side)
        groups = np.array([entry["group"] for entry in self.entries(run, side)], dtype=object)
        return Side(self.rows(samples), samples.truth, groups)

    def detection_rate(self, run: Run) -> Metric:
        """The share of all pictures in which a face was found."""
        found, without = (len(run.read_json("prepare", name)) for name in (ITEMS_FILE, WITHOUT_FACE_FILE))
        low, high = wilson(found, found + without)
        return Metric(value=found / (found + without), samples=found + without, low=low, high=high)
