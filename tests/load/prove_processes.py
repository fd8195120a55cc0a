"""A registry and servers as processes of their own on loopback, which can be ended, frozen and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.cli.demo.processes import free_port
from prove_bundles import TASK

ENVIRONMENT = "production"
RESTART_SECONDS = 1.0
"""After which a process that ended by itself is started anew."""
_CHANNEL = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]


class Process:
    """One that can be started again and again. restarts: how often it was started after it had ended by itself."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.restarts = 0
        self.environment = dict(environment)
        self._command = command
        self._log = log
        self.is_frozen = False
        self.is_asked = True
        """Whether callers ask it."""
        self._process: subprocess.Popen[bytes] | None = None
        self._ended_at = 0.0

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_on(self) -> bool:
        """Whether it was started, and not stopped nor frozen; it may have ended by itself."""
        return self._process is not None and not self.is_frozen

    def start(self) -> None:
        """Its log goes on where it was."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def restart_if_ended(self) -> None:
        """To be called again and again."""
        if self._process is None or self._process.poll() is None:
            return
        if not self._ended_at:
            self._ended_at = time.monotonic()
        elif time.monotonic() - self._ended_at >= RESTART_SECONDS:
            self._ended_at = 0.0
            self.restarts += 1
            self.start()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """SIGKILL: as if the power went."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def freeze(self) -> None:
        """It is there, and says nothing any more."""
        os.kill(self.pid, signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self) -> None:
        """It goes on."""
        os.kill(self.pid, signal.SIGCONT)
        self.is_frozen = False


class Device(Process):
    """A server that follows the registry."""

    def __init__(self, name: str, registry: str, folder: Path, site: Path, extra: Mapping[str, str]) -> None:
        """extra: further variables."""
        port = free_port()
        command = [sys.executable, "-m", "pipit.serving", f"--port={port}", "--metrics-port=0", "--concurrency=2"]
        command += [f"--registry={registry}", f"--tasks={TASK}", f"--environment={ENVIRONMENT}", f"--device-id={name}"]
        command += [f"--cache-dir={folder / name}", "--log-format=json"]
        super().__init__(name, command, clean({"PYTHONPATH": str(site), **extra}), folder / f"{name}.log")
        self.cache = folder / name
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", _CHANNEL)
        self.stub = inference_pb2_grpc.InferenceServiceStub(self.channel)

    def version(self) -> str:
        """What answers here; empty: nothing, or nobody."""
        return version_of(self.stub.ListModels.future(pb.ListModelsRequest(), timeout=2))


def version_of(call: Any) -> str:
    try:
        models = call.result().models
    except grpc.RpcError:
        return ""
    return str(models[0].identity.version) if models else ""


def clean(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without Pipit's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PIPIT_")} | dict(extra)
