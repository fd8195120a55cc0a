from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from model_registry.server import RegistryServer
from pipit.errors import InvalidInput, Unavailable
from pipit.service.process import run
from pipit.settings import load_settings
from pipit_console.app import build_api
from pipit_console.openapi import content_of
from pipit_console.server import ConsoleServer, serve
from pipit_console.settings import ConsoleSettings
from pipit_console.tls import Tls

_OPENAPI = Path(__file__).parents[1] / "openapi.json"


def test_the_api_is_what_its_document_says() -> None:
    assert _OPENAPI.read_bytes() == content_of(build_api()), "run: make console-api"


def test_a_port_that_is_taken_is_said(start_console: Callable[..., ConsoleServer]) -> None:
    taken = start_console("127.0.0.1:1")
    with pytest.raises(Unavailable, match=f"127.0.0.1:{taken.port}.*set host and port"):
        start_console("127.0.0.1:1", port=taken.port)


def test_a_cache_is_of_one_console(start_console: Callable[..., ConsoleServer], tmp_path: Path) -> None:
    first = start_console("127.0.0.1:1", cache_dir=tmp_path)
    with pytest.raises(Unavailable, match="PIPIT_CONSOLE_CACHE_DIR"):
        start_console("127.0.0.1:1", cache_dir=tmp_path)
    first.stop()
    start_console("127.0.0.1:1", cache_dir=tmp_path)


def test_settings_that_would_open_it_to_strangers_are_refused() -> None:
    with pytest.raises(InvalidInput, match="PIPIT_CONSOLE_TLS_CERTIFICATE"):
        load_settings(ConsoleSettings, host="0.0.0.0")
    with pytest.raises(InvalidInput, match="PIPIT_REGISTRY_TOKENS"):
        load_settings(ConsoleSettings, tokens=Path("tokens.yaml"))
    assert load_settings(ConsoleSettings, servers="a:1, b:2").servers == ("a:1", "b:2")


def test_it_is_ready_while_the_registry_answers(
    registry: RegistryServer, start_console: Callable[..., ConsoleServer], browse: Callable[..., Any]
) -> None:
    browser = browse(start_console(registry))
    assert (browser.get("/healthz").status_code, browser.get("/readyz").status_code) == (200, 200)
    registry.stop(0)
    answer = browser.get("/readyz")
    assert (answer.status_code, browser.get("/healthz").status_code) == (503, 200)
    assert "registry" in answer.text


def test_a_request_that_has_begun_is_answered_before_the_end(
    registry: RegistryServer, start_console: Callable[..., ConsoleServer]
) -> None:
    console = start_console(registry, grace_seconds=30.0)
    body = b'{"token": "token-of-viv"}'
    head = (
        "POST /api/v1/session HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
    )
    with socket.create_connection(("127.0.0.1", console.port), timeout=60) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        # From here on the route waits for the body.
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        stopping = threading.Thread(target=console.stop)
        stopping.start()
        connection.sendall(body)
        answer = connection.recv(65536)
        stopping.join()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", console.port), timeout=60)


def test_a_process_answers_until_it_is_told_to_end(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PIPIT_CONSOLE_PORT": "0",
        "PIPIT_CONSOLE_METRICS_PORT": "0",
        "PIPIT_CONSOLE_CACHE_DIR": str(tmp_path),
        "PIPIT_CONSOLE_LOG_FORMAT": "json",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "pipit_console"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if '"started"' in line)
        port = int(line.split('"port": ')[1].split(",")[0])
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=60.0).text == "ok\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_start_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PIPIT_CONSOLE_HOST", "0.0.0.0")
    assert run(lambda: load_settings(ConsoleSettings), serve) == 1
    said = capfd.readouterr().err
    assert "PIPIT_CONSOLE_INSECURE" in said
    assert "Traceback" not in said


def test_by_tls_new_certificates_are_shown_without_a_restart(
    tmp_path: Path,
    make_certificate: Callable[..., tuple[Path, Path]],
    start_console: Callable[..., ConsoleServer],
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    certificate, key = make_certificate(tmp_path, "first")
    console = start_console("127.0.0.1:1", tls_certificate=certificate, tls_key=key)

    def shown() -> str:
        return ssl.get_server_certificate(("127.0.0.1", console.port), timeout=30)

    assert shown() == certificate.read_text()
    context = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(base_url=f"https://127.0.0.1:{console.port}", verify=context, timeout=60.0) as client:
        assert client.get("/healthz").headers["strict-transport-security"]
    other, other_key = make_certificate(tmp_path, "second")
    other_key.replace(key)
    other.replace(certificate)
    eventually(lambda: shown() == certificate.read_text())


def test_certificates_are_taken_up_by_the_thread_that_connections_begin_on(
    tmp_path: Path, make_certificate: Callable[..., tuple[Path, Path]]
) -> None:
    threads = []

    class Context(ssl.SSLContext):
        def load_cert_chain(self, *files: Any) -> None:
            threads.append(threading.current_thread())
            super().load_cert_chain(*files)

    certificate, key = make_certificate(tmp_path, "one")
    options = Tls(ConsoleSettings(tls_certificate=certificate, tls_key=key)).options()
    context = options["ssl_context_factory"](None, lambda: Context(ssl.PROTOCOL_TLS_SERVER))
    asyncio.run(options["callback_notify"]())
    assert threads == [threading.current_thread()]
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_half_of_a_new_pair_does_not_spoil_the_one_that_is_shown(
    tmp_path: Path, make_certificate: Callable[..., tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path, "one")
    other, _ = make_certificate(tmp_path, "other")
    tls = Tls(ConsoleSettings(tls_certificate=certificate, tls_key=key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    options = tls.options()
    options["ssl_context_factory"](None, lambda: context)
    here, there = socket.socketpair()

    async def overtaken(*looks: object) -> float:
        """The new certificate comes after the files were looked at, and its key has not come yet."""
        other.replace(certificate)
        return 0.0

    monkeypatch.setattr(asyncio, "to_thread", overtaken)
    asyncio.run(options["callback_notify"]())
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with ThreadPoolExecutor(1) as hands, here, there:
        shown = hands.submit(context.wrap_socket, here, server_side=True)
        with client.wrap_socket(there), shown.result():
            pass
