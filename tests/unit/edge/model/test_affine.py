import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteproof_edge.model.affine import Quantization, dequantize, quantize

INT8 = np.dtype(np.int8)
# float32 keeps 24 bits: a real value of at most 255 scales is off by at most 255 · 2^-24 of a
# scale, and the division in float64 adds nothing that counts.
FLOAT32_ROUNDING_SCALES = 255 * 2.0**-24

parameters = st.builds(Quantization, scale=st.floats(1e-6, 1e3), zero_point=st.integers(-128, 127))


def reals(*values):
    return np.array(values, np.float32)


def test_quantize_gives_the_code_of_known_values():
    codes = quantize(reals(0.0, 0.5, -0.5, 10.0), Quantization(0.5, -3), INT8)
    assert codes.tolist() == [-3, -2, -4, 17]


def test_quantize_rounds_ties_to_even():
    codes = quantize(reals(0.5, 1.5, 2.5, -0.5, -1.5), Quantization(1.0, 0), INT8)
    assert codes.tolist() == [0, 2, 2, 0, -2]


def test_quantize_rounds_before_it_adds_the_zero_point():
    codes = quantize(reals(0.5, 1.5, 2.5), Quantization(1.0, 1), INT8)
    assert codes.tolist() == [1, 3, 3]


@pytest.mark.parametrize(
    ("dtype", "limits"),
    [(np.int8, [-128, 127]), (np.uint8, [0, 255]), (np.int16, [-32768, 32767])],
)
def test_quantize_saturates_beyond_the_codes(dtype, limits):
    codes = quantize(reals(-1e9, 1e9), Quantization(1.0, 0), np.dtype(dtype))
    assert codes.tolist() == limits


def test_quantize_saturates_at_infinity():
    codes = quantize(reals(-np.inf, np.inf), Quantization(0.1, 5), INT8)
    assert codes.tolist() == [-128, 127]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
def test_quantize_keeps_shape_and_gives_the_dtype(dtype):
    codes = quantize(np.zeros((2, 3, 1), np.float32), Quantization(1.0, 0), np.dtype(dtype))
    assert (codes.dtype, codes.shape) == (np.dtype(dtype), (2, 3, 1))


def test_dequantize_gives_the_real_value_of_known_codes():
    real = dequantize(np.array([-3, -2, -4, 17], np.int8), Quantization(0.5, -3))
    assert real.tolist() == [0.0, 0.5, -0.5, 10.0]


def test_dequantize_does_not_overflow_int8_codes():
    real = dequantize(np.array([-128, 127], np.int8), Quantization(0.5, 127))
    assert real.tolist() == [-127.5, 0.0]


def test_dequantize_does_not_wrap_uint8_codes():
    assert dequantize(np.array([0], np.uint8), Quantization(1.0, 255)).tolist() == [-255.0]


def test_dequantize_keeps_shape_and_gives_float32():
    real = dequantize(np.zeros((4, 2), np.int8), Quantization(1.0, 0))
    assert (real.dtype, real.shape) == (np.dtype(np.float32), (4, 2))


@given(parameters)
def test_round_trip_gives_back_every_int8_code(quantization):
    codes = np.arange(-128, 128).astype(np.int8)
    again = quantize(dequantize(codes, quantization), quantization, INT8)
    np.testing.assert_array_equal(again, codes)


@given(parameters, st.floats(0, 1))
def test_round_trip_is_off_by_half_a_scale_inside_the_range(quantization, share):
    lowest = (-128 - quantization.zero_point) * quantization.scale
    real = np.float32(lowest + share * 255 * quantization.scale)
    again = dequantize(quantize(np.array([real]), quantization, INT8), quantization)[0]
    bound = (0.5 + 2 * FLOAT32_ROUNDING_SCALES) * quantization.scale
    assert abs(float(again) - float(real)) <= bound
