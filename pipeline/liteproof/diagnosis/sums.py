"""How far a quantized tensor is from the float one, summed up picture by picture.

Memory does not grow with the pictures: sums for each channel, and a count for each code.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CENTRE = 0.999  # of the values, for the range that they keep to but for outliers
BINS = 256  # a code each in int8; 256 codes each in int16
SILENT_DB = -200.0  # stands for minus infinity, which JSON does not have


class Codes(NamedTuple):
    """What the codes of a tensor mean; `scale` is 0 where it holds real values.

    `low` and `high` are the first and the last code.
    """

    scale: float
    zero_point: int
    low: int
    high: int


def dequantized(values: NDArray[Any], codes: Codes) -> NDArray[np.float32]:
    """Return what a tensor's values stand for; float32 of the same shape."""
    if not codes.scale:
        return values.astype(np.float32)
    return ((values.astype(np.int32) - codes.zero_point) * codes.scale).astype(np.float32)


class LayerSums:
    """The sums for one layer.

    Args:
        codes: of the quantized tensor.
    """

    def __init__(self, codes: Codes) -> None:
        self._codes = codes
        self._signal: NDArray[np.float64] | float = 0.0
        self._noise: NDArray[np.float64] | float = 0.0
        self._new_noise: NDArray[np.float64] | float = 0.0
        self._reach: NDArray[np.float64] | float = 0.0
        self._used = np.zeros(BINS, np.int64)
        self._low, self._high = np.inf, -np.inf
        self._values = 0
        self._clipped: list[int] = []
        self._is_fed = True

    def add(self, real: NDArray[Any], quantized: NDArray[Any], local: NDArray[Any] | None) -> None:
        """Add one picture; channels are last in all shapes.

        Args:
            real: the float model's tensor.
            quantized: the quantized model's: codes, or real values where the scale of `codes` is 0.
            local: what the float operator makes of the quantized model's inputs.
        """
        wanted = _by_channel(real)
        got = _by_channel(dequantized(quantized, self._codes))
        self._signal += np.square(wanted).sum(axis=0)
        self._noise += np.square(got - wanted).sum(axis=0)
        self._reach = np.maximum(self._reach, np.abs(wanted).max(axis=0))
        self._low, self._high = min(self._low, wanted.min()), max(self._high, wanted.max())
        self._values += wanted.size
        if local is None:
            self._is_fed = False
        else:
            self._new_noise += np.square(got - _by_channel(local)).sum(axis=0)
        if self._codes.scale:
            self._count_codes(wanted)
        else:
            self._clipped.append(0)

    def _count_codes(self, wanted: NDArray[np.float64]) -> None:
        scale, zero_point, low, high = self._codes
        codes = wanted / scale + zero_point
        # The last code stands for values up to half a code beyond it, as every code does.
        self._clipped.append(int(((codes < low - 0.5) | (codes > high + 0.5)).sum()))
        bins = np.clip(np.rint(codes), low, high).astype(np.int64) - low
        self._used += np.bincount((bins * BINS // (high - low + 1)).ravel(), minlength=BINS)

    def figures(self) -> dict[str, Any]:
        """Return the fields of `layer_error.LayerError` that these sums give."""
        signal, noise = float(np.sum(self._signal)), float(np.sum(self._noise))
        rmse = math.sqrt(noise / self._values)
        lived = np.atleast_1d(self._signal) > 0
        reach = np.atleast_1d(self._reach)
        figures = {
            "snr_db": decibels(signal, noise),
            "rmse": rmse,
            "low": self._low,
            "high": self._high,
            "widest_channel": reach.argmax(),
            "typical_reach": np.median(reach[lived]) if lived.any() else 0.0,
            "channels": len(reach),
            "clipped_values": np.array(self._clipped),
            "clipped": sum(self._clipped) / self._values,
        }
        if self._is_fed:
            figures["introduced"] = lost_share(self._signal, self._new_noise)
        if self._codes.scale:
            figures |= {"rmse_over_scale": rmse / self._codes.scale, **self._centre()}
        return figures

    def _centre(self) -> dict[str, Any]:
        scale, zero_point, low, high = self._codes
        below = np.cumsum(self._used) / self._used.sum()
        tail = (1 - CENTRE) / 2
        first, last = np.searchsorted(below, tail, side="right"), np.searchsorted(below, 1 - tail)
        width = (high - low + 1) / BINS
        return {
            "codes_used": (last - first + 1) / BINS,
            "central_low": scale * (low + first * width - zero_point),
            "central_high": scale * (low + last * width - zero_point),
        }


def weight_figures(
    real: NDArray[Any], codes: NDArray[Any], scales: NDArray[np.float64], axis: int
) -> dict[str, Any]:
    """Return how far int8 weights are from the float ones.

    Args:
        real: the float model's weights.
        codes: int8, of the same shape, symmetric.
        scales: one, or one for each channel.
        axis: that of the channels.
    """
    wanted = _by_channel(np.moveaxis(real, axis, -1))
    got = _by_channel(np.moveaxis(codes, axis, -1)) * scales
    signal, noise = np.square(wanted).sum(axis=0), np.square(got - wanted).sum(axis=0)
    reach = np.abs(wanted).max(axis=0)
    live = reach[reach > 0]
    return {
        "weights_snr_db": decibels(float(signal.sum()), float(noise.sum())),
        "weights_lost": lost_share(signal, noise),
        "weights_spread": live.max() / live.min() if len(live) else 1.0,
        "weights_scales": len(scales),
    }


def decibels(signal: float, noise: float) -> float:
    """Return 10·log10(signal / noise) of two sums of squares; infinite where there is no noise.

    -200 where there is only noise.
    """
    if noise == 0:
        return float("inf")
    return 10 * math.log10(signal / noise) if signal else SILENT_DB


def lost_share(signal: NDArray[np.float64] | float, noise: NDArray[np.float64] | float) -> float:
    """Return the share of the channels' signal that is lost in noise: 0 to 1.

    Each channel counts alike, however small its values are: the next layer's weights may make up
    for that. Channels without a signal do not count.
    """
    signal, noise = np.atleast_1d(signal), np.atleast_1d(noise)
    live = signal > 0
    if not live.any():
        return 0.0
    return float(np.minimum(noise[live] / signal[live], 1).mean())


def _by_channel(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return values as (places, channels)."""
    channels = values.shape[-1] if values.ndim else 1
    return values.reshape(-1, channels).astype(np.float64)
