"""How many devices one copy of the registry carries: a stream of Watch each, over a connection of its own.

A registry on a local folder runs in a process of its own; the devices are clients of grpcio's event loop, in others.
Every two seconds a version is promoted. Measured are the seconds from the call to each device's message, how long the
devices' reports take meanwhile, and what the registry's process takes: processor, memory, threads and open files.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep

import grpc
import grpc.aio
import numpy as np
import psutil
from measure import milliseconds, write_csv
from pipit._pb.pipit.fleet.v1 import fleet_pb2 as fleet_pb
from pipit._pb.pipit.fleet.v1 import fleet_pb2_grpc
from pipit._pb.pipit.registry.v1 import registry_pb2 as pb
from pipit._pb.pipit.registry.v1 import registry_pb2_grpc
from pipit.bundle import Bundle, Manifest, write_bundle
from pipit.cli.demo.processes import free_port
from pipit.fleet import DeviceReport, State, TaskReport, Window, WindowKind
from pipit.registry import RegistryClient
from pipit.rpc.mirror import to_proto
from servers import process, wait_until_serving

TASK, ENVIRONMENT = "load.watchers", "production"
_BETWEEN_MOVES = 2.0
_CONNECTING = 50
"""Devices that connect at once."""


def bundle(folder: Path, version: str, size: int = 100) -> Bundle:
    """A small bundle that nothing could serve. size: bytes of its weights."""
    manifest = Manifest.model_validate(
        {
            "task": TASK,
            "version": version,
            "model_type": "linear",
            "created_at": "2026-11-21T04:00:00Z",
            "labels": ["quiet", "loud"],
            "input": {"kind": "audio"},
            "pipeline": {"name": TASK},
            "variants": [{"name": "float32", "runtime": "onnx", "file": "weights.onnx"}],
            "default_variant": "float32",
            "metrics": {"accuracy": {"value": 0.9, "samples": 100}},
            "gates": [{"name": "good", "metric": "accuracy", "comparison": ">", "limit": 0.7}],
            "expected": {"latency_budget_ms": 200.0},
            "golden": {"tolerance": {"float32": 1e-4}},
            "lineage": {
                "dataset_digest": "a" * 64,
                "split_rule": "none",
                "config_digest": "b" * 64,
                "code_version": "0.1.0",
                "seed": 7,
            },
            "files": {},
        }
    )
    weights = version.encode().ljust(size, b"\0")
    return write_bundle(folder / version, manifest, {"weights.onnx": weights, "golden.npz": b"golden"})


class _Fleet:
    """Devices of one process; each watches, and reports now and then."""

    def __init__(self, address: str, every: float) -> None:
        """every: seconds between two reports of a device; 0: none."""
        self.connected = 0
        self.refused: dict[str, int] = {}
        self.arrived: dict[int, list[float]] = {}
        """When each message came, by its revision."""
        self.reported: list[float] = []
        """Seconds that each report took."""
        self.unreported: dict[str, int] = {}
        self._address, self._every = address, every
        self._gate = asyncio.Semaphore(_CONNECTING)

    async def device(self, number: int) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        async with grpc.aio.insecure_channel(self._address, options) as channel:
            name, reporting = f"pi-{number}", None
            try:
                await self._gate.acquire()
                stream = registry_pb2_grpc.RegistryServiceStub(channel).Watch(
                    pb.WatchRequest(device_id=name, environment=ENVIRONMENT, tasks=[TASK], keys=True)
                )
                first = True
                async for message in stream:
                    if message.HasField("assignment"):
                        if first:
                            self.connected += 1
                            self._gate.release()
                            reporting = asyncio.create_task(self._report(channel, name)) if self._every else None
                        else:
                            self.arrived.setdefault(message.assignment.revision, []).append(monotonic())
                        first = False
            except grpc.RpcError as error:
                _count(self.refused, error)
                if first:
                    self._gate.release()
            finally:
                if reporting is not None:
                    reporting.cancel()

    async def _report(self, channel: grpc.aio.Channel, name: str) -> None:
        stub = fleet_pb2_grpc.FleetServiceStub(channel)
        message = to_proto(_report_of(name), fleet_pb.ReportRequest)
        await asyncio.sleep(random.uniform(0.0, self._every))
        while True:
            message.sequence += 1
            begun = monotonic()
            try:
                await stub.Report(message)
                self.reported.append(monotonic() - begun)
            except grpc.RpcError as error:
                _count(self.unreported, error)
            await asyncio.sleep(max(0.0, self._every - (monotonic() - begun)))


def _count(refusals: dict[str, int], error: grpc.RpcError) -> None:
    status = f"{error.code().name}: {error.details()}"
    refusals[status] = refusals.get(status, 0) + 1


def _report_of(name: str) -> DeviceReport:
    """As a canary's: three windows."""
    counts = {"answered": 50, "errors": {"INTERNAL": 1}, "predictions": 50, "unknown": 2, "score_counts": (5,) * 10}
    windows = tuple(
        Window(kind, TASK, "1.0.0", "r-0123456789", 1, 5.0, **counts)
        for kind in (WindowKind.LIVE, WindowKind.BEFORE, WindowKind.REPLAY)
    )
    told = TaskReport(TASK, "1.0.0", 1, "1.0.0", "0" * 64, State.SERVING, active_seconds=5.0)
    return DeviceReport(name, "boot", 0, ENVIRONMENT, board="a simulated one", tasks=(told,), windows=windows)


async def _as_devices(address: str, first: int, count: int, every: float) -> None:
    """Runs `count` devices until a line comes in; says when they are connected, and at the end what came."""
    fleet = _Fleet(address, every)
    running = [asyncio.create_task(fleet.device(first + number)) for number in range(count)]
    while fleet.connected + sum(fleet.refused.values()) < count:
        await asyncio.sleep(0.01)
    print(json.dumps({"connected": fleet.connected, "refused": fleet.refused}), flush=True)  # noqa: T201 (to the parent)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    told = {"arrived": fleet.arrived, "reported": fleet.reported, "unreported": fleet.unreported}
    print(json.dumps(told), flush=True)  # noqa: T201 (to the parent)
    for task in running:
        task.cancel()


def measure(devices: int, rounds: int, processes: int, every: float, folder: Path) -> dict[str, object]:
    """One row."""
    port = free_port()
    settings = {
        "store": folder / "store",
        "host": "127.0.0.1",
        "port": port,
        "metrics_port": free_port(),
        "max_watchers": devices,
        "max_connections": devices + 100,
    }
    named = [f"PIPIT_REGISTRY_{name.upper()}={value}" for name, value in settings.items()]
    with ExitStack() as stack:
        started = stack.enter_context(process(["env", *named, sys.executable, "-m", "model_registry"]))
        address = f"127.0.0.1:{port}"
        wait_until_serving(address, started)
        client = stack.enter_context(RegistryClient(address))
        for version in ("1.0.0", "1.1.0"):
            client.publish(bundle(folder, version).path)
        client.promote(TASK, "1.0.0", ENVIRONMENT)
        server = psutil.Process(started.pid)
        empty = server.memory_info().rss
        share = -(-devices // processes)
        begun = monotonic()
        children = []
        for first in range(0, devices, share):
            given = [address, str(first), str(min(share, devices - first)), str(every)]
            command = [sys.executable, __file__, "--as-devices", *given]
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.callback(child.kill)
            children.append(child)
        greetings = [json.loads(child.stdout.readline()) for child in children if child.stdout]
        joined = monotonic() - begun
        carried = sum(greeting["connected"] for greeting in greetings)
        # The devices have all reported once, or at least the server rests.
        sleep(max(1.0, every))
        memory, threads, files = server.memory_info().rss, server.num_threads(), server.num_fds()
        sent: dict[int, float] = {}
        before, began = server.cpu_times(), monotonic()
        for turn in range(rounds):
            at = monotonic()
            moved = client.promote(TASK, ("1.1.0", "1.0.0")[turn % 2], ENVIRONMENT)
            sent[moved.environment.revision] = at
            sleep(_BETWEEN_MOVES)
        after, passed = server.cpu_times(), monotonic() - began
        told = [json.loads(child.communicate("end\n", timeout=300)[0]) for child in children]
        arrived = [
            at - sent[int(revision)] for one in told for revision, moments in one["arrived"].items() for at in moments
        ]
        for refusals in [one["refused"] for one in greetings] + [one["unreported"] for one in told]:
            for status, times in refusals.items():
                print(f"{times} refused: {status}")  # noqa: T201
        latencies = np.array(arrived)
        reported = np.array([seconds for one in told for seconds in one["reported"]])
        used = after.user + after.system - before.user - before.system
        return {
            "devices": devices,
            "carried": carried,
            "connected after s": round(joined, 1),
            "moves": rounds,
            "told": f"{len(arrived)} of {carried * rounds}",
            "move p50 ms": milliseconds(latencies, 50),
            "move p95 ms": milliseconds(latencies, 95),
            "move max ms": milliseconds(latencies, 100),
            "reports a second": round(len(reported) / (passed + max(1.0, every))),
            "report p50 ms": milliseconds(reported, 50) if len(reported) else "",
            "report p95 ms": milliseconds(reported, 95) if len(reported) else "",
            "reports refused": sum(sum(one["unreported"].values()) for one in told),
            "cores": round(used / passed, 2),
            "memory MiB": round(memory / 2**20),
            "kB a device": round((memory - empty) / 1000 / max(1, carried), 1),
            "threads": threads,
            "files": files,
        }


def main() -> None:
    """Measures, and writes docs/measured/fleet_watchers.csv."""
    if sys.argv[1:2] == ["--as-devices"]:
        address, first, count, every = sys.argv[2:]
        asyncio.run(_as_devices(address, int(first), int(count), float(every)))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--devices", type=int, nargs="+", default=[250, 1000, 2000, 5000], help="how many, one row each"
    )
    parser.add_argument("--rounds", type=int, default=10, help="moves")
    parser.add_argument(
        "--reports", type=int, nargs="+", default=[0, 500], help="a second, of all devices together; 0: none"
    )
    parser.add_argument("--processes", type=int, default=1, help="that the devices are spread over")
    parser.add_argument("--no-csv", action="store_true", help="only print")
    chosen = parser.parse_args()
    rows = []
    for devices in chosen.devices:
        for reports in chosen.reports:
            every = devices / reports if reports else 0.0
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure(devices, chosen.rounds, chosen.processes, every, Path(folder)))
            print(rows[-1], flush=True)  # noqa: T201
    if not chosen.no_csv:
        write_csv("fleet_watchers", rows, ("grpcio",))


if __name__ == "__main__":
    main()
