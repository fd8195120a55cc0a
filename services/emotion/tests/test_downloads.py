from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emotion import downloads
from emotion.downloads import fetch_mobilefacenet
from pipit.data.fetch import FetchOptions, load_download
from pipit.errors import IntegrityError, InvalidInput
from pipit.settings import DataSettings, load_settings
from pipit.training.mobilefacenet import FILE

torch = pytest.importorskip("torch", reason="needs PyTorch")
mobilefacenet = pytest.importorskip("emotion.mobilefacenet_conversion")

WEIGHTS = {
    "conv1.conv.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "conv1.bn.running_var": np.array([0.5, 2.0], np.float32),
}


def checkpoint_bytes(weights: dict[str, Any], key: str = "net_state_dict") -> bytes:
    state = {name: torch.from_numpy(values) for name, values in weights.items()}
    buffer = io.BytesIO()
    torch.save({"epoch": 68, key: {**state, "conv1.bn.num_batches_tracked": torch.tensor(7)}}, buffer)
    return buffer.getvalue()


@pytest.fixture
def served(file_server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A mirror with a small checkpoint in the published one's place."""
    monkeypatch.setattr(mobilefacenet, "WEIGHTS_SHA256", mobilefacenet.weights_digest(WEIGHTS))
    file_server.files[downloads.MOBILEFACENET_CHECKPOINT.filename] = checkpoint_bytes(WEIGHTS)
    return file_server


def test_fetches_and_keeps_the_weights_alone(served: Any, tmp_path: Path) -> None:
    options = FetchOptions(mirror=served.url)
    fetched = load_download("mobilefacenet")(tmp_path, options)
    assert not fetched.already_there
    assert [path.name for path in (tmp_path / "backbones").iterdir()] == ["mobilefacenet_casia_112x96.npz"]
    with np.load(fetched.path, allow_pickle=False) as file:
        assert set(file.files) == set(WEIGHTS)
        for name, values in WEIGHTS.items():
            np.testing.assert_array_equal(file[name], values)
    assert fetch_mobilefacenet(tmp_path, options).already_there
    assert len(served.requests) == 1


def test_other_weights_are_refused_and_nothing_of_them_is_kept(served: Any, tmp_path: Path) -> None:
    other = {**WEIGHTS, "conv1.bn.running_var": np.array([0.5, 2.5], np.float32)}
    served.files[downloads.MOBILEFACENET_CHECKPOINT.filename] = checkpoint_bytes(other)
    with pytest.raises(IntegrityError, match="what is in it is not what was pinned"):
        fetch_mobilefacenet(tmp_path, FetchOptions(mirror=served.url))
    assert list((tmp_path / "backbones").iterdir()) == []


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no checkpoint",
        checkpoint_bytes(WEIGHTS)[:-40],
        checkpoint_bytes(WEIGHTS, "other"),
        pickle.dumps(_Runs(), 2),
    ],
    ids=["empty", "text", "cut short", "of something else", "with code in it"],
)
def test_what_is_no_checkpoint_is_named_and_never_run(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.ckpt"
    path.write_bytes(content)
    assert not mobilefacenet.has_pinned_weights(path)
    with pytest.raises(InvalidInput, match="no checkpoint of MobileFaceNet"):
        mobilefacenet.convert_mobilefacenet(path, tmp_path / "out.npz")
    assert [found.name for found in tmp_path.iterdir()] == ["a.ckpt"]


@pytest.mark.data
def test_the_pinned_digest_is_that_of_the_real_weights() -> None:
    data = load_settings(DataSettings).data
    path = None if data is None else data / FILE
    if path is None or not path.is_file():
        pytest.skip("needs MobileFaceNet's weights; set PIPIT_DATA")
    with np.load(path, allow_pickle=False) as file:
        weights = {name: file[name] for name in file.files}
    assert mobilefacenet.weights_digest(weights) == mobilefacenet.WEIGHTS_SHA256
