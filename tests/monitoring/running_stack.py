"""A whole stack as processes on loopback, with callers that behave and callers that do not, and a Prometheus beside it.

registry ──> kitchen, garage   `production`: one version, later the next by a rollout, and a way back that is stopped
         └─> attic             `staging`: nothing is promoted there, so it has no model
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pipit.bundle import Bundle, SemanticVersion, open_bundle, write_bundle
from pipit.cli.demo.processes import Servers, free_port, wait_until_serving
from pipit.data.synthetic import SYNTHETIC_RECIPE, synthesise
from pipit.faces.gallery import Consent, Person, Template
from pipit.faces.sealing import GalleryKey, seal
from pipit.fleet import FleetClient
from pipit.galleries import RemoteGalleries
from pipit.registry import RegistryClient
from pipit.rpc.probe import LIVENESS
from prometheus_server import Prometheus, start_prometheus
from traffic import Clip, Traffic

TASK = "home_security.sounds"
FACES = "home_security.faces"
GALLERY = "home"
DEVICES = {"kitchen": "production", "garage": "production", "attic": "staging"}
"""Environments by device."""
FIRST = "1.0.0"
REGISTRY = "registry:9460"
START_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Stack:
    """calls, metrics: host:port by instance, as Prometheus names it; of the inference servers and of the registry.

    at: the moment that is asked about, in seconds since 1970; None: now.
    """

    registry: RegistryClient
    calls: dict[str, str]
    metrics: dict[str, str]
    prometheus: Prometheus
    clips: list[Clip]
    begun: float
    at: float | None = None

    def promote(self, version: str) -> None:
        """Points production there, whatever the gates say of a short training."""
        self.registry.promote(TASK, version, "production", "for the test", override_gates=True)

    def lead(self, version: str) -> None:
        """Begins a rollout there, whatever the gates say of a short training."""
        with FleetClient(self.registry.address) as fleet:
            fleet.start_rollout(TASK, version, "production", reason="for the test", override_gates=True)

    def stop(self) -> None:
        """Ends the rollout that is open; devices go back."""
        with FleetClient(self.registry.address) as fleet:
            fleet.abort_rollout(TASK, "production", "for the test")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Series with the value that they had at `at`."""
        return self.prometheus.query(expression, self.at)

    def settled(self) -> Stack:
        """The same at a moment after this one, at which every server had been seen for three seconds.

        On a busy machine a look may take longer than its second: until the next one nothing is known of the server.
        """
        seen = f"(count(min_over_time(up[3s]) == 1) == {len(self.metrics) + 1})"
        # What was begun at that moment is written by now.
        at = self.wait_for(f"{seen} and on () (vector(time()) > {time.time() + 3.0})", ago=2.0)
        return replace(self, at=at)

    def wait_for(self, expression: str, seconds: float = START_SECONDS, ago: float = 0.0) -> float:
        """Until the query has a result; gives the moment that was asked about. ago: so many seconds before now."""
        deadline = time.monotonic() + seconds
        while not self.prometheus.query(expression, at := time.time() - ago):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing came of {expression} within {seconds:.0f} s")
            time.sleep(0.2)
        return at


def train(folder: Path, version: str, *changes: str) -> Bundle:
    """Trains on synthetic sounds in a process of its own; the same again costs little. changes: of the recipe."""
    return _trained(TASK, folder, "--version", version, *(part for change in changes for part in ("--set", change)))


def _trained(task: str, folder: Path, *options: str) -> Bundle:
    data = folder / "data"
    synthesise(task, data)
    command = [sys.executable, "-m", "pipit.cli.main", "train", task, "--recipe", SYNTHETIC_RECIPE, "--json"]
    command += ["--data", str(data), "--runs", str(folder / "runs"), *options]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the training failed:\n{done.stderr[-3000:]}")
    return open_bundle(Path(json.loads(done.stdout)["run"]) / "publish/bundle")


def as_version(source: Bundle, version: str, folder: Path) -> Bundle:
    """The same network as another version: a rollout of anything else might rightly be stopped."""
    manifest = source.manifest.model_copy(update={"version": SemanticVersion(version)})
    return write_bundle(folder, manifest, {name: source.file(name) for name in source.manifest.files})


@contextmanager
def running_stack(folder: Path, first: Bundle, clips: list[Clip]) -> Iterator[Stack]:
    """Registry, three servers and Prometheus; `first` is promoted to production and answers."""
    with ExitStack() as context:
        servers = context.enter_context(Servers(folder / "logs"))
        calls, metrics = {}, {}
        registry, metrics[REGISTRY] = _start_registry(servers, folder)
        client = context.enter_context(RegistryClient(registry))
        client.publish(first.path)
        for device, environment in DEVICES.items():
            instance = f"{device}:9464"
            calls[instance], metrics[instance] = _start_device(servers, folder, registry, device, environment)
        targets = {
            "registry": {REGISTRY: metrics[REGISTRY]},
            "inference": {instance: metrics[instance] for instance in calls},
        }
        prometheus = start_prometheus(servers, folder / "prometheus", targets)
        stack = Stack(client, calls, metrics, prometheus, clips, time.time())
        stack.promote(str(first.manifest.version))
        stack.wait_for("sum(pipit_model_ready) == 2")
        yield stack


def enrol_somebody(registry: str) -> None:
    """Changes the registry's gallery, as a server that names faces does."""
    vector = np.full(64, 0.125, np.float32)
    template = Template(vector, "0" * 64, 1.0, "0" * 64)
    person = Person("0" * 32, "Anna", Consent("Anna", "2026-11-28T00:00:00+00:00", "the test"), (template,))
    with RemoteGalleries(registry) as galleries:
        galleries.put(GALLERY, seal(GalleryKey.generate(), GALLERY, person))


@contextmanager
def naming_server(folder: Path) -> Iterator[str]:
    """A server that names faces from a bundle; gives host:port of its metrics. Prometheus does not know it."""
    bundle = _trained(FACES, folder)
    GalleryKey.generate().save(folder / "gallery.key")
    port, metrics = free_port(), free_port()
    settings = {
        "PIPIT_SERVING_GALLERY_KEY": str(folder / "gallery.key"),
        "PIPIT_SERVING_GALLERY_DIR": str(folder / "galleries"),
        "PIPIT_SERVING_PORT": str(port),
        "PIPIT_SERVING_METRICS_PORT": str(metrics),
    }
    with Servers(folder / "logs") as servers:
        command = [sys.executable, "-m", "pipit.serving", "--bundle", str(bundle.path)]
        server = servers.start("porch", command, settings)
        wait_until_serving(server, f"127.0.0.1:{port}", FACES, START_SECONDS)
        yield f"127.0.0.1:{metrics}"


def run_traffic(stack: Stack, labels: tuple[str, ...], second: Bundle, wait: Callable[[], None]) -> None:
    """Traffic before, during and after a rollout of `second`, and while one back is stopped. wait: called twice."""
    stack.registry.publish(second.path)
    production = [address for instance, address in stack.calls.items() if instance != "attic:9464"]
    with Traffic(production, stack.calls["attic:9464"], stack.registry.address, stack.clips, labels):
        wait()
        stack.wait_for('pipit_requests_total{code="RESOURCE_EXHAUSTED"} > 0')
        enrol_somebody(stack.registry.address)
        version = second.manifest.version
        stack.lead(str(version))
        stack.wait_for('pipit_rollout_last_verdict_info{verdict="succeeded"}')
        stack.wait_for(f'count(pipit_model_active_info{{version="{version}"}}) == 2')
        wait()
        stack.lead(FIRST)
        stack.wait_for(f'count(pipit_model_active_info{{version="{FIRST}"}}) == 1')
        stack.stop()
        stack.wait_for(f'count(pipit_model_active_info{{version="{version}"}}) == 2')
        stack.wait_for("pipit_rollback_seconds_count")
        stack.wait_for('pipit_rollout_last_verdict_info{verdict="aborted"}')
        for kind in ("failed", "refused"):
            stack.wait_for(f'task:pipit_requests_{kind}:ratio_rate5m{{task="{TASK}"}} > 0')


def read_clips(folder: Path) -> list[Clip]:
    """Of the synthetic set that `train` wrote to `folder`."""
    root = folder / "data/synthetic_sounds"
    with (root / "meta/esc50.csv").open(encoding="utf-8", newline="") as table:
        return [Clip((root / "audio" / row["filename"]).read_bytes(), row["category"]) for row in csv.DictReader(table)]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIPIT_")}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3"}


def _start_registry(servers: Servers, folder: Path) -> tuple[str, str]:
    port, metrics = free_port(), free_port()
    settings = {
        "PIPIT_REGISTRY_STORE": str(folder / "store"),
        "PIPIT_REGISTRY_PORT": str(port),
        "PIPIT_REGISTRY_METRICS_PORT": str(metrics),
    }
    server = servers.start("registry", [sys.executable, "-m", "model_registry"], settings)
    wait_until_serving(server, f"127.0.0.1:{port}", "", START_SECONDS)
    return f"127.0.0.1:{port}", f"127.0.0.1:{metrics}"


def _start_device(servers: Servers, folder: Path, registry: str, device: str, environment: str) -> tuple[str, str]:
    port, metrics = free_port(), free_port()
    settings = {
        "PIPIT_SERVING_REGISTRY": registry,
        "PIPIT_SERVING_TASKS": TASK,
        "PIPIT_SERVING_ENVIRONMENT": environment,
        "PIPIT_SERVING_DEVICE_ID": device,
        "PIPIT_SERVING_CACHE_DIR": str(folder / "cache" / device),
        "PIPIT_SERVING_PORT": str(port),
        "PIPIT_SERVING_METRICS_PORT": str(metrics),
        # Little of both, so that a burst finds the queue full.
        "PIPIT_SERVING_CONCURRENCY": "1",
        "PIPIT_SERVING_QUEUE": "4",
    }
    server = servers.start(device, [sys.executable, "-m", "pipit.serving"], settings)
    wait_until_serving(server, f"127.0.0.1:{port}", LIVENESS, START_SECONDS)
    return f"127.0.0.1:{port}", f"127.0.0.1:{metrics}"
