from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pipit.data import landmark_networks
from pipit.data.landmark_networks import NETWORK_FILES, WHEEL, install, is_right, main
from pipit.errors import IntegrityError, Unavailable
from pipit.files import sha256_bytes, sha256_file

CONTENTS = {file.name: f"the network {file.name}".encode() for file in NETWORK_FILES}


@pytest.fixture(autouse=True)
def pins(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small wheel in place of the real one, and the pins that belong to it. Gives its folder."""
    files = tuple(
        landmark_networks.NetworkFile(file.name, file.member, sha256_bytes(content))
        for file, content in zip(NETWORK_FILES, CONTENTS.values(), strict=True)
    )
    folder = tmp_path_factory.mktemp("wheel")
    write_wheel(folder / WHEEL, CONTENTS)
    monkeypatch.setattr(landmark_networks, "NETWORK_FILES", files)
    monkeypatch.setattr(landmark_networks, "WHEEL_SHA256", sha256_file(folder / WHEEL))
    return folder


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip as it is where no index can be reached."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def write_wheel(path: Path, contents: dict[str, bytes]) -> None:
    info = "mediapipe-0.10.18.dist-info"
    with zipfile.ZipFile(path, "w") as packed:
        for file in NETWORK_FILES:
            packed.writestr(file.member, contents[file.name])
        packed.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.18\n")
        packed.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp311-cp311-linux_x86_64\n")
        packed.writestr(f"{info}/RECORD", "")


def check(folder: Path) -> None:
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENTS


def test_from_a_folder_or_the_file_itself(pins: Path, tmp_path: Path) -> None:
    paths = install(tmp_path / "new" / "folder", str(pins))
    assert [path.name for path in paths] == [file.name for file in NETWORK_FILES]
    check(tmp_path / "new" / "folder")
    install(tmp_path / "other", str(pins / WHEEL))
    check(tmp_path / "other")


@pytest.mark.usefixtures("no_index")
def test_from_a_server(pins: Path, file_server: Any, tmp_path: Path) -> None:
    file_server.files[f"wheels/{WHEEL}"] = (pins / WHEEL).read_bytes()
    install(tmp_path / "base", f"{file_server.url}/wheels/")
    install(tmp_path / "file", f"{file_server.url}/wheels/{WHEEL}")
    check(tmp_path / "base")
    check(tmp_path / "file")


@pytest.mark.usefixtures("no_index")
def test_from_where_pip_looks_by_itself(pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(pins))
    install(tmp_path / "here")
    check(tmp_path / "here")


@pytest.mark.usefixtures("no_index")
def test_what_is_there_is_not_fetched_again_and_what_is_damaged_is(pins: Path, tmp_path: Path) -> None:
    install(tmp_path, str(pins))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    install(tmp_path)  # nothing can be fetched: no index
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    damaged = tmp_path / NETWORK_FILES[2].name
    damaged.write_bytes(b"")
    with pytest.raises(Unavailable, match=r"pip can't fetch mediapipe==0\.10\.18"):
        install(tmp_path)
    install(tmp_path, str(pins))
    check(tmp_path)


@pytest.mark.usefixtures("no_index")
def test_where_nothing_can_be_fetched_from(tmp_path: Path, file_server: Any) -> None:
    with pytest.raises(Unavailable, match=r"pip can't fetch http://.*\.whl: .*; check pip's settings, or fetch"):
        install(tmp_path / "networks", file_server.url)
    with pytest.raises(Unavailable, match="there is no wheel"):
        install(tmp_path / "networks", str(tmp_path))
    assert not (tmp_path / "networks").exists()


def test_another_wheel_is_refused(pins: Path, tmp_path: Path) -> None:
    write_wheel(pins / WHEEL, {**CONTENTS, NETWORK_FILES[0].name: b"another network"})
    with pytest.raises(IntegrityError, match="has the SHA-256"):
        install(tmp_path / "networks", str(pins))
    assert not (tmp_path / "networks").exists()


def test_another_network_in_the_wheel_is_refused(pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_wheel(pins / WHEEL, {**CONTENTS, NETWORK_FILES[0].name: b"another network"})
    monkeypatch.setattr(landmark_networks, "WHEEL_SHA256", sha256_file(pins / WHEEL))
    with pytest.raises(IntegrityError, match="face_detection_short_range"):
        install(tmp_path / "networks", str(pins))
    assert not (tmp_path / "networks").exists()


def test_a_folder_that_can_not_be_made(pins: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="name another folder"):
        install(tmp_path / "file", str(pins))


def test_without_a_folder_they_go_into_the_environment_and_the_wheel_comes_from_the_settings(
    pins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs the landmarks extra")
    monkeypatch.setattr(landmark_networks, "FOLDER", tmp_path / "networks")
    monkeypatch.setenv("PIPIT_LANDMARKS_WHEEL", str(pins))
    assert main([]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "networks" / file.name) for file in NETWORK_FILES]
    check(tmp_path / "networks")
    assert main([str(tmp_path / "x"), "--wheel", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("there is no wheel")


def test_needs_nothing_but_python_where_the_folder_is_named(pins: Path, tmp_path: Path) -> None:
    """An image runs it in a stage that has no packages: -S hides those of this environment."""
    shared = Path(landmark_networks.__file__).parents[2]
    command = [sys.executable, "-S", "-c", "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
               "from pipit.data.landmark_networks import main; sys.exit(main(sys.argv[1:]))"]  # fmt: skip
    command += [str(shared), str(tmp_path / "networks"), "--wheel", str(pins)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # The small wheel is not the one that the program knows: it got as far as to look.
    assert done.returncode == 1
    assert "has the SHA-256" in done.stderr


def test_right_is_by_content(tmp_path: Path) -> None:
    file = landmark_networks.NETWORK_FILES[0]
    (tmp_path / "network").write_bytes(CONTENTS[file.name])
    assert is_right(tmp_path / "network", file)
    assert not is_right(tmp_path / "missing", file)
