"""What only a server can meet: it goes away, comes back, lacks the bucket, refuses the credentials, is full."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("minio")

from pipit.errors import InvalidInput, PipitError, Unavailable
from pipit.storage import ObjectStore
from pipit.storage.minio import MinioStore


def store_at(endpoint: str, bucket: str = "bundles", timeout: float = 60.0) -> MinioStore:
    return MinioStore(endpoint, bucket, "test", "testtest", secure=False, timeout=timeout)


def every_call(store: ObjectStore) -> list[Callable[[], object]]:
    return [
        store.check,
        lambda: store.read("key"),
        lambda: store.size("key"),
        lambda: list(store.open("key")),
        lambda: store.create("key", b"x"),
        lambda: store.replace("key", b"x", "tag"),
        lambda: list(store.list("")),
        lambda: store.delete("key"),
    ]


class FaultyServer(ThreadingHTTPServer):
    """Answers each request with the same status and S3 error code."""

    daemon_threads = True

    def __init__(self, status: int, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>as asked</Message></Error>".encode() if code else b""

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(status)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", "0" if self.command == "HEAD" else str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815 (the names that http.server calls)

            def log_message(self, *_: object) -> None:
                """Keeps the test's output clean."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def faulty() -> Iterator[Callable[[int, str], str]]:
    servers: list[tuple[FaultyServer, threading.Thread]] = []

    def start(status: int, code: str) -> str:
        server = FaultyServer(status, code)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_is_away_is_unavailable() -> None:
    for call in every_call(store_at(f"127.0.0.1:{free_port()}")):
        with pytest.raises(Unavailable, match="can't be reached"):
            call()


def test_no_call_waits_for_ever_for_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipit.storage.minio._LOOK_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        for call in every_call(store_at(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)):
            with pytest.raises(Unavailable, match="can't be reached"):
                call()


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (507, "XMinioStorageFull", "no space left"),
        (507, "", "no space left"),
        (403, "SignatureDoesNotMatch", "credentials"),
        (500, "InternalError", "InternalError"),
        (503, "SlowDown", "SlowDown"),
        (409, "ConditionalRequestConflict", "many at once"),
        (500, "UnknownError", "many at once"),
    ],
)
def test_a_write_that_fails_says_why(faulty: Callable[[int, str], str], status: int, code: str, text: str) -> None:
    store = store_at(faulty(status, code))

    with pytest.raises(Unavailable, match=text):
        store.create("key", b"x")
    with pytest.raises(Unavailable, match=text):
        store.replace("key", b"x", "tag")


def test_whatever_the_server_answers_is_an_error_of_pipit(faulty: Callable[[int, str], str]) -> None:
    for call in every_call(store_at(faulty(500, ""))):
        with pytest.raises(PipitError):
            call()


def test_a_bucket_is_made_once(s3_endpoint: str) -> None:
    store = store_at(s3_endpoint, "made-by-check")
    with pytest.raises(Unavailable, match="no bucket 'made-by-check'"):
        store.create("key", b"x")

    store.check()
    store.check()

    store.create("key", b"x")
    assert store.read("key").data == b"x"


def test_an_endpoint_is_host_and_port() -> None:
    with pytest.raises(InvalidInput, match="host:port"):
        store_at("http://127.0.0.1:9000/path")
