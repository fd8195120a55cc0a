"""What a proof depends on beside the bundle: the runtimes, the machine, and how the server runs a network."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipit.files import sha256_bytes

_PACKAGES = ("ai-edge-litert", "numpy", "onnxruntime", "pipit-shared")
_CPUINFO = Path("/proc/cpuinfo")
_OF_A_PROCESSOR = ("model name", "flags", "Features", "CPU implementer", "CPU part", "CPU variant", "CPU revision")
"""Fields of `/proc/cpuinfo` on x86 and on Arm; others change with each look at it."""


def setup_of(settings: Iterable[object]) -> str:
    """The SHA-256 of it, in hexadecimal. settings: of the server, as far as a proof depends on them."""
    system = os.uname()
    facts = {
        "packages": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "libc": os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else "",
        "system": [system.sysname, system.release, system.version, system.machine],
        "processor": sorted(_processor()),
        "settings": [str(setting) for setting in settings],
    }
    return sha256_bytes(json.dumps(facts, sort_keys=True).encode())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> set[str]:
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return set()
    return {line for line in lines if line.partition(":")[0].strip() in _OF_A_PROCESSOR}
