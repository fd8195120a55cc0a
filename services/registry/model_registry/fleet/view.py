"""What one watcher is told: its own view of the environments, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator

from pipit.bundle.keys import KeyList
from pipit.errors import Unauthenticated
from pipit.registry.types import Assignment

from model_registry.assignments import assignment_for
from model_registry.fleet.records import DeviceRecord
from model_registry.pointer import Pointer


class DeviceView:
    """For one watch. Without a device it is told where the environment points."""

    def __init__(self, record: DeviceRecord | None, token: str | None = None) -> None:
        """record: what people made of the device. token: that it came with, of its own, as `Caller` has it.

        None: nobody asks by which one it came.
        """
        self._record = record
        self._token = token
        self._pointers: dict[str, Pointer] = {}
        self._told: dict[str, Assignment] = {}

    def told(self, item: Pointer | DeviceRecord | KeyList) -> Iterator[Assignment | KeyList]:
        """What is new for this watcher, now that this is known.

        Raises Unauthenticated once the device's token is another one, or the first of its own: connect again with it.
        """
        if isinstance(item, KeyList):
            yield item
            return
        if isinstance(item, DeviceRecord):
            if self._token not in {None, item.token}:
                raise Unauthenticated(f"the token of device {item.device_id} was taken back, or another one was made")
            self._record = item
            concerned = list(self._pointers.values())
        else:
            self._pointers[item.task] = item
            concerned = [item]
        for pointer in concerned:
            assignment = self.assignment(pointer)
            if assignment != self._told.get(pointer.task):
                self._told[pointer.task] = assignment
                yield assignment

    def assignment(self, pointer: Pointer) -> Assignment:
        """What this device should run of the pointer's task."""
        if self._record is None:
            return pointer.environment.assignment
        record, task = self._record, pointer.task
        return assignment_for(pointer, record.device_id, record.pin(task), record.pin_revision(task))
