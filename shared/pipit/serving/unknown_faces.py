"""Faces of nobody known, kept sealed on this device for a day. Off unless the server is told to.

answer ──look_on──> queue (full: left out) ──> thread: `pipit.faces.strangers` ──> <folder>/<id>.sealed

A file a face, so that forgetting one is deleting one. Processes of one device share the folder.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from PIL import Image

from pipit.errors import InvalidInput, PipitError
from pipit.faces.contract import NamesFaces
from pipit.faces.finder import FacesDecoded
from pipit.faces.gallery import Person
from pipit.faces.likeness import Likeness
from pipit.faces.quality import Quality
from pipit.faces.sealing import GalleryKey
from pipit.faces.strangers import Cluster, Stranger, Strangers
from pipit.files import cache_errors, write_atomically
from pipit.logging import get_logger
from pipit.serving.looking import png
from pipit.serving.model import LoadedModel
from pipit.types import Decoded, Prediction, Tensors

LEAST_QUALITY = 0.3
"""A face that is worse says little, and would join the wrong people."""
NAMED_FROM = 0.5
"""The score of a name from which on a picture alone would say it."""
_QUEUE = 32
_LOOK_SECONDS = 60.0
"""How often old faces are looked for."""
_NONCE = 12
_SUFFIX = ".sealed"
_log = get_logger(__name__)


class UnknownFaces:
    """See the module. For any thread; `start` and `stop` it."""

    def __init__(
        self, folder: Path, key: GalleryKey, gallery: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """now: an aware time."""
        self._folder = folder
        # Of its own: what is sealed for a day has nothing to do with people who agreed.
        own = HKDF(SHA256(), 32, None, f"pipit unknown faces {gallery}".encode()).derive(key.secret)
        self._cipher = AESGCM(own)
        self._now = now
        self._lock = threading.RLock()
        self._strangers = Strangers()
        self._stamps: dict[str, tuple[int, int] | None] = {}
        """Of the files that they were read from."""
        self._likeness: dict[str, Likeness] = {}
        self._epoch = 0
        self._queue: queue.Queue[tuple[Stranger, Likeness, int] | None] = queue.Queue(_QUEUE)
        self._thread = threading.Thread(target=self._work, name="unknown faces", daemon=True)

    def start(self) -> None:
        """Begins to keep; what is older than a day, or can't be opened with this key, goes.

        Raises Unavailable for a folder that can't be used.
        """
        with cache_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._read_folder(clean=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends, once what waits is kept. May be called before `start`."""
        if self._thread.ident is not None:
            self._queue.put(None)
            self._thread.join()

    def look_on(
        self, model: LoadedModel, outputs: Tensors, decoded: Decoded, predictions: Sequence[Prediction]
    ) -> None:
        """Takes the unknown faces of an answer; leaves them out where many wait already."""
        pipeline = model.pipeline
        if not isinstance(decoded, FacesDecoded) or not isinstance(pipeline, NamesFaces):
            return
        wanted = [
            place
            for place, (face, prediction) in enumerate(zip(decoded.faces, predictions, strict=True))
            if _is_nobody(prediction) and face.quality.score >= LEAST_QUALITY
        ]
        if not wanted or self._queue.full():
            return
        likeness = self._likeness_of(model)
        epoch, vectors = self._epoch, pipeline.vectors(outputs, decoded)
        now = self._now()
        for place in wanted:
            face = decoded.faces[place]
            stranger = Stranger(
                secrets.token_hex(8),
                secrets.token_hex(4),
                now,
                now,
                pipeline.embedder,
                np.asarray(vectors[place], np.float32),
                face.quality,
                png(Image.fromarray(face.chip)),
            )
            try:
                self._queue.put_nowait((stranger, likeness, epoch))
            except queue.Full:
                return

    def _likeness_of(self, model: LoadedModel) -> Likeness:
        digest = model.identity.digest
        likeness = self._likeness.get(digest)
        if likeness is None:
            try:
                likeness = Likeness.of_bundle(model.manifest.pipeline.parameters)
            except InvalidInput:
                # Whoever enrols is told; an answer must not fail by it.
                likeness = Likeness()
            # Another thread, which answers with another version, may put its own in this place at once.
            self._likeness = {digest: likeness}
        return likeness

    @property
    def strangers(self) -> Strangers:
        """Those that are kept now."""
        with self._lock:
            self._read_folder()
            return self._strangers

    def cluster(self, identity: str) -> Cluster:
        """Raises NotFound."""
        return self.strangers.cluster(identity)

    def ignore(self, cluster: str) -> int:
        """See `Strangers.ignoring`; gives how many faces. Raises NotFound."""
        with self._lock:
            faces = len(self.cluster(cluster).strangers)
            self._replace(self._strangers.ignoring(cluster))
            return faces

    def drop(self, ids: Iterable[str]) -> None:
        """Forgets these faces."""
        with self._lock:
            self._read_folder()
            self._replace(self._strangers.without(ids))

    def drop_like(self, person: Person) -> int:
        """Forgets faces that may be of this person; gives how many. Before anything was kept here: too many rather."""
        with self._lock:
            # Who waits to be kept may be this person too, and is not kept any more.
            self._epoch += 1
            self._read_folder()
            likeness = next(iter(self._likeness.values()), Likeness())
            found: set[str] = set()
            for embedder in {template.embedder for template in person.templates}:
                own = [template.vector for template in person.templates if template.embedder == embedder]
                found |= {one.id for one in self._strangers.like(own, embedder, likeness)}
            self._replace(self._strangers.without(found))
            return len(found)

    def _work(self) -> None:
        while True:
            try:
                if not self._keep_next():
                    return
            except (OSError, PipitError) as error:
                # A full disk keeps no face, and stops nothing.
                _log.warning("unknown_face_not_kept", reason=type(error).__name__)

    def _keep_next(self) -> bool:
        """Keeps the face that comes next; where none comes, looks for old ones. False: this is the end."""
        try:
            item = self._queue.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            with self._lock:
                self._read_folder(clean=True)
            return True
        if item is None:
            return False
        stranger, likeness, epoch = item
        with self._lock:
            if epoch == self._epoch:
                self._read_folder()
                self._replace(self._strangers.met(stranger, likeness))
        return True

    def _replace(self, after: Strangers) -> None:
        """Brings the folder to this state, file by file."""
        before = {one.id: one for one in self._strangers.everybody}
        now = {one.id: one for one in after.everybody}
        for identity in before.keys() - now.keys():
            self._path(identity).unlink(missing_ok=True)
        for identity, one in now.items():
            if before.get(identity) is not one:
                write_atomically(self._path(identity), self._seal(one))
                self._stamps[identity] = _stamp(self._path(identity))
        self._strangers = after

    def _read_folder(self, *, clean: bool = False) -> None:
        """Takes over what other processes changed. clean: files that can't be opened are deleted, too."""
        have = {one.id: one for one in self._strangers.everybody}
        there = {path.name.removesuffix(_SUFFIX): path for path in self._folder.glob(f"*{_SUFFIX}")}
        found, before, self._stamps = [], self._stamps, {}
        for identity, path in there.items():
            stamp, one = _stamp(path), have.get(identity)
            if one is None or before.get(identity) != stamp:
                one = self._open(path)
            if one is not None:
                found.append(one)
                self._stamps[identity] = stamp
            elif clean:
                path.unlink(missing_ok=True)
        self._strangers = Strangers(tuple(sorted(found, key=lambda one: (one.first, one.id))))
        self._replace(self._strangers.without_old(self._now()))

    def _path(self, identity: str) -> Path:
        return self._folder / f"{identity}{_SUFFIX}"

    def _seal(self, one: Stranger) -> bytes:
        document = {
            "cluster": one.cluster,
            "first": one.first.isoformat(),
            "last": one.last.isoformat(),
            "embedder": one.embedder,
            "vector": _text(one.vector.astype("<f4").tobytes()),
            "quality": [getattr(one.quality, name) for name in Quality.__slots__],
            "crop": _text(one.crop),
            "ignored": one.ignored,
        }
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, json.dumps(document).encode(), one.id.encode())

    def _open(self, path: Path) -> Stranger | None:
        """None for what another key sealed, another process has just deleted, or another version wrote."""
        identity = path.name.removesuffix(_SUFFIX)
        try:
            data = path.read_bytes()
            document: dict[str, Any] = json.loads(self._cipher.decrypt(data[:_NONCE], data[_NONCE:], identity.encode()))
            return Stranger(
                identity,
                str(document["cluster"]),
                datetime.fromisoformat(document["first"]),
                datetime.fromisoformat(document["last"]),
                str(document["embedder"]),
                np.frombuffer(base64.b64decode(document["vector"]), "<f4").astype(np.float32),
                Quality(*document["quality"]),
                base64.b64decode(document["crop"]),
                bool(document["ignored"]),
            )
        except (OSError, InvalidTag, ValueError, KeyError, TypeError):
            return None


def _is_nobody(prediction: Prediction) -> bool:
    """Not so somebody known in the first pictures of a stream, who is named only after a few."""
    return prediction.unknown and all(score.score < NAMED_FROM for score in prediction.scores)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Another one whenever the file was written over; None: it is there no more."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
