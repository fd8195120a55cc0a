"""Pictures that come to be enrolled, as `pipit.faces.enrolment` judges them: found, measured, embedded."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipit.errors import DeadlineExceeded, InputTooLarge, InvalidInput, PermissionDenied
from pipit.faces.contract import NamesFaces
from pipit.faces.finder import Face, FacesDecoded
from pipit.faces.likeness import Likeness
from pipit.faces.quality import QualityLimits
from pipit.faces.verdicts import Picture, Sighting
from pipit.inputs import EncodedImage
from pipit.inputs.image import decode_image
from pipit.rpc.callers import caller
from pipit.serving.data_plane import DataPlane
from pipit.serving.model import LoadedModel
from pipit.serving.people import Measure
from pipit.serving.types import Selector
from pipit.types import Box

MARGIN = 1.6
"""Side of a kept crop over that of the face's box: enough for the face to be found again, whatever the embedder."""
CROP = 224
"""Pixels of a kept crop's side at most."""


class Looker:
    """Looks at pictures with one version of a model, which stays until `lease` ends."""

    def __init__(self, plane: DataPlane, model: LoadedModel) -> None:
        self._plane = plane
        self._model = model
        pipeline = model.pipeline
        if not isinstance(pipeline, NamesFaces):
            raise InvalidInput(f"task {model.identity.task} names no faces; choose one that does")
        self._names_faces = pipeline
        parameters = model.manifest.pipeline.parameters
        self.measure = Measure(
            pipeline.embedder,
            QualityLimits.from_parameters(parameters.get("quality", {})),
            Likeness.of_bundle(parameters),
        )

    @classmethod
    @contextmanager
    def lease(cls, plane: DataPlane, task: str) -> Iterator[Looker]:
        """task: "" for the only one that names faces. Raises NotFound, Unavailable, InvalidInput."""
        model = plane.host(Selector(task or only_task(plane))).lease()
        try:
            yield cls(plane, model)
        finally:
            model.release()

    def look(
        self, name: str, data: bytes, deadline: float | None, is_wanted: Callable[[], bool], *, crops: bool
    ) -> Picture:
        """Waits for a turn as every request does. What can't be read is a picture with a `problem`.

        deadline: of the monotonic clock, in seconds. crops: whether faces are cut out, to be kept.
        Raises DeadlineExceeded, QueueFull.
        """
        source = hashlib.sha256(data).hexdigest()
        with self._plane.admission.turn(deadline, is_wanted, bounded=False):
            try:
                faces = self._faces(EncodedImage(data), deadline, crops=crops)
            except (InvalidInput, InputTooLarge) as error:
                return Picture(name, source, problem=str(error))
        return Picture(name, source, faces)

    def _faces(self, item: EncodedImage, deadline: float | None, *, crops: bool) -> tuple[Sighting, ...]:
        decoded = self._model.decode(item)
        if not isinstance(decoded, FacesDecoded):
            raise InvalidInput(f"task {self._model.identity.task} finds no faces in pictures; choose one that does")
        if deadline is not None and deadline <= monotonic():
            raise DeadlineExceeded("the deadline passed while pictures were looked at; allow more time, or send fewer")
        outputs, _ = self._model.run(decoded.tensors, len(decoded.regions), deadline)
        vectors = self._names_faces.vectors(outputs, decoded)
        pixels = decode_image(item) if crops and decoded.faces else None
        return tuple(
            Sighting(np.asarray(vector, np.float32), face.quality, b"" if pixels is None else _portrait(pixels, face))
            for face, vector in zip(decoded.faces, vectors, strict=True)
        )


def only_task(plane: DataPlane) -> str:
    """The task of the server that names faces. Raises InvalidInput if there is none, or several."""
    tasks = _tasks_of_faces(plane)
    if len(tasks) == 1:
        return tasks[0]
    if tasks:
        raise InvalidInput(f"name a task; {', '.join(tasks)} name faces here")
    if all(host.is_serving for host in plane.shown.values()):
        raise InvalidInput(f"no task of this server names faces; it has {', '.join(sorted(plane.shown)) or 'none'}")
    # Whichever is still loading may be the one; its lease says why it does not answer.
    return next(task for task, host in sorted(plane.shown.items()) if not host.is_serving)


def check_shown(plane: DataPlane) -> None:
    """For calls that name no task. Raises PermissionDenied for a caller whose tasks name no faces."""
    if caller().tasks is not None and not _tasks_of_faces(plane):
        raise PermissionDenied(
            f"{caller().name} may ask no task of this server that names faces, and so none of its people"
        )


def _tasks_of_faces(plane: DataPlane) -> list[str]:
    tasks = []
    for task, host in sorted(plane.shown.items()):
        if not host.is_serving:
            continue
        model = host.lease()
        if model.names_people:
            tasks.append(task)
        model.release()
    return tasks


def _portrait(pixels: NDArray[np.uint8], face: Face) -> bytes:
    """The face and a little around it, as PNG."""
    return png(cut(Image.fromarray(pixels), face.box))


def cut(picture: Image.Image, box: Box) -> Image.Image:
    """A square around a box, inside of the picture."""
    side = max(box.width, box.height) * MARGIN
    middle_x, middle_y = box.left + box.width / 2, box.top + box.height / 2
    left, top = max(0, round(middle_x - side / 2)), max(0, round(middle_y - side / 2))
    right = max(left + 1, min(picture.width, round(middle_x + side / 2)))
    bottom = max(top + 1, min(picture.height, round(middle_y + side / 2)))
    part = picture.crop((left, top, right, bottom))
    part.thumbnail((CROP, CROP), Image.Resampling.LANCZOS)
    return part


def png(picture: Image.Image) -> bytes:
    """Encoded without loss."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
