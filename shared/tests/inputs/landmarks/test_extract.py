from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pipit.errors import InvalidInput, NotFound
from pipit.inputs.landmarks import FaceAndBody
from pipit.inputs.landmarks import extract as module
from pipit.inputs.landmarks.extract import ExtractOptions, extract_folder
from pipit.inputs.landmarks.files import read_landmarks

av = pytest.importorskip("av", reason="needs the video extra")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, photograph: NDArray[np.uint8]) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "deep" / "er").mkdir(parents=True)
    Image.fromarray(photograph).save(folder / "deep" / "er" / "face.jpg", quality=95)
    Image.fromarray(photograph[:, ::-1]).save(folder / "Mirrored.PNG")
    Image.fromarray(photograph[:100, :100]).save(folder / "flag.webp")
    (folder / "broken.jpg").write_bytes((folder / "deep" / "er" / "face.jpg").read_bytes()[:5000])
    (folder / "notes.txt").write_text("not looked at")
    (folder / ".thumbnails").mkdir()
    Image.fromarray(photograph).save(folder / ".thumbnails" / "face.jpg")
    return folder


def test_a_folder(
    pictures: Path, networks_folder: Path, networks: FaceAndBody, tmp_path: Path, photograph: NDArray[np.uint8]
) -> None:
    seen: list[tuple[int, int]] = []
    output = tmp_path / "faces.npz"
    table = extract_folder(
        pictures, output, models=networks_folder, processes=2, advance=lambda done, total: seen.append((done, total))
    )
    assert table.sources.file.tolist() == ["Mirrored.PNG", "broken.jpg", "deep/er/face.jpg", "flag.webp"]
    assert table.file.tolist() == ["Mirrored.PNG", "deep/er/face.jpg"]
    assert table.without_face == ["flag.webp"]
    assert list(table.problems) == ["broken.jpg"]
    assert "damaged or cut short" in table.problems["broken.jpg"]
    assert np.isnan(table.seconds).all()
    assert seen[0] == (0, 4)
    assert seen[-1] == (4, 4)
    (expected,) = networks.find(np.ascontiguousarray(photograph[:, ::-1]))
    np.testing.assert_array_equal(table.features[0], expected.features)
    assert table.box[0].tolist() == pytest.approx(
        [expected.box.left, expected.box.top, expected.box.width, expected.box.height], rel=1e-6
    )
    np.testing.assert_array_equal(read_landmarks(output).features, table.features)
    assert [path.name for path in tmp_path.iterdir()] == ["faces.npz"]


def test_a_second_run_looks_only_at_what_is_new_or_changed(
    pictures: Path,
    networks_folder: Path,
    tmp_path: Path,
    photograph: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, output = tmp_path / "in", tmp_path / "faces.npz"
    shutil.copytree(pictures, folder)
    first = extract_folder(folder, output, models=networks_folder, processes=1)
    searched: list[str] = []
    portions = module._portions
    monkeypatch.setattr(module, "_portions", lambda left: searched.extend(one.file for one in left) or portions(left))
    again = extract_folder(folder, output, models=networks_folder, processes=1)
    assert searched == []
    np.testing.assert_array_equal(again.features, first.features)

    (folder / "Mirrored.PNG").unlink()
    Image.fromarray(photograph[30:]).save(folder / "flag.webp")
    Image.fromarray(photograph).save(folder / "new.png")
    third = extract_folder(folder, output, models=networks_folder, processes=1)
    assert searched == ["flag.webp", "new.png"]
    assert third.file.tolist() == ["deep/er/face.jpg", "flag.webp", "new.png"]
    np.testing.assert_array_equal(third.features[0], first.features[1])


def test_other_options_are_not_mixed(pictures: Path, networks_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "faces.npz"
    extract_folder(pictures, output, models=networks_folder, processes=1)
    with pytest.raises(InvalidInput, match=r"other options .* delete it or name another output"):
        extract_folder(pictures, output, ExtractOptions(body=False), models=networks_folder, processes=1)


def test_an_interrupted_run_goes_on(
    networks_folder: Path,
    tmp_path: Path,
    photograph: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
    popen: Callable[..., Any],
) -> None:
    folder, output = tmp_path / "in", tmp_path / "faces.npz"
    folder.mkdir()
    for number in range(200):
        Image.fromarray(photograph[number % 50 :]).save(folder / f"{number:03d}.jpg")
    program = (
        "import sys; from pathlib import Path; from pipit.inputs.landmarks.extract import extract_folder\n"
        "if __name__ == '__main__':\n"
        "    folder, output, models = map(Path, sys.argv[1:])\n"
        "    extract_folder(folder, output, models=models, processes=1)\n"
    )
    (tmp_path / "run.py").write_text(program)
    command = [sys.executable, str(tmp_path / "run.py"), str(folder), str(output), str(networks_folder)]
    process = popen(command, stderr=subprocess.PIPE)
    parts = tmp_path / "faces.npz.parts"
    deadline = time.monotonic() + 120
    while not list(parts.glob("[0-9]*.npz")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=120)
    assert not output.exists()
    left = sorted(parts.glob("*.npz"))
    done = {file for path in left for file in read_landmarks(path).sources.file.tolist()}
    assert 0 < len(done) < 200

    searched: list[str] = []
    portions = module._portions
    monkeypatch.setattr(module, "_portions", lambda rest: searched.extend(one.file for one in rest) or portions(rest))
    table = extract_folder(folder, output, models=networks_folder)
    assert len(searched) == 200 - len(done)
    assert not done & set(searched)
    assert table.sources.file.tolist() == [f"{number:03d}.jpg" for number in range(200)]
    assert len(table.features) == 200
    assert not parts.exists()


def write_video(path: Path, frames: list[NDArray[np.uint8]], rate: int = 10) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 8_000_000
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        container.mux(stream.encode())


def test_a_video(networks_folder: Path, made: Any, photograph: NDArray[np.uint8], tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    frames = made.frames(photograph)
    write_video(folder / "swing.mp4", [*frames, np.zeros_like(frames[0]), np.zeros_like(frames[0])])
    (folder / "broken.mp4").write_bytes(b"no video")
    table = extract_folder(folder, tmp_path / "faces.npz", models=networks_folder, processes=1)
    assert table.seconds.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert set(table.file.tolist()) == {"swing.mp4"}
    assert table.sources.pictures.tolist() == [0, 8]
    assert table.sources.empty.tolist() == [0, 2]
    assert table.without_face == []
    assert list(table.problems) == ["broken.mp4"]
    assert (np.diff(table.box[:, 0]) < 0).all()

    slower = extract_folder(
        folder, tmp_path / "slower.npz", ExtractOptions(frames_per_second=5), models=networks_folder, processes=1
    )
    assert slower.seconds.tolist() == pytest.approx([0, 0.2, 0.4])


def test_where_there_is_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no folder"):
        extract_folder(tmp_path / "missing", tmp_path / "faces.npz")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(NotFound, match=r"no picture or video; taken are \.avi, "):
        extract_folder(tmp_path, tmp_path / "faces.npz")


def test_missing_networks_are_told_before_any_work(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="landmark_networks"):
        extract_folder(pictures, tmp_path / "faces.npz", models=tmp_path)
    assert list(tmp_path.iterdir()) == []
