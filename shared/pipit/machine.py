"""What a device says of itself: its board, how warm it is, whether it is held back. None: nobody says it there."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

_BOARD = Path("proc/device-tree/model")
_PROCESSOR = Path("proc/cpuinfo")
_ZONES = Path("sys/class/thermal")
_THROTTLED = Path("sys/devices/platform/soc/soc:firmware/get_throttled")
_OF_THE_PROCESSOR = ("cpu", "x86_pkg", "soc", "k10temp")
_HELD_BACK_NOW = 0xF
"""Too little voltage, frequency capped, throttled, soft limit of temperature; higher bits say that it once was so.

https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
"""
ROOT = Path("/")


def board(root: Path = ROOT) -> str:
    """The machine's name and architecture, as "Raspberry Pi 5 Model B Rev 1.0 aarch64"."""
    return f"{board_name(root) or processor_facts(root).get('model name', '')} {platform.machine()}".strip()


def board_name(root: Path = ROOT) -> str:
    """As the firmware calls it; empty where it has no name, as on PCs."""
    return _text(root / _BOARD).strip("\0 \n")


def processor_facts(root: Path = ROOT) -> dict[str, str]:
    """Linux's list of the first processor, by names in small letters; empty elsewhere."""
    facts: dict[str, str] = {}
    for line in _text(root / _PROCESSOR).splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip().lower(), value.strip())
    return facts


def cpu_temperature(root: Path = ROOT) -> float | None:
    """Degrees Celsius: of the zone that is the processor's, else of the warmest one."""
    zones: dict[str, float] = {}
    for zone in sorted((root / _ZONES).glob("thermal_zone*")):
        with suppress(ValueError):
            # A zone that can't be read now says "".
            zones.setdefault(_text(zone / "type").strip().lower(), int(_text(zone / "temp")) / 1000.0)
    own = [degrees for name, degrees in zones.items() if name.startswith(_OF_THE_PROCESSOR)]
    return max(own or zones.values(), default=None)


def throttled(root: Path = ROOT) -> bool | None:
    """Whether the processor runs more slowly than it could, for heat or for want of power; of a Raspberry Pi."""
    with suppress(ValueError):
        return bool(int(_text(root / _THROTTLED), 16) & _HELD_BACK_NOW)
    return None


def processors() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
