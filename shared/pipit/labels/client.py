"""A client of the registry's `LabelService`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipit._pb.pipit.labels.v1 import labels_pb2 as pb
from pipit._pb.pipit.labels.v1 import labels_pb2_grpc
from pipit.errors import Unavailable
from pipit.labels.types import Event, EventPage, LabelSet, SetItem
from pipit.rpc.client import call_errors
from pipit.rpc.mirror import from_proto, to_proto
from pipit.rpc.pieces import pieces
from pipit.rpc.service_client import ServiceClient

_MOST_EVENTS = 1000
"""In one batch."""


class LabelClient(ServiceClient):
    """See `ServiceClient`."""

    stub = labels_pb2_grpc.LabelServiceStub

    def append(self, task: str, batch_id: str, events: Sequence[Event]) -> bool:
        """Adds events; gives whether the registry had the batch already. Raises InvalidInput.

        Many go as several batches, whose ids follow from `batch_id`: sent again after a failure, they are the same.
        """
        known = False
        for number, piece in enumerate(pieces((to_proto(event, pb.Event) for event in events), _MOST_EVENTS)):
            identity = f"{batch_id}-{number}" if number else batch_id
            request = pb.AppendRequest(task=task, batch_id=identity, events=piece)
            known = bool(self._call(self._stub.Append, request).known)
        return known

    def read_events(self, task: str, after: str = "", page_size: int = 0) -> EventPage:
        """A page of events."""
        request = pb.ReadEventsRequest(task=task, after=after, page_size=page_size)
        response = self._call(self._stub.ReadEvents, request)
        return EventPage(tuple(from_proto(event, Event) for event in response.events), response.next, response.more)

    def put_set(self, frozen: LabelSet) -> LabelSet:
        """Keeps a data set; gives it as it is stored. Raises InvalidInput for a digest that is not its own."""
        head = to_proto(replace(frozen, items=()), pb.LabelSet)

        def requests() -> Iterator[pb.PutSetRequest]:
            yield pb.PutSetRequest(set=head)
            for items in pieces(to_proto(item, pb.SetItem) for item in frozen.items):
                yield pb.PutSetRequest(set=pb.LabelSet(items=items))

        return replace(from_proto(self._call(self._stub.PutSet, requests()).set, LabelSet), items=frozen.items)

    def get_set(self, name: str, digest: str = "") -> LabelSet:
        """digest: empty for the newest of that name. Raises NotFound."""
        call = self._stub.GetSet(pb.GetSetRequest(name=name, digest=digest), timeout=self._timeout)
        frozen: LabelSet | None = None
        items: list[SetItem] = []
        with call_errors(self._name):
            for response in call:
                frozen = frozen or from_proto(response.set, LabelSet)
                items.extend(from_proto(item, SetItem) for item in response.set.items)
        if frozen is None:
            raise Unavailable(f"{self._name} sent nothing of data set {name}; try again")
        return replace(frozen, items=tuple(items))

    def list_sets(self, task: str = "") -> tuple[LabelSet, ...]:
        """Without their items, newest first."""
        response = self._call(self._stub.ListSets, pb.ListSetsRequest(task=task))
        return tuple(from_proto(one, LabelSet) for one in response.sets)
