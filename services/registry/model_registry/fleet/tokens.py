"""A device's own token, `pipit-device.<id>.<random>`: the id says where to look, and the registry keeps a digest only.

It is looked up in memory, on every copy: one that was revoked counts no more there after `poll_seconds`.
"""

from __future__ import annotations

import hmac
import secrets

from pipit.errors import InvalidInput, PermissionDenied, Unavailable
from pipit.rpc.auth import hash_token
from pipit.rpc.callers import ANYBODY, Caller, Role, caller

from model_registry.fleet.records import DeviceRecord, DeviceRecords

_PREFIX = "pipit-device."


class DeviceTokens:
    """Threads may share it."""

    def __init__(self, records: DeviceRecords) -> None:
        self._records = records

    def make(self, device_id: str, tasks: tuple[str, ...]) -> tuple[str, bool]:
        """A new token, and whether it takes the place of another. Raises InvalidInput, Conflict, Unavailable."""
        token = f"{_PREFIX}{device_id}.{secrets.token_urlsafe(32)}"
        before: list[DeviceRecord] = []

        def change(record: DeviceRecord) -> DeviceRecord:
            before.append(record)
            return record.with_token(hash_token(token), tasks)

        self._records.change(device_id, change)
        return token, bool(before[-1].token)

    def find(self, token: str) -> Caller | None:
        """Whose token it is; None: no device's. Raises Unavailable while the devices were not read yet."""
        if not token.startswith(_PREFIX):
            return None
        device_id = token.removeprefix(_PREFIX).rpartition(".")[0]
        # Asked first: all may be read between the two.
        complete = self._records.complete
        try:
            record = self._records.known(device_id)
        except InvalidInput:
            return None
        if record is not None and record.token and hmac.compare_digest(record.token, hash_token(token)):
            tasks = frozenset(record.tasks) or None
            return Caller(f"device:{device_id}", frozenset({Role.DEVICE}), tasks, device_id, record.token)
        if not complete:
            raise Unavailable("the registry has not read its devices yet; is its store there? Try again")
        return None

    def check_speaks_for(self, device_id: str) -> None:
        """Raises PermissionDenied where whoever calls may not speak for that device.

        A token that several share speaks for devices that have none of their own.
        """
        asking = caller()
        asking.check_device(device_id)
        if asking is ANYBODY or asking.device == device_id:
            return
        if self._records.get(device_id).token:
            raise PermissionDenied(
                f"device {device_id} has a token of its own, and {asking.name} may not speak for it; use that token "
                "there, or another device's id here"
            )
