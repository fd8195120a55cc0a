"""What a server needs for people, put together from its settings: keeper, follower, access, unknown faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipit.faces.gallery import Gallery
from pipit.faces.sealing import GalleryKey
from pipit.galleries import Galleries, GalleryCache, GalleryFollower, RemoteGalleries, StoredGalleries
from pipit.serving.gallery_access import GalleryAccess
from pipit.serving.gallery_keeper import GalleryKeeper
from pipit.serving.model import LoadedModel
from pipit.serving.people import People
from pipit.serving.settings import ServingSettings
from pipit.serving.unknown_faces import UnknownFaces
from pipit.storage import LocalStore
from pipit.types import Decoded, Prediction, Tensors


class FaceSide:
    """Of a server with a gallery key. One without knows nobody, follows nothing and keeps nothing."""

    def __init__(self, settings: ServingSettings, key_file: Path, keeper: GalleryKeeper, device: str) -> None:
        """keeper: gets the people. device: says for whom it is that a gallery was followed.

        Raises NotFound, InvalidInput for a key that can't be read, Unavailable for a folder that can't be used.
        """
        key = GalleryKey.load(key_file)
        folder = settings.gallery_dir.expanduser()
        people = People(settings.gallery, key)
        self._galleries: RemoteGalleries | StoredGalleries
        cache = None
        if settings.bundle:
            self._galleries = StoredGalleries(LocalStore(folder / "store"))
        else:
            self._galleries = RemoteGalleries(settings.registry, **settings.connection.access)
            cache = GalleryCache(folder / "cache", settings.gallery)
        unknown = UnknownFaces(folder / "unknown", key, settings.gallery) if settings.keep_unknown else None
        self.access = GalleryAccess(self._reach, people, unknown)
        self._follower = GalleryFollower(self._galleries, settings.gallery, key, device, self._use, cache)
        self._keeper, self._people = keeper, people

    def start(self) -> None:
        """Begins to follow the gallery, and to keep unknown faces."""
        if self.access.unknown is not None:
            self.access.unknown.start()
        self._follower.start()

    def stop(self) -> None:
        """Ends both. May be called before `start`."""
        self._follower.stop()
        if self.access.unknown is not None:
            self.access.unknown.stop()
        if isinstance(self._galleries, RemoteGalleries):
            self._galleries.close()

    def look_on(
        self, model: LoadedModel, outputs: Tensors, decoded: Decoded, predictions: Sequence[Prediction]
    ) -> None:
        """Keeps unknown faces, where that is wanted."""
        if self.access.unknown is not None:
            self.access.unknown.look_on(model, outputs, decoded, predictions)

    def _use(self, gallery: Gallery) -> None:
        """Whoever was forgotten, here or elsewhere, is nowhere on this device afterwards."""
        ids = {person.id for person in gallery.people}
        if self.access.unknown is not None:
            for person in self._keeper.gallery.people:
                if person.id not in ids:
                    self.access.unknown.drop_like(person)
        self._people.forget_others(ids)
        self._keeper.use(gallery)

    def _reach(self, token: str | None, seconds: float | None) -> Galleries:
        if isinstance(self._galleries, RemoteGalleries):
            return self._galleries.as_caller(token, seconds)
        return self._galleries
