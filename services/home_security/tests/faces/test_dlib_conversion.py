"""dlib's network without dlib: its file is read, and what is made of it says what dlib itself says."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from home_security.faces.centres import CENTRES
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.faces.embedding import INPUT, OUTPUT, rows_of, unit_vectors
from pipit.runtimes.onnx import OnnxRuntime
from pipit.settings import DataSettings, load_settings

networks = pytest.importorskip("home_security.faces.networks")
conversion = pytest.importorskip("home_security.faces.dlib_conversion")

FOLDER = Path(__file__).parent
SMALL = (2, 3, 4, 5, 6)
"""Channels of the five levels of a network like the real one, from the input on."""
BLOCKS = (3, 4, 3, 3, 1)
SIZE = 150
Rows = NDArray[np.float64]


def whole(value: int) -> bytes:
    length = (abs(value).bit_length() + 7) // 8 or 1
    return bytes([length | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(length, "little")


def real(value: float) -> bytes:
    mantissa, exponent = math.frexp(value)
    return whole(round(mantissa * 2**24)) + whole(exponent - 24)


def text(word: str) -> bytes:
    return whole(len(word)) + word.encode()


def tensor(values: NDArray[np.float32], version: int = 2) -> bytes:
    sizes = (values.size, 1, 1, 1) if values.size else (0, 0, 0, 0)
    return whole(version) + b"".join(map(whole, sizes)) + values.astype("<f4").tobytes()


NOTHING = np.zeros(0, np.float32)
KEPT = b"110" + 3 * tensor(NOTHING)
ALIAS = 5 * whole(1)


class SmallNetwork:
    """As dlib would write it, with few channels and drawn weights; and what it says, computed plainly."""

    def __init__(self) -> None:
        self._generator = np.random.default_rng(3)
        self.written = (
            *(text("loss_metric_2"), real(0.04), real(0.6), 40 * whole(2), text("input_rgb_image_sized")),
            *(real(122.782), real(117.001), real(104.298), whole(SIZE), whole(SIZE)),
        )
        self._first = True
        self.says = self._run

    def content(self) -> bytes:
        return b"".join(self.written)

    def _write(self, *parts: bytes) -> None:
        self.written = (*self.written, *parts)

    def _convolution(self, value: Rows, filters: int, window: int, stride: int, padding: int) -> Rows:
        channels = value.shape[0]
        count = channels * window * window
        kernel = self._generator.normal(0, math.sqrt(2 / count), (filters, channels, window, window))
        bias, scale, shift = self._generator.normal(0, 0.3, (3, filters))
        kernel, bias, scale, shift = (part.astype(np.float32) for part in (kernel, bias, scale + 1, shift))
        sizes = (filters, window, window, stride, stride, padding, padding)
        self._write(text("con_4"), tensor(np.concatenate([kernel.ravel(), bias])), *map(whole, sizes), 2 * ALIAS)
        self._write(4 * real(1.0), KEPT)
        if self._first:
            self._write(whole(1))
            self._first = False
        self._write(text("affine_"), tensor(np.concatenate([scale, shift])), 2 * ALIAS, whole(0), KEPT)
        padded = np.pad(value, ((0, 0), (padding, padding), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (window, window), (1, 2))[:, ::stride, ::stride]
        answer = np.einsum("cyxij,fcij->fyx", windows, kernel) + bias[:, np.newaxis, np.newaxis]
        return answer * scale[:, np.newaxis, np.newaxis] + shift[:, np.newaxis, np.newaxis]

    def _relu(self, value: Rows) -> Rows:
        self._write(text("relu_"), KEPT)
        return np.maximum(value, 0)

    def _pooled(self, kind: str, value: Rows, window: int, stride: int) -> Rows:
        self._write(text(f"{kind}_2"), *map(whole, (window, window, stride, stride, 0, 0)), KEPT)
        if not window:
            return value.mean(axis=(1, 2))
        windows = np.lib.stride_tricks.sliding_window_view(value, (window, window), (1, 2))[:, ::stride, ::stride]
        return windows.max(axis=(3, 4)) if kind == "max_pool" else windows.mean(axis=(3, 4))

    def _block(self, value: Rows, filters: int, *, halves: bool) -> Rows:
        answer = self._relu(self._convolution(value, filters, 3, 2 if halves else 1, 0 if halves else 1))
        answer = self._convolution(answer, filters, 3, 1, 1)
        if halves:
            value = self._pooled("avg_pool", value, 2, 2)
        self._write(text("add_prev_"), KEPT)
        added = np.zeros(np.maximum(value.shape, answer.shape))
        for part in (value, answer):
            added[tuple(slice(0, size) for size in part.shape)] += part
        return self._relu(added)

    def _run(self, chip: Rows) -> Rows:
        value = self._relu(self._convolution(chip, SMALL[0], 7, 2, 0))
        value = self._pooled("max_pool", value, 3, 2)
        for level, (filters, blocks) in enumerate(zip(SMALL, BLOCKS, strict=True)):
            for block in range(blocks):
                value = self._block(value, filters, halves=level > 0 and block == 0)
        value = self._pooled("avg_pool", value, 0, 1)
        weights = self._generator.normal(0, 1, (value.size, 128)).astype(np.float32)
        self._write(
            text("fc_2"), whole(128), whole(value.size), tensor(weights), 2 * ALIAS, whole(1), 4 * real(1.0), KEPT
        )
        return value @ weights


def chips() -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (1, SIZE, SIZE, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def small() -> tuple[bytes, Rows]:
    """A file, and what its network says of `chips()`."""
    network = SmallNetwork()
    said = network.says((chips()[0].transpose(2, 0, 1) - np.array([122.782, 117.001, 104.298])[:, None, None]) / 256)
    return network.content(), said


def placed(folder: Path, content: bytes) -> Path:
    """Below a data folder, where it is looked for."""
    path = folder / networks.DLIB_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return folder


def embed(
    folder: Path, data: Path, pixels: Sequence[NDArray[np.uint8]], *, flipped: bool = False, centred: bool = False
) -> NDArray[np.float32]:
    embedder = networks.make_embedder("dlib", networks.Wanted(data), flipped=flipped, centred=centred)
    embedder.write(folder / "dlib.onnx")
    runtime = OnnxRuntime(folder / "dlib.onnx")
    answer: NDArray[np.float32] = runtime.run({INPUT: rows_of(pixels, embedder.settings)})[OUTPUT]
    runtime.close()
    return answer


def test_a_file_of_that_form_becomes_a_network_that_says_the_same(tmp_path: Path, small: tuple[bytes, Rows]) -> None:
    content, said = small
    np.testing.assert_allclose(embed(tmp_path, placed(tmp_path, content), chips())[0], said, rtol=1e-3, atol=1e-4)


def test_a_file_that_is_cut_short_or_another_is_refused(tmp_path: Path, small: tuple[bytes, Rows]) -> None:
    content, _ = small
    broken = {
        content[:40]: "missing",
        content[:-3]: "cut short",
        content[: len(content) // 2]: "cut short",
        b"\x00" * 5000: "missing",
        content.replace(b"relu_", b"tanh_", 1): "layer 'tanh_'",
        content.replace(text("fc_2"), text("fc_9x"), 1): "layer 'fc_9x'",
    }
    for wrong, says in broken.items():
        with pytest.raises(InvalidInput, match=says):
            conversion.convert_dlib(placed(tmp_path, wrong) / networks.DLIB_FILE)


def test_without_its_weights_it_says_where_they_are_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(networks.NotFound, match=r"pipit data fetch dlib_faces.*`pixels` needs no weights"):
        networks.make_embedder("dlib", networks.Wanted(tmp_path))


@pytest.fixture(scope="module")
def data() -> Path:
    folder = load_settings(DataSettings).data
    if folder is None or not (folder / networks.DLIB_FILE).is_file():
        pytest.skip("needs dlib's weights; set PIPIT_DATA")
    return folder


@pytest.fixture(scope="module")
def made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_dlib_reference", FOLDER / "make_dlib_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.data
def test_it_says_what_dlib_says(tmp_path: Path, data: Path, made: ModuleType) -> None:
    reference = np.load(made.REFERENCE)
    answer = embed(tmp_path, data, made.pictures())
    assert reference.shape == (2, 128)
    # Off by 3e-7 on one processor; others add up in another order.
    np.testing.assert_allclose(answer, reference, atol=1e-5)


@pytest.mark.data
def test_with_the_mirror_image_it_says_both_together(tmp_path: Path, data: Path, made: ModuleType) -> None:
    pixels = made.pictures()
    one, other = embed(tmp_path, data, pixels), embed(tmp_path, data, pixels[:, :, ::-1])
    np.testing.assert_allclose(embed(tmp_path, data, pixels, flipped=True), one + other, atol=1e-5)


@pytest.mark.data
@pytest.mark.parametrize("flipped", [False, True])
def test_the_centre_of_its_space_is_taken_off(tmp_path: Path, data: Path, made: ModuleType, flipped: bool) -> None:
    pixels = made.pictures()
    plain = unit_vectors(embed(tmp_path, data, pixels, flipped=flipped))
    centred = embed(tmp_path, data, pixels, flipped=flipped, centred=True)
    np.testing.assert_allclose(centred, plain - np.array(CENTRES["dlib"], np.float32), atol=1e-5)
