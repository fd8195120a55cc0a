"""What `pipit doctor` looks at. Every check is a fact about this machine with a word on what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from pipit.cli import probe as probe_module
from pipit.cli.probe import Probe
from pipit.cli.settings import CliSettings
from pipit.errors import DeadlineExceeded, PipitError, Unavailable
from pipit.installed import domain_of, how_to_install, tasks_beside
from pipit.machine import board_name, processor_facts
from pipit.rpc.probe import health_of

State = Literal["ok", "absent", "broken"]
"""absent: not there, which is fine unless it is needed. broken: there, but it does not work."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report. advice: what to do, where there is something to do.

    tasks: what can't be trained without it.
    """

    group: str
    name: str
    state: State
    detail: str
    advice: str = ""
    tasks: tuple[str, ...] = ()


# Instructions that decide how fast 8-bit networks are.
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")
_HEALTH_SECONDS = 2.0
_EXTRAS = {"pipit.pipelines": "serve", "pipit.trainers": "train"}
_PROBE_SECONDS = 120


def machine_checks(runs: Path) -> Iterator[Check]:
    """Interpreter, processor, memory and disk."""
    version = sys.version_info
    yield Check("machine", "python", "ok" if version >= (3, 11) else "broken", platform.python_version())
    yield Check("machine", "system", "ok", f"{platform.system()} {platform.release()}, {platform.machine()}")
    model, features = processor()
    yield Check("machine", "processor", "ok", f"{model}, {os.cpu_count()} cores, {' '.join(features) or 'no extras'}")
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        yield Check("machine", "memory", "ok", f"{memory / 2**30:.1f} GiB")
    folder = next(parent for parent in (runs.absolute(), *runs.absolute().parents) if parent.exists())
    yield Check("machine", "disk", "ok", f"{shutil.disk_usage(folder).free / 1e9:.1f} GB free at {folder}")


def package_checks() -> Iterator[Check]:
    """What is installed, and what it can do: each library really computes something."""
    for name in ("pipit-shared", "grpcio", "protobuf", "numpy"):
        yield Check("packages", name, "ok", metadata.version(name))
    for extra, probe in probe_module.RUNTIMES.items():
        yield _library_check(extra, probe, f"in the repository, run: pip install --editable 'shared[{extra}]'")
    needed: dict[str, set[str]] = {}
    for point in metadata.entry_points(group=probe_module.GROUP):
        needed.setdefault(point.name, set()).update(tasks_beside(point))
    for name, tasks in sorted(needed.items()):
        domains = sorted({domain_of(task) for task in tasks})
        advice = how_to_install(domains[0] if domains else "", "train")
        yield _library_check(name, probe_module.load_probe(name), advice, tuple(sorted(tasks)))


def _library_check(name: str, probe: Probe, advice: str, tasks: tuple[str, ...] = ()) -> Check:
    version = _version_of(probe.distribution)
    if version is None:
        return Check("packages", probe.title, "absent", "not installed", advice, tasks)
    if error := run_probe(name):
        advice = "reinstall it, or another version"
        return Check("packages", probe.title, "broken", f"{version}, but {error}", advice, tasks)
    return Check("packages", probe.title, "ok", f"{version}, computes", tasks=tasks)


def plugin_checks() -> Iterator[Check]:
    """Tasks, trainers and services that are installed, by their entry points."""
    groups = {"pipit.pipelines": "can be served", "pipit.trainers": "can be trained", "pipit.commands": "service"}
    for group, title in groups.items():
        names = sorted(metadata.entry_points(group=group).names)
        state: State = "ok" if names else "absent"
        advice = "" if names or group == "pipit.commands" else how_to_install("", _EXTRAS[group])
        yield Check("tasks", title, state, ", ".join(names) or "none installed", advice)


def data_checks(data: Path | None) -> Iterator[Check]:
    """Data sets below the data folder."""
    if data is None:
        yield Check("data", "PIPIT_DATA", "absent", "not set", "pipit data fetch NAME, then set PIPIT_DATA")
    elif not data.is_dir():
        yield Check("data", "PIPIT_DATA", "broken", f"{data} is not a folder", "set PIPIT_DATA to a folder that exists")
    else:
        sets = sorted(path.name for path in data.iterdir() if path.is_dir())
        yield Check("data", str(data), "ok" if sets else "absent", ", ".join(sets) or "empty")


def server_checks(settings: CliSettings) -> Iterator[Check]:
    """The registry and an inference server, by the health protocol, or else whether their port is free."""
    for name, address, start in (
        ("registry", settings.registry, "pipit registry serve"),
        ("inference server", settings.server, "pipit serve TASK"),
    ):
        yield _server_check(name, address, start, settings)


def _server_check(name: str, address: str, start: str, settings: CliSettings) -> Check:
    try:
        state = health_of(address, access=settings.access, timeout=_HEALTH_SECONDS)
    except DeadlineExceeded:
        if port_is_taken(address):
            return Check("servers", name, "broken", f"something else listens at {address}", "choose another port")
        return Check("servers", name, "broken", f"{address} does not answer", "is the address right?")
    except PipitError as error:
        if isinstance(error, Unavailable) and not port_is_taken(address):
            return Check("servers", name, "absent", f"nobody listens at {address}", f"start one: {start}")
        return Check("servers", name, "broken", str(error))
    return Check("servers", name, "ok" if state == "SERVING" else "broken", f"{address}: {state}")


def run_probe(name: str) -> str:
    """What went wrong when the library computed something in a process of its own; empty if nothing did."""
    command = [sys.executable, "-m", "pipit.cli.probe", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"it did not answer within {_PROBE_SECONDS} s"
    if done.returncode == 0:
        return ""
    if done.returncode < 0:
        return f"it dies with {signal.Signals(-done.returncode).name} on this processor"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return f"it fails: {lines[-1].strip() if lines else 'without a word'}"


def port_is_taken(address: str) -> bool:
    """Whether anything accepts connections at host:port."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]") or "127.0.0.1", int(port)), timeout=_HEALTH_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def _version_of(distribution: str) -> str | None:
    for name in (distribution, f"{distribution}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def processor() -> tuple[str, list[str]]:
    """Name and the instructions that matter; from Linux's list, or as much as Python knows elsewhere."""
    facts = processor_facts()
    if not facts:
        return platform.processor() or platform.machine(), []
    name = board_name() or facts.get("model name", platform.machine())
    flags = set((facts.get("flags") or facts.get("features") or "").split())
    return name, [feature for feature in _FEATURES if feature in flags]
