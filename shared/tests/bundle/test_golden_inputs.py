from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pipit.bundle import read_golden, write_golden
from pipit.bundle.golden_inputs import input_from_arrays, input_to_arrays
from pipit.errors import InvalidInput
from pipit.inputs import EncodedAudio, EncodedImage, Input, InputSequence, Landmarks, PcmAudio, TensorInput

FLOATS = st.floats(width=32, allow_nan=False)
SINGLE = st.one_of(
    st.builds(EncodedAudio, st.binary(max_size=50)),
    st.builds(EncodedImage, st.binary(max_size=50)),
    st.builds(
        PcmAudio,
        npst.arrays(np.float32, st.tuples(st.integers(0, 9), st.integers(1, 3)), elements=FLOATS),
        st.integers(1, 192_000),
    ),
    st.builds(
        Landmarks,
        npst.arrays(np.float32, st.integers(0, 9), elements=FLOATS),
        st.none() | st.floats(0.01, 100),
    ),
    st.builds(
        TensorInput,
        st.text("abc_/0é", max_size=8),
        st.sampled_from(["float32", "float64", "int8", "uint8", "int32", "int64", "bool"]).flatmap(
            lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
        ),
    ),
)
INPUTS = st.recursive(
    SINGLE, lambda inner: st.lists(inner, max_size=3).map(lambda items: InputSequence(tuple(items))), max_leaves=4
)


def comparable(item: Input) -> object:
    """Equality of inputs that hold arrays."""
    match item:
        case PcmAudio(samples, sample_rate):
            return "pcm", samples.dtype, samples.shape, samples.tobytes(), sample_rate
        case Landmarks(values, aspect_ratio):
            return "landmarks", values.dtype, values.shape, values.tobytes(), aspect_ratio
        case TensorInput(name, values):
            return "tensor", name, values.dtype, values.shape, values.tobytes()
        case InputSequence(items):
            return "sequence", tuple(comparable(part) for part in items)
    return item


@given(item=INPUTS)
def test_any_input_comes_back(item: Input) -> None:
    arrays = input_to_arrays("inputs/7", item)
    assert all(name.startswith("inputs/7/") for name in arrays)
    assert comparable(input_from_arrays("inputs/7", arrays)) == comparable(item)


@given(items=st.lists(INPUTS, min_size=1, max_size=12))
def test_any_inputs_come_back_from_a_file_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, items: list[Input]
) -> None:
    path = tmp_path_factory.mktemp("golden") / "golden.npz"
    write_golden(path, items, {"int8": [np.full((1, 1), index / 16) for index in range(len(items))]})
    samples = read_golden(path)
    assert [comparable(sample.item) for sample in samples] == [comparable(item) for item in items]
    assert [float(sample.scores["int8"][0, 0]) * 16 for sample in samples] == list(range(len(items)))


def test_python_objects_are_refused() -> None:
    values: Any = np.array([object()], object)
    with pytest.raises(InvalidInput, match="Python objects can't be stored"):
        input_to_arrays("inputs/0", TensorInput("x", values))


def test_memory_order_does_not_matter() -> None:
    values = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    back = input_from_arrays("inputs/0", input_to_arrays("inputs/0", TensorInput("x", values)))
    assert isinstance(back, TensorInput)
    assert back.values.tolist() == [[0, 1, 2], [3, 4, 5]]
