"""`pipit.examples.v1.ExampleService`: from the wire to the parts that know, and back."""

# ruff: noqa: N802, D102 (the methods are named and described in the proto file)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import grpc
from pipit._pb.pipit.examples.v1 import examples_pb2 as pb
from pipit._pb.pipit.examples.v1 import examples_pb2_grpc
from pipit.errors import InvalidInput, NotFound
from pipit.examples import Consent, Example
from pipit.examples.ids import check_example_id
from pipit.galleries.acknowledgements import check_device
from pipit.metrics import Metrics
from pipit.rpc.callers import Role, caller
from pipit.rpc.mirror import from_proto, to_proto
from pipit.rpc.places import Places
from pipit.storage import ObjectStore

from model_registry import layout
from model_registry.audit_log import AuditLog
from model_registry.cursors import cursor_at, number_of
from model_registry.examples.arrivals import Came
from model_registry.examples.checks import check_day
from model_registry.examples.consents import Consents
from model_registry.examples.intake import Intake
from model_registry.examples.pool import Pool

SERVICE = pb.DESCRIPTOR.services_by_name["ExampleService"].full_name
_PAGE = 1000
_PIECE_BYTES = 256 * 1024
_EVERYBODY = frozenset(Role)
_OPERATORS = frozenset({Role.OPERATOR})
_SENDERS = frozenset({Role.DEVICE, Role.LABELLER, Role.OPERATOR})
_VIEWERS = frozenset({Role.LABELLER, Role.OPERATOR, Role.PUBLISHER})
"""Whoever may see what devices kept: a reader may not, nor may another device."""
_ROLES = {
    "ListConsents": _EVERYBODY,
    "GiveConsent": _OPERATORS,
    "WithdrawConsent": _OPERATORS,
    "PrepareUpload": _SENDERS,
    "Upload": _SENDERS,
    "ListExamples": _VIEWERS,
    "GetExample": _VIEWERS,
    "ReadContent": _VIEWERS,
    "DeleteExamples": _OPERATORS,
    "Departures": _EVERYBODY,
}
METHOD_ROLES = {f"/{SERVICE}/{method}": roles for method, roles in _ROLES.items()}
"""Who may call what, for AuthInterceptor."""
RECEIVING = (f"/{SERVICE}/Upload",)
"""Methods whose clients must keep sending."""


@dataclass(frozen=True, slots=True)
class ExampleTransfers:
    """Places for contents on their way, each direction apart."""

    uploads: Places
    downloads: Places


class ExampleServicer(examples_pb2_grpc.ExampleServiceServicer):  # type: ignore[misc]  # generated code has no types
    """Raises errors of the tree; ErrorInterceptor turns them into statuses."""

    def __init__(
        self,
        store: ObjectStore,
        pool: Pool,
        consents: Consents,
        intake: Intake,
        transfers: ExampleTransfers,
        metrics: Metrics,
        audit: AuditLog,
    ) -> None:
        self._store = store
        self._pool = pool
        self._consents = consents
        self._intake = intake
        self._transfers = transfers
        self._audit = audit
        self._received = metrics.counter("pipit_examples_received_total")
        self._bytes = metrics.counter("pipit_examples_received_bytes_total")
        self._deleted = metrics.counter("pipit_examples_deleted_total")

    def ListConsents(self, request: pb.ListConsentsRequest, context: grpc.ServicerContext) -> pb.ListConsentsResponse:
        device = _own(request.device_id)
        found = [consent for consent in self._consents.holding(device) if caller().may_ask(consent.task)]
        return pb.ListConsentsResponse(consents=[to_proto(consent, pb.Consent) for consent in found])

    def GiveConsent(self, request: pb.GiveConsentRequest, context: grpc.ServicerContext) -> pb.GiveConsentResponse:
        wanted = from_proto(request.consent, Consent)
        caller().check_task(layout.check_task(wanted.task))
        layout.consent(wanted.device_id, wanted.task)
        subject = f"{wanted.device_id} of {wanted.task}"
        with self._audit.act(context, "give consent", subject, self._held(wanted.device_id, wanted.task)) as act:
            given = self._consents.give(wanted, caller().name)
            act.after = _shown(given)
        return pb.GiveConsentResponse(consent=to_proto(given, pb.Consent))

    def WithdrawConsent(
        self, request: pb.WithdrawConsentRequest, context: grpc.ServicerContext
    ) -> pb.WithdrawConsentResponse:
        caller().check_task(layout.check_task(request.task))
        layout.consent(request.device_id, request.task)
        subject = f"{request.device_id} of {request.task}"
        with self._audit.act(context, "withdraw consent", subject, self._held(request.device_id, request.task)) as act:
            self._consents.withdraw(request.device_id, request.task, caller().name)
            act.after = ""
        return pb.WithdrawConsentResponse()

    def PrepareUpload(
        self, request: pb.PrepareUploadRequest, context: grpc.ServicerContext
    ) -> pb.PrepareUploadResponse:
        example = from_proto(request.example, Example)
        self._intake.check(example)
        offset = self._intake.offset(example)
        return pb.PrepareUploadResponse(complete=offset is None, offset=offset or 0)

    def Upload(self, request: Iterator[pb.UploadRequest], context: grpc.ServicerContext) -> pb.UploadResponse:
        first = next(request, None)
        if first is None or not first.HasField("example"):
            raise InvalidInput("the first message of an upload says what the example is")
        example = from_proto(first.example, Example)
        self._intake.check(example)
        with self._transfers.uploads.take():
            stored, new = self._intake.receive(example, first.offset, (message.content for message in request))
        if new:
            self._received.labels(stored.task, stored.reason.value).inc()
            self._bytes.labels(stored.task, stored.reason.value).inc(stored.bytes)
        return pb.UploadResponse(example=to_proto(stored, pb.Example))

    def ListExamples(self, request: pb.ListExamplesRequest, context: grpc.ServicerContext) -> pb.ListExamplesResponse:
        caller().check_task(layout.check_task(request.task))
        arrivals = self._pool.arrivals(request.task)
        here, gone, last, more = arrivals.page(
            number_of(request.after, arrivals.mark),
            min(request.page_size or _PAGE, _PAGE),
            request.device_id,
            check_day(request.day),
        )
        return pb.ListExamplesResponse(
            examples=self._pool.messages(request.task, here),
            deleted=gone,
            next=cursor_at(last, arrivals.mark),
            more=more,
        )

    def GetExample(self, request: pb.GetExampleRequest, context: grpc.ServicerContext) -> pb.GetExampleResponse:
        caller().check_task(layout.check_task(request.task))
        return pb.GetExampleResponse(example=to_proto(self._pool.get(request.task, request.id), pb.Example))

    def ReadContent(
        self, request: pb.ReadContentRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ReadContentResponse]:
        caller().check_task(layout.check_task(request.task))
        example = self._pool.get(request.task, request.id)
        if request.offset > example.bytes:
            raise InvalidInput(f"example {example.id} has {example.bytes} bytes; it has no offset {request.offset}")
        with self._transfers.downloads.take():
            for data in self._store.open(layout.example_content(request.task, request.id), request.offset):
                for start in range(0, len(data), _PIECE_BYTES):
                    yield pb.ReadContentResponse(content=data[start : start + _PIECE_BYTES])

    def DeleteExamples(
        self, request: pb.DeleteExamplesRequest, context: grpc.ServicerContext
    ) -> pb.DeleteExamplesResponse:
        caller().check_task(layout.check_task(request.task))
        check_day(request.day)
        if not (request.id or request.device_id or request.day):
            raise InvalidInput("say which examples to delete: one by its id, those of a device, of a day, or of both")
        arrivals = self._pool.arrivals(request.task)
        which = [text for text in (request.id, request.device_id, request.day) if text]
        with self._audit.act(context, "delete examples", f"{request.task}: {', '.join(which)}") as act:
            if request.id:
                self._pool.remove_again(request.task, check_example_id(request.id))
                one = arrivals.find(request.id)
                found = [one] if one is not None and _is_of(one, request.device_id, request.day) else []
            else:
                found = arrivals.select(request.device_id, request.day)
            deleted = self._pool.delete(request.task, found, caller().name)
            act.after = f"{deleted} deleted"
        self._deleted.labels(request.task, "asked").inc(deleted)
        return pb.DeleteExamplesResponse(deleted=deleted)

    def Departures(self, request: pb.DeparturesRequest, context: grpc.ServicerContext) -> pb.DeparturesResponse:
        device = _own(request.device_id)
        if request.task:
            caller().check_task(layout.check_task(request.task))
        consents = self._consents.records(device)
        tasks = {record.given[-1].task for record in consents}
        wanted = sorted(task for task in tasks if request.task in {"", task} and caller().may_ask(task))
        found = [row for task in wanted for row in self._pool.departures(task, device)]
        return pb.DeparturesResponse(departures=[to_proto(row, pb.Departure) for row in found])

    def _held(self, device: str, task: str) -> str:
        """In the audit log."""
        try:
            return _shown(self._consents.get(device, task))
        except NotFound:
            return ""


def _own(device: str) -> str:
    """Of whom a caller asks: with a device's token, of that device alone."""
    asking = caller()
    device = device or asking.device
    if device:
        asking.check_device(check_device(device))
    elif asking.roles == {Role.DEVICE}:
        raise InvalidInput("a device says which one it is (device_id)")
    return device


def _is_of(came: Came, device: str, day: str) -> bool:
    return device in {"", came.device_id} and day in {"", came.day}


def _shown(consent: Consent) -> str:
    """In the audit log; the text itself stands in the consent's document."""
    return (
        f"{consent.low:g} to {consent.high:g} at {consent.rate:g}, random {consent.random_rate:g}, "
        f"{consent.quota_bytes} bytes, {consent.keep_days} days"
    )
