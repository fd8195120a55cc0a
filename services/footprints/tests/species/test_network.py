from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
from footprints.species.likeness import learn_likeness
from footprints.species.network import build_network, load_checkpoint, settle_norms
from footprints.species.recipe import BACKBONE_LAYERS, Head, SpeciesRecipe
from footprints.species.stages import Crops, Places, train_network
from footprints.species.task import SpeciesTrainer
from footprints.species.whole import answer_together
from pipit.errors import InvalidInput, NotFound, Unavailable
from pipit.inputs import EncodedImage
from pipit.inputs.crops import square_crop
from pipit.inputs.image import decode_image
from pipit.training.by_input.pictures.networks.backbones import BACKBONES
from pipit.training.by_input.pictures.networks.mobilenet_v3 import build_mobilenet_v3
from pipit.training.by_input.pictures.networks.split import split_network
from pipit.training.by_input.pictures.networks.squeezes import wake_squeezes

# Of Keras' own code.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*np.object.*:FutureWarning"),
]

HEAD = Head(units=16, dropout=0.0)
SMALL, LITE = "mobilenet_v3_small", "efficientnet_lite0"
Make = Callable[..., SpeciesRecipe]


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    return build_network(SMALL, None, 3, HEAD, pretrained=False)


@pytest.fixture(scope="module")
def crops() -> Crops:
    generator = np.random.default_rng(1)
    levels = np.repeat(np.array([60, 120, 200]), 4)
    pixels = generator.normal(levels[:, None, None, None], 10, (12, 224, 224, 3)).clip(0, 255).astype(np.uint8)
    return Crops(pixels, np.repeat(np.arange(3), 4), ("one", "other") * 6)


@pytest.mark.data
def test_weights_of_another_naming_give_what_the_published_network_gives_on_photographs(real_prints: Path) -> None:
    weights = BACKBONES[SMALL].weights_file(real_prints)
    assert weights is not None
    paths = sorted((real_prints / "footprints" / "val").glob("*/*.jpg"))[::60]
    pictures = [decode_image(EncodedImage(path.read_bytes())) for path in paths]
    pixels = np.stack([square_crop(picture, None, 0.0, 224) for picture in pictures])
    session = onnxruntime.InferenceSession(str(weights.with_name("mobilenet_v3_small_imagenet_w8.onnx")))
    rows = pixels.astype(np.float32)
    (wanted,) = session.run(["features"], {session.get_inputs()[0].name: rows.transpose(0, 3, 1, 2)})
    found = np.asarray(build_mobilenet_v3(weights)(rows)).mean(axis=(1, 2))
    # The file holds 16-bit floats.
    np.testing.assert_allclose(found, wanted, atol=0.1)
    assert min(np.corrcoef(one, other)[0, 1] for one, other in zip(found, wanted, strict=True)) > 0.9995
    assert np.abs(np.asarray(build_mobilenet_v3(None, pretrained=False)(rows)).mean(axis=(1, 2)) - wanted).max() > 1


def test_weights_that_are_missing_or_of_another_network_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for backbone in BACKBONES.values():
        assert backbone.weights_file(None) is None
        assert backbone.weights_file(tmp_path) is None
    with pytest.raises(Unavailable, match="pipit data fetch efficientnet_lite0"):
        build_network("efficientnet_lite0", None, 3, HEAD)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(InvalidInput, match=r"holds no weights of MobileNetV3-Small: 'features\.0\.0\.weight'"):
        build_mobilenet_v3(tmp_path / "other.npz")

    def offline(*_: Any, **__: Any) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", offline)
    with pytest.raises(Unavailable, match="put mobilenet_v3_small_imagenet_torchvision_f16"):
        build_mobilenet_v3(None)


@pytest.mark.parametrize(
    ("last_layers", "between"), [(0, (576,)), (20, (7, 7, 96)), (48, (14, 14, 48)), (156, (224, 224, 3))]
)
def test_body_and_tail_are_the_whole_network(
    network: keras.Model, crops: Crops, last_layers: int, between: tuple[int, ...]
) -> None:
    settle_norms(network, crops.pixels)
    body, tail = split_network(network, last_layers)
    assert body.output_shape[1:] == between
    rows = crops.pixels[:3].astype(np.float32)
    np.testing.assert_allclose(np.asarray(tail(body(rows))), np.asarray(network(rows)), atol=1e-5)
    trained = {layer.name for layer in network.layers if layer.trainable and layer.weights}
    assert {"hidden", "logits"} <= trained
    assert not any(isinstance(layer, keras.layers.BatchNormalization) and layer.trainable for layer in network.layers)
    assert ("conv_1" in trained) == (last_layers > 0)
    assert ("expanded_conv_8_expand" in trained) == (last_layers >= 48)
    assert ("conv" in trained) == (last_layers == 156)
    held = {id(weight) for layer in body.layers for weight in layer.trainable_weights}
    assert not held & {id(weight) for weight in network.trainable_weights}


def test_a_silent_squeeze_is_woken_and_the_network_says_the_same(crops: Crops) -> None:
    network = build_network(SMALL, None, 3, HEAD, pretrained=False)
    settle_norms(network, crops.pixels)
    squeeze = network.get_layer("expanded_conv_6_squeeze_excite_conv")
    kernel, bias = squeeze.get_weights()
    squeeze.set_weights([kernel * 0, bias * 0 - 1])
    before = SpeciesTrainer.kit.outputs(network, crops.pixels)
    assert wake_squeezes(network, crops.pixels) == 1
    assert np.sort(squeeze.get_weights()[1])[-2:].tolist() == [-1.0, 1.0]
    np.testing.assert_array_equal(SpeciesTrainer.kit.outputs(network, crops.pixels), before)
    assert wake_squeezes(network, crops.pixels) == 0


def test_more_layers_than_there_are_is_refused(network: keras.Model) -> None:
    with pytest.raises(InvalidInput, match="the backbone has 156 layers"):
        split_network(network, BACKBONE_LAYERS[SMALL] + 1)


def test_a_checkpoint_gives_its_backbone_and_a_head_that_fits(network: keras.Model, tmp_path: Path) -> None:
    network.save(tmp_path / "one.keras")
    other = build_network(SMALL, None, 5, HEAD, pretrained=False)
    own_head = other.get_layer("logits").get_weights()[0].copy()
    load_checkpoint(other, tmp_path / "one.keras")
    for name in ("conv", "conv_1", "hidden"):
        np.testing.assert_array_equal(other.get_layer(name).get_weights()[0], network.get_layer(name).get_weights()[0])
    np.testing.assert_array_equal(other.get_layer("logits").get_weights()[0], own_head)
    with pytest.raises(NotFound, match="no checkpoint"):
        load_checkpoint(other, tmp_path / "none.keras")


@pytest.mark.slow
def test_a_finished_stage_is_not_trained_again_and_an_unfinished_one_goes_on(
    make_recipe: Make, crops: Crops, tmp_path: Path, quiet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = [
        {"name": "frozen", "epochs": 2, "batch_size": 4, "data": ["one"]},
        {"name": "last_layers", "epochs": 2, "batch_size": 4, "last_layers": 20},
    ]
    data = [{"path": name, "licence": "none"} for name in ("one", "other")]
    recipe = make_recipe(stages=stages, data=data, augmentation={"copies": 1}, head=HEAD.model_dump())

    def build() -> keras.Model:
        return build_network(SMALL, None, 3, recipe.head, pretrained=False)

    def train(folder: Path) -> tuple[keras.Model, list[Any]]:
        folder.mkdir(exist_ok=True)
        return train_network(recipe, build, crops, crops, Places(folder, folder / "logs", tmp_path / "cache"), quiet)

    whole, histories = train(tmp_path / "whole")
    assert [len(stage.history["loss"]) for stage in histories] == [2, 2]
    before = (tmp_path / "whole" / "1_frozen.keras").stat().st_mtime_ns
    (tmp_path / "whole" / "2_last_layers.keras").unlink()
    kept, again = train(tmp_path / "whole")
    assert "stage frozen: done before" in quiet.said
    assert (tmp_path / "whole" / "1_frozen.keras").stat().st_mtime_ns == before
    assert again == histories
    np.testing.assert_array_equal(
        SpeciesTrainer.kit.outputs(kept, crops.pixels), SpeciesTrainer.kit.outputs(whole, crops.pixels)
    )
    frozen = keras.models.load_model(tmp_path / "whole" / "1_frozen.keras")
    for name, moves in (("expanded_conv_8_expand", False), ("conv_1", True)):
        one, other = (model.get_layer(name).get_weights()[0] for model in (frozen, whole))
        assert np.array_equal(one, other) != moves
    norm = [model.get_layer("conv_1_bn").get_weights() for model in (frozen, whole)]
    assert all(np.array_equal(one, other) for one, other in zip(*norm, strict=True))


def test_a_stage_without_its_data_trains_on_all(crops: Crops) -> None:
    assert len(crops.of(["one"]).truth) == 6
    assert len(crops.of(["absent"]).truth) == len(crops.of([]).truth) == 12


def test_every_backbone_has_the_layers_that_recipes_may_name(crops: Crops) -> None:
    assert set(BACKBONES) >= set(BACKBONE_LAYERS)
    lite = build_network(LITE, None, 3, Head(units=0), pretrained=False)
    settle_norms(lite, crops.pixels)
    rows = crops.pixels[:2].astype(np.float32)
    for last_layers, between in ((0, (1280,)), (46, (14, 14, 112)), (BACKBONE_LAYERS[LITE], (224, 224, 3))):
        body, tail = split_network(lite, last_layers)
        assert body.output_shape[1:] == between
        np.testing.assert_allclose(np.asarray(tail(body(rows))), np.asarray(lite(rows)), atol=1e-5)
    with pytest.raises(InvalidInput, match="the backbone has 141 layers"):
        split_network(lite, BACKBONE_LAYERS[LITE] + 1)


def test_likeness_is_a_half_where_one_in_twenty_crops_of_training_lies_further() -> None:
    generator = np.random.default_rng(1)
    likeness = learn_likeness(generator.normal(3, 2, (1000, 5, 5, 40)).astype(np.float32))
    np.testing.assert_allclose(likeness.mean, 3, atol=0.1)
    np.testing.assert_allclose(likeness.spread, 2 / 5, rtol=0.15)
    # The mean of |x| of a normal distribution is 0.8 standard deviations.
    assert 0.8 < likeness.half < 1.1
    assert likeness.slope > 0
    silent = learn_likeness(np.zeros((10, 4), np.float32))
    assert np.isfinite([silent.half, silent.slope, *silent.spread]).all()


def test_two_networks_answer_by_their_mean_and_less_of_what_is_like_nothing(crops: Crops, tmp_path: Path) -> None:
    first, second = (build_network(name, None, 3, HEAD, pretrained=False) for name in (SMALL, LITE))
    for one in (first, second):
        settle_norms(one, crops.pixels)
    body, tail = split_network(first, 20)
    outputs = SpeciesTrainer.kit.outputs
    seen = outputs(body, crops.pixels)
    SpeciesTrainer.kit.save(answer_together(body, tail, learn_likeness(seen), [second]), tmp_path)
    whole = SpeciesTrainer.kit.load(tmp_path, lambda: None)
    shares = (outputs(first, crops.pixels) + outputs(second, crops.pixels)) / 2
    found = outputs(whole, crops.pixels)
    np.testing.assert_allclose(found, shares * likeness_by_hand(seen, seen), atol=1e-4)
    assert (found.sum(axis=1) <= 1).all()
    stripes = np.tile(np.array([0, 255], np.uint8).repeat(336), (2, 224, 1)).reshape(2, 224, 224, 3)
    assert outputs(whole, stripes).sum(axis=1).max() < np.median(found.sum(axis=1))


def likeness_by_hand(training: np.ndarray, asked: np.ndarray) -> np.ndarray:
    known, asked = (values.mean(axis=(1, 2)) for values in (training, asked))
    mean, spread = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-3)
    nearly, half = np.quantile(np.abs((known - mean) / spread).mean(axis=1), [0.9, 0.95])
    away = np.abs((asked - mean) / spread).mean(axis=1, keepdims=True)
    return np.asarray(1 / (1 + 9.0 ** ((away - half) / (half - nearly))))
