"""A client of the registry's `ExampleService`."""

from __future__ import annotations

from collections.abc import Iterator

from pipit._pb.pipit.examples.v1 import examples_pb2 as pb
from pipit._pb.pipit.examples.v1 import examples_pb2_grpc
from pipit.examples.types import Consent, Departure, Example, ExamplePage
from pipit.rpc.client import call_errors
from pipit.rpc.mirror import from_proto, to_proto
from pipit.rpc.service_client import ServiceClient

_PIECE_BYTES = 256 * 1024


class ExampleClient(ServiceClient):
    """See `ServiceClient`."""

    stub = examples_pb2_grpc.ExampleServiceStub

    def list_consents(self, device_id: str = "") -> tuple[Consent, ...]:
        """device_id: empty for those of every device."""
        response = self._call(self._stub.ListConsents, pb.ListConsentsRequest(device_id=device_id))
        return tuple(from_proto(consent, Consent) for consent in response.consents)

    def give_consent(self, consent: Consent) -> Consent:
        """Lets a device keep inputs; gives the consent as it is stored. Raises InvalidInput."""
        request = pb.GiveConsentRequest(consent=to_proto(consent, pb.Consent))
        return from_proto(self._call(self._stub.GiveConsent, request).consent, Consent)

    def withdraw_consent(self, device_id: str, task: str) -> None:
        """Raises NotFound where none was given."""
        self._call(self._stub.WithdrawConsent, pb.WithdrawConsentRequest(device_id=device_id, task=task))

    def upload(self, example: Example, content: bytes) -> Example:
        """Sends one, from where an earlier try broke off; gives it as it is stored.

        Raises PermissionDenied for a device without consent, DataLoss for content of another digest.
        """
        message = to_proto(example, pb.Example)
        prepared = self._call(self._stub.PrepareUpload, pb.PrepareUploadRequest(example=message))
        if prepared.complete:
            return example
        pieces = range(prepared.offset, len(content), _PIECE_BYTES)

        def requests() -> Iterator[pb.UploadRequest]:
            yield pb.UploadRequest(example=message, offset=prepared.offset)
            for start in pieces:
                yield pb.UploadRequest(content=content[start : start + _PIECE_BYTES])

        return from_proto(self._call(self._stub.Upload, requests()).example, Example)

    def list_examples(
        self, task: str, after: str = "", page_size: int = 0, device_id: str = "", day: str = ""
    ) -> ExamplePage:
        """A page of examples without their contents."""
        request = pb.ListExamplesRequest(task=task, after=after, page_size=page_size, device_id=device_id, day=day)
        response = self._call(self._stub.ListExamples, request)
        return ExamplePage(
            tuple(from_proto(example, Example) for example in response.examples),
            tuple(response.deleted),
            response.next,
            response.more,
        )

    def get_example(self, task: str, identity: str) -> Example:
        """Raises NotFound, also for one that was deleted."""
        response = self._call(self._stub.GetExample, pb.GetExampleRequest(task=task, id=identity))
        return from_proto(response.example, Example)

    def read_content(self, task: str, identity: str, offset: int = 0) -> bytes:
        """Raises NotFound, also for one that was deleted."""
        with call_errors(self._name):
            request = pb.ReadContentRequest(task=task, id=identity, offset=offset)
            return b"".join(piece.content for piece in self._stub.ReadContent(request, timeout=self._timeout))

    def delete_examples(self, task: str, identity: str = "", device_id: str = "", day: str = "") -> int:
        """Deletes for good what all that is given names; gives how many. Raises InvalidInput if nothing is given."""
        request = pb.DeleteExamplesRequest(task=task, id=identity, device_id=device_id, day=day)
        return int(self._call(self._stub.DeleteExamples, request).deleted)

    def departures(self, device_id: str = "", task: str = "") -> tuple[Departure, ...]:
        """What left which device on which day."""
        response = self._call(self._stub.Departures, pb.DeparturesRequest(device_id=device_id, task=task))
        return tuple(from_proto(departure, Departure) for departure in response.departures)
