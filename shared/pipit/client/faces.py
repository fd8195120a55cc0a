"""A client of `pipit.faces.v1`: who is known to a server that names faces. Needs the role enroller."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from pipit._pb.pipit.faces.v1 import faces_pb2 as pb
from pipit._pb.pipit.faces.v1 import faces_pb2_grpc
from pipit.client.faces_types import (
    Enrolled,
    FollowingDevice,
    Forgotten,
    HeldPerson,
    HeldTemplate,
    KnownPerson,
    PictureVerdict,
    Reembedding,
    RefusedFor,
    UnknownCluster,
    UnknownSeen,
)
from pipit.client.inputs import Item, to_input
from pipit.errors import InvalidInput
from pipit.faces.gallery import Consent
from pipit.inputs import EncodedImage
from pipit.rpc.client import call_errors, open_channel


class FacesClient:
    """One connection, for any number of threads. Close it, or use it as a context manager.

    Calls raise the errors of `pipit.errors`: PermissionDenied without the role enroller, InvalidInput for pictures and
    names that can't be used, Conflict for a lost race, Unavailable where the server or its registry is away.
    """

    def __init__(
        self,
        server: str,
        *,
        task: str = "",
        timeout: float = 120.0,
        token: str | None = None,
        ca: str | os.PathLike[str] | None = None,
        certificate: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
    ) -> None:
        """server, token, ca, certificate, key: as `Client` takes them.

        task: "" for the server's only one that names faces. timeout: seconds for a call; ten large
        pictures take a small computer many.
        """
        self._server = server
        self._task = task
        self._timeout = timeout
        self._channel = open_channel(
            server, token, *(None if path is None else Path(path) for path in (ca, certificate, key))
        )
        self._stub = faces_pb2_grpc.FaceServiceStub(self._channel)

    def __enter__(self) -> FacesClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def enrol(
        self,
        name: str,
        pictures: Iterable[Item],
        *,
        consent_by: str,
        purpose: str,
        until: str = "",
        keep_crops: bool = False,
        person_id: str = "",
        another: bool = False,
        largest_face: bool = False,
        judged: Callable[[PictureVerdict], None] | None = None,
    ) -> Enrolled:
        """Makes somebody known, or adds pictures to whoever has the name or `person_id`.

        consent_by: who agreed. until: the last day, as 2027-06-30; "" for no end. keep_crops: faces may be kept sealed.
        another: somebody new although the name is taken. largest_face: take the largest of several. judged: is told of
        each picture, also where the call then fails because none can be used.
        """
        begin = self._begin(name, pb.Consent(by=consent_by, purpose=purpose, until=until, keep_crops=keep_crops))
        begin.person_id, begin.another, begin.largest_face = person_id, another, largest_face
        requests = self._requests(pb.EnrolRequest, begin, pictures)
        return self._outcome(self._stub.Enrol, requests, judged)

    def check(
        self,
        pictures: Iterable[Item],
        name: str = "",
        *,
        largest_face: bool = False,
        judged: Callable[[PictureVerdict], None] | None = None,
    ) -> Enrolled:
        """What `enrol` would say; nothing is kept. name: of whom they would be added to."""
        begin = pb.Enrolment(task=self._task, name=name, largest_face=largest_face)
        return self._outcome(self._stub.Check, self._requests(pb.CheckRequest, begin, pictures), judged)

    def people(self) -> tuple[KnownPerson, ...]:
        """Everybody who is known, by name."""
        reply = self._call(self._stub.ListPeople, pb.ListPeopleRequest(task=self._task))
        return tuple(_person(person) for person in reply.people)

    def forget(self, person: str) -> Forgotten:
        """Deletes everything that is held about somebody. person: name or id."""
        reply = self._call(self._stub.Forget, pb.ForgetRequest(person=person, task=self._task))
        devices = tuple(FollowingDevice(one.id, one.revision, one.acknowledged) for one in reply.devices)
        return Forgotten(reply.id, reply.name, reply.revision, devices)

    def export(self, person: str) -> HeldPerson:
        """Everything that is held about somebody. person: name or id."""
        reply = self._call(self._stub.Export, pb.ExportRequest(person=person, task=self._task))
        return HeldPerson(
            _person(reply.person),
            reply.gallery,
            reply.revision,
            _templates(reply.templates),
            _templates(reply.excluded),
        )

    def unknown(self) -> UnknownSeen:
        """Faces that came several times in the last 24 hours and are nobody's."""
        reply = self._call(self._stub.ListUnknown, pb.ListUnknownRequest(task=self._task))
        clusters = tuple(
            UnknownCluster(one.id, one.faces, one.first_seen, one.last_seen, one.crop) for one in reply.clusters
        )
        return UnknownSeen(clusters, reply.single, reply.kept)

    def name(
        self,
        cluster: str,
        name: str,
        *,
        consent_by: str,
        purpose: str,
        until: str = "",
        keep_crops: bool = False,
        another: bool = False,
    ) -> Enrolled:
        """Makes somebody known by the faces of a cluster. Otherwise as `enrol`."""
        begin = self._begin(name, pb.Consent(by=consent_by, purpose=purpose, until=until, keep_crops=keep_crops))
        begin.another = another
        reply = self._call(self._stub.Name, pb.NameRequest(cluster=cluster, enrolment=begin))
        return _enrolled(reply.outcome, [_verdict(verdict) for verdict in reply.verdicts])

    def ignore(self, cluster: str) -> int:
        """Shows a cluster no more; gives how many faces it had."""
        return int(self._call(self._stub.Ignore, pb.IgnoreRequest(cluster=cluster, task=self._task)).faces)

    def exclude(self, person: str, *, picture: Item | None = None, cluster: str = "") -> KnownPerson:
        """Says that the face of a picture, or those of a cluster, are not this person's.

        Raises InvalidInput unless one of both is given.
        """
        if (picture is None) == (not cluster):
            raise InvalidInput("give a picture or a cluster, not both")
        request = pb.ExcludeRequest(person=person, task=self._task)
        if picture is None:
            request.cluster = cluster
        else:
            request.picture.CopyFrom(_picture(picture))
        return _person(self._call(self._stub.Exclude, request).person)

    def reembed(self) -> Reembedding:
        """Makes templates for the embedder that serves now, from the crops that were kept."""
        reply = self._call(self._stub.Reembed, pb.ReembedRequest(task=self._task))
        people = [tuple(_person(person) for person in group) for group in (reply.reembedded, reply.left)]
        return Reembedding(people[0], people[1], reply.revision)

    def _begin(self, name: str, consent: pb.Consent) -> pb.Enrolment:
        return pb.Enrolment(task=self._task, name=name, consent=consent)

    def _requests(self, kind: type[Any], begin: pb.Enrolment, pictures: Iterable[Item]) -> Sequence[Any]:
        # All are read before the call begins: what can't be read is said before the server has any work.
        return [kind(begin=begin), *(kind(picture=_picture(picture)) for picture in pictures)]

    def _outcome(self, call: Any, requests: Sequence[Any], judged: Callable[[PictureVerdict], None] | None) -> Enrolled:
        verdicts: list[PictureVerdict] = []
        with call_errors(self._server):
            for reply in call(iter(requests), timeout=self._timeout):
                if reply.WhichOneof("part") == "outcome":
                    return _enrolled(reply.outcome, verdicts)
                verdicts.append(_verdict(reply.verdict))
                if judged is not None:
                    judged(verdicts[-1])
        raise InvalidInput("the server said nothing of what was done; is it as new as this client?")

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        with call_errors(self._server):
            return method(request, timeout=self._timeout)


def _picture(item: Item) -> pb.Picture:
    sent = to_input(item)
    if not isinstance(sent, EncodedImage):
        raise InvalidInput(
            f"{item if isinstance(item, str | os.PathLike) else 'this'} is no picture; give JPEG, PNG, WebP"
        )
    name = Path(item).name if isinstance(item, str | os.PathLike) else hashlib.sha256(sent.data).hexdigest()[:12]
    return pb.Picture(name=name, data=sent.data)


def _verdict(message: pb.Verdict) -> PictureVerdict:
    return PictureVerdict(
        message.picture,
        message.accepted,
        tuple(
            RefusedFor(
                one.reason,
                one.message,
                one.value if one.HasField("value") else None,
                one.limit if one.HasField("limit") else None,
            )
            for one in message.refusals
        ),
        message.faces,
        message.box if message.HasField("box") else None,
        message.quality if message.HasField("quality") else None,
        message.view,
    )


def _enrolled(message: pb.Outcome, verdicts: Sequence[PictureVerdict]) -> Enrolled:
    return Enrolled(
        _person(message.person) if message.HasField("person") else None,
        tuple(verdicts),
        message.accepted,
        tuple(message.warnings),
        tuple(message.missing_views),
        message.revision,
    )


def _person(message: pb.Person) -> KnownPerson:
    given = message.consent
    return KnownPerson(
        message.id,
        message.name,
        Consent(given.by, given.at, given.purpose, given.until, given.keep_crops),
        message.templates,
        message.outdated,
        message.crops,
        message.excluded,
        message.in_force,
    )


def _templates(messages: Iterable[pb.Template]) -> tuple[HeldTemplate, ...]:
    def held() -> Iterator[HeldTemplate]:
        for one in messages:
            yield HeldTemplate(tuple(one.vector), one.embedder, one.quality, one.source, one.crop)

    return tuple(held())
