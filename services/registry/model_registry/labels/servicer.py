"""`pipit.labels.v1.LabelService`: from the wire to the parts that know, and back."""

# ruff: noqa: N802, D102 (the methods are named and described in the proto file)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import grpc
from pipit._pb.pipit.labels.v1 import labels_pb2 as pb
from pipit._pb.pipit.labels.v1 import labels_pb2_grpc
from pipit.errors import InputTooLarge, InvalidInput
from pipit.labels import Event, LabelSet, SetItem
from pipit.metrics import Metrics
from pipit.rpc.callers import ANYBODY, Role, caller
from pipit.rpc.mirror import from_proto, to_proto
from pipit.rpc.pieces import pieces
from pipit.rpc.places import Places

from model_registry import layout
from model_registry.cursors import cursor_at, number_of
from model_registry.labels.events import Labels
from model_registry.labels.sets import LabelSets

SERVICE = pb.DESCRIPTOR.services_by_name["LabelService"].full_name
_PAGE = 500
_PAGE_BYTES = 2 * 1024 * 1024
_MOST_ITEMS = 1_000_000
_WRITERS = frozenset({Role.LABELLER, Role.OPERATOR})
_READERS = _WRITERS | {Role.PUBLISHER}
METHOD_ROLES = {
    f"/{SERVICE}/Append": _WRITERS,
    f"/{SERVICE}/ReadEvents": _READERS,
    f"/{SERVICE}/PutSet": _WRITERS,
    f"/{SERVICE}/GetSet": _READERS,
    f"/{SERVICE}/ListSets": _READERS,
}
"""Who may call what, for AuthInterceptor."""
RECEIVING = (f"/{SERVICE}/PutSet",)
"""Methods whose clients must keep sending."""


class LabelServicer(labels_pb2_grpc.LabelServiceServicer):  # type: ignore[misc]  # generated code has no types
    """Raises errors of the tree; ErrorInterceptor turns them into statuses."""

    def __init__(self, labels: Labels, sets: LabelSets, transfers: Places, metrics: Metrics) -> None:
        """transfers: places for data sets on their way."""
        self._labels = labels
        self._sets = sets
        self._transfers = transfers
        self._counted = metrics.counter("pipit_label_events_total")

    def Append(self, request: pb.AppendRequest, context: grpc.ServicerContext) -> pb.AppendResponse:
        caller().check_task(layout.check_task(request.task))
        if not all(event.HasField("at") for event in request.events):
            raise InvalidInput("each event says when it happened (at)")
        # Where nobody is known by a token, what people call themselves is all there is.
        who, anybody = caller().name, caller() is ANYBODY
        said = (from_proto(event, Event) for event in request.events)
        events = tuple(replace(event, by=(anybody and event.by) or who) for event in said)
        known = self._labels.append(request.task, request.batch_id, events, who)
        if not known:
            for event in events:
                self._counted.labels(request.task, event.kind.value).inc()
        return pb.AppendResponse(known=known)

    def ReadEvents(self, request: pb.ReadEventsRequest, context: grpc.ServicerContext) -> pb.ReadEventsResponse:
        caller().check_task(layout.check_task(request.task))
        mark = partial(self._labels.mark, request.task)
        last = after = number_of(request.after, mark)
        size = min(request.page_size or _PAGE, _PAGE)
        response = pb.ReadEventsResponse()
        taken = 0
        for number, batch in self._labels.read(request.task, after):
            if number > after + size or taken > _PAGE_BYTES:
                response.more = True
                break
            for event in batch.events:
                message = to_proto(event, pb.Event)
                taken += message.ByteSize()
                response.events.append(message)
            last = number
        response.next = cursor_at(last, mark) if last > after else request.after
        return response

    def PutSet(self, request: Iterator[pb.PutSetRequest], context: grpc.ServicerContext) -> pb.PutSetResponse:
        with self._transfers.take():
            first = next(request, None)
            if first is None:
                raise InvalidInput("the call sent no data set")
            caller().check_task(layout.check_task(first.set.task))
            frozen = from_proto(first.set, LabelSet)
            items = list(frozen.items)
            for following in request:
                items.extend(from_proto(item, SetItem) for item in following.set.items)
                if len(items) > _MOST_ITEMS:
                    raise InputTooLarge(f"the data set has more than {_MOST_ITEMS} examples; freeze fewer")
            stored = self._sets.put(replace(frozen, items=tuple(items)), caller().name)
        return pb.PutSetResponse(set=to_proto(replace(stored, items=()), pb.LabelSet))

    def GetSet(self, request: pb.GetSetRequest, context: grpc.ServicerContext) -> Iterator[pb.GetSetResponse]:
        with self._transfers.take():
            frozen = self._sets.get(request.name, request.digest)
            caller().check_task(frozen.task)
            yield pb.GetSetResponse(set=to_proto(replace(frozen, items=()), pb.LabelSet))
            for items in pieces(to_proto(item, pb.SetItem) for item in frozen.items):
                yield pb.GetSetResponse(set=pb.LabelSet(items=items))

    def ListSets(self, request: pb.ListSetsRequest, context: grpc.ServicerContext) -> pb.ListSetsResponse:
        if request.task:
            caller().check_task(layout.check_task(request.task))
        found = [one for one in self._sets.heads(request.task) if caller().may_ask(one.task)]
        return pb.ListSetsResponse(sets=[to_proto(one, pb.LabelSet) for one in found])
