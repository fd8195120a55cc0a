"""A client of the registry's `LabelService`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc

from pipit._pb.pipit.labels.v1 import labels_pb2 as pb
from pipit._pb.pipit.labels.v1 import labels_pb2_grpc
from pipit.errors import Unavailable
from pipit.labels.types import Event, EventPage, LabelSet, SetItem
from pipit.rpc.client import call_errors, open_channel
from pipit.rpc.mirror import from_proto, to_proto
from pipit.rpc.pieces import pieces

_MOST_EVENTS = 1000
"""In one batch."""


class LabelClient:
    """One channel; threads may share it. Close it, or use it as a context manager.

    Whatever a call raises is of `pipit.errors`: Unavailable where the registry can't be reached.
    """

    def __init__(
        self,
        address: str,
        token: str | None = None,
        timeout: float = 30.0,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        channel: grpc.Channel | None = None,
    ) -> None:
        """As `RegistryClient`.

        channel: another client's to the same registry, whose connection then serves both; it isn't closed here.
        """
        self._name = f"the registry at {address}"
        self._timeout = timeout
        self._own = open_channel(address, token, ca, certificate, key) if channel is None else None
        self._stub = labels_pb2_grpc.LabelServiceStub(self._own or channel)

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

    def close(self) -> None:
        """Ends every call that is still running."""
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Callable[..., Any], request: Any) -> Any:
        with call_errors(self._name):
            return method(request, timeout=self._timeout)
