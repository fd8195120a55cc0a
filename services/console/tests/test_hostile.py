"""Requests that nobody's page sends, and a registry that is another one, changes its mind or does not answer."""

from __future__ import annotations

import http.client
import io
import socket
import tempfile
import threading
import uuid
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from model_registry.server import RegistryServer
from pipit_console.server import ConsoleServer

TASK = "test.sounds"
Browse = Callable[..., Any]
Keep = Callable[..., Any]


@pytest.mark.parametrize("wanted", ["bytes=²-", "bytes=-³", f"bytes={'9' * 5000}-"])
def test_a_range_that_is_no_number_is_the_askers_fault(
    console: ConsoleServer, browse: Browse, keep: Keep, wanted: str
) -> None:
    example = keep(1)[0]
    answer = browse(console, "lab").get(
        f"/api/v1/label/{TASK}/items/{example.id}/content", headers={"Range": wanted.encode("latin-1")}
    )
    assert answer.status_code in (400, 416), answer.text


@pytest.mark.parametrize("headers", [{"Host": "["}, {"Host": "127.0.0.1", "Origin": "http://["}])
def test_a_header_that_is_no_address_is_refused(console: ConsoleServer, headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=30)
    connection.putrequest("POST", "/api/v1/session", skip_host=True)
    for name, value in {**headers, "Content-Length": "0"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, b"permission_denied" in answer.read()
    connection.close()
    assert found == (403, True)


@pytest.mark.parametrize("change", [{"at": "0001-01-01T00:00:00+14:00"}, {"at": "9999-12-31T23:59:59-10:00"},
                                    {"undoes": "\0", "kind": "undo"}])  # fmt: skip
def test_a_time_outside_of_the_calendar_is_the_askers_fault(
    console: ConsoleServer, browse: Browse, keep: Keep, change: dict[str, str]
) -> None:
    example = keep(1)[0]
    event = {"id": str(uuid.uuid4()), "kind": "label", "at": datetime.now(UTC).isoformat(), "example": example.id}
    body = {"batch_id": str(uuid.uuid4()), "events": [{**event, **change}]}
    answer = browse(console, "lab").post(f"/api/v1/label/{TASK}/events", json=body)
    assert answer.status_code in (200, 400), answer.text


def test_a_clock_that_is_fast_does_not_win_over_what_is_said_later(
    console: ConsoleServer, browse: Browse, keep: Keep
) -> None:
    example = keep(1)[0]
    lab = browse(console, "lab")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    lab.say({"example": example.id, "label": "loud", "at": tomorrow})
    assert lab.say({"example": example.id, "label": "quiet"})["items"][example.id]["label"] == "quiet"


def test_a_batch_that_is_known_says_what_the_registry_has_of_it(
    console: ConsoleServer, browse: Browse, keep: Keep
) -> None:
    example = keep(1)[0]
    lab, batch = browse(console, "lab"), str(uuid.uuid4())
    lab.say({"example": example.id, "label": "loud"}, batch=batch)
    again = lab.say({"example": example.id, "label": "quiet"}, batch=batch)
    assert (again["known"], again["items"][example.id]["label"]) == (True, "loud")


@pytest.mark.parametrize("text", [r"\ud800", r"\u0000"])
def test_text_that_is_none_is_no_fault_of_the_console(
    console: ConsoleServer, browse: Browse, keep: Keep, text: str
) -> None:
    keep(1)
    lab = browse(console, "lab")
    answer = lab.post(f"/api/v1/label/{TASK}/labels", content=f'{{"label": "{text}"}}')
    assert answer.status_code in (200, 400), answer.text
    assert lab.get(f"/api/v1/label/{TASK}/queue?mode=all&label=%00%ED%A0%80").status_code == 200


def _zip(*entries: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            file.writestr(name, content)
    return buffer.getvalue()


def _spoilt() -> bytes:
    data = bytearray(_zip(("loud/a.wav", bytes(range(256)) * 40)))
    data[45:60] = b"\xff" * 15
    return bytes(data)


@pytest.mark.parametrize(
    "content", [_spoilt(), _zip((f"loud/{'x' * 300}.wav", b"RIFF")), _zip((f"{'y/' * 3000}a.wav", b"RIFF"))]
)
def test_an_archive_that_can_not_be_unpacked_is_the_askers_fault(
    console: ConsoleServer, browse: Browse, keep: Keep, content: bytes
) -> None:
    keep(1)
    answer = browse(console, "lab").post(f"/api/v1/label/{TASK}/import?format=folder", content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_argument"), answer.text


_LISTS = (
    b"file,label\n" + b"x" * 200_000 + b",y\n",
    b'file,label\n"a\0b,c',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"\xff",
    b"[1e999]",
    b"null",
    b'[{"data":{"audio":"\\ud800"},"annotations":[{"result":[{"value":{}}]}]}]',
    b'{"categories":[],"images":[{"id":[],"file_name":"\\u0000"}],"annotations":[]}',
    b'{"categories":[{"id":1,"name":"a"}],"images":[],"annotations":[{"image_id":[],"category_id":1,"bbox":[1,2,3,4]}]}',
    b'{"file":"\\u0000.wav"}',
    b'{"file":"labels.jsonl/a.wav"}',
    b'{"file":"' + b"a" * 5000 + b'.wav"}',
)


@pytest.mark.parametrize("notation", ["csv", "jsonl", "labelstudio", "coco", "yolo", "edl", "folder"])
def test_a_list_of_nonsense_is_the_askers_fault(
    console: ConsoleServer, browse: Browse, keep: Keep, notation: str
) -> None:
    keep(1)
    lab = browse(console, "lab")
    for body in _LISTS:
        answer = lab.post(f"/api/v1/label/{TASK}/import?format={notation}", content=body)
        assert answer.status_code in (200, 400, 404), (body[:80], answer.text)
        assert answer.status_code != 200 or answer.json()["examples"] == 0


def test_an_archive_is_unpacked_beside_the_indexes_and_not_in_memory(
    console: ConsoleServer, browse: Browse, keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(1)
    # /tmp of the container is memory.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    found = browse(console, "lab").post(
        f"/api/v1/label/{TASK}/import?format=folder",
        content=_zip(("loud/a.wav", b"RIFF 1"), ("quiet/b.wav", b"RIFF 2")),
    )
    assert (found.status_code, found.json()["labelled"]) == (200, 2), found.text


def test_what_a_killed_console_left_of_imports_and_exports_goes_with_the_next_start(
    registry: RegistryServer, start_console: Callable[..., ConsoleServer], tmp_path: Path
) -> None:
    left = tmp_path / "cache" / ".transfer-x1"
    left.mkdir(parents=True)
    (left / "export.zip").write_bytes(b"of somebody who was deleted since")
    start_console(registry, cache_dir=tmp_path / "cache")
    assert not left.exists()


def test_deleted_content_stays_in_no_memory(
    console: ConsoleServer, browse: Browse, keep: Keep, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    gone, kept = keep(2)
    lab, opa = browse(console, "lab"), browse(console, "opa")
    for example in (gone, kept):
        for kind in ("content", "thumbnail", "wav"):
            assert lab.get(f"/api/v1/label/{TASK}/items/{example.id}/{kind}").status_code == 200
    assert console.contents.holds(TASK, gone.id)
    opa.tell(f"/examples/{TASK}?id={gone.id}", None, "DELETE")
    eventually(lambda: lab.get(f"/api/v1/label/{TASK}/items/{gone.id}/content").status_code == 404)
    eventually(lambda: not console.contents.holds(TASK, gone.id))
    assert console.contents.holds(TASK, kept.id)


def test_who_is_taken_the_token_or_a_role_sees_no_example_any_more(
    console: ConsoleServer,
    browse: Browse,
    keep: Keep,
    tokens: Path,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    monkeypatch.setattr("pipit_console.sessions.CHECK_SECONDS", 0.0)
    keep(1)
    lab, lisa = browse(console, "lab"), browse(console, "lisa")
    path = f"/api/v1/label/{TASK}/queue"
    assert lab.get(path).status_code == lisa.get(path).status_code == 200
    lines = [line for line in tokens.read_text().split("\n") if "name: lab," not in line]
    tokens.write_text("\n".join(lines).replace("{name: lisa, roles: [labeller]", "{name: lisa, roles: [reader]"))
    eventually(lambda: lab.get(path).status_code == 401)
    eventually(lambda: lisa.get(path).status_code == 401)
    assert browse(console, "lisa").get(path).status_code == 403


def test_one_index_that_can_not_be_made_hides_no_other_task(
    registry: RegistryServer, start_console: Callable[..., ConsoleServer], browse: Browse, keep: Keep, tmp_path: Path
) -> None:
    keep(1)
    keep(1, task="test.other")
    (tmp_path / "cache" / f"{TASK}.sqlite").mkdir(parents=True)
    lab = browse(start_console(registry, cache_dir=tmp_path / "cache"), "lab")
    assert [line["task"] for line in lab.ask("/label")] == ["test.other"]
    assert [queue["task"] for queue in lab.ask("/overview")["label_queues"]] == ["test.other"]
    assert lab.get(f"/api/v1/label/{TASK}/queue").status_code == 503


class _Link:
    """Between a console and its registry; frozen, it carries nothing, as a network that drops packets."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.frozen = threading.Event()
        self.dropped = threading.Event()
        self._pairs: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        for one in (self._socket, *self._pairs):
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near = self._socket.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._to))
                self._pairs += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                if self.frozen.is_set():
                    self.dropped.set()
                else:
                    other.sendall(data)
            if not self.frozen.is_set():
                other.shutdown(socket.SHUT_WR)


def test_it_ends_though_the_registry_answers_nothing(
    registry: RegistryServer,
    start_console: Callable[..., ConsoleServer],
    browse: Browse,
    keep: Keep,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    # Nobody waits for so long: what ends before is not the calls' own limit.
    monkeypatch.setattr("pipit_console.upstream._SECONDS", 600.0)
    link = _Link(registry.port)
    keep(1)
    keep(1, task="test.other")
    console = start_console(f"127.0.0.1:{link.port}")
    lab = browse(console, "lab")
    assert len(lab.ask("/label")) == 2
    link.frozen.set()
    eventually(link.dropped.is_set)
    stopping = threading.Thread(target=console.stop, args=(0.0,), daemon=True)
    stopping.start()
    # Longer than it takes, and shorter than gRPC itself takes to find out that nobody is there.
    stopping.join(20.0)
    assert not stopping.is_alive()
    link.close()
