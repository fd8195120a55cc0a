"""What the tests of every package share."""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

# How long an example takes depends on the machine and on what else runs there; no test has a time limit.
settings.register_profile("pipit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pipit")

ONE_WORKER = (
    "services/emotion/tests/serving/",
    "services/home_security/tests/faces/",
    "tests/console/",
    "tests/images/",
    "tests/k8s/",
    "tests/monitoring/",
    "tests/notebooks/",
    "tests/stack/",
)
"""Folders whose files share what takes long to make: bundles, a stack, a browser, a kernel, rendered manifests."""

LATER = ("", "tests/console/")
"""Not begun first. A browser gives up what it loads when the machine's networks change, as they do while images are
tried beside the tests."""

# Tests side by side share the processors; libraries for networks would each start a thread for every core. They read
# this when they are first imported, and so do the processes that tests start.
if "PYTEST_XDIST_WORKER" in os.environ:
    share = max(1, (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(variable, str(share))

# Whoever runs the tests, a CI too, may ask for colours or a width, and commands would write other lines. Typer and Rich
# read this when they are first imported, and so do the processes that tests start.
for variable in ("FORCE_COLOR", "GITHUB_ACTIONS", "TERMINAL_WIDTH", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
    os.environ.pop(variable, None)

# Read when grpc is first imported: tests of load balancing ask a name server of their own, which the system's lookup
# can't be sent to.
os.environ["GRPC_DNS_RESOLVER"] = "ares"

# Servers of tests keep what they need from one start to the next apart from those of the machine's owner.
if "PIPIT_SERVING_CACHE_DIR" not in os.environ:
    folder = tempfile.TemporaryDirectory(prefix="pipit-serving-")
    os.environ["PIPIT_SERVING_CACHE_DIR"] = folder.name

# A shell ignores interrupts for what it starts in the background, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# A process sets up its log once, and each of its loggers keeps that. Commands that a test runs in this process leave
# the log alone: a logger that had kept theirs would be deaf to `capture_logs` in the tests that follow. This comes
# before anything that imports the function.
patch("pipit.logging.configure_logging").start()


def _log_to_standard_error() -> None:
    """As `pipit.logging` does; structlog's own default is standard output, which is a command's answer."""
    structlog.reset_defaults()
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


_log_to_standard_error()


class _FilesTogether(LoadFileScheduling):  # type: ignore[misc]
    """Gives each worker a file at a time, or a folder of ONE_WORKER, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return _folder_of_one_worker(nodeid) or super()._split_scope(nodeid)


def _folder_of_one_worker(nodeid: str) -> str:
    return next((folder for folder in ONE_WORKER if nodeid.startswith(folder)), "")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _FilesTogether:
    """For tests side by side."""
    config.option.loadscopereorder = False
    return _FilesTogether(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, what takes long comes first, so that no worker is left alone with it at the end.

    That is files with slow tests, and the folders of ONE_WORKER, of which each is given out as a whole.
    """
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow and _folder_of_one_worker(item.nodeid) in LATER)


@pytest.fixture
def silent_log() -> Iterator[None]:
    """Servers that a test runs in this process write nothing between what a command says."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    _log_to_standard_error()


class Quiet:
    """Progress that keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextmanager
    def track(self, description: str, total: float) -> Iterator[Quiet]:
        """A bar that shows nothing."""
        yield self

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Shows nothing."""

    def say(self, message: str) -> None:
        """Keeps it."""
        self.said.append(message)


@pytest.fixture
def quiet() -> Quiet:
    """See `pipit.training.progress.Progress`."""
    return Quiet()


def end_session(process: subprocess.Popen[Any]) -> None:
    """Kills what still runs of the process's session, its children too, and closes its pipes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            # What a writer has kept back, nobody reads.
            with suppress(BrokenPipeError):
                pipe.close()


Popen = Callable[..., subprocess.Popen[Any]]


@contextmanager
def sessions() -> Iterator[Popen]:
    """`subprocess.Popen` in a session of its own, of which nothing is left at the end, however it comes.

    A child that lives on would hold the pipes, and whoever reads them to their end would wait for ever.
    """
    started: list[subprocess.Popen[Any]] = []

    def start(command: Any, **options: Any) -> subprocess.Popen[Any]:
        started.append(subprocess.Popen(command, start_new_session=True, **options))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            end_session(process)


@pytest.fixture
def popen() -> Iterator[Popen]:
    """Starts processes that end with the test."""
    with sessions() as start:
        yield start


@pytest.fixture(scope="module")
def module_popen() -> Iterator[Popen]:
    """Starts processes that end with the last test of the file."""
    with sessions() as start:
        yield start


@pytest.fixture(scope="session")
def free_ports() -> Callable[[int], list[int]]:
    """Ports that the system gives to nobody who asks for any: until the processes listen, seconds pass."""

    def choose(count: int) -> list[int]:
        found = set[int]()
        while len(found) < count:
            port = random.SystemRandom().randrange(20_000, 30_000)
            with suppress(OSError), socket.create_server(("127.0.0.1", port)):
                found.add(port)
        return list(found)

    return choose


@dataclass
class FileServer:
    """Serves `files` by path. What it should do wrong is set by the test; what it was asked stands in `requests`."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etags: bool = True
    break_after: list[int] = field(default_factory=list)
    """One entry for each of the next answers: the bytes after which the connection breaks."""
    statuses: list[int] = field(default_factory=list)
    """One entry for each of the next answers: a status instead of the content."""
    stall: threading.Event | None = None
    """Set: the body waits for this after its first half."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range header of each request."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        files = self.server.files
        asked = self.headers.get("Range", "")
        files.requests.append((self.path, asked))
        content = files.files.get(self.path.lstrip("/"))
        status = files.statuses.pop(0) if files.statuses else (404 if content is None else 200)
        if status != 200 or content is None:
            self.send_error(status)
            return
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        start = 0
        unchanged = self.headers.get("If-Range", tag) == tag
        if asked and files.ranges and unchanged:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if files.etags:
            self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self._send_body(content[start:])

    def _send_body(self, body: bytes) -> None:
        files = self.server.files
        if files.break_after:
            self.wfile.write(body[: files.break_after.pop(0)])
            self.close_connection = True
            return
        if files.stall is not None:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            files.stall.wait(30)
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files: FileServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    """A real HTTP server for downloads, whose faults a test chooses."""
    files = FileServer()
    with _Server(files) as server:
        files.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield files
        if files.stall is not None:
            files.stall.set()
        server.shutdown()
        thread.join()


class OneAtATime:
    """Answers one request after the other: moto compares and writes in two steps; a real server does both in one."""

    def __init__(self, application: Callable[..., Any]) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environment: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """WSGI. Whoever is slow to send a body keeps nobody else waiting."""
        body = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
        environment["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            return list(self._application(environment, start_response))


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """host:port of moto's S3 on loopback."""
    moto = pytest.importorskip("moto.moto_server.werkzeug_app")
    serving = pytest.importorskip("werkzeug.serving")
    application = OneAtATime(moto.DomainDispatcherApplication(moto.create_backend_app))
    server = serving.make_server("127.0.0.1", 0, application, threaded=True, request_handler=moto.MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    # The first answer takes long: moto imports what it needs for it.
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/", timeout=300) as answer:
        answer.read()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
