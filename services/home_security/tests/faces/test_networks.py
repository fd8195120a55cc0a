"""Embedders by name, networks that users bring among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.errors import InvalidInput, NotFound
from pipit.faces.embedding import INPUT, OUTPUT, rows_of, unit_vectors
from pipit.runtimes.onnx import OnnxRuntime

onnx = pytest.importorskip("onnx")
networks = pytest.importorskip("home_security.faces.networks")
Pixels = NDArray[np.uint8]
SUMS = np.arange(1, 10, dtype=np.float32).reshape(3, 3)


def own(
    path: Path,
    shape: Sequence[int | str] = ("n", 3, 112, 112),
    *,
    last: bool = False,
    scales: bool = False,
    opset: int = 17,
    ends: Sequence[Any] = (),
    kind: int = 1,
) -> Path:
    """A tiny network: the mean of each channel, times SUMS. last: channels come last. ends: further nodes."""
    helper = onnx.helper
    nodes, value = [], "picture"
    constants = [onnx.numpy_helper.from_array(SUMS, "sums")]
    if scales:
        constants += [
            onnx.numpy_helper.from_array(np.array(v, np.float32), k) for k, v in (("m", 127.5), ("s", 0.0078))
        ]
        nodes += [helper.make_node("Sub", [value, "m"], ["less"]), helper.make_node("Mul", ["less", "s"], ["scaled"])]
        value = "scaled"
    axes = [1, 2] if last else [2, 3]
    nodes += [
        helper.make_node("ReduceMean", [value], ["means"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["means", "sums"], ["fc1"]),
        *ends,
    ]
    outputs = [helper.make_tensor_value_info("fc1", 1, [shape[0], 3])]
    outputs += [helper.make_tensor_value_info(node.output[0], 1, None) for node in ends]
    graph = helper.make_graph(
        nodes, "own", [helper.make_tensor_value_info("picture", kind, list(shape))], outputs, constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def run(embedder: Any, folder: Path, pixels: Sequence[Pixels]) -> NDArray[np.float32]:
    embedder.write(folder / "written.onnx")
    runtime = OnnxRuntime(folder / "written.onnx")
    assert [spec.name for spec in (*runtime.inputs, *runtime.outputs)] == [INPUT, OUTPUT]
    answer: NDArray[np.float32] = runtime.run({INPUT: rows_of(pixels, embedder.settings)})[OUTPUT]
    runtime.close()
    return answer


def coloured(size: int, colour: tuple[int, int, int]) -> Pixels:
    return np.full((size, size, 3), colour, np.uint8)


COLOURS = ((255, 0, 127), (10, 200, 90))


@pytest.mark.parametrize(("name", "size", "deviation"), [("arcface", 112, 127.5), ("facenet", 160, 128.0)])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("flipped", [False, True])
def test_a_users_network_sees_what_it_was_taught(
    tmp_path: Path, name: str, size: int, deviation: float, last: bool, flipped: bool
) -> None:
    shape = ("n", size, size, 3) if last else ("n", 3, size, size)
    path = own(tmp_path / "own.onnx", shape, last=last)
    embedder = networks.make_embedder(name, networks.Wanted(weights=path), flipped=flipped)
    settings = embedder.settings
    assert (settings.template, settings.width, settings.dimensions, settings.flipped) == (name, size, 3, flipped)
    answer = run(embedder, tmp_path, [coloured(size, colour) for colour in COLOURS])
    wanted = ((np.array(COLOURS, np.float32) - 127.5) / deviation) @ SUMS * (2 if flipped else 1)
    np.testing.assert_allclose(answer, wanted, rtol=1e-3)
    assert "own.onnx" in embedder.licence


def test_one_that_scales_its_pixels_itself_gets_them_as_they_are(tmp_path: Path) -> None:
    path = own(tmp_path / "own.onnx", scales=True)
    embedder = networks.make_embedder("arcface", networks.Wanted(weights=path))
    assert (embedder.settings.mean, embedder.settings.deviation) == ((0.0, 0.0, 0.0), 1.0)
    answer = run(embedder, tmp_path, [coloured(112, COLOURS[0])])
    np.testing.assert_allclose(answer, (np.array([COLOURS[0]]) - 127.5) * 0.0078 @ SUMS, rtol=1e-3)


def test_blue_first_and_by_the_mean_of_each_picture(tmp_path: Path) -> None:
    path = own(tmp_path / "own.onnx", ("n", 3, 160, 160))
    embedder = networks.make_embedder("facenet", networks.Wanted(weights=path, bgr=True, per_picture=True))
    values = np.array(COLOURS[1], np.float32)[::-1]
    wanted = ((values - values.mean()) / values.std()) @ SUMS
    np.testing.assert_allclose(run(embedder, tmp_path, [coloured(160, COLOURS[1])])[0], wanted, rtol=1e-4)


def test_one_face_at_a_time_is_enough_but_for_mirror_images(tmp_path: Path) -> None:
    path = own(tmp_path / "own.onnx", (1, 112, 112, 3), last=True)
    embedder = networks.make_embedder("arcface", networks.Wanted(weights=path))
    answer = run(embedder, tmp_path, [coloured(112, colour) for colour in COLOURS])
    np.testing.assert_allclose(answer, ((np.array(COLOURS) - 127.5) / 127.5) @ SUMS, rtol=1e-3)
    with pytest.raises(InvalidInput, match="flipped: false"):
        networks.make_embedder("arcface", networks.Wanted(weights=path), flipped=True)


@pytest.mark.parametrize("opset", [11, 13, 17])
def test_mirror_images_are_seen_by_networks_of_any_age(tmp_path: Path, opset: int) -> None:
    path = own(tmp_path / "own.onnx", opset=opset)
    embedder = networks.make_embedder("arcface", networks.Wanted(weights=path), flipped=True)
    picture = coloured(112, COLOURS[0])
    picture[:, :20] = 7
    values = (picture.astype(np.float32).mean(axis=(0, 1)) - 127.5) / 127.5
    np.testing.assert_allclose(run(embedder, tmp_path, [picture])[0], 2 * values @ SUMS, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shape": ("n", 3, 112, 96)}, r"takes float .*\(faces, 3, 112, 112\) or \(faces, 112, 112, 3\)"),
        ({"shape": ("n", 3, 160, 160)}, "3, 160, 160"),
        ({"shape": (4, 3, 112, 112)}, "takes float"),
        ({"kind": 10}, "takes float16"),
        ({"ends": [("Neg", ["fc1"], ["second"])]}, "one row of numbers a face"),
        ({"ends": [("Sub", ["fc1", "fc1"], ["fc1_0"])], "only": "fc1_0"}, "same numbers for every face"),
        ({"ends": [("ReduceMean", ["fc1"], ["mean"])], "only": "mean"}, "export it"),
    ],
)
def test_what_is_no_such_network_is_refused_with_what_it_should_be(
    tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    only = options.pop("only", "")
    ends = [onnx.helper.make_node(*end) for end in options.pop("ends", ())]
    path = own(tmp_path / "own.onnx", ends=ends, **options)
    if only:
        model = onnx.load(path)
        del model.graph.output[0]
        onnx.save(model, path)
    with pytest.raises(InvalidInput, match=says):
        networks.make_embedder("arcface", networks.Wanted(weights=path))


def test_files_that_are_missing_or_no_networks(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="`weights:`"):
        networks.make_embedder("facenet", networks.Wanted())
    with pytest.raises(NotFound, match="there is no network"):
        networks.make_embedder("facenet", networks.Wanted(weights=tmp_path / "none.onnx"))
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(InvalidInput, match=r"text\.onnx"):
        networks.make_embedder("facenet", networks.Wanted(weights=tmp_path / "text.onnx"))
    with pytest.raises(InvalidInput, match="there are arcface, dlib, facenet, mobilefacenet, pixels"):
        networks.make_embedder("vgg", networks.Wanted())
    with pytest.raises(NotFound, match=r"pipit data fetch mobilefacenet.*`pixels`"):
        networks.make_embedder("mobilefacenet", networks.Wanted(tmp_path))


def test_grey_levels_are_means_of_cells_whatever_the_light(tmp_path: Path) -> None:
    embedder = networks.make_embedder("pixels", networks.Wanted())
    levels = np.random.default_rng(0).integers(20, 120, (16, 8))
    grey = np.repeat(np.repeat(levels, 7, axis=0), 14, axis=1).astype(np.uint8)
    picture = np.repeat(grey[..., np.newaxis], 3, axis=2)
    answer = unit_vectors(run(embedder, tmp_path, [picture, picture * 2, picture[:, ::-1]]))
    centred = levels - levels.mean()
    np.testing.assert_allclose(answer[0], (centred / np.linalg.norm(centred)).ravel(), atol=1e-5)
    np.testing.assert_allclose(answer[1], answer[0], atol=1e-5)
    np.testing.assert_allclose(answer[2].reshape(16, 8), answer[0].reshape(16, 8)[:, ::-1], atol=1e-5)


def test_a_flat_picture_has_no_direction(tmp_path: Path) -> None:
    answer = run(networks.make_embedder("pixels", networks.Wanted()), tmp_path, [coloured(112, (9, 9, 9))])
    assert np.abs(answer).max() < 0.1


@pytest.mark.data
def test_mobilefacenet_is_the_published_network(tmp_path: Path) -> None:
    settings = pytest.importorskip("pipit.settings")
    data = settings.load_settings(settings.DataSettings).data
    if data is None or not (data / "backbones" / "mobilefacenet_casia_112x96.onnx").is_file():
        pytest.skip("needs MobileFaceNet's weights; set PIPIT_DATA")
    embedder = networks.make_embedder("mobilefacenet", networks.Wanted(data), centred=False)
    chip = np.random.default_rng(0).integers(0, 256, (112, 96, 3)).astype(np.uint8)
    published = OnnxRuntime(data / "backbones" / "mobilefacenet_casia_112x96.onnx")
    rows = rows_of([chip], embedder.settings)
    said = published.run({"input": rows})["embedding"]
    np.testing.assert_allclose(run(embedder, tmp_path, [chip]), said, atol=1e-5)
    assert "no licence" in embedder.licence
