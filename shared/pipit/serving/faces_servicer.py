"""`pipit.faces.v1.FaceService`: who is known, and who no longer is. Messages around people, looks, unknown faces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import grpc

from pipit._pb.pipit.faces.v1 import faces_pb2 as pb
from pipit._pb.pipit.faces.v1 import faces_pb2_grpc
from pipit.errors import InputTooLarge, InvalidInput
from pipit.faces.agreement import give_consent
from pipit.faces.enrolment import judge
from pipit.faces.gallery import Consent, Person, Template
from pipit.faces.verdicts import Picture, Report
from pipit.serving import faces_codec as codec
from pipit.serving.data_plane import DataPlane
from pipit.serving.faces_requests import (
    acknowledged,
    begin_of,
    check_deadline,
    check_not_enrolled,
    check_one_face,
    pictures_of,
    whom_of,
)
from pipit.serving.gallery_access import GalleryAccess
from pipit.serving.inference_servicer import deadline_of
from pipit.serving.looking import Looker, check_shown
from pipit.serving.people import Whom
from pipit.serving.reembedding import reembed

MOST_PICTURES = 30
"""Of one call."""
_LONGEST_FILE_NAME = 200


class FaceServicer(faces_pb2_grpc.FaceServiceServicer):  # type: ignore[misc]  # generated code has no types
    """See the proto file."""

    def __init__(
        self, plane: DataPlane, access: GalleryAccess, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """now: an aware time."""
        self._plane = plane
        self._access = access
        self._now = now

    def Enrol(  # noqa: N802 (gRPC's name)
        self, request_iterator: Iterator[pb.EnrolRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.EnrolResponse]:
        """Verdicts, then what was done."""
        people, requests = self._access.people, iter(request_iterator)
        begin = begin_of(requests)
        whom, consent = whom_of(begin), self._consent(begin)
        with Looker.lease(self._plane, begin.task) as looker, self._access.galleries(context) as galleries:
            pictures = list(self._pictures(looker, requests, context, crops=consent.keep_crops))
            reports: list[Report] = []
            try:
                check_deadline(context)
                changed = people.enrol(galleries, pictures, whom, consent, looker.measure, reports.append)
            except InvalidInput:
                # Who sees what is wrong with each picture knows what to do.
                for report in reports[-1:]:
                    yield from (pb.EnrolResponse(verdict=codec.verdict_to_message(one)) for one in report.verdicts)
                raise
            for verdict in reports[-1].verdicts:
                yield pb.EnrolResponse(verdict=codec.verdict_to_message(verdict))
            person = codec.person_to_message(changed.person, looker.measure.embedder, self._now())
            yield pb.EnrolResponse(outcome=codec.outcome_to_message(reports[-1], person, changed.revision))

    def Check(  # noqa: N802
        self, request_iterator: Iterator[pb.CheckRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.CheckResponse]:
        """Verdicts, then what would be said."""
        people, requests = self._access.people, iter(request_iterator)
        begin = begin_of(requests)
        whom = whom_of(begin) if begin.name or begin.person_id else Whom("", largest=begin.largest_face)
        with Looker.lease(self._plane, begin.task) as looker, self._access.galleries(context) as galleries:
            pictures = list(self._pictures(looker, requests, context, crops=False))
            everybody = people.read(galleries)
            measure = looker.measure
            report = judge(
                pictures,
                everybody.gallery,
                whom.find(everybody),
                measure.embedder,
                measure.limits,
                measure.likeness,
                largest=whom.largest,
            )
        yield from (pb.CheckResponse(verdict=codec.verdict_to_message(verdict)) for verdict in report.verdicts)
        yield pb.CheckResponse(outcome=codec.outcome_to_message(report, revision=everybody.gallery.revision))

    def ListPeople(  # noqa: N802
        self, request: pb.ListPeopleRequest, context: grpc.ServicerContext
    ) -> pb.ListPeopleResponse:
        """Everybody, by name."""
        with Looker.lease(self._plane, request.task) as looker, self._access.galleries(context) as galleries:
            gallery = self._access.people.read(galleries).gallery
            shown = partial(codec.person_to_message, embedder=looker.measure.embedder, now=self._now())
            people = sorted(gallery.people, key=lambda person: (person.name, person.id))
            return pb.ListPeopleResponse(
                gallery=gallery.name, revision=gallery.revision, people=[shown(person) for person in people]
            )

    def Forget(self, request: pb.ForgetRequest, context: grpc.ServicerContext) -> pb.ForgetResponse:  # noqa: N802
        """Deletes somebody, here and in the gallery; faces of theirs that are kept as unknown, too."""
        check_shown(self._plane)
        people = self._access.people
        with self._access.galleries(context) as galleries:
            person, revision = people.forget(galleries, request.person)
            devices = acknowledged(lambda: galleries.devices(people.name), revision)
        if self._access.unknown is not None:
            self._access.unknown.drop_like(person)
        return pb.ForgetResponse(
            id=person.id,
            name=person.name,
            revision=revision,
            devices=[codec.device_to_message(device, revision) for device in devices],
        )

    def Export(self, request: pb.ExportRequest, context: grpc.ServicerContext) -> pb.ExportResponse:  # noqa: N802
        """Everything that is held about somebody."""
        with Looker.lease(self._plane, request.task) as looker, self._access.galleries(context) as galleries:
            person, revision = self._access.people.whole(galleries, request.person)
            return pb.ExportResponse(
                person=codec.person_to_message(person, looker.measure.embedder, self._now()),
                gallery=self._access.people.name,
                revision=revision,
                templates=[codec.template_to_message(template) for template in person.templates],
                excluded=[codec.template_to_message(template) for template in person.not_this],
            )

    def ListUnknown(  # noqa: N802
        self, request: pb.ListUnknownRequest, context: grpc.ServicerContext
    ) -> pb.ListUnknownResponse:
        """Clusters, the largest first."""
        check_shown(self._plane)
        if self._access.unknown is None:
            return pb.ListUnknownResponse(kept=False)
        strangers = self._access.unknown.strangers
        return pb.ListUnknownResponse(
            clusters=[codec.cluster_to_message(cluster) for cluster in strangers.clusters],
            single=strangers.single,
            kept=True,
        )

    def Name(self, request: pb.NameRequest, context: grpc.ServicerContext) -> pb.NameResponse:  # noqa: N802
        """Enrols a cluster's faces, as `Enrol` does pictures."""
        begin = request.enrolment
        whom, consent, unknown = whom_of(begin), self._consent(begin), self._access.kept_unknown
        cluster = unknown.cluster(request.cluster)
        reports: list[Report] = []
        with Looker.lease(self._plane, begin.task) as looker, self._access.galleries(context) as galleries:
            pictures = pictures_of(cluster, looker.measure.embedder)
            changed = self._access.people.enrol(galleries, pictures, whom, consent, looker.measure, reports.append)
            unknown.drop(stranger.id for stranger in cluster.strangers)
            person = codec.person_to_message(changed.person, looker.measure.embedder, self._now())
        return pb.NameResponse(
            verdicts=[codec.verdict_to_message(verdict) for verdict in reports[-1].verdicts],
            outcome=codec.outcome_to_message(reports[-1], person, changed.revision),
        )

    def Ignore(self, request: pb.IgnoreRequest, context: grpc.ServicerContext) -> pb.IgnoreResponse:  # noqa: N802
        """Shows a cluster no more."""
        check_shown(self._plane)
        return pb.IgnoreResponse(faces=self._access.kept_unknown.ignore(request.cluster))

    def Exclude(self, request: pb.ExcludeRequest, context: grpc.ServicerContext) -> pb.ExcludeResponse:  # noqa: N802
        """Adds faces that are not the person's."""
        with Looker.lease(self._plane, request.task) as looker, self._access.galleries(context) as galleries:
            embedder = looker.measure.embedder
            if request.WhichOneof("face") == "cluster":
                pictures = pictures_of(self._access.kept_unknown.cluster(request.cluster), embedder)
            elif request.WhichOneof("face") == "picture":
                pictures = [self._look(looker, request.picture, context, crops=False)]
                check_one_face(pictures[0])
            else:
                raise InvalidInput("say which face is not this person's: send a picture, or name a cluster")
            # Without crops: whoever it is has agreed to nothing.
            faces = [Template(p.faces[0].vector, embedder, p.faces[0].quality.score, p.source) for p in pictures]
            added: list[Template] = []

            def change(person: Person) -> Person:
                held = {template.source for template in person.not_this if template.embedder == embedder}
                added[:] = [face for face in faces if face.source not in held]
                check_not_enrolled(person, added)
                return replace(person, not_this=(*person.not_this, *added))

            changed = self._access.people.change_person(galleries, request.person, change)
            return pb.ExcludeResponse(
                person=codec.person_to_message(changed.person, embedder, self._now()),
                added=len(added),
                revision=changed.revision,
            )

    def Reembed(self, request: pb.ReembedRequest, context: grpc.ServicerContext) -> pb.ReembedResponse:  # noqa: N802
        """Templates of the embedder that serves, from crops."""
        with Looker.lease(self._plane, request.task) as looker, self._access.galleries(context) as galleries:
            look = partial(looker.look, deadline=deadline_of(context), is_wanted=context.is_active, crops=False)
            result = reembed(self._access.people, galleries, looker.measure.embedder, look)
            shown = partial(codec.person_to_message, embedder=looker.measure.embedder, now=self._now())
            return pb.ReembedResponse(
                reembedded=[shown(person) for person in result.reembedded],
                left=[shown(person) for person in result.left],
                revision=result.revision,
            )

    def _consent(self, begin: pb.Enrolment) -> Consent:
        given = begin.consent
        return give_consent(given.by, given.purpose, given.until, given.keep_crops, self._now())

    def _pictures(
        self, looker: Looker, requests: Iterable[Any], context: grpc.ServicerContext, *, crops: bool
    ) -> Iterator[Picture]:
        for count, request in enumerate(requests, 1):
            if request.WhichOneof("part") != "picture":
                raise InvalidInput("after the beginning only pictures follow; begin another call for another person")
            if count > MOST_PICTURES:
                raise InputTooLarge(f"more than {MOST_PICTURES} pictures in one call; 5 to 10 are enough")
            yield self._look(looker, request.picture, context, crops=crops)

    def _look(self, looker: Looker, picture: pb.Picture, context: grpc.ServicerContext, *, crops: bool) -> Picture:
        name = picture.name[:_LONGEST_FILE_NAME] or "the picture"
        return looker.look(name, picture.data, deadline_of(context), context.is_active, crops=crops)
