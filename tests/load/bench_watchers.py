"""How many devices one copy of the registry carries: a stream of Watch each, over a connection of its own.

A registry on a local folder runs in a process of its own; the devices are clients of grpcio's event loop, in others.
Each round promotes a version. Measured are the seconds from the call to each device's message, and what the registry's
process takes: processor time a move, memory, threads and open files. A device that comes too late says so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
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
from pipit._pb.pipit.registry.v1 import registry_pb2 as pb
from pipit._pb.pipit.registry.v1 import registry_pb2_grpc
from pipit.bundle import Bundle, Manifest, write_bundle
from pipit.cli.demo.processes import free_port
from pipit.registry import RegistryClient
from servers import process, wait_until_serving

TASK, ENVIRONMENT = "load.watchers", "production"
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


async def _devices(address: str, first: int, count: int, revisions: int) -> dict[str, object]:
    """Watches as `count` devices until each has seen `revisions` moves; gives when each message came."""
    gate = asyncio.Semaphore(_CONNECTING)
    arrived: dict[int, list[float]] = {}
    refused: dict[str, int] = {}
    connected: list[float] = []
    ready = asyncio.Event()

    def settled() -> None:
        if len(connected) + sum(refused.values()) == count:
            ready.set()

    async def device(number: int) -> None:
        request = pb.WatchRequest(device_id=f"pi-{number}", environment=ENVIRONMENT, tasks=[TASK], keys=True)
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        begun = monotonic()
        is_connected = False
        async with grpc.aio.insecure_channel(address, options) as channel:
            await gate.acquire()
            try:
                async for message in registry_pb2_grpc.RegistryServiceStub(channel).Watch(request):
                    if not message.HasField("assignment"):
                        continue
                    if not is_connected:
                        is_connected = True
                        gate.release()
                        connected.append(monotonic() - begun)
                        settled()
                        base = message.assignment.revision
                        continue
                    arrived.setdefault(message.assignment.revision, []).append(monotonic())
                    if message.assignment.revision >= base + revisions:
                        return
            except grpc.RpcError as error:
                if not is_connected:
                    gate.release()
                status = f"{error.code().name}: {error.details()}"
                refused[status] = refused.get(status, 0) + 1
                settled()

    tasks = [asyncio.create_task(device(first + number)) for number in range(count)]
    await ready.wait()
    print(json.dumps({"connected": len(connected), "refused": refused}), flush=True)  # noqa: T201 (to the parent)
    await asyncio.gather(*tasks)
    return {"arrived": arrived, "refused": refused}


def measure(devices: int, rounds: int, processes: int, folder: Path) -> dict[str, object]:
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
        firsts = range(0, devices, share)
        begun = monotonic()
        children = []
        for first in firsts:
            command = [sys.executable, __file__, "--as-devices", address, str(first), str(min(share, devices - first))]
            child = subprocess.Popen([*command, str(rounds)], stdout=subprocess.PIPE, text=True)
            stack.callback(child.kill)
            children.append(child)
        greetings = [json.loads(child.stdout.readline()) for child in children if child.stdout]
        joined = monotonic() - begun
        carried = sum(greeting["connected"] for greeting in greetings)
        sleep(1.0)
        memory, threads, files = server.memory_info().rss, server.num_threads(), server.num_fds()
        sent: dict[int, float] = {}
        before = server.cpu_times()
        for turn in range(rounds):
            at = monotonic()
            moved = client.promote(TASK, ("1.1.0", "1.0.0")[turn % 2], ENVIRONMENT)
            sent[moved.environment.revision] = at
            sleep(2.0)
        reports = [json.loads(child.communicate(timeout=300)[0]) for child in children]
        after = server.cpu_times()
        sleep(2.0)
        left = server.cpu_times()
        seconds = [
            at - sent[int(revision)]
            for report in reports
            for revision, moments in report["arrived"].items()
            for at in moments
        ]
        for greeting in greetings:
            for status, count in greeting["refused"].items():
                print(f"{count} refused: {status}")  # noqa: T201
    latencies = np.array(seconds)
    per_move = (after.user + after.system - before.user - before.system) / rounds
    return {
        "devices": devices,
        "carried": carried,
        "messages": len(seconds),
        "expected": carried * rounds,
        "all connected s": round(joined, 1),
        "move p50 ms": milliseconds(latencies, 50),
        "move p95 ms": milliseconds(latencies, 95),
        "move max ms": milliseconds(latencies, 100),
        "cpu s a move": round(per_move, 3),
        "cpu s all leave": round(left.user + left.system - after.user - after.system, 2),
        "memory MiB": round(memory / 2**20),
        "kB a device": round((memory - empty) / 1000 / max(1, carried), 1),
        "threads": threads,
        "files": files,
    }


def main() -> None:
    """Measures, and writes docs/measured/fleet_watchers.csv."""
    if sys.argv[1:2] == ["--as-devices"]:
        address, first, count, rounds = sys.argv[2:]
        result = asyncio.run(_devices(address, int(first), int(count), int(rounds)))
        print(json.dumps(result))  # noqa: T201 (to the parent)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument(
        "--devices", type=int, nargs="+", default=[250, 1000, 2000, 5000], help="how many, one row each"
    )
    parser.add_argument("--rounds", type=int, default=10, help="moves")
    parser.add_argument("--processes", type=int, default=1, help="that the devices are spread over")
    parser.add_argument("--no-csv", action="store_true", help="only print")
    chosen = parser.parse_args()
    rows = []
    for devices in chosen.devices:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(devices, chosen.rounds, chosen.processes, Path(folder)))
        print(rows[-1])  # noqa: T201
    if not chosen.no_csv:
        write_csv("fleet_watchers", rows, ("grpcio",))


if __name__ == "__main__":
    main()
