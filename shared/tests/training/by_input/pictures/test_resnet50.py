"""ResNet50: the same function as Keras' own, whoever turns the colours round, and its file from a server."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipit.data.fetch import FetchOptions, load_download
from pipit.errors import IntegrityError, InvalidInput, Unavailable
from pipit.training.by_input.pictures.networks import resnet50_download as downloads

keras = pytest.importorskip("keras", reason="the network is Keras'")
resnet = pytest.importorskip("pipit.training.by_input.pictures.networks.resnet50")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
WEIGHTS = b"weights of a network"
DOCUMENT = Path(__file__).parents[5] / "docs" / "command-line.md"


def test_a_file_of_keras_gives_what_keras_gives_on_its_own_preparation(tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    theirs = keras.applications.ResNet50(input_shape=(64, 64, 3), include_top=False, weights=None)
    theirs.save_weights(tmp_path / "some.weights.h5")
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    wanted = np.asarray(theirs(keras.applications.resnet50.preprocess_input(pixels.copy())))
    ours = resnet.build_resnet50(tmp_path / "some.weights.h5", 64)
    found = np.asarray(ours(pixels))
    assert found.shape == (2, 2, 2, 2048)
    np.testing.assert_allclose(found, wanted, atol=1e-3 * np.abs(wanted).max())
    turned = np.asarray(ours(pixels[..., ::-1].copy()))
    assert np.abs(turned - wanted).max() > 0.01 * np.abs(wanted).max()


def test_weights_that_are_missing_or_of_another_network_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.weights.h5").write_bytes(b"no weights")
    with pytest.raises(InvalidInput, match="holds no weights of ResNet50"):
        resnet.build_resnet50(tmp_path / "other.weights.h5", 64)

    def offline(*_: Any, **__: Any) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", offline)
    with pytest.raises(Unavailable, match="pipit data fetch resnet50"):
        resnet.build_resnet50(None, 64)


def test_its_pin_is_keras_own() -> None:
    from keras.src.applications import resnet as kerases

    assert kerases.WEIGHTS_HASHES["resnet50"][1] == downloads.MD5
    assert downloads.WEIGHTS.url.startswith(kerases.BASE_WEIGHTS_PATH)


def test_the_file_is_fetched_once_and_another_one_is_refused(
    tmp_path: Path, file_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MD5", hashlib.md5(WEIGHTS).hexdigest())
    options = FetchOptions(mirror=file_server.url)
    file_server.files[downloads.FILE.name] = b"other weights"
    with pytest.raises(IntegrityError, match="is not the file that Pipit knows"):
        load_download("resnet50")(tmp_path, options)
    assert not (tmp_path / downloads.FILE).exists()
    file_server.files[downloads.FILE.name] = WEIGHTS
    fetched = load_download("resnet50")(tmp_path, options)
    assert fetched.path == tmp_path / downloads.FILE
    assert (fetched.path.read_bytes(), fetched.already_there) == (WEIGHTS, False)
    asked = len(file_server.requests)
    assert load_download("resnet50")(tmp_path, options).already_there
    assert len(file_server.requests) == asked


def test_the_documentation_names_the_file_that_a_mirror_needs() -> None:
    assert f"`{downloads.FILE.name}`" in DOCUMENT.read_text("utf-8")
