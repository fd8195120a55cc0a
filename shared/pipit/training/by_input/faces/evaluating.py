"""Labelled faces as what a bundle of a task of faces is asked about: `pipit evaluate`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial

from PIL import Image

from pipit.bundle.manifest import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage, Input, InputSequence, Landmarks
from pipit.training.by_input.faces.labelled import Face
from pipit.training.examples import Example, ExampleSet, first
from pipit.training.source_set import Listing
from pipit.types import Prediction


def face_examples(listing: Listing[Face], manifest: Manifest) -> ExampleSet:
    """Each group is a person where persons are known, else a picture. Of several faces the largest counts.

    Of a clip of landmarks its last frames count, as many as the bundle's network looks at.
    """
    frames = int(manifest.pipeline.parameters.get("frames", 1))
    clips = any(face.landmarks is not None for face in listing.items)
    return ExampleSet(
        tuple(
            Example(face.name, face.label, face.person or face.name, partial(read_input, face, frames))
            for face in listing.items
        ),
        listing.problems,
        _last if clips else first,
    )


def _last(predictions: Sequence[Prediction]) -> Prediction:
    return predictions[-1]


def read_input(face: Face, frames: int) -> Input:
    """As a caller would send it. Raises InvalidInput for landmarks of a picture in which no face was found."""
    if face.path is not None:
        return EncodedImage(face.path.read_bytes())
    if face.pixels is not None:
        buffer = io.BytesIO()
        Image.fromarray(face.pixels).save(buffer, format="PNG")
        return EncodedImage(buffer.getvalue())
    if face.landmarks is None or not len(face.landmarks):
        raise InvalidInput("no face was found when its landmarks were made")
    rows = [Landmarks(row, 1.0 / face.aspect) for row in face.landmarks[-frames:]]
    return rows[0] if len(rows) == 1 else InputSequence(tuple(rows))
