"""Recordings skipped, live sources watched, scores written: by bundles in this process and by a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from pathlib import Path
from threading import Thread
from typing import Any

import av
import numpy as np
import pytest
from ad_detection.blocks import asking, watching
from ad_detection.blocks.asking import Answering, answering_bundles, answering_server
from ad_detection.blocks.recordings import read_members, read_scored, read_series
from ad_detection.blocks.skipping import chapters_of, skip, text_of
from ad_detection.blocks.watching import Event, Watcher
from pipit.bundle import Bundle
from pipit.cli.main import app
from pipit.client import Client
from pipit.data.frames.following import Patience
from pipit.data.frames.sources import files_of, open_file, source_named
from pipit.data.seen_and_heard import Heard, Seen, SeenAndHeard
from pipit.data.spans.cuts import BREAK, read_comskip, read_edl
from pipit.data.synthetic import mark_synthetic, synthetic_among
from pipit.errors import InvalidInput, NotFound, Unavailable
from pipit.serving.server import InferenceServer
from pipit.serving.settings import ServingSettings
from typer.testing import CliRunner

pytestmark = [
    pytest.mark.slow,
    # Keras saves weights in a way that numpy warns of.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]
BREAKS = ((200, 330), (520, 660))
SECONDS = 800
RUNNER = CliRunner()
Film = Callable[..., Path]


@pytest.fixture(scope="module")
def recording(film: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("tv") / "evening.mp4", BREAKS, SECONDS)


@pytest.fixture(scope="module")
def answering(blocks: Bundle, looks: Bundle) -> Iterator[Answering]:
    with answering_bundles(blocks, [looks]) as found:
        yield found


def test_breaks_of_a_recording_are_found(recording: Path, answering: Answering) -> None:
    (file,) = files_of(source_named(str(recording)))
    read = []
    found = skip(file, answering, read.append)
    assert sum(read) == pytest.approx(SECONDS, abs=1.0)
    assert len(found.breaks) == 2
    for said, truth in zip(found.breaks, BREAKS, strict=True):
        assert said == pytest.approx(truth, abs=2.0)
    assert (found.seconds, found.pictures, found.rate) == (pytest.approx(SECONDS, abs=0.1), SECONDS, 1.0)
    assert found.silent == ()


def test_what_players_read_says_the_same(
    recording: Path, looks: Bundle, blocks: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lists = ["--edl", "a.edl", "--comskip", "a.txt", "--chapters", "a.ffmeta", "--json-file", "a.json"]
    done = RUNNER.invoke(
        app,
        ["ads", "skip", str(recording), "--bundle", str(blocks.path), "--member", str(looks.path), *lists, "--json"],
    )
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)
    assert json.loads(Path("a.json").read_text()) == found
    breaks = [(one["start"], one["end"]) for one in found["breaks"]]
    assert len(breaks) == 2
    for spans, tolerance in (
        (read_edl(Path("a.edl"), "ad", kinds=(BREAK,)), 0.001),
        (read_comskip(Path("a.txt"), "ad"), 1.0),
    ):
        again = [(span.start, span.end) for span in spans.all]
        assert np.abs(np.array(again) - np.array(breaks)).max() <= tolerance
    with av.open("a.ffmeta", format="ffmetadata") as container:
        chapters = container.chapters()
    named = [
        (float(one["start"] * one["time_base"]), float(one["end"] * one["time_base"]), one["metadata"]["title"])
        for one in chapters
    ]
    assert [name for _, _, name in named] == [
        "Programme 1",
        "Advertisements",
        "Programme 2",
        "Advertisements",
        "Programme 3",
    ]
    assert [(start, stop) for start, stop, name in named if name == "Advertisements"] == breaks
    assert named[0][0] == 0.0
    assert named[-1][1] == pytest.approx(SECONDS, abs=0.1)


def test_several_recordings_have_lists_in_folders_and_a_bad_one_stops_none(
    recording: Path, film: Film, looks: Bundle, blocks: Bundle, tmp_path: Path
) -> None:
    folder = tmp_path / "tv"
    film(folder / "one" / "news.mp4", [(100, 240)], 400, sound=False)
    (folder / "two").mkdir()
    (folder / "two" / "broken.mp4").write_bytes(b"no video" * 100)
    given = ["--bundle", str(blocks.path), "--member", str(looks.path)]
    done = RUNNER.invoke(
        app,
        ["ads", "skip", str(folder), str(recording), *given, "--edl", str(tmp_path / "lists")],
    )
    assert done.exit_code == 3
    assert "broken.mp4 can't be read as video" in done.stderr
    assert sorted(path.relative_to(tmp_path / "lists").as_posix() for path in (tmp_path / "lists").rglob("*.edl")) == [
        "evening.edl",
        "one/news.edl",
    ]
    (span,) = read_edl(tmp_path / "lists" / "one" / "news.edl", "ad", kinds=(BREAK,)).all
    assert (span.start, span.end) == pytest.approx((100.0, 240.0), abs=2.0)


def test_a_fault_in_the_middle_is_passed_over(recording: Path, answering: Answering, tmp_path: Path) -> None:
    data = bytearray(recording.read_bytes())
    start = len(data) // 2
    data[start : start + 3000] = bytes(3000)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    (file,) = files_of(source_named(str(damaged)))
    found = skip(file, answering)
    assert len(found.breaks) == 2
    assert found.breaks[0] == pytest.approx(BREAKS[0], abs=3.0)
    assert found.seconds >= SECONDS - 2


def test_a_file_is_watched_as_it_runs(recording: Path, answering: Answering) -> None:
    events: list[Event] = []
    Watcher(answering, events.append).watch(source_named(str(recording)), 1.0, Patience())
    assert [event.name for event in events] == [
        "watching",
        "ad_started",
        "ad_ended",
        "ad_started",
        "ad_ended",
        "ended",
    ]
    for (start, stop), begun, ended in zip(BREAKS, events[1::2], events[2::2], strict=False):
        assert 0.0 <= begun.seconds - start <= 8.0
        assert 0.0 <= ended.seconds - stop <= 8.0
        assert begun.score is not None
        assert begun.score > 0.5
        assert not begun.without_sound


def test_an_address_is_watched_and_one_that_is_not_there_is_named(
    recording: Path, answering: Answering, tmp_path: Path
) -> None:
    # A container that can be read from its start on: the server knows no ranges.
    with av.open(str(recording)) as source, av.open(str(tmp_path / "evening.mkv"), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        events: list[Event] = []
        watcher = Watcher(answering, events.append)
        watcher.watch(source_named(f"{address}/evening.mkv"), 1.0, Patience(pause=0.01))
        with pytest.raises(NotFound, match="check the address"):
            Watcher(answering, events.append).watch(source_named(f"{address}/other.mkv"), 1.0, Patience())
        server.shutdown()
    assert [event.name for event in events][:5] == ["watching", "ad_started", "ad_ended", "ad_started", "ad_ended"]
    with pytest.raises(Unavailable, match="is it there, and is it free"):
        Watcher(answering, events.append).watch(source_named(f"{address}/evening.mkv"), 1.0, Patience(attempts=1))


def test_a_source_that_breaks_off_leaves_nobody_muted(
    recording: Path, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live source that ends within a break, comes back once, and then no more."""
    times = iter([0.0, 300.0])
    monkeypatch.setattr(watching, "monotonic", lambda: next(times))
    opened = []

    @contextmanager
    def open_live(*_: Any, **__: Any) -> Iterator[Any]:
        opened.append(1)
        if len(opened) > 2:
            raise Unavailable("gone for good")
        with open_file(recording, "live") as container:
            yield container

    class Live(SeenAndHeard):
        """Until the middle of the first break."""

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.duration = None

        def __iter__(self) -> Iterator[Seen | Heard]:
            return takewhile(lambda came: came.seconds < 260.0, super().__iter__())

    monkeypatch.setattr(watching, "open_url", open_live)
    monkeypatch.setattr(watching, "SeenAndHeard", Live)
    events: list[Event] = []
    watcher = Watcher(answering, events.append)
    with pytest.raises(Unavailable, match="did not come back in 2 attempts"):
        watcher.watch(source_named("rtsp://tv.local/one"), 1.0, Patience(attempts=2, pause=0.01))
    assert [event.name for event in events] == [
        "watching",
        *("ad_started", "ad_ended", "reconnecting"),
        *("ad_started", "ad_ended", "reconnecting"),
    ]
    assert events[1].seconds == pytest.approx(200.0, abs=8.0)
    assert events[2].seconds == pytest.approx(260.0, abs=2.0)
    assert events[4].seconds == pytest.approx(500.0, abs=8.0)


def test_events_are_lines_of_json(recording: Path, looks: Bundle, blocks: Bundle) -> None:
    done = RUNNER.invoke(
        app,
        ["ads", "watch", str(recording), "--fps", "1", "--bundle", str(blocks.path), "--member", str(looks.path)],
    )
    assert done.exit_code == 0, done.output
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events][1:5] == ["ad_started", "ad_ended", "ad_started", "ad_ended"]
    assert events[0] == {"event": "watching", "seconds": 0.0, "at": events[0]["at"], "note": "evening.mp4"}


def test_scores_are_written_once_and_read_again(recording: Path, looks: Bundle, blocks: Bundle, tmp_path: Path) -> None:
    output = tmp_path / "scores"
    command = ["ads", "scores", str(recording), "--member", str(looks.path), "--output", str(output)]
    done = RUNNER.invoke(app, command)
    assert done.exit_code == 0, done.output
    assert [member.digest for member in read_members(output)] == [looks.digest]
    series = read_series(output / "evening.csv", ["frames"])
    np.testing.assert_allclose(series.seconds[:SECONDS], np.arange(SECONDS))
    truth = np.array([any(a <= second < b for a, b in BREAKS) for second in range(SECONDS)])
    assert ((series.scores[:SECONDS, 0] > 0.5) == truth).all()
    assert "was there already" in RUNNER.invoke(app, command).stderr
    (output / "labels.csv").write_text("recording,start,end,label\nevening,200,330,ad\n")
    (item,) = read_scored(output).items
    assert item.recording == "evening"
    other = RUNNER.invoke(app, ["ads", "scores", str(recording), "--member", str(blocks.path), "--output", str(output)])
    assert other.exit_code == 3
    assert "can't be a member: it takes a tensor" in other.stderr


def test_what_a_program_filmed_stays_marked(film: Film, looks: Bundle, tmp_path: Path) -> None:
    film(tmp_path / "films" / "one.mp4", [], 20)
    mark_synthetic(tmp_path / "films", ("made up",))
    output = tmp_path / "scores"
    command = ["ads", "scores", str(tmp_path / "films"), "--member", str(looks.path), "--output", str(output)]
    assert RUNNER.invoke(app, command).exit_code == 0
    assert synthetic_among([output / "one.csv"]) == ("made up",)


def test_members_have_to_be_those_that_are_named(blocks: Bundle, looks: Bundle) -> None:
    with (
        pytest.raises(NotFound, match=r"the member frames \(ad_detection.frames 1.2.0, .*\) is not here"),
        answering_bundles(blocks, []),
    ):
        pass
    with pytest.raises(InvalidInput, match="that one may be a --member"):
        asking.require_blocks(looks.manifest)


def test_a_server_is_asked_in_the_same_way(
    recording: Path,
    blocks: Bundle,
    looks: Bundle,
    answering: Answering,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two servers stand for one, so that no registry is needed; what names the members is the manifest."""
    servers = []
    try:
        for number, bundle in enumerate((blocks, looks)):
            settings = ServingSettings(
                bundle=str(bundle.path),
                port=0,
                metrics_port=0,
                host="127.0.0.1",
                cache_dir=tmp_path / str(number),
                log_level="ERROR",
            )
            server = InferenceServer(settings)
            server.start()
            servers.append(server)
            while not server.plane.is_ready:
                time.sleep(0.01)
        with Client(f"127.0.0.1:{servers[0].port}") as own, Client(f"127.0.0.1:{servers[1].port}") as other:
            both = Both(own, other)
            monkeypatch.setattr(asking, "connected", lambda _: Registered(blocks))
            (file,) = files_of(source_named(str(recording)))
            with answering_server(both) as found:  # type: ignore[arg-type]
                assert skip(file, found).breaks == skip(file, answering).breaks
            with (
                pytest.raises(NotFound, match=r"the server does not answer ad_detection\.frames"),
                answering_server(own),
            ):
                pass
            monkeypatch.setattr(asking, "connected", lambda _: Registered(looks))
            with pytest.raises(InvalidInput, match="is not the registry's"), answering_server(both):  # type: ignore[arg-type]
                pass
    finally:
        for server in servers:
            server.stop()


class Both:
    """Tasks of two servers behind one client."""

    def __init__(self, own: Client, other: Client) -> None:
        self._by_task = {"ad_detection.blocks": own, "ad_detection.frames": other}

    def models(self) -> tuple[Any, ...]:
        return tuple(model for client in self._by_task.values() for model in client.models())

    def open_stream(self, task: str) -> Any:
        return self._by_task[task].open_stream(task)

    def classify(self, item: Any, task: str) -> Any:
        return self._by_task[task].classify(item, task)


class Registered:
    """A registry that has one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self.manifest = bundle.manifest_bytes

    def __enter__(self) -> Registered:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get_version(self, task: str, version: str) -> Registered:
        return self


def test_chapters_and_lists_of_a_recording_without_breaks(film: Film, answering: Answering, tmp_path: Path) -> None:
    (file,) = files_of(source_named(str(film(tmp_path / "calm.mp4", [], 200))))
    found = skip(file, answering)
    assert found.breaks == ()
    assert [chapter.title for chapter in chapters_of(found)] == ["Programme 1"]
    assert text_of("edl", found, BREAK) == ""


def test_what_is_no_recording_is_refused(blocks: Bundle, looks: Bundle, tmp_path: Path) -> None:
    given = ["--bundle", str(blocks.path), "--member", str(looks.path)]
    live = RUNNER.invoke(app, ["ads", "skip", "rtsp://tv.local/one", *given])
    assert live.exit_code == 3
    assert "pipit ads watch takes what is live" in live.stderr
    gone = RUNNER.invoke(app, ["ads", "skip", str(tmp_path / "gone.mp4"), *given])
    assert gone.exit_code == 4
    folder = RUNNER.invoke(app, ["ads", "watch", str(tmp_path), *given])
    assert folder.exit_code == 3
    assert "is a folder" in folder.stderr
    members = RUNNER.invoke(app, ["ads", "skip", str(tmp_path), "--member", str(looks.path)])
    assert members.exit_code in (3, 4)
    kind = RUNNER.invoke(app, ["ads", "skip", "x.mp4", "--edl-kind", "burn", *given])
    assert "--edl-kind is break, cut, mute" in kind.stderr
