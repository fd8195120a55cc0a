from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from footprints.detector.pipeline import DetectorPipeline
from footprints.species import pipeline as species_module
from footprints.species.pipeline import SpeciesPipeline, SpeciesSettings, settings_of
from PIL import Image
from pipit.bundle import Manifest
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage, PcmAudio
from pipit.inputs.crops import square_crop
from pipit.inputs.image import decode_with_size
from pipit.pipelines import load_pipeline
from pipit.types import Box, Decoded, Prediction


def ask(pipeline: Any, runtime: Any, data: bytes) -> list[Prediction]:
    decoded = pipeline.decode(EncodedImage(data))
    return list(pipeline.interpret(runtime.run(decoded.tensors), decoded))


def by_place(predictions: list[Prediction]) -> dict[tuple[int, ...], str]:
    boxes = {}
    for prediction in predictions:
        box = prediction.region
        assert isinstance(box, Box)
        boxes[tuple(round(edge) for edge in (box.left, box.top, box.width, box.height))] = prediction.scores[0].label
    return boxes


def test_every_print_is_named_where_it_lies(
    species_pipeline: SpeciesPipeline, species_runtime: Any, paint: Any, encode: Any
) -> None:
    picture = paint(640, 384, {(3, 4): "red", (9, 2): "blue", (15, 10): "green"})
    predictions = ask(species_pipeline, species_runtime, encode(picture))
    # Rows of the picture begin at the top of it, not of its letterbox.
    assert by_place(predictions) == {(96, 128, 32, 32): "red", (288, 64, 32, 32): "blue", (480, 320, 32, 32): "green"}
    assert all(prediction.region_score == pytest.approx(1.0) for prediction in predictions)
    assert not any(prediction.unknown for prediction in predictions)
    red = next(prediction for prediction in predictions if prediction.scores[0].label == "red")
    assert red.scores[0].detected
    assert sum(score.score for score in red.scores) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_lie_in_the_upright_picture(
    species_pipeline: SpeciesPipeline, species_runtime: Any, paint: Any, encode: Any, orientation: int
) -> None:
    upright = paint(640, 384, {(3, 4): "red", (15, 10): "green"})
    turns = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    turn = turns[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    predictions = ask(species_pipeline, species_runtime, encode(stored, exif=exif))
    assert by_place(predictions) == {(96, 128, 32, 32): "red", (480, 320, 32, 32): "green"}


def test_where_nothing_is_found_the_middle_stands_in(
    species_pipeline: SpeciesPipeline, species_runtime: Any, paint: Any, encode: Any
) -> None:
    (prediction,) = ask(species_pipeline, species_runtime, encode(paint(400, 300, {}, ground=(90, 120, 90))))
    assert prediction.region == Box(50, 0, 300, 300)
    assert prediction.region_score == 0.0
    assert prediction.scores[0].label == "green"


def test_a_colour_that_is_none_of_them_is_unknown(
    species_pipeline: SpeciesPipeline, species_runtime: Any, paint: Any, encode: Any
) -> None:
    (prediction,) = ask(species_pipeline, species_runtime, encode(paint(300, 300, {}, ground=(90, 90, 90))))
    assert prediction.unknown


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3)])
def test_the_smallest_pictures_have_a_middle(
    species_pipeline: SpeciesPipeline, species_runtime: Any, paint: Any, encode: Any, size: tuple[int, int]
) -> None:
    (prediction,) = ask(species_pipeline, species_runtime, encode(paint(*size, {})))
    assert isinstance(prediction.region, Box)
    assert prediction.region.width == prediction.region.height == min(size)


def test_all_kinds_of_pixels_are_taken(
    species_pipeline: SpeciesPipeline, species_runtime: Any, paint: Any, encode: Any
) -> None:
    picture = paint(640, 384, {(3, 4): "red"})
    place = {(96, 128, 32, 32): "red"}
    assert by_place(ask(species_pipeline, species_runtime, encode(picture.convert("RGBA")))) == place
    assert by_place(ask(species_pipeline, species_runtime, encode(picture.convert("P")))) == place
    assert by_place(ask(species_pipeline, species_runtime, encode(picture, "WEBP", lossless=True))) == place
    (cmyk,) = ask(species_pipeline, species_runtime, encode(picture.convert("CMYK"), "JPEG", quality=95))
    assert cmyk.scores[0].label == "red"
    (grey,) = ask(species_pipeline, species_runtime, encode(picture.convert("L")))
    assert grey.region_score == 0.0


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut"])
def test_what_is_no_picture_is_refused(species_pipeline: SpeciesPipeline, data: bytes) -> None:
    with pytest.raises(InvalidInput):
        species_pipeline.decode(EncodedImage(data))


def test_sound_is_refused(species_pipeline: SpeciesPipeline, detector_manifest: Manifest) -> None:
    sound = PcmAudio(np.zeros((8, 1), np.float32), 8000)
    for pipeline in (species_pipeline, DetectorPipeline(detector_manifest)):
        with pytest.raises(InvalidInput, match="takes a picture"):
            pipeline.decode(sound)


def test_a_large_jpeg_is_decoded_once_at_a_reduced_scale(
    species_pipeline: SpeciesPipeline, paint: Any, encode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = watch_decoding(monkeypatch)
    species_pipeline.decode(EncodedImage(encode(paint(2560, 2560, {}), "JPEG")))
    assert decoded == [(640, 640)]


def test_a_print_too_small_at_that_scale_is_cut_out_of_a_finer_one(
    species_pipeline: SpeciesPipeline, paint: Any, encode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = paint(2560, 2560, {(3, 4): "red"})
    data = encode(picture, "JPEG", quality=95, subsampling=0)
    decoded = watch_decoding(monkeypatch)
    crops = species_pipeline.decode(EncodedImage(data)).tensors["crops"]
    # The print has 128 pixels, with its margin 192: all of them are wanted.
    assert decoded == [(640, 640), (2560, 2560)]
    whole = decode_with_size(EncodedImage(data)).pixels
    expected = square_crop(whole, Box(384, 512, 128, 128), 0.25, 224).astype(np.float32)
    assert np.abs(crops[0] - expected).max() <= 1
    assert crops.dtype == np.float32


def watch_decoding(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Sizes of what is decoded from here on, width and height."""
    sizes: list[tuple[int, int]] = []

    def decode(*arguments: Any, **options: Any) -> Any:
        picture = decode_with_size(*arguments, **options)
        sizes.append((picture.pixels.shape[1], picture.pixels.shape[0]))
        return picture

    monkeypatch.setattr(species_module, "decode_with_size", decode)
    return sizes


def test_rows_that_came_as_a_tensor_have_no_place(species_pipeline: SpeciesPipeline) -> None:
    scores = np.array([[0.2, 0.7, 0.1], [0.4, 0.3, 0.3]], np.float32)
    rows = species_pipeline.interpret({"scores": scores}, Decoded({}, (None, None)))
    assert [(p.scores[0].label, p.region, p.region_score, p.unknown) for p in rows] == [
        ("green", None, None, False),
        ("red", None, None, True),
    ]


def test_scores_of_another_shape_say_that_the_bundle_is_wrong(species_pipeline: SpeciesPipeline) -> None:
    with pytest.raises(InvalidInput, match="the bundle is wrong"):
        species_pipeline.interpret({"scores": np.zeros((1, 4), np.float32)}, Decoded({}, (None,)))


def test_a_bundle_with_a_detectors_parameters_needs_the_detector(species_manifest: Manifest) -> None:
    with pytest.raises(InvalidInput, match="no network 'detector'"):
        SpeciesPipeline(species_manifest, {})


def test_a_bundle_without_a_detector_looks_at_the_middle(
    species_manifest: Manifest, species_runtime: Any, paint: Any, encode: Any
) -> None:
    plain = species_manifest.pipeline.model_copy(update={"parameters": {}})
    manifest = species_manifest.model_copy(update={"pipeline": plain, "networks": {}})
    picture = encode(paint(640, 384, {(3, 4): "red"}, ground=(90, 120, 90)))
    (prediction,) = ask(load_pipeline(manifest), species_runtime, picture)
    assert prediction.region == Box(128, 0, 384, 384)
    assert prediction.region_score is None
    assert prediction.scores[0].label == "green"


@pytest.mark.parametrize("parameters", [{"crop": 0}, {"margin": -1}, {"shorter_side": "all"}, {"detector": 3}])
def test_wrong_parameters_are_named(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(parameters))):
        settings_of(parameters)


def test_parameters_that_are_left_out_have_defaults() -> None:
    assert isinstance(settings_of({}), SpeciesSettings)
    assert settings_of({"margin": 0}).margin == 0.0


def test_the_detector_gives_each_print_with_its_box(
    detector_manifest: Manifest, finder_network: Any, paint: Any, encode: Any
) -> None:
    picture = paint(2560, 1536, {(3, 4): "red", (15, 10): "green"})
    for data in (encode(picture), encode(picture, "JPEG", quality=95)):
        predictions = ask(DetectorPipeline(detector_manifest), finder_network, data)
        assert sorted(by_place(predictions)) == [(384, 512, 128, 128), (1920, 1280, 128, 128)]
        assert all(prediction.scores[0].label == "print" for prediction in predictions)
        assert all(prediction.region_score == prediction.scores[0].score for prediction in predictions)
    assert ask(DetectorPipeline(detector_manifest), finder_network, encode(paint(64, 64, {}))) == []


def test_a_detectors_tensor_has_boxes_in_itself(detector_manifest: Manifest, cell_output: Any) -> None:
    pipeline = DetectorPipeline(detector_manifest)
    raw = cell_output((50, 60, 20, 10, 0.9))[np.newaxis]
    (prediction,) = pipeline.interpret({"output0": raw}, Decoded({}, (None,)))
    assert prediction.region == Box(40, 55, 20, 10)
    with pytest.raises(InvalidInput, match="the bundle is wrong"):
        pipeline.interpret({"output0": raw[:, :4]}, Decoded({}, (None,)))
    assert pipeline.interpret({}, Decoded({}, ())) == []


def test_a_detector_has_one_label(detector_manifest: Manifest) -> None:
    with pytest.raises(InvalidInput, match="one label, not 2"):
        DetectorPipeline(detector_manifest.model_copy(update={"labels": ("print", "shoe")}))
