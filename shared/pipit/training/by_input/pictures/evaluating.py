"""Labelled pictures as what a bundle of a task of pictures is asked about: `pipit evaluate`."""

from __future__ import annotations

from functools import partial

from pipit.inputs import EncodedImage, Input
from pipit.training.by_input.pictures.listing import Picture
from pipit.training.examples import Example, ExampleSet
from pipit.training.source_set import Listing


def picture_examples(listing: Listing[Picture]) -> ExampleSet:
    """Each picture is a group by itself, unless the bundle's run has found its near duplicates.

    Where a detector finds several things in a picture, the surest counts.
    """
    examples = (Example(one.name, one.label, one.name, partial(read_input, one)) for one in listing.items)
    return ExampleSet(tuple(examples), listing.problems)


def read_input(picture: Picture) -> Input:
    """As a caller would send it."""
    return EncodedImage(picture.path.read_bytes())
