import tracemalloc

import numpy as np
import pytest

from liteproof.diagnosis.sums import (
    SILENT_DB,
    Codes,
    LayerSums,
    decibels,
    lost_share,
    weight_figures,
)

CODES = Codes(scale=0.5, zero_point=-128, low=-128, high=127)  # says 0 to 127.5
REAL = Codes(0.0, 0, 0, 0)


def summed(real, quantized, codes=CODES, local=None):
    sums = LayerSums(codes)
    for one, other in zip(real, quantized, strict=True):
        sums.add(np.float32(one), np.array(other), None if local is None else np.float32(local))
    return sums.figures()


def test_figures_are_those_worked_out_by_hand():
    """Two pictures of 1 place and 2 channels; noise 0.25 and 0, 0.5 and -1 in real values."""
    real = [[[0.25, 4.0]], [[2.0, 3.0]]]
    codes = [[[-127, -120]], [[-123, -124]]]

    figures = summed(real, codes)

    signal, noise = 0.25**2 + 16 + 4 + 9, 0.25**2 + 0.5**2 + 1
    assert figures["snr_db"] == pytest.approx(10 * np.log10(signal / noise))
    assert figures["rmse"] == pytest.approx(np.sqrt(noise / 4))
    assert figures["rmse_over_scale"] == pytest.approx(np.sqrt(noise / 4) / 0.5)
    assert (figures["low"], figures["high"]) == (0.25, 4.0)
    assert (figures["widest_channel"], figures["typical_reach"], figures["channels"]) == (1, 3.0, 2)
    assert "introduced" not in figures


def test_introduced_counts_each_channel_alike_and_the_local_noise_alone():
    """Of the channels 1000 and 1, the first is exact, the other wholly lost."""
    figures = summed([[[100.0, 0.2]]], [[[72, -128]]], local=[[100.0, 0.2]])

    assert figures["introduced"] == pytest.approx(0.5)
    inherited = summed([[[100.0, 0.2]]], [[[72, -128]]], local=[[100.0, 0.0]])
    assert inherited["introduced"] == 0


@pytest.mark.parametrize(("value", "clipped"), [(127.7, 0), (127.76, 1), (-0.2, 0), (-0.26, 1)])
def test_values_beyond_the_last_code_by_more_than_half_a_code_are_clipped(value, clipped):
    figures = summed([[[value, 1.0]]], [[[127, 0]]])

    assert figures["clipped"] == clipped / 2
    assert figures["clipped_values"].tolist() == [clipped]


def test_codes_used_leave_out_one_value_in_a_thousand():
    real = np.full((1, 1, 4000, 1), 2.0)
    real[0, 0, 0] = 127.0  # 1 in 4,000
    real[0, 0, 100:1100] = 1.0

    figures = summed(real, np.zeros((1, 1, 4000, 1), np.int8))

    assert figures["codes_used"] == 3 / 256
    assert (figures["central_low"], figures["central_high"]) == (1.0, 2.0)


def test_codes_of_16_bits_are_counted_by_the_256():
    codes = Codes(scale=0.01, zero_point=0, low=-32768, high=32767)

    figures = summed([[[0.0, 327.67]]], [[[0, 32767]]], codes)

    assert figures["codes_used"] == 0.5


def test_real_values_have_no_figures_of_codes():
    figures = summed([[[1.0, 2.0]]], [[[1.0, 2.0]]], REAL)

    assert figures["snr_db"] == float("inf")
    assert not {"codes_used", "rmse_over_scale"} & set(figures)
    assert figures["clipped"] == 0


def test_weights_are_compared_channel_by_channel():
    """Of 2 channels, one scale for both is 1: the second, of 0.25 at most, is rounded away."""
    real = np.float32([[100.0, -50.0], [0.25, 0.1]])

    figures = weight_figures(real, np.int8([[100, -50], [0, 0]]), np.array([1.0]), axis=0)

    assert figures["weights_lost"] == 0.5
    assert figures["weights_spread"] == 400
    assert figures["weights_scales"] == 1
    assert figures["weights_snr_db"] == pytest.approx(10 * np.log10(12500.0725 / 0.0725), rel=1e-6)


def test_channels_without_a_signal_do_not_count():
    assert lost_share(np.array([1.0, 0.0]), np.array([0.25, 9.0])) == 0.25
    assert lost_share(np.array([0.0]), np.array([0.0])) == 0


@pytest.mark.parametrize(
    ("signal", "noise", "expected"),
    [(100, 1, 20), (1, 0, float("inf")), (0, 0, float("inf")), (0, 1, SILENT_DB)],
)
def test_decibels(signal, noise, expected):
    assert decibels(signal, noise) == pytest.approx(expected)


def test_memory_does_not_grow_with_the_pictures():
    sums, real = LayerSums(CODES), np.ones((1, 32, 32, 8), np.float32)
    codes = np.zeros(real.shape, np.int8)
    sums.add(real, codes, real)
    tracemalloc.start()
    for _ in range(100):
        sums.add(real, codes, real)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < real.nbytes  # of 100 pictures
