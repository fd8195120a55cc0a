"""Pictures to faces with names, or unknown ones. The same code in the trainer and on the device.

    FaceFinder -> aligned chips -> [embedder] -> unit vectors -> Namer(gallery) -> a name, or unknown

The bundle knows nobody. Whose name is said comes with a gallery, which may change at any time; without one every face
is unknown, with its box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.faces.embedding import INPUT, OUTPUT, rows_of, unit_vectors
from pipit.faces.finder import Face, FaceFinder, FacesDecoded
from pipit.faces.gallery import EMPTY, Gallery, Person
from pipit.faces.naming import Namer, Naming
from pipit.faces.voting import UNKNOWN, Track
from pipit.inputs import Input
from pipit.inputs.image import TAKEN
from pipit.pipelines.rows import outputs_of
from pipit.runtimes import Runtime
from pipit.types import Decoded, LabelScore, Prediction, Tensors

from home_security.faces.settings import reaches, settings_of
from home_security.faces.stream import FaceStream, FrameDecoded

NONE: Mapping[str, Runtime] = MappingProxyType({})
_THOUSAND = np.float32(1000)
NOBODY = Naming((), None, 0.0)


class FacesPipeline:
    """`home_security.faces`. Shared by threads. See `pipit.faces.contract` for what enrolment needs of it."""

    def __init__(self, manifest: Manifest, networks: Mapping[str, Runtime] = NONE) -> None:
        """networks: those that find faces; see `pipit.landmarks`. Raises InvalidInput for wrong parameters."""
        self.settings = settings_of(manifest.pipeline.parameters)
        self._finder = FaceFinder(networks, self.settings.embedder.chip)
        self._namer = self._make_namer(EMPTY)

    @property
    def embedder(self) -> str:
        """The digest that templates of this bundle carry."""
        return self.settings.digest

    def use_gallery(self, gallery: Gallery) -> None:
        """See `NamesFaces`. Fits the classifiers in the caller's thread; then the next answer names by them."""
        self._namer = self._make_namer(gallery, self._namer)

    def decode(self, item: Input) -> FacesDecoded:
        """A picture: one row a face, largest first, none where there is no face; regions are boxes in it.

        Raises InvalidInput, InputTooLarge.
        """
        faces = self._finder.find(item)
        rows = rows_of([face.chip for face in faces], self.settings.embedder)
        return FacesDecoded({INPUT: rows}, tuple(face.box for face in faces), faces)

    def vectors(self, outputs: Tensors, decoded: Decoded) -> NDArray[np.float32]:
        """See `NamesFaces`. outputs: `embedding`; none where `decoded` has no rows."""
        dimensions = self.settings.embedder.dimensions
        if not decoded.regions:
            return np.zeros((0, dimensions), np.float32)
        return unit_vectors(outputs_of(outputs, OUTPUT, decoded, dimensions))

    def interpret(self, outputs: Tensors, decoded: Decoded) -> list[Prediction]:
        """outputs: `embedding`, shape (rows, dimensions). One prediction a face.

        Of a stream's picture: who the pictures so far say it is, so that a name is said after a few of them. Raises
        InvalidInput for what `decode` did not give.
        """
        if not isinstance(decoded, FacesDecoded):
            raise InvalidInput(f"this task takes pictures; {TAKEN}")
        if not decoded.faces:
            return []
        namer = self._namer
        named = namer.name(self.vectors(outputs, decoded))
        namings = [
            naming if reaches(face.quality, self.settings.nameable) else NOBODY
            for face, naming in zip(decoded.faces, named, strict=True)
        ]
        if not isinstance(decoded, FrameDecoded) or decoded.votes is None:
            return [
                _prediction(face, _scores(naming), naming.named.name if naming.named else "")
                for face, naming in zip(decoded.faces, namings, strict=True)
            ]
        tracks = decoded.votes.add([face.box for face in decoded.faces], namings)
        return [
            _voted(face, naming, track, namer.people)
            for face, naming, track in zip(decoded.faces, namings, tracks, strict=True)
        ]

    def open_stream(self) -> FaceStream:
        """For pictures that follow each other."""
        return FaceStream(self)

    def proof(self, outputs: Tensors, decoded: Decoded) -> NDArray[np.float32]:
        """What the bundle alone decides of each face: box, five points (thousands of pixels), presence, embedding."""
        vectors = self.vectors(outputs, decoded)
        faces = decoded.faces if isinstance(decoded, FacesDecoded) else ()
        places = [
            np.array([face.box.left, face.box.top, face.box.width, face.box.height, *face.points.ravel()], np.float32)
            for face in faces
        ]
        found = np.stack(places) / _THOUSAND if places else np.zeros((0, 14), np.float32)
        presence = np.array([face.presence for face in faces], np.float32).reshape(-1, 1)
        return np.concatenate([found, presence, vectors], axis=1)

    def _make_namer(self, gallery: Gallery, before: Namer | None = None) -> Namer:
        return Namer(gallery, self.settings.cohort, self.settings.naming, self.settings.digest, before)


def _scores(naming: Naming) -> tuple[LabelScore, ...]:
    """By name. Of two people of one name the better one counts, as who reads it can't tell them apart."""
    scores: dict[str, LabelScore] = {}
    for one in naming.scores:
        detected = one.score >= UNKNOWN and one.person is naming.named
        scores.setdefault(one.person.name, LabelScore(one.person.name, one.score, detected))
    return tuple(scores.values())


def _voted(face: Face, naming: Naming, track: Track, people: Sequence[Person]) -> Prediction:
    """What the pictures of a stream say of one face."""
    # Somebody who was forgotten since is not named any more.
    person = next((one for one in people if one.id == track.person), None)
    scores = [LabelScore(one.label, one.score) for one in _scores(naming)]
    if person is None:
        return _prediction(face, tuple(scores), "")
    agreeing = [one for one in track.sightings if one.person == person.id and one.score >= UNKNOWN]
    weight = sum(one.box.area for one in agreeing)
    vote = sum(one.box.area * one.score for one in agreeing) / weight if weight else UNKNOWN
    # What this picture alone says of others stays under what all of them say.
    others = [LabelScore(one.label, min(one.score, vote)) for one in scores if one.label != person.name]
    return _prediction(face, (LabelScore(person.name, vote, True), *others), person.name)


def _prediction(face: Face, scores: tuple[LabelScore, ...], label: str) -> Prediction:
    return Prediction(
        scores=scores,
        region=face.box,
        label=label,
        unknown=not label,
        region_score=face.presence,
        quality=face.quality.score,
    )
