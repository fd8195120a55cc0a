"""`pipit classify` on pictures, videos, a camera and landmark files, against a real server."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion.expression.synthetic import synthesise
from numpy.typing import NDArray
from PIL import Image
from pipit.landmarks.extract import extract_folder

av = pytest.importorskip("av", reason="needs the video extra")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("silent_log")]

Pixels = NDArray[np.uint8]
EMOTION, STRESS = "emotion.expression", "emotion.stress"
RATE = 5
START = "from pipit.cli.start import main; main()"


def _write_video(path: Path, pictures: list[Pixels]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE, options={"qscale:v": "2"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for pixels in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def video(people: tuple[Pixels, Pixels], walk: Callable[..., list[Pixels]], tmp_path_factory: Any) -> Path:
    """Four seconds of somebody who moves."""
    return _write_video(tmp_path_factory.mktemp("videos") / "walk.mp4", walk(people[0], 4 * RATE, 2))


def test_a_video_gives_every_picture_and_stress_once_its_window_is_full(
    pipit: Any, served: Any, video: Path, tmp_path: Path
) -> None:
    drawn = tmp_path / "last.png"
    called = pipit(
        "classify", video, "--server", served.address, "--task", EMOTION, "--task", STRESS, "--draw", drawn, "--json"
    )
    assert (called.code, called.err) == (0, "")
    (result,) = called.json()
    assert set(result["models"]) == {EMOTION, STRESS}
    *moments, end = result["moments"]
    assert [moment["seconds"] for moment in moments] == pytest.approx([n / RATE for n in range(4 * RATE)])
    lefts = []
    for moment in moments:
        face, smooth = moment["predictions"][EMOTION]
        assert smooth["span"]["end"] == pytest.approx(moment["seconds"])
        assert len(face["scores"]) == 3
        lefts.append(face["box"]["left"])
    assert lefts[0] - lefts[-1] == pytest.approx(2 * (4 * RATE - 1), abs=6)
    windows = [(m["seconds"], part["span"]) for m in moments for part in m["predictions"][STRESS]]
    assert windows == [(3.0, {"start": 0.0, "end": 3.0})]
    assert end["seconds"] is None
    assert [part["span"] for part in end["predictions"][STRESS]] == [{"start": 1.0, "end": 4.0}]
    # A box around the face, where the last picture has it.
    with Image.open(drawn) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    box = moments[-1]["predictions"][EMOTION][0]["box"]
    bottom = pixels[round(box["top"] + box["height"]), round(box["left"]) + 5 : round(box["left"] + box["width"]) - 5]
    assert (np.abs(bottom - (255, 196, 0)).max(axis=1) < 30).mean() > 0.8


def test_people_see_a_line_for_each_picture(pipit: Any, served: Any, video: Path) -> None:
    tasks = ("--task", EMOTION, "--task", STRESS)
    called = pipit("classify", video, "--server", served.address, *tasks, "--frames-per-second", "1")
    assert called.code == 0, called.err
    heading, *lines = called.out.splitlines()
    names = ["seconds", "where", "expression", "expression over time", "stress", "stress over time"]
    assert re.split(r"\s{2,}", heading) == names
    cells = [re.split(r"\s{2,}", line) for line in lines]
    assert [row[0] for row in cells[:4]] == ["0.00", "1.00", "2.00", "3.00"]
    assert all(re.fullmatch(r"-?\d+,-?\d+ \d+x\d+", row[1]) for row in cells[:4])
    assert [row[5] == "-" for row in cells[:4]] == [True, True, True, False]
    assert cells[4][0] == "end"
    assert re.fullmatch(r"(calm|stressed) [01]\.\d\d", cells[4][5])
    assert lines[5].startswith("walk.mp4: 4 answered by emotion.expression 1.0.0 (")


def test_what_is_no_video_and_what_the_task_does_not_take(pipit: Any, served: Any, video: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("hello")
    called = pipit("classify", tmp_path / "text.mp4", "--server", served.address, "--task", EMOTION)
    assert (called.code, called.err.count("\n")) == (3, 1)
    assert "can't be read as video" in called.err
    called = pipit("classify", tmp_path / "gone.mp4", "--server", served.address, "--task", EMOTION)
    assert (called.code, "there is no file" in called.err) == (4, True)
    called = pipit("classify", video, "--server", served.address)
    assert called.code == 3
    assert "name a task by --task; this server has emotion.expression, emotion.stress" in called.err
    called = pipit("classify", video, "--server", served.address, "--task", "emotion.smell")
    assert called.code == 4
    for wrong in ((), (video, "--camera", "0")):
        called = pipit("classify", *wrong, "--server", served.address)
        assert (called.code, "give files, or --camera" in called.err) == (2, True)


def test_a_camera_leaves_out_what_the_server_can_not_keep_up_with(pipit: Any, served: Any, video: Path) -> None:
    """A film at its own pace stands in for the camera: many more pictures a second than are answered."""
    source = f"lavfi:movie={video},fps=1000,realtime"
    called = pipit("classify", "--camera", source, "--server", served.address, "--task", EMOTION, "--json")
    assert called.code == 0, called.err
    moments = [json.loads(line) for line in called.out.splitlines()]
    seconds = [moment["seconds"] for moment in moments]
    assert seconds == sorted(set(seconds))
    # Of 4,000: the first and the last at least, however slow the machine.
    assert 1 < len(seconds) < 2_000
    assert seconds[-1] > 2.0
    assert all(len(moment["predictions"][EMOTION]) == 2 for moment in moments)


def test_a_camera_goes_on_until_control_c(served: Any, video: Path, tmp_path: Path, popen: Callable[..., Any]) -> None:
    """On a terminal, where the table changes in place."""
    drawn = tmp_path / "seen.png"
    source = f"lavfi:movie={video}:loop=0,setpts=N/({RATE}*TB),realtime"
    command = [sys.executable, "-c", START, "classify", "--camera", source, "--task", EMOTION]
    command += ["--server", served.address, "--draw", str(drawn)]
    master, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": "140", "LINES": "40", "TERM": "xterm"}
    process = popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    seen = b""
    stopped = False
    while True:
        try:
            seen += os.read(master, 65_536)
        except OSError:  # the other end is closed
            break
        # A second has passed, or more where no picture of the one after it was answered.
        if not stopped and re.search(rb"\s[1-9]\d*\.\d\d\s", seen):
            process.send_signal(signal.SIGINT)
            stopped = True
    os.close(master)
    text = seen.decode()
    assert process.wait(60) == 0, text
    assert stopped
    assert "Traceback" not in text
    assert re.search(r"\d+ pictures answered, \d+ left out", text)
    assert "expression over time" in text
    with Image.open(drawn) as picture:
        assert picture.size[1] == 256


def test_a_camera_that_is_not_there(pipit: Any, served: Any) -> None:
    called = pipit("classify", "--camera", "v4l2:/dev/video99", "--server", served.address, "--task", EMOTION)
    assert called.code == 5
    assert "can't be opened" in called.err
    assert "is it there, and is it free?" in called.err


def test_landmark_files_are_taken_as_what_they_were_made_of(
    pipit: Any, served: Any, video: Path, people: tuple[Pixels, Pixels], tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    (folder / "anna").mkdir(parents=True)
    (folder / "walk.mp4").write_bytes(video.read_bytes())
    for number in range(4):
        Image.fromarray(people[number % 2]).save(folder / "anna" / f"{number}.png")
    Image.new("RGB", (256, 256)).save(folder / "anna" / "4.png")
    extract_folder(folder, tmp_path / "own.npz", processes=1)
    asked = ("classify", tmp_path / "own.npz", "--server", served.address)
    stressed = pipit(*asked, "--task", STRESS, "--json")
    assert stressed.code == 0, stressed.err
    film, pictures = stressed.json()[0]["recordings"]
    assert (film["recording"], pictures["recording"]) == ("walk.mp4", "anna")
    spans = [
        [part["span"]["end"] for moment in found["moments"] for part in moment["predictions"][STRESS]]
        for found in (film, pictures)
    ]
    assert spans == [[3.0, 4.0], [3.0, 4.0, 5.0]]
    felt = pipit(*asked, "--task", EMOTION, "--json")
    film, pictures = felt.json()[0]["recordings"]
    assert [moment["seconds"] for moment in film["moments"]] == pytest.approx([n / RATE for n in range(4 * RATE)])
    assert [len(moment["predictions"][EMOTION]) for moment in film["moments"]] == [2] * 4 * RATE
    named = {moment["picture"]: moment["predictions"] for moment in pictures["moments"]}
    assert set(named) == {f"anna/{number}.png" for number in range(5)}
    assert named["anna/4.png"] == {}
    # The same as of the picture itself, whose points are found on the server.
    whole = pipit("classify", folder / "anna" / "0.png", "--server", served.address, "--task", EMOTION, "--json")
    (face,) = whole.json()[0]["predictions"]
    (from_points,) = named["anna/0.png"][EMOTION]
    scores = [{score["label"]: score["score"] for score in part["scores"]} for part in (face, from_points)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_a_picture_of_a_shape_other_than_square_keeps_it_in_a_landmark_file(
    pipit: Any, served: Any, people: tuple[Pixels, Pixels], tmp_path: Path
) -> None:
    (tmp_path / "wide").mkdir()
    Image.fromarray(np.pad(people[0], ((0, 0), (100, 100), (0, 0)), mode="edge")).save(tmp_path / "wide" / "a.png")
    extract_folder(tmp_path / "wide", tmp_path / "wide.npz", processes=1)
    asked = ("--server", served.address, "--task", EMOTION, "--top", "0", "--json")
    (whole,) = pipit("classify", tmp_path / "wide" / "a.png", *asked).json()[0]["predictions"]
    (recording,) = pipit("classify", tmp_path / "wide.npz", *asked).json()[0]["recordings"]
    (points,) = recording["moments"][0]["predictions"][EMOTION]
    scores = [{score["label"]: score["score"] for score in part["scores"]} for part in (whole, points)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_landmark_files_that_can_not_be_used(pipit: Any, served: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", features=synthesise("happy", 1, np.random.default_rng(1)))
    called = pipit("classify", tmp_path / "other.npz", "--server", served.address, "--task", EMOTION)
    assert (called.code, "is not a landmark file; make one by: pipit data landmarks" in called.err) == (3, True)
    (tmp_path / "nobody").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "nobody" / "a.png")
    extract_folder(tmp_path / "nobody", tmp_path / "nobody.npz", processes=1)
    called = pipit("classify", tmp_path / "nobody.npz", "--server", served.address, "--task", EMOTION)
    assert (called.code, "holds no face" in called.err) == (3, True)
    called = pipit("classify", tmp_path / "gone.npz", "--server", served.address, "--task", EMOTION)
    assert called.code == 4


def test_minutes_for_a_bundle_that_looks_at_faces(pipit: Any, served: Any, tmp_path: Path) -> None:
    (tmp_path / "minutes.csv").write_text("heart_rate,rmssd,skin_conductance\n71,0.04,5\n")
    called = pipit("classify", tmp_path / "minutes.csv", "--server", served.address, "--task", STRESS)
    assert called.code == 3
    assert "this task takes landmarks, pictures, or a tensor named 'landmarks'" in called.err
