"""What calls of `FaceService` ask for, checked; apart from the servicer, which does it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import grpc

from pipit._pb.pipit.faces.v1 import faces_pb2 as pb
from pipit.errors import DeadlineExceeded, InvalidInput, NotFound
from pipit.faces.gallery import Person, Template
from pipit.faces.names import check_name
from pipit.faces.strangers import Cluster
from pipit.faces.verdicts import Picture, Sighting
from pipit.galleries import DeviceState
from pipit.serving.inference_servicer import deadline_of
from pipit.serving.people import Whom

ACKNOWLEDGE_SECONDS = 3.0
"""How long devices have to say that they have forgotten somebody, before those that have not are listed."""
ASK_SECONDS = 0.1


def acknowledged(devices: Callable[[], tuple[DeviceState, ...]], revision: int) -> tuple[DeviceState, ...]:
    """What devices say, once all have followed, or after a few seconds: one that is switched off says nothing."""
    until = monotonic() + ACKNOWLEDGE_SECONDS
    pause = threading.Event()
    while True:
        found = devices()
        if all(device.revision >= revision for device in found) or monotonic() >= until:
            return found
        pause.wait(ASK_SECONDS)


def begin_of(requests: Iterator[Any]) -> pb.Enrolment:
    """The first message. Raises InvalidInput for another."""
    first = next(requests, None)
    if first is None or first.WhichOneof("part") != "begin":
        raise InvalidInput("the first message says who is to be enrolled (begin); send it before the pictures")
    begin: pb.Enrolment = first.begin
    return begin


def whom_of(begin: pb.Enrolment) -> Whom:
    """Raises InvalidInput for a name that can't be."""
    if begin.person_id and begin.another:
        raise InvalidInput("an id names somebody known, and another person somebody new; leave one out")
    name = begin.name if begin.person_id and not begin.name else check_name(begin.name)
    return Whom(name, begin.person_id, begin.another, begin.largest_face)


def check_deadline(context: grpc.ServicerContext) -> None:
    """Raises DeadlineExceeded for a caller who waits no more."""
    deadline = deadline_of(context)
    if not context.is_active() or (deadline is not None and deadline <= monotonic()):
        raise DeadlineExceeded("the deadline passed before anything was written; allow more time, or send fewer")


def check_one_face(picture: Picture) -> None:
    """Raises InvalidInput for a picture with none or several."""
    if picture.problem:
        raise InvalidInput(f"{picture.name}: {picture.problem}")
    if len(picture.faces) != 1:
        found = f"{len(picture.faces)} faces were" if picture.faces else "no face was"
        raise InvalidInput(f"{picture.name}: {found} found, and one is needed; cut it out of the picture")


def check_not_enrolled(person: Person, faces: list[Template]) -> None:
    """Raises InvalidInput for a picture that is the person's own."""
    held = {template.source for template in person.templates}
    if any(face.source in held for face in faces):
        raise InvalidInput(
            "this very picture is enrolled as the person's own; forget the person and enrol the right pictures"
        )


def pictures_of(cluster: Cluster, embedder: str) -> list[Picture]:
    """The faces of a cluster, as if they were pictures. Raises NotFound where none is of this embedder."""
    pictures = [
        Picture(
            f"{cluster.id}/{stranger.id}", stranger.id, (Sighting(stranger.vector, stranger.quality, stranger.crop),)
        )
        for stranger in cluster.strangers
        if stranger.embedder == embedder
    ]
    if not pictures:
        raise NotFound(
            f"the faces of cluster {cluster.id} were seen by the version before, and can't be compared; wait until "
            "they come again"
        )
    return pictures
