"""`pipit.faces.v1` messages to and from what the servicer knows. Proto types stop here."""

from __future__ import annotations

from datetime import UTC, datetime

from pipit._pb.pipit.faces.v1 import faces_pb2 as pb
from pipit.faces.consents import standing
from pipit.faces.gallery import Consent, Person, Template
from pipit.faces.strangers import Cluster
from pipit.faces.verdicts import Report, Verdict
from pipit.galleries import DeviceState


def verdict_to_message(verdict: Verdict) -> pb.Verdict:
    """What is said of one picture."""
    message = pb.Verdict(
        picture=verdict.picture.name,
        accepted=verdict.accepted,
        refusals=[
            pb.Refusal(reason=one.reason.value, message=one.message, value=one.value, limit=one.limit)
            for one in verdict.refusals
        ],
        faces=len(verdict.picture.faces),
    )
    if verdict.face is not None:
        message.box, message.quality = verdict.face.quality.box, verdict.face.quality.score
        message.view = verdict.face.view.value
    return message


def outcome_to_message(report: Report, person: pb.Person | None = None, revision: int = 0) -> pb.Outcome:
    """What was done, or would be."""
    return pb.Outcome(
        person=person,
        accepted=len(report.accepted),
        warnings=report.warnings,
        missing_views=[view.value for view in report.missing_views],
        revision=revision,
    )


def person_to_message(person: Person, embedder: str, now: datetime) -> pb.Person:
    """Somebody, without what is held of their face. Crops are counted only where the person has them along."""
    current = [template for template in person.templates if template.embedder == embedder]
    sources = {template.source for template in current}
    return pb.Person(
        id=person.id,
        name=person.name,
        consent=consent_to_message(person.consent),
        templates=len(current),
        outdated=len({template.source for template in person.templates} - sources),
        crops=sum(bool(template.crop) for template in person.templates),
        excluded=len(person.not_this),
        in_force=bool(standing([person], now).people),
    )


def consent_to_message(consent: Consent) -> pb.Consent:
    """As it was given."""
    return pb.Consent(
        by=consent.by, purpose=consent.purpose, until=consent.until, keep_crops=consent.keep_crops, at=consent.at
    )


def template_to_message(template: Template) -> pb.Template:
    """Everything of it."""
    return pb.Template(
        vector=template.vector.tolist(),
        embedder=template.embedder,
        quality=template.quality,
        source=template.source,
        crop=template.crop,
    )


def cluster_to_message(cluster: Cluster) -> pb.Cluster:
    """With the crop of its best face."""
    return pb.Cluster(
        id=cluster.id,
        faces=len(cluster.strangers),
        first_seen=_text(cluster.first),
        last_seen=_text(cluster.last),
        crop=cluster.strangers[0].crop,
    )


def device_to_message(device: DeviceState, revision: int) -> pb.Device:
    """revision: that it has to have."""
    return pb.Device(id=device.device, revision=device.revision, acknowledged=device.revision >= revision)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
