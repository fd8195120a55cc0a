from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.runtimes.quantization import Quantization


def test_rounds_halves_to_the_even_integer():
    values = np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32)
    np.testing.assert_array_equal(Quantization(1.0, 0, "int8").quantize(values), [0, 2, 2, 0, -2])


def test_clips_to_the_type():
    values = np.array([-1e30, -np.inf, 1e30, np.inf], np.float32)
    np.testing.assert_array_equal(Quantization(0.1, 5, "int8").quantize(values), [-128, -128, 127, 127])
    np.testing.assert_array_equal(Quantization(0.1, 5, "uint8").quantize(values), [0, 0, 255, 255])


def test_the_zero_point_is_exactly_zero():
    quantization = Quantization(0.037, -17, "int8")
    assert quantization.quantize(np.zeros(1, np.float32)).tolist() == [-17]
    assert quantization.dequantize(np.array([-17], np.int8)).tolist() == [0.0]


def test_refuses_nan():
    with pytest.raises(InvalidInput, match="NaN"):
        Quantization(1.0, 0, "int8").quantize(np.array([np.nan], np.float32))


TYPES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32_768, 32_767)}


@st.composite
def quantizations(draw):
    dtype = draw(st.sampled_from(sorted(TYPES)))
    low, high = TYPES[dtype]
    zero = 0 if dtype == "int16" else draw(st.integers(low, high))
    return Quantization(draw(st.floats(1e-4, 10.0)), zero, dtype)


@given(quantizations(), st.data())
def test_integers_come_back_as_they_were(quantization, data):
    integers = np.array(data.draw(st.lists(st.integers(*TYPES[quantization.dtype]), min_size=1)), quantization.dtype)
    back = quantization.quantize(quantization.dequantize(integers))
    assert back.dtype == integers.dtype
    np.testing.assert_array_equal(back, integers)


@given(quantizations(), st.lists(st.floats(0, 1), min_size=1))
def test_floats_in_range_come_back_to_half_a_step(quantization, places):
    low, high = (float(quantization.dequantize(np.array([end]))[0]) for end in TYPES[quantization.dtype])
    values = np.array([low + place * (high - low) for place in places], np.float32)
    back = quantization.dequantize(quantization.quantize(values))
    assert np.abs(back - values).max() <= quantization.scale * 0.51 + 1e-6 * (high - low)
