from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from home_security.downloads import ESC50, YAMNET_CLASS_MAP, YAMNET_TFLITE, fetch_yamnet
from pipit.data.fetch import FetchOptions, load_download
from pipit.settings import DataSettings, load_settings

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
    from home_security.yamnet_conversion import convert_yamnet
    from pipit.errors import InvalidInput

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
