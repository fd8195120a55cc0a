"""What a server needs for people, put together from its settings: keeper, follower, access, unknown faces."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipit.errors import PipitError
from pipit.faces.consents import standing
from pipit.faces.gallery import Gallery
from pipit.faces.sealing import GalleryKey
from pipit.galleries import Changes, Galleries, RemoteGalleries, StoredGalleries
from pipit.logging import get_logger
from pipit.serving.gallery_access import GalleryAccess
from pipit.serving.gallery_keeper import GalleryKeeper
from pipit.serving.model import LoadedModel
from pipit.serving.people import People
from pipit.serving.settings import ServingSettings
from pipit.serving.unknown_faces import UnknownFaces
from pipit.storage import LocalStore
from pipit.types import Decoded, Prediction, Tensors

_log = get_logger(__name__)


class FaceSide:
    """Of a server with a gallery key. One without knows nobody, follows nothing and keeps nothing."""

    def __init__(self, settings: ServingSettings, key_file: Path, keeper: GalleryKeeper) -> None:
        """keeper: gets the people. Raises NotFound, InvalidInput for a key that can't be read."""
        key = GalleryKey.load(key_file)
        folder = settings.gallery_dir.expanduser()
        people = People(settings.gallery, key)
        self._galleries: RemoteGalleries | StoredGalleries
        if settings.bundle:
            self._galleries = StoredGalleries(LocalStore(folder / "store"))
        else:
            token = settings.registry_token.get_secret_value() or None
            self._galleries = RemoteGalleries(settings.registry, token, certificate_authority=settings.registry_ca)
        unknown = UnknownFaces(folder / "unknown", key, settings.gallery) if settings.keep_unknown else None
        self.access = GalleryAccess(self._reach, people, unknown)
        self._follower = _Follower(self._galleries, people, keeper)

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

    def _reach(self, token: str | None, seconds: float | None) -> Galleries:
        if isinstance(self._galleries, RemoteGalleries):
            return self._galleries.as_caller(token, seconds)
        return self._galleries


class _Follower:
    def __init__(self, galleries: Galleries, people: People, keeper: GalleryKeeper) -> None:
        self._galleries, self._people, self._keeper = galleries, people, keeper
        self._stopped = threading.Event()
        self._changes: Changes | None = None
        self._thread = threading.Thread(target=self._run, name="gallery", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._changes is not None:
            self._changes.close()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._changes = self._galleries.watch(self._people.name)
                for _ in self._changes:
                    g = self._people.read(self._galleries).gallery
                    self._keeper.use(Gallery(g.name, g.revision, standing(g.people, datetime.now(UTC)).people))
                    if self._stopped.is_set():
                        return
            except PipitError as error:
                _log.warning("gallery_away", reason=str(error))
            self._stopped.wait(1.0)
