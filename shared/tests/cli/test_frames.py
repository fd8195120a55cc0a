from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipit.cli.exit_codes import ExitCode

av = pytest.importorskip("av", reason="needs the video extra")
from pipit.data.frames.manifest import read_manifest  # noqa: E402


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Five seconds, ten pictures in each."""
    path = tmp_path / "evening.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_frames_of_a_file(pipit: Any, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "frames"
    options = ("--programme", "news", "--channel", "one", "--min-free-gib", 0, "--output", out)
    called = pipit("data", "frames", "--source", film, *options)
    assert called.code == 0
    assert called.out.startswith(f"5 pictures of 1 recordings in {out}")
    assert "evening: 4.5 of 5 after " in called.err
    assert {(row.programme, row.channel) for row in read_manifest(out)} == {("news", "one")}
    report = pipit("data", "frames", "--source", film, *options, "--json").json()
    assert (report["kept"], report["done_before"], report["ended"]) == (0, 1, "end")


def test_a_folder_of_which_nothing_can_be_used(pipit: Any, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_text("no")
    called = pipit("data", "frames", "--source", tmp_path / "films", "--output", tmp_path / "frames")
    assert called.code == ExitCode.BAD_INPUT
    assert "none of 1 files can be used: a.mp4 can't be read as video" in called.err


def test_bad_sources_have_their_codes(pipit: Any, film: Path, tmp_path: Path) -> None:
    for source, code in (("nowhere.mp4", ExitCode.NOT_FOUND), ("/dev/video99", ExitCode.UNAVAILABLE)):
        assert pipit("data", "frames", "--source", source, "--output", tmp_path / "frames").code == code
    called = pipit("data", "frames", "--source", film, "--output", tmp_path)
    assert called.code == ExitCode.CONFLICT
    assert "holds something else already; name a new folder with --output" in called.err


def test_ctrl_c_ends_what_is_live(popen: Callable[..., subprocess.Popen[Any]], tmp_path: Path) -> None:
    out = tmp_path / "frames"
    source = "lavfi:testsrc=size=64x48:rate=20,realtime"
    command = [Path(sys.executable).with_name("pipit"), "data", "frames", "--source", source, "--output", str(out)]
    process = popen(
        [*command, "--fps", "10", "--min-free-gib", "0"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stdout is not None
    assert "live; Ctrl-C ends it" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    shown, said = process.stdout.read(), process.stderr.read()
    assert process.wait() == ExitCode.OK, said
    assert "ended by Ctrl-C" in shown
    assert len(list(out.rglob("*.jpg"))) == len(read_manifest(out))


def test_ctrl_c_interrupts_a_file(pipit: Any, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal comes while a picture is written, and that one is written whole."""
    from pipit.data.frames import folder

    real = folder.append_row

    def interrupted(path: Path, row: Any) -> None:
        if row.seconds == 2:
            signal.raise_signal(signal.SIGINT)
        real(path, row)

    options = ("--min-free-gib", 0, "--output", tmp_path / "frames")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "append_row", interrupted)
        called = pipit("data", "frames", "--source", film, *options)
    assert called.code == ExitCode.INTERRUPTED
    assert "ended by Ctrl-C; run again to go on" in called.out
    assert [row.seconds for row in read_manifest(tmp_path / "frames")] == [0, 1, 2]
    assert pipit("data", "frames", "--source", film, *options).code == 0
    assert [row.seconds for row in read_manifest(tmp_path / "frames")] == [0, 1, 2, 3, 4]
