"""Which data a recipe is meant for, as a small file beside it: `configs/<task>-<recipe>.data.json`.

Data sets lie outside of the repository. The manifest says by digest what they are, so that a change of the data is a
change that git sees, people review, and a pipeline trains on. It names folders and no files: those may be anybody's.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pipit.errors import InvalidInput
from pipit.files import write_atomically
from pipit.training.datasets import listing_digest
from pipit.training.run import dataset_digests
from pipit.training.trainer import Trainer

ENDING = ".data.json"


@dataclass(frozen=True, slots=True)
class Folder:
    """What one folder of a data set holds. digest: SHA-256 over names and content."""

    files: int
    digest: str


@dataclass(frozen=True, slots=True)
class DataManifest:
    """digest: of all files that the trainer lists, as bundles keep it in their lineage.

    folders: by the first part of a file's name; the files that lie in none are under ".".
    """

    digest: str
    folders: Mapping[str, Folder]


def data_manifest(digests: Mapping[str, str]) -> DataManifest:
    """digests: SHA-256 of each file by its name, as `file_digests` gives them."""
    folders: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name, digest in digests.items():
        folder, slash, _ = name.partition("/")
        folders[folder if slash else "."][name] = digest
    held = {name: Folder(len(files), listing_digest(files)) for name, files in sorted(folders.items())}
    return DataManifest(listing_digest(digests), held)


def manifest_path(recipe: Path) -> Path:
    """Beside the recipe."""
    return recipe.with_name(recipe.stem + ENDING)


def write_manifest(path: Path, manifest: DataManifest) -> None:
    """Writes it whole, or not at all."""
    write_atomically(path, (json.dumps({"format": 1, **asdict(manifest)}, indent=1) + "\n").encode())


def read_manifest(path: Path) -> DataManifest:
    """Raises InvalidInput for a file that is none."""
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != 1:
            raise InvalidInput(f"{path} is of a newer format, {content['format']!r}; update Pipit")
        folders = {
            str(name): Folder(int(each["files"]), str(each["digest"])) for name, each in content["folders"].items()
        }
        return DataManifest(str(content["digest"]), folders)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{path} is no manifest of data ({error!r}); write it anew by --data-manifest write"
        ) from error


def differences(expected: DataManifest, found: DataManifest) -> list[str]:
    """A line for each folder that is not as expected; none where the data are the same."""
    lines = []
    for name in sorted({*expected.folders, *found.folders}):
        wanted, here = expected.folders.get(name), found.folders.get(name)
        if wanted is None and here is not None:
            lines.append(f"{name}: {here.files} files here, none in the manifest")
        elif wanted is not None and here is None:
            lines.append(f"{name}: missing; the manifest has {wanted.files} files")
        elif wanted is not None and here is not None and wanted != here:
            other = "of other content or names" if wanted.files == here.files else f"and {here.files} here"
            lines.append(f"{name}: {wanted.files} files in the manifest, {other}")
    return lines


def settle_manifest(path: Path, trainer: Trainer, runs: Path, *, write: bool) -> str:
    """Writes the manifest of the trainer's data to `path`, or checks it; gives a line that says what became of it.

    runs: keeps digests of files, so that they are not read twice. A recipe without a manifest takes any data.
    Raises NotFound if a data set is not there, InvalidInput if the data are others than the manifest says.
    """
    if not write and not path.is_file():
        return f"there is no {path}, so any data will do"
    found = data_manifest(dataset_digests(trainer, runs))
    if write:
        write_manifest(path, found)
        return f"wrote {path}; commit it with the recipe"
    expected = read_manifest(path)
    if expected.digest != found.digest:
        lines = "\n  ".join(differences(expected, found) or ["names of folders"])
        raise InvalidInput(
            f"the data are not those of {path}:\n  {lines}\nBring the right data, or, if these are meant, write it "
            f"anew by --data-manifest write and commit it"
        )
    return f"the data are those of {path}"
