"""MobileFaceNet beside its published ONNX export, and the files that it begins with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from emotion.expression.mobilefacenet import MobileFaceNet, load_pretrained
from numpy.typing import NDArray
from PIL import Image
from pipit.errors import InvalidInput, NotFound
from pipit.settings import DataSettings, load_settings
from pipit.training.mobilefacenet import FEATURES, FILE, weights_file
from torch.nn import functional

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="session")
def backbones() -> Path:
    data = load_settings(DataSettings).data
    if data is None or not (data / FILE).is_file():
        pytest.skip("needs MobileFaceNet's weights; set PIPIT_DATA")
    return data


@pytest.fixture(scope="session")
def faces(backbones: Path) -> NDArray[np.float32]:
    """Real ones, (n, 3, 112, 96), as the network wants them."""
    paths = sorted((backbones / "faces" / "lfw_known").glob("*/*_0001.jpg"))[:4]
    if not paths:
        pytest.skip("needs real faces; set PIPIT_DATA")
    pixels = [np.asarray(Image.open(p).convert("RGB").crop((24, 12, 136, 143)).resize((96, 112))) for p in paths]
    return ((np.stack(pixels).transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 128).astype(np.float32)


@pytest.mark.data
def test_it_is_the_published_network(backbones: Path, faces: NDArray[np.float32]) -> None:
    network = MobileFaceNet()
    load_pretrained(network, backbones / FILE)
    with torch.no_grad():
        features = network.eval()(torch.from_numpy(faces))
    assert features.shape == (len(faces), FEATURES, 7, 6)
    with np.load(backbones / FILE) as file:
        weights = {name: torch.from_numpy(file[name]) for name in file.files if name.startswith("linear")}
    for part, groups in (("linear7", FEATURES), ("linear1", 1)):
        features = functional.conv2d(features, weights[f"{part}.conv.weight"], groups=groups)
        norm = [weights[f"{part}.bn.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
        features = functional.batch_norm(features, *norm)
    session = onnxruntime.InferenceSession(backbones / FILE.with_suffix(".onnx"))
    (published,) = session.run(["embedding"], {session.get_inputs()[0].name: faces})
    np.testing.assert_allclose(features[:, :, 0, 0].numpy(), published, atol=2e-3 * np.abs(published).max())


def test_missing_weights_say_where_they_belong_and_what_does_without(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"\$PIPIT_DATA/backbones/.*pipit data fetch mobilefacenet.*recipe `joined`"):
        weights_file(None, "train the recipe `joined`")
    with pytest.raises(NotFound, match=str(tmp_path)):
        weights_file(tmp_path, "train another")


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    right = {name: values.numpy() for name, values in MobileFaceNet().state_dict().items()}
    for content, complaint in (
        ({"a": np.zeros(3)}, "does not fit"),
        ({name: values for name, values in right.items() if name != "conv2.prelu.weight"}, "conv2.prelu.weight"),
        (right | {"conv1.conv.weight": np.zeros((64, 1, 3, 3))}, "conv1.conv.weight"),
    ):
        np.savez(path, **content)
        with pytest.raises(InvalidInput, match=f"no weights of MobileFaceNet.*{complaint}"):
            load_pretrained(MobileFaceNet(), path)
    np.savez(path, **right)
    for broken in (b"", b"no arrays", path.read_bytes()[:2000]):
        path.write_bytes(broken)
        with pytest.raises(InvalidInput, match="no weights of MobileFaceNet"):
            load_pretrained(MobileFaceNet(), path)


def test_the_gradient_of_its_activation_is_that_of_pytorch() -> None:
    network, other = MobileFaceNet().conv1.prelu, torch.nn.PReLU(64)
    assert network.training
    generator = torch.Generator().manual_seed(1)
    values, gradient = (torch.randn(3, 64, 5, 4, generator=generator) for _ in range(2))
    found, expected = (
        torch.autograd.grad(part(given), (given, part.weight), gradient)
        for part in (network, other)
        for given in (values.clone().requires_grad_(),)
    )
    torch.testing.assert_close(found[0], expected[0], rtol=0.0, atol=0.0)
    torch.testing.assert_close(found[1], expected[1])
