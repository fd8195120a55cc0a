"""Encoders of speech by the network that a recipe names: their files, and they themselves."""

from __future__ import annotations

from pathlib import Path

from baby_monitor.cry.hubert import FOLDERS, Hubert, hubert_files, read_hubert
from baby_monitor.cry.recipe import CryRecipe
from baby_monitor.cry.whisper import FILE, Whisper, read_whisper, whisper_file


def encoder_files(recipe: CryRecipe, data: Path | None) -> dict[str, Path]:
    """What a training reads of it, by names below the data folder; nothing for a network without. Raises NotFound."""
    if recipe.network == "whisper":
        return {FILE.as_posix(): whisper_file(data)}
    return hubert_files(recipe, data) if recipe.network in FOLDERS else {}


def read_encoder(recipe: CryRecipe, data: Path | None) -> Whisper | Hubert | None:
    """None for a network without. Raises NotFound, InvalidInput."""
    files = list(encoder_files(recipe, data).values())
    if recipe.network == "whisper":
        return read_whisper(*files)
    return read_hubert(*files) if files else None
