"""What those who watch the registry follow: environments, what people made of their device, the keys that may sign."""

from __future__ import annotations

from collections.abc import Callable

from pipit.bundle.keys import KeyList

from model_registry.fleet.records import DeviceRecord
from model_registry.pointer import Pointer
from model_registry.watching import Hub

Item = Pointer | DeviceRecord | KeyList
RegistryHub = Hub[tuple[str, str], Item]
"""By task and environment; what people made of a device under `device_key`, the keys that may sign under `KEYS`."""
Offer = Callable[[tuple[str, str], Item], None]
"""Passes on what stands under a key now."""
KEYS = ("", "")


def device_key(device_id: str) -> tuple[str, str]:
    """No task has an empty name."""
    return "", device_id
