from __future__ import annotations

import collections
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage
from pipit.inputs.crops import square_crop
from pipit.inputs.image import decode_image
from pipit.settings import DataSettings, load_settings
from pipit.training.by_input.pictures.networks import efficientnet_lite_weights as published

torch = pytest.importorskip("torch", reason="the published network is PyTorch's")
keras = pytest.importorskip("keras", reason="the converted network is Keras'")
lite = pytest.importorskip("pipit.training.by_input.pictures.networks.efficientnet_lite")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module")
def data() -> Path:
    found = load_settings(DataSettings).data
    if published.weights_file(found) is None:
        pytest.skip("needs EfficientNet-Lite0's weights; set PIPIT_DATA")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def photographs(data: Path) -> np.ndarray:
    paths = sorted((data / "footprints" / "val").glob("*/*.jpg"))[::60]
    if not paths:
        pytest.skip("needs photographs of prints: set PIPIT_DATA to a folder that holds footprints")
    pictures = [decode_image(EncodedImage(path.read_bytes())) for path in paths]
    return np.stack([square_crop(picture, None, 0.0, 224) for picture in pictures]).astype(np.float32)


def published_logits(state: dict[str, Any], pixels: np.ndarray) -> np.ndarray:
    """As PyTorch computes the published network: block after block, by the names of its weights."""
    call = torch.nn.functional

    def convolution(value: Any, name: str, norm: str, stride: int = 1, active: bool = True) -> Any:
        kernel = state[f"{name}.weight"]
        size = kernel.shape[-1]
        # As TensorFlow pads: one more on the right and below.
        need = max((-(-value.shape[-1] // stride) - 1) * stride + size - value.shape[-1], 0)
        value = call.pad(value, (need // 2, need - need // 2, need // 2, need - need // 2))
        groups = value.shape[1] if kernel.shape[1] == 1 else 1
        value = call.conv2d(value, kernel, stride=stride, groups=groups)
        parts = [state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        value = call.batch_norm(value, *parts, eps=1e-3)
        return call.relu6(value) if active else value

    value = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())
    value = convolution((value - 127) / 128, "_conv_stem", "_bn0", 2)
    strided = {1, 3, 5, 11}
    for number in range(16):
        block, before = f"_blocks.{number}", value
        if number:
            value = convolution(value, f"{block}._expand_conv", f"{block}._bn0")
        value = convolution(value, f"{block}._depthwise_conv", f"{block}._bn1", 2 if number in strided else 1)
        value = convolution(value, f"{block}._project_conv", f"{block}._bn2", active=False)
        value = value + before if value.shape == before.shape else value
    value = convolution(value, "_conv_head", "_bn1").mean(dim=(2, 3))
    return np.asarray(value @ state["_fc.weight"].T + state["_fc.bias"])


@pytest.mark.data
def test_logits_are_those_of_the_published_network_on_photographs(data: Path, photographs: np.ndarray) -> None:
    path = data / published.FILE
    state = torch.load(path, map_location="cpu", weights_only=True)
    wanted = published_logits(state, photographs)
    kernel, bias = lite.classifier_weights(published.read_weights(path))
    network = lite.build_efficientnet_lite0(path)
    found = np.asarray(network(photographs)).mean(axis=(1, 2)) @ kernel + bias
    assert wanted.std() > 0.5
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    other = np.asarray(lite.build_efficientnet_lite0(None)(photographs)).mean(axis=(1, 2)) @ kernel + bias
    assert np.abs(other - wanted).max() > 1


@pytest.mark.data
def test_weights_are_read_as_pytorch_reads_them(data: Path) -> None:
    state = torch.load(data / published.FILE, map_location="cpu", weights_only=True)
    weights = published.read_weights(data / published.FILE)
    assert set(weights) == {name for name in state if not name.endswith("num_batches_tracked")}
    for name, values in weights.items():
        np.testing.assert_array_equal(values, state[name].numpy())


def saved(path: Path, content: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=False)
    monkeypatch.setattr(published, "SHA256", published.sha256_file(path))
    return path


def test_views_of_one_storage_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    state = collections.OrderedDict(whole=values, turned=values.T, part=values[1:, 2], count=torch.tensor(7))
    found = published.read_weights(saved(tmp_path / "a.pth", state, monkeypatch))
    assert set(found) == {"whole", "turned", "part"}
    np.testing.assert_array_equal(found["turned"], values.numpy().T)
    np.testing.assert_array_equal(found["part"], [6, 10])


class _Runs:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("ran"),)


def test_another_file_is_refused_and_code_in_a_file_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.pth"
    path.write_bytes(b"no weights")
    with pytest.raises(InvalidInput, match="is not the published file of EfficientNet-Lite0"):
        lite.build_efficientnet_lite0(path)
    saved(path, {"a": _Runs()}, monkeypatch)
    with pytest.raises(pickle.UnpicklingError, match="is no part of a network's weights"):
        published.read_weights(path)
    assert [found.name for found in tmp_path.iterdir()] == ["a.pth"]
