"""Requests that nobody's page sends, and a registry that is another one, changes its mind or does not answer."""

from __future__ import annotations

import http.client
import io
import threading
import uuid
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pipit.rpc.auth import hash_token
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
    assert (answer.status, b"permission_denied" in answer.read()) == (403, True)
    connection.close()


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


def test_lone_surrogates(console: ConsoleServer, browse: Browse, keep: Keep) -> None:
    example = keep(1)[0]
    lab = browse(console, "lab")
    answer = lab.post(f"/api/v1/label/{TASK}/events", content=b'{"batch_id":"%s","events":[{"id":"%s","kind":"label","label":"\\ud800","at":"2026-11-29T00:00:00Z","example":"%s"}]}' % (str(uuid.uuid4()).encode(), str(uuid.uuid4()).encode(), example.id.encode()), headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    answer = lab.post(f"/api/v1/label/{TASK}/labels", content=b'{"label": "\\ud800"}', headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    for q in ("%00", "%ED%A0%80"):
        answer = lab.get(f"/api/v1/label/{TASK}/queue?label={q}&mode=all")
        assert answer.status_code == 200, answer.text
        answer = lab.get(f"/api/v1/departures?task={q}")
        assert answer.status_code in (200, 400), answer.text
        answer = lab.get(f"/api/v1/label/{TASK}/items/{q}/content")
        assert answer.status_code in (404, 400), answer.text


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


@pytest.mark.parametrize("content", [_spoilt(), _zip((f"loud/{'x' * 300}.wav", b"RIFF")), _zip((f"{'y/' * 3000}a.wav", b"RIFF"))])
def test_an_archive_that_can_not_be_unpacked_is_the_askers_fault(
    console: ConsoleServer, browse: Browse, keep: Keep, content: bytes
) -> None:
    keep(1)
    answer = browse(console, "lab").post(f"/api/v1/label/{TASK}/import?format=folder", content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_argument"), answer.text


def test_csv(console: ConsoleServer, browse: Browse, keep: Keep) -> None:
    keep(1)
    lab = browse(console, "lab")
    for format_ in ("csv", "jsonl", "labelstudio", "coco", "yolo", "edl", "folder"):
        for body in (b"file,label\n" + b"x" * 200_000 + b",y\n", b'file,label\n"a\0b,c', b"[" * 100000, b'{"a":' * 100_000, b"\xff", b"[1e999]", b"null",
                     b'[{"data":{"audio":"\\ud800"},"annotations":[{"result":[{"value":{}}]}]}]',
                     b'{"categories":[],"images":[{"id":[],"file_name":"\\u0000"}],"annotations":[]}',
                     b'{"categories":[{"id":1,"name":"a"}],"images":[{"id":[],"file_name":"a.jpg"}],"annotations":[{"image_id":[], "category_id":1,"bbox":[1,2,3,4]}]}',
                     b'{"file":"\\u0000.wav"}', b'{"file":"labels.jsonl/a.wav"}', b'{"file":"' + b"a" * 5000 + b'.wav"}', b"file,label\n" + b"z" * 5000 + b".wav,a\n"):
            answer = lab.post(f"/api/v1/label/{TASK}/import?format={format_}", content=body)
            if answer.status_code not in (200, 400, 404):
                print("BAD", format_, body[:60], answer.status_code, answer.text)
