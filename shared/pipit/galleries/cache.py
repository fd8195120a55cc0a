"""Sealed people on a device's disk, so that a start needs no registry.

<root>/<gallery>/<id>.json      a person, sealed and without crops; appears by one rename
<root>/<gallery>/revision.json  up to which revision everything here is complete; written last
<root>/<gallery>/.lock          between processes that share the folder
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from pipit.faces.sealing import SealedPerson
from pipit.files import cache_errors, sync_folder, write_atomically
from pipit.galleries.index import check_gallery, check_person
from pipit.locks import exclusive_lock
from pipit.logging import get_logger

_OWN = 0o600
_log = get_logger("galleries.cache")


@dataclass(frozen=True, slots=True)
class Kept:
    """What the disk holds. revision: None where it was never complete."""

    revision: int | None
    people: tuple[SealedPerson, ...]


class _KeptPerson(BaseModel):
    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    embedders: tuple[tuple[str, int], ...]
    keeps_crops: bool
    key: str
    wrapped_key: Base64Bytes
    body: Base64Bytes
    revision: int


class GalleryCache:
    """See the module. Raises Unavailable where the disk can't be used."""

    def __init__(self, root: Path, gallery: str) -> None:
        self._folder = root / check_gallery(gallery)
        with cache_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def read(self) -> Kept:
        """Everything that can be read; what can't is removed, and so are leftovers of a crash."""
        with cache_errors(self._folder), exclusive_lock(self._folder / ".lock"):
            for leftover in self._folder.glob(".*.part"):
                leftover.unlink(missing_ok=True)
            found = [self._read(path) for path in sorted(self._folder.glob("*.json")) if path.name != "revision.json"]
            whole = None not in found
            people = tuple(person for person in found if person is not None)
            return Kept(self._read_revision() if whole else None, people)

    def write(self, sealed: SealedPerson) -> None:
        """Puts a person here, or in the place of what was here of them; without crops."""
        document = {
            "format": 1,
            "id": sealed.id,
            "embedders": sealed.embedders,
            "keeps_crops": sealed.keeps_crops,
            "key": sealed.key,
            "wrapped_key": base64.b64encode(sealed.wrapped_key).decode(),
            "body": base64.b64encode(sealed.body).decode(),
            "revision": sealed.revision,
        }
        with cache_errors(self._folder), exclusive_lock(self._folder / ".lock"):
            write_atomically(self._path(sealed.id), json.dumps(document).encode(), _OWN)

    def remove(self, person_id: str) -> None:
        """Deletes what is here of a person; on the disk when this returns."""
        with cache_errors(self._folder), exclusive_lock(self._folder / ".lock"):
            self._path(person_id).unlink(missing_ok=True)
            sync_folder(self._folder)

    def complete(self, revision: int) -> None:
        """Says that everybody of this revision is here, and nobody else."""
        with cache_errors(self._folder), exclusive_lock(self._folder / ".lock"):
            write_atomically(self._folder / "revision.json", json.dumps({"revision": revision}).encode(), _OWN)

    def _path(self, person_id: str) -> Path:
        return self._folder / f"{check_person(person_id)}.json"

    def _read(self, path: Path) -> SealedPerson | None:
        try:
            kept = _KeptPerson.model_validate_json(path.read_bytes())
        except ValidationError:
            _log.warning("cached_person_unreadable", file=path.name)
            path.unlink(missing_ok=True)
            return None
        return SealedPerson(
            kept.id,
            kept.embedders,
            kept.keeps_crops,
            kept.key,
            kept.wrapped_key,
            kept.body,
            revision=kept.revision,
        )

    def _read_revision(self) -> int | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            return int(json.loads((self._folder / "revision.json").read_bytes())["revision"])
        return None
