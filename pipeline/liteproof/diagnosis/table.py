"""The layers of a quantized model, the worst first, as a table for a terminal."""

import math

from liteproof.diagnosis.layer_error import LayerError
from liteproof.diagnosis.sums import SILENT_DB
from liteproof_edge.text_table import aligned

MOST_ROWS = 10
HEADINGS = ("layer", "operator", "lost here", "SNR", "rmse/scale", "clipped", "codes", "weights")
TEXTS = 2  # the first columns hold text, the others numbers


def decibel_words(value: float) -> str:
    """Return a signal-to-noise ratio in words: `exact` without noise, `lost` without a signal."""
    if math.isinf(value):
        return "exact"
    return "lost" if value == SILENT_DB else f"{value:.1f} dB"


def layer_error_table(errors: tuple[LayerError, ...]) -> str:
    """Return a line for each of the layers that introduce the most error, ten at most.

    `lost here` is `LayerError.introduced`; `codes` is how many of the codes 99.9 % of the values
    use; `weights` is the weights' own signal-to-noise ratio.
    """
    ranked = sorted(errors, key=lambda error: error.introduced or 0.0, reverse=True)
    rows = [HEADINGS, *(_cells(error) for error in ranked[:MOST_ROWS])]
    lines = aligned(rows, range(TEXTS, len(HEADINGS)))
    more = len(errors) - MOST_ROWS
    return "\n".join([*lines, *([f"and {more} more, which lose less"] if more > 0 else [])])


def _cells(error: LayerError) -> tuple[str, ...]:
    return (
        error.layer,
        error.operator,
        _share(error.introduced),
        decibel_words(error.snr_db),
        "-" if error.rmse_over_scale is None else f"{error.rmse_over_scale:.2f}",
        "-" if error.scale is None else _share(error.clipped),
        "-" if error.codes_used is None else f"{error.codes_used:.0%}",
        decibel_words(error.weights.snr_db) if error.weights else "-",
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"
