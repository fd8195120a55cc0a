"""What comes over a network, from a server on this machine that does what bad servers do."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipit.data.frames.folder import COLLECTION
from pipit.data.frames.manifest import read_manifest
from pipit.data.frames.pictures import Pictures
from pipit.errors import InvalidInput, NotFound, Unavailable

av = pytest.importorskip("av", reason="needs the video extra")

Film = Callable[..., Path]
SILENCE = 3.0
"""Seconds without a byte after which a connection is given up: longer than a busy machine stops within one."""


def seconds(collecting: Any) -> list[float]:
    return [row.seconds for row in read_manifest(collecting.output)]


@pytest.fixture
def broadcast(make_film: Film, tmp_path: Path) -> bytes:
    """Twelve seconds of noise: more than what FFmpeg reads ahead and looks at from the end."""
    pictures = np.random.default_rng(0).integers(0, 256, (120, 64, 96, 3), dtype=np.uint8)
    data = make_film(tmp_path / "all.ts", pictures).read_bytes()
    assert len(data) > 600_000
    return data


def test_a_file_on_a_server(collecting: Any, broadcast: bytes, file_server: Any) -> None:
    file_server.files["tv/one.ts"] = broadcast
    url = file_server.url.replace("http://", "http://user:secret@") + "/tv/one.ts?token=hidden"
    file_server.files["tv/one.ts?token=hidden"] = broadcast
    report = collecting(url)
    assert (report.kept, report.lost, report.is_live, report.ended) == (12, 0, False, "end")
    assert {row.recording for row in read_manifest(collecting.output)} == {"one"}
    text = (collecting.output / COLLECTION).read_text("utf-8")
    assert "/tv/one.ts" in text
    assert "secret" not in text + report.source
    assert "hidden" not in text + report.source
    assert collecting(url).done_before == 1


class _Stops(BaseHTTPRequestHandler):
    """A file from a server that stops sending in the middle of it."""

    def do_GET(self) -> None:
        server: Any = self.server
        content, start = server.content, 0
        if server.ranges and (asked := self.headers.get("Range")):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = len(content) if start >= server.stops_at else server.stops_at
        with suppress(OSError):
            self.wfile.write(content[start:stop])
            if stop < len(content):
                server.mended.wait()
                self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], **state: Any) -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    vars(server).update(state, url=f"http://user:secret@127.0.0.1:{server.server_address[1]}/one.ts")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


@pytest.fixture
def stopping(broadcast: bytes) -> Iterator[Any]:
    mended = threading.Event()
    with serving(_Stops, content=broadcast, stops_at=len(broadcast) // 2, ranges=True, mended=mended) as server:
        yield server
        mended.set()


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_stalls_is_made_again(collecting: Any, stopping: Any, ranges: bool) -> None:
    stopping.ranges = ranges

    def mend(_: str) -> None:
        stopping.stops_at = len(stopping.content)
        stopping.mended.set()

    collecting.when_said = mend
    report = collecting(stopping.url, silence=SILENCE)
    assert "it was silent for too long; attempt 1 to go on" in collecting.said[0]
    assert "secret" not in collecting.said[0]
    assert seconds(collecting) == list(range(12))
    assert (report.kept, report.lost, report.is_live) == (12, 0, False)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_that_always_stalls_is_given_up(collecting: Any, stopping: Any, ranges: bool) -> None:
    stopping.ranges = ranges
    # In a seek FFmpeg itself gives up, and says no more. Where the machine stands still, opening takes too long.
    silent = "(it was silent for too long|Input/output error|.* can't be opened: .*)"
    with pytest.raises(Unavailable, match=rf"did not come back in 2 attempts: {silent}; .* run again to go on"):
        collecting(stopping.url, silence=SILENCE, attempts=2)
    before = seconds(collecting)
    assert 3 <= len(before) < 12
    stopping.stops_at = len(stopping.content)
    collecting(stopping.url)
    assert seconds(collecting) == list(range(12))


def test_addresses_that_lead_nowhere(collecting: Any, file_server: Any) -> None:
    file_server.files["page.html"] = b"<html>nothing to see</html>" * 100
    with pytest.raises(NotFound, match="check the address"):
        collecting(f"{file_server.url}/one.ts")
    with pytest.raises(InvalidInput, match="gives no video"):
        collecting(f"{file_server.url}/page.html")
    file_server.statuses = [401]
    with pytest.raises(InvalidInput, match="give user and password in the address"):
        collecting(f"{file_server.url}/page.html")
    with pytest.raises(Unavailable, match="can't be opened: Connection refused"):
        collecting("rtsp://user:secret@127.0.0.1:9/one")


@pytest.fixture
def segments(broadcast: bytes, tmp_path: Path) -> dict[str, bytes]:
    """HLS: six segments of two seconds, and their list."""
    folder = tmp_path / "hls"
    folder.mkdir()
    (tmp_path / "for_hls.ts").write_bytes(broadcast)
    options = {"hls_time": "2", "hls_list_size": "0", "hls_playlist_type": "vod"}
    with (
        av.open(str(tmp_path / "for_hls.ts")) as source,
        av.open(str(folder / "one.m3u8"), "w", format="hls", options=options) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_hls_from_its_list(collecting: Any, segments: dict[str, bytes], file_server: Any) -> None:
    assert len(segments) == 7
    file_server.files.update(segments)
    report = collecting(f"{file_server.url}/one.m3u8")
    assert (report.kept, report.lost, report.is_live) == (12, 0, False)
    assert seconds(collecting) == list(range(12))


def test_hls_with_a_segment_that_is_gone(collecting: Any, segments: dict[str, bytes], file_server: Any) -> None:
    file_server.files.update(segments)
    del file_server.files["one2.ts"]
    report = collecting(f"{file_server.url}/one.m3u8")
    assert seconds(collecting) == [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]
    assert report.lost == 20


def test_live_hls_is_not_read_twice(collecting: Any, segments: dict[str, bytes], file_server: Any) -> None:
    """What does not end begins three segments before its newest. It stands still, grows, and stands still again."""
    file_server.files.update(segments)
    entries = segments["one.m3u8"].decode().replace("#EXT-X-PLAYLIST-TYPE:VOD\n", "").split("#EXT-X-ENDLIST")[0]
    shorter = entries[: entries.rindex("#EXTINF")]
    file_server.files["one.m3u8"] = shorter.encode()

    def grow(message: str) -> None:
        file_server.files["one.m3u8"] = entries.encode()

    collecting.when_said = grow
    with pytest.raises(Unavailable, match="did not come back in 2 attempts"):
        collecting(f"{file_server.url}/one.m3u8", silence=SILENCE, attempts=2)
    # Of five segments the last three, and then the sixth.
    assert seconds(collecting) == list(range(8))
    rows = read_manifest(collecting.output)
    assert len({row.hash for row in rows}) == 8


def test_live_hls_that_says_that_it_has_ended(collecting: Any, segments: dict[str, bytes], file_server: Any) -> None:
    file_server.files.update(segments)
    entries = segments["one.m3u8"].decode().replace("#EXT-X-PLAYLIST-TYPE:VOD\n", "")
    file_server.files["one.m3u8"] = entries.split("#EXT-X-ENDLIST")[0].encode()
    collecting.when_said = lambda _: file_server.files.update({"one.m3u8": entries.encode()})
    report = collecting(f"{file_server.url}/one.m3u8", silence=SILENCE)
    assert (report.ended, report.is_live, report.recordings) == ("end", True, 1)
    assert seconds(collecting) == list(range(6))


class _Live(BaseHTTPRequestHandler):
    """A broadcast without an end that anybody could know; breaks off where the test says."""

    def do_GET(self) -> None:
        server: Any = self.server
        server.visits += 1
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(server.content)
            if server.visits < server.stalls:
                server.over.wait()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def live(broadcast: bytes) -> Iterator[Any]:
    with serving(_Live, content=broadcast, visits=0, stalls=0, over=threading.Event()) as server:
        yield server
        server.over.set()


def test_a_live_stream_is_one_recording_across_its_breaks(collecting: Any, live: Any) -> None:
    live.stalls = 2
    report = collecting(live.url, silence=SILENCE, duration=12.3)
    assert (report.is_live, report.recordings, report.ended) == (True, 1, "duration")
    rows = read_manifest(collecting.output)
    assert len({row.recording for row in rows}) == 1
    assert rows[0].recording.startswith("one_2")
    assert all(row.time for row in rows)
    times = [row.seconds for row in rows]
    assert times == sorted(set(times))
    assert [int(second) for second in times] == list(range(13))
    assert "it was silent for too long" in collecting.said[0]
    assert "secret" not in collecting.said[0]


def test_a_live_stream_ends_by_its_duration_also_while_it_is_silent(collecting: Any, live: Any) -> None:
    live.stalls = 100
    assert collecting(live.url, silence=SILENCE, duration=4.0, attempts=1000).ended == "duration"
    assert seconds(collecting) == [0, 1, 2, 3]
    live.content = b""
    with pytest.raises((Unavailable, InvalidInput)):
        collecting(live.url, silence=1.0, duration=1.0)


def test_a_stream_that_sends_and_shows_nothing_is_given_up(make_film: Film, make_scene: Any, tmp_path: Path) -> None:
    """Nothing but pictures that need another one, which never comes."""
    path = make_film(tmp_path / "a.ts", [make_scene(0)] * 60, key_every=1000)
    data = path.read_bytes()
    starts = [at for at in range(0, len(data), 188) if data[at + 1] & 0x40 and (data[at + 1] & 0x1F) == 1]
    path.write_bytes(data[: 188 * 3] + data[starts[5] :])
    with av.open(str(path)) as container, pytest.raises(Unavailable, match="sends, but gave no picture"):
        list(Pictures(container, "one", patience=0.0))


def test_an_https_server_has_to_be_trusted(
    collecting: Any, broadcast: bytes, make_certificate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(host="localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    mended = threading.Event()
    with serving(_Stops, content=broadcast, stops_at=len(broadcast), ranges=True, mended=mended) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = f"https://localhost:{server.server_address[1]}/one.ts"
        with pytest.raises(Unavailable, match=r"does this machine trust its certificate \(SSL_CERT_FILE, --insecure\)"):
            collecting(url)
        assert collecting(url, insecure=True, duration=2.0).kept == 2
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert collecting(url).kept == 10
