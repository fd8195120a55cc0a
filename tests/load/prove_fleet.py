"""A registry, many servers, and the callers that ask all of them.

A server that ends by itself is started anew, as a device's service manager does.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.bundle import Bundle
from pipit.cli.demo.processes import free_port
from pipit.errors import PipitError
from pipit.fleet import FleetClient
from pipit.registry import RegistryClient
from prove_bundles import Fault, draw, make_bundle
from prove_processes import Device, Process, clean, version_of


@dataclass(frozen=True, slots=True)
class Answer:
    """at: when it was asked, in seconds since 1970. version: empty where it failed. status: of gRPC."""

    at: float
    device: str
    version: str
    status: str
    seconds: float


class Traffic:
    """Callers of all devices, each asked `rate` times a second on average, and what they were told."""

    def __init__(self, devices: Iterable[Device], rate: float) -> None:
        self.rate = rate
        self.answers: list[Answer] = []
        self._devices = list(devices)
        self._random = np.random.default_rng(11)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._call, name="traffic", daemon=True)
        self._thread.start()

    def _call(self) -> None:
        due = time.monotonic()
        while not self._stopped.is_set():
            if self.rate <= 0:
                self._stopped.wait(0.1)
                due = time.monotonic()
                continue
            for device, row in zip(self._devices, draw(self._random, len(self._devices)), strict=True):
                due += 1.0 / (self.rate * len(self._devices))
                self._stopped.wait(max(0.0, due - time.monotonic()))
                if device.is_on and device.is_asked:
                    self._ask(device, row)

    def _ask(self, device: Device, row: Any) -> None:
        landmarks = pb.Landmarks(values=row.tolist())
        request = pb.ClassifyRequest(input=pb.Input(landmarks=landmarks))
        at, begun = time.time(), time.perf_counter()

        def told(call: Any) -> None:
            status, version = call.code().name, ""
            if status == "OK":
                version = call.result().model.version
            self.answers.append(Answer(at, device.name, version, status, time.perf_counter() - begun))

        # It is kept by its callback until it has been answered.
        self._device_call(device, request).add_done_callback(told)

    @staticmethod
    def _device_call(device: Device, request: Any) -> Any:
        return device.stub.Classify.future(request, timeout=10)

    def since(self, begun: float, until: float = float("inf")) -> list[Answer]:
        """Those that were asked for in that time."""
        return [answer for answer in self.answers if begun <= answer.at < until]

    def stop(self) -> None:
        """Asks nobody any more."""
        self._stopped.set()
        self._thread.join()


def told(answers: Iterable[Answer]) -> Counter[tuple[str, str]]:
    """How many, by version and status."""
    return Counter((answer.version, answer.status) for answer in answers)


class Fleet:
    """One registry over a folder, its devices, and their callers. A context manager."""

    def __init__(
        self,
        folder: Path,
        site: Path,
        devices: int,
        rate: float,
        registry_settings: Mapping[str, str],
        device_settings: Callable[[int], Mapping[str, str]],
        token: str | None = None,
    ) -> None:
        """rate: requests a second of each device. registry_settings, device_settings: further variables, the latter
        by the device's number.

        token: of an operator and publisher.
        """
        self.folder = folder
        self.store = folder / "store"
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        environment = {
            "PIPIT_REGISTRY_STORE": str(self.store),
            "PIPIT_REGISTRY_PORT": str(port),
            "PIPIT_REGISTRY_METRICS_PORT": "0",
            "PIPIT_REGISTRY_LOG_FORMAT": "json",
            **registry_settings,
        }
        log = folder / "registry.log"
        self.registry = Process("registry", [sys.executable, "-m", "model_registry"], clean(environment), log)
        self.devices = [
            Device(f"pi-{number:02d}", self.address, folder, site, device_settings(number))
            for number in range(1, devices + 1)
        ]
        self.client = RegistryClient(self.address, token)
        self.rollouts = FleetClient(self.address, token)
        self._rate = rate
        self._stopped = threading.Event()
        self._watch = threading.Thread(target=self._keep_up, name="restarts", daemon=True)

    def __enter__(self) -> Fleet:
        self.registry.start()
        self.wait_for_registry()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        if self._watch.is_alive():
            self._watch.join()
        if hasattr(self, "traffic"):
            self.traffic.stop()
        for process in (*self.devices, self.registry):
            process.stop(signal.SIGKILL)
        self.client.close()
        self.rollouts.close()
        for device in self.devices:
            device.channel.close()

    def wait_for_registry(self) -> None:
        """Until it answers. Raises after a minute."""
        self.wait_until(self._registry_answers, 60, "the registry does not answer")

    def _registry_answers(self) -> bool:
        try:
            self.client.list_versions()
        except PipitError:
            return False
        return True

    def publish(self, version: str, fault: Fault | None = None) -> Bundle:
        """Makes a bundle and gives it to the registry. fault: None: a good one."""
        bundle = make_bundle(self.folder, version, fault)
        self.client.publish(bundle.path)
        return bundle

    def restart_registry(self, environment: Mapping[str, str], number: signal.Signals = signal.SIGTERM) -> None:
        """Ends it by that signal; starts it two seconds later, and waits until it answers."""
        self.registry.stop(number)
        time.sleep(2.0)
        self.registry.environment = dict(environment)
        self.registry.start()
        self.wait_for_registry()

    def wait_for_answers(self, each: int) -> None:
        """Until so many requests were answered by each device."""
        done = lambda: min(Counter(one.device for one in self.traffic.answers).values(), default=0) >= each  # noqa: E731
        self.wait_until(done, 60 + 2 * each / max(self._rate, 0.1), f"not {each} answers by each device", 0.5)

    def start_devices(self, version: str, rate: float | None = None, at_once: int = 4) -> None:
        """Some at a time, for each start takes a second of a processor; then the callers begin, at that rate."""
        for begin in range(0, len(self.devices), at_once):
            some = self.devices[begin : begin + at_once]
            for device in some:
                device.start()
            self.wait_until(lambda some=some: all(device.version() == version for device in some), 120, "a slow start")
        self.traffic = Traffic(self.devices, self._rate if rate is None else rate)
        self._watch.start()

    def _keep_up(self) -> None:
        while not self._stopped.wait(0.1):
            for device in self.devices:
                device.restart_if_ended()

    @property
    def on(self) -> list[Device]:
        """Devices that were not stopped."""
        return [device for device in self.devices if device.is_on]

    def versions(self) -> dict[str, str]:
        """What answers on each device that is on, asked of itself."""
        calls = [(device, device.stub.ListModels.future(pb.ListModelsRequest(), timeout=2)) for device in self.on]
        return {device.name: version_of(call) for device, call in calls}

    def all_serve(self, version: str) -> bool:
        """Whether every device that is on answers with it."""
        return set(self.versions().values()) == {version}

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str, pause: float = 0.1) -> float:
        """Gives the seconds that it took; raises TimeoutError, with `what`, if they are not enough."""
        begun = time.monotonic()
        while not condition():
            if time.monotonic() - begun > seconds:
                raise TimeoutError(f"{what}, after {seconds:.0f} s")
            time.sleep(pause)
        return time.monotonic() - begun
