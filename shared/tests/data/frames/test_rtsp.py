"""RTSP, from a server on this machine that speaks as much of it as a camera has to (RFC 2326, RFC 2250)."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pipit.data.frames.manifest import read_manifest
from pipit.errors import Unavailable

pytest.importorskip("av", reason="needs the video extra")

_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=one\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 33\r\na=rtpmap:33 MP2T/90000\r\na=control:track0\r\n"
)
_TS = 188 * 7
"""Bytes of a transport stream in one packet."""


class _Camera(socketserver.StreamRequestHandler):
    """Plays the server's film once for each connection, over the connection itself, and hangs up."""

    def handle(self) -> None:
        server: Any = self.server
        with suppress(OSError):
            while line := self.rfile.readline().decode():
                method = line.partition(" ")[0]
                headers = dict(self._headers())
                server.asked.append(method)
                extra, body = "", ""
                if method == "DESCRIBE":
                    extra, body = "Content-Type: application/sdp\r\n", _SDP
                elif method == "SETUP":
                    extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
                    server.transports.append(headers["Transport"])
                answer = (
                    f"RTSP/1.0 200 OK\r\nCSeq: {headers['CSeq']}\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"
                )
                self.wfile.write(answer.encode())
                if method == "PLAY":
                    self._play(server.film)
                    if server.is_silent:
                        server.over.wait()
                    return

    def _headers(self) -> Iterator[tuple[str, str]]:
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            yield name, value.strip()

    def _play(self, film: bytes) -> None:
        for number, at in enumerate(range(0, len(film), _TS)):
            payload = film[at : at + _TS]
            packet = struct.pack(">BBHII", 0x80, 33, number & 0xFFFF, number * 900, 7) + payload
            self.wfile.write(b"$\0" + struct.pack(">H", len(packet)) + packet)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@pytest.fixture
def camera(make_film: Callable[..., Path], make_scene: Any, tmp_path: Path) -> Iterator[Any]:
    film = make_film(tmp_path / "a.ts", [make_scene(number // 10) for number in range(60)]).read_bytes()
    with _Server(("127.0.0.1", 0), _Camera) as server:
        state: Any = server
        vars(server).update(film=film, asked=[], transports=[], is_silent=False, over=threading.Event())
        state.url = f"rtsp://127.0.0.1:{server.server_address[1]}/one"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield state
        state.over.set()
        server.shutdown()
        thread.join()


def test_a_camera_on_the_network(collecting: Any, camera: Any) -> None:
    camera.is_silent = True
    report = collecting(camera.url, duration=3.5, silence=5.0)
    assert (report.is_live, report.ended, report.recordings) == (True, "duration", 1)
    rows = read_manifest(collecting.output)
    assert [int(row.seconds) for row in rows] == [0, 1, 2, 3]
    assert rows[0].recording.startswith("one_2")
    assert "PLAY" in camera.asked
    assert all("TCP" in transport for transport in camera.transports)


@pytest.mark.parametrize("is_silent", [True, False])
def test_one_that_hangs_up_or_falls_silent_is_asked_again(collecting: Any, camera: Any, is_silent: bool) -> None:
    camera.is_silent = is_silent
    collecting.when_said = lambda _: setattr(camera, "film", b"")
    with pytest.raises(Unavailable, match=r"broke off and did not come back in 2 attempts"):
        collecting(camera.url, silence=3.0, attempts=2)
    rows = read_manifest(collecting.output)
    assert [int(row.seconds) for row in rows] == list(range(6))
    assert len({row.recording for row in rows}) == 1
    assert camera.asked.count("PLAY") == 2
