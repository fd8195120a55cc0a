"""What a recipe of faces is made of: its people, its crowd, its embedder's weights."""

from __future__ import annotations

from pathlib import Path

from pipit.errors import NotFound
from pipit.training.source_set import Listing

from home_security.faces.data import CROWD, FacePicture, list_crowd, list_faces
from home_security.faces.dividing import Entries
from home_security.faces.networks import Wanted
from home_security.faces.recipe import FaceSplit, FacesRecipe
from home_security.faces.sides import describe_sides


def list_data(recipe: FacesRecipe, data: Path | None) -> Listing[FacePicture]:
    """People and crowd. Raises NotFound for what is missing and not optional, InvalidInput."""
    people = list_faces(recipe.data[0].folder(data))
    crowd = _list_crowd(recipe, data)
    return Listing((*people.items, *crowd.items), {**people.files, **crowd.files}, people.problems)


def split_of(recipe: FacesRecipe, *, crowded: bool) -> FaceSplit:
    """crowded: whether the crowd is there."""
    split, crowd = recipe.split, recipe.crowd
    if crowd is None or not crowded:
        return split
    return split.model_copy(update={"cohort_share": crowd.cohort_share, "limits_share": crowd.limits_share})


def rule_of(recipe: FacesRecipe, entries: Entries) -> str:
    """The split in words that let somebody repeat it."""
    crowded = any(entry["person"].startswith(CROWD) for entry in entries)
    return describe_sides(split_of(recipe, crowded=crowded), recipe.seed)


def wanted_weights(recipe: FacesRecipe, data: Path | None) -> Wanted:
    """Of the embedder."""
    weights = Path(recipe.weights).expanduser() if recipe.weights else None
    if weights is not None and not weights.is_absolute() and data is not None:
        weights = data / weights
    return Wanted(data, weights, recipe.bgr, recipe.per_picture)


def _list_crowd(recipe: FacesRecipe, data: Path | None) -> Listing[FacePicture]:
    source = recipe.crowd
    if source is None:
        return Listing()
    try:
        folder = source.folder(data)
    except NotFound:
        if source.optional:
            return Listing()
        raise
    return list_crowd(folder, source.most, recipe.seed)
