"""The affine map between int8 or uint8 codes and the real values they stand for."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Quantization(NamedTuple):
    """One tensor's parameters: real = scale · (code - zero_point); scale > 0."""

    scale: float
    zero_point: int


class Normalisation(NamedTuple):
    """What a model takes pixels as, channel by channel: real = scale · (pixel - mean)."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]


def normalisation_of(
    kind: str, mean: tuple[float, ...], scale: tuple[float, ...], channels: int
) -> Normalisation | None:
    """Return what a model takes pixels as; None where it takes them as they are.

    Args:
        kind: of preprocessing, to name it in an error.
        mean: one for each channel; none: 0.
        scale: one for each channel; none: 1.
        channels: how many.

    Raises:
        ValueError: there are more or fewer.
    """
    for key, values in (("mean", mean), ("scale", scale)):
        if len(values) not in {0, channels}:
            raise ValueError(f"{kind}: {key}: {len(values)} values, expected {channels}")
    if not mean and not scale:
        return None
    return Normalisation(mean or (0.0,) * channels, scale or (1.0,) * channels)


def quantize(
    real: NDArray[np.float32], parameters: Quantization, dtype: np.dtype[Any]
) -> NDArray[np.integer[Any]]:
    """Map real values to integer codes.

    Args:
        real: float32, any shape.
        parameters: scale and zero point of the tensor.
        dtype: int8, uint8 or int16.

    Returns:
        Codes of the same shape, rounded half to even and saturated to the range of `dtype`.

    Source: Jacob et al. 2018, arXiv:1712.05877, eq. 1.
    """
    limits = np.iinfo(dtype)
    codes = np.rint(real.astype(np.float64) / parameters.scale) + parameters.zero_point
    saturated: NDArray[np.integer[Any]] = np.clip(codes, limits.min, limits.max).astype(dtype)
    return saturated


def dequantize(codes: NDArray[np.integer[Any]], parameters: Quantization) -> NDArray[np.float32]:
    """Map integer codes to the real values they stand for.

    Args:
        codes: integers, any shape.
        parameters: scale and zero point of the tensor.

    Returns:
        float32 of the same shape.

    Source: Jacob et al. 2018, arXiv:1712.05877, eq. 1.
    """
    # Widened first: an int8 code minus its zero point does not fit into int8.
    centred = codes.astype(np.int32) - np.int32(parameters.zero_point)
    return (centred * parameters.scale).astype(np.float32)
