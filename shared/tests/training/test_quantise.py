"""A small network that solves a real problem: which half of a 4 x 4 picture is brighter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pipit.errors import InvalidInput
from pipit.runtimes import load_runtime
from pipit.training.quantise import export_litert

pytestmark = [
    pytest.mark.slow,
    # TensorFlow's own converter and Keras call what TensorFlow and numpy have deprecated.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def pictures(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    values = np.random.default_rng(seed).normal(20.0, 8.0, (count, 4, 4, 1)).astype(np.float32)
    return values, (values[:, :, 2:].mean(axis=(1, 2, 3)) > values[:, :, :2].mean(axis=(1, 2, 3))).astype(np.int64)


@pytest.fixture(scope="module")
def network() -> Any:
    import keras

    keras.utils.set_random_seed(3)
    value = inputs = keras.Input((4, 4, 1), name="picture")
    value = keras.layers.Rescaling(1 / 20, offset=-1.0)(value)
    value = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(value)
    value = keras.layers.Dense(2, name="logits")(keras.layers.Flatten()(value))
    model = keras.Model(inputs, value)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*pictures(1000, 1), epochs=20, verbose=0)
    return model


@pytest.fixture(scope="module")
def exported(network: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    calibration, _ = pictures(100, 2)
    for variant in ("float32", "dynamic", "int8"):
        export_litert(network, variant, folder / f"{variant}.tflite", calibration)
    return {variant: folder / f"{variant}.tflite" for variant in ("float32", "dynamic", "int8")}


def answers(path: Path, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    runtime = load_runtime(path, "litert")
    try:
        return np.asarray(runtime.run({"picture": rows})["logits"])
    finally:
        runtime.close()


def test_float32_computes_what_was_trained(network: Any, exported: dict[str, Path]) -> None:
    rows, truth = pictures(200, 4)
    trained = network.predict(rows, verbose=0)
    assert (trained.argmax(axis=1) == truth).mean() > 0.9
    np.testing.assert_allclose(answers(exported["float32"], rows), trained, atol=1e-4)


@pytest.mark.parametrize("variant", ["dynamic", "int8"])
def test_eight_bits_answer_nearly_the_same(network: Any, exported: dict[str, Path], variant: str) -> None:
    rows, _ = pictures(200, 4)
    trained = network.predict(rows, verbose=0)
    given = answers(exported[variant], rows)
    assert (given.argmax(axis=1) == trained.argmax(axis=1)).mean() >= 0.95
    assert np.abs(given - trained).mean() < 0.1 * trained.std()


def details(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    return interpreter.get_input_details()[0], interpreter.get_output_details()[0]


def test_int8_has_int8_at_both_ends(exported: dict[str, Path]) -> None:
    assert [end["dtype"] for end in details(exported["int8"])] == [np.int8, np.int8]
    assert [end["dtype"] for end in details(exported["dynamic"])] == [np.float32, np.float32]


def test_ranges_come_from_the_calibration(exported: dict[str, Path]) -> None:
    calibration, _ = pictures(100, 2)
    source, _ = details(exported["int8"])
    scale, zero = source["quantization"]
    low, high = scale * (-128 - zero), scale * (127 - zero)
    assert low == pytest.approx(min(0.0, float(calibration.min())), abs=scale)
    assert high == pytest.approx(float(calibration.max()), abs=scale)


def test_int8_without_calibration_is_refused(network: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="real training samples"):
        export_litert(network, "int8", tmp_path / "x.tflite")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_variant_is_refused(network: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no variant 'int4'; there are float32, dynamic, int8"):
        export_litert(network, "int4", tmp_path / "x.tflite")
