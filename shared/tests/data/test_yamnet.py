from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipit.data import sources
from pipit.data.fetch import FetchOptions, fetch_yamnet
from pipit.settings import DataSettings, load_settings

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the onnx extra")


@pytest.fixture
def backbones() -> Path:
    data = load_settings(DataSettings).data
    if data is None or not (data / "backbones" / "yamnet.tflite").is_file():
        pytest.skip("needs YAMNet; set PIPIT_DATA")
    return data / "backbones"


@pytest.mark.data
def test_the_pinned_digests_are_those_of_the_real_files(backbones: Path) -> None:
    for file in (sources.YAMNET_TFLITE, sources.YAMNET_CLASS_MAP):
        content = (backbones / file.filename).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert len(content) == file.size


@pytest.mark.data
def test_fetches_and_converts_the_network(backbones: Path, file_server: Any, tmp_path: Path) -> None:
    for file in (sources.YAMNET_TFLITE, sources.YAMNET_CLASS_MAP):
        file_server.files[file.filename] = (backbones / file.filename).read_bytes()
    options = FetchOptions(mirror=file_server.url)
    fetched = fetch_yamnet(tmp_path, options)
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
    from pipit.data.yamnet import convert_yamnet
    from pipit.errors import InvalidInput

    shutil.copy(backbones / "mtcnn_pnet.tflite", tmp_path / "yamnet.tflite")
    with pytest.raises(InvalidInput, match="not YAMNet"):
        convert_yamnet(tmp_path / "yamnet.tflite", tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()
