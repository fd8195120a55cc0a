"""Photographs of prints, as both tasks train on them, and pictures of anything else that both are tried on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipit.training.by_input.pictures.listing import Picture, pictures_below, read_pictures
from pipit.training.source_set import Listing

SINGLE_PRINTS = "cropped_imgs"
"""Where OpenAnimalTracks (https://arxiv.org/abs/2406.09647) keeps single prints, beside whole scenes."""


def read_photographs(folder: Path, source: str = "", rename: Mapping[str, str] | None = None) -> Listing[Picture]:
    """Photographs in folders by class, split or not; see `pipit.training.by_input.pictures.listing.read_pictures`."""
    return read_pictures(folder, source or folder.name, rename or {}, SINGLE_PRINTS)


def pictures_without_prints(data: Path | None, folders: Sequence[str]) -> dict[str, list[Path]]:
    """Pictures in folders below the folder of data sets, by the folder; those that are not there are left out."""
    found = {name: pictures_below(data / name) for name in folders} if data is not None else {}
    return {name: paths for name, paths in found.items() if paths}
