"""What those who watch the registry follow: environments, what people made of their device, the keys that may sign."""

from __future__ import annotations

from pipit.bundle.keys import KeyList

from model_registry.fleet.records import DeviceRecord
from model_registry.pointer import Pointer
from model_registry.watching import Hub

RegistryHub = Hub[tuple[str, str], Pointer | DeviceRecord | KeyList]
"""By task and environment; what people made of a device under `device_key`, the keys that may sign under `KEYS`."""
KEYS = ("", "")


def device_key(device_id: str) -> tuple[str, str]:
    """No task has an empty name."""
    return "", device_id
