"""A quantized model's activations against the float model's, on the same pictures."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof.diagnosis.graph import activations
from liteproof.diagnosis.instrumentation import exposed, isolated
from liteproof.diagnosis.layer_error import LayerError, WeightError
from liteproof.diagnosis.pairing import Pair, codes, pairs, plan, readers
from liteproof.diagnosis.probing import probe
from liteproof_edge.errors import DatasetError, ModelError
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.model.flatbuffer import read_model

# TFLite itself prescribes their scale; what is clipped is at most one code.
PRESCRIBED = {"LOGISTIC", "TANH", "SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"}
# A class is named where its pictures clip this many times as much as pictures do on average.
FAR_MORE = 2.0


def layer_errors(
    float_model: bytes,
    quantized_model: bytes,
    pictures: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]] | None = None,
    normalisation: Normalisation | None = None,
) -> tuple[LayerError, ...]:
    """Run a float and a quantized model on the same pictures, and compare layer by layer.

    They run on the runtime that `load_runtime` prefers.

    Args:
        float_model: a float32 .tflite.
        quantized_model: of any scheme, converted from the same Keras model, or from its rounded
            twin (`qat.quantized_twin`). With names of tensors or without: without, layers are
            called by their operators.
        pictures: uint8 (n, height, width, channels), n ≥ 1.
        labels: (n,), to tell whose pictures clip.
        normalisation: what the models take pixels as; None where they take them as they are.

    Returns:
        The layers that both models have, in the order of execution.

    Raises:
        DatasetError: there is no picture, or another number of labels.
        ConversionError: a model has metadata already.
        ModelError: a model is not sound, the runtime cannot run it on these pictures, or the two
            have no layer in common.
        RuntimeMissingError: there is no such runtime.
        StorageError: the temporary folder cannot be written.
    """
    if not len(pictures):
        raise DatasetError("layer errors: no pictures, expected at least one")
    if labels is not None and len(labels) != len(pictures):
        raise DatasetError(f"layer errors: {len(labels)} labels for {len(pictures)} pictures")
    real = read_model(float_model, "float model").subgraphs[0]
    quantized = read_model(quantized_model, "quantized model").subgraphs[0]
    matched = pairs(real, quantized)
    if not matched:
        raise ModelError("quantized model: it has no layer of the float model's")
    alone = isolated(float_model)
    found = probe(
        "errors",
        {
            "float": exposed(float_model),
            "quantized": exposed(quantized_model),
            "isolated": alone.model,
        },
        plan(real, quantized, matched, alone.inputs),
        pictures,
        normalisation,
    )
    graph = activations(real)
    return tuple(
        _error(
            pair,
            readers(pair.real.tensor.index, graph),
            {name: each[at] for name, each in found.items()},
            labels,
        )
        for at, pair in enumerate(matched)
    )


def _error(
    pair: Pair,
    read_by: tuple[str, ...],
    figures: dict[str, Any],
    labels: NDArray[np.integer[Any]] | None,
) -> LayerError:
    one, other = pair
    number = {name: _number(value) for name, value in figures.items() if np.ndim(value) == 0}
    prescribed = other.operator.name in PRESCRIBED
    clipped_class = None
    if labels is not None and not prescribed:
        clipped_class = _clipping_class(figures["clipped_values"], labels)
    weights = None
    if number.get("weights_snr_db") is not None:
        weights = WeightError(
            snr_db=number["weights_snr_db"],
            lost=number["weights_lost"],
            spread=number["weights_spread"],
            per_channel=number["weights_scales"] > 1,
        )
    return LayerError(
        layer=one.layer,
        operator=other.operator.name,
        tensor=one.tensor.name,
        readers=read_by,
        scale=codes(other.tensor).scale or None,
        snr_db=number["snr_db"],
        rmse=number["rmse"],
        rmse_over_scale=number.get("rmse_over_scale"),
        introduced=number.get("introduced"),
        low=number["low"],
        high=number["high"],
        central_low=number.get("central_low"),
        central_high=number.get("central_high"),
        codes_used=number.get("codes_used"),
        channels=int(number["channels"]),
        widest_channel=int(number["widest_channel"]),
        typical_reach=number["typical_reach"],
        clipped=0.0 if prescribed else number["clipped"],
        clipped_class=clipped_class,
        weights=weights,
    )


def _clipping_class(clipped: NDArray[np.int64], labels: NDArray[np.integer[Any]]) -> int | None:
    """Return the label whose pictures clip by far the most values each, if there is one."""
    rates = {int(label): float(clipped[labels == label].mean()) for label in np.unique(labels)}
    worst = max(rates, key=rates.__getitem__)
    return worst if rates[worst] > FAR_MORE * clipped.mean() else None


def _number(value: NDArray[Any]) -> Any:  # noqa: ANN401 - a float, or None where it is missing
    return None if math.isnan(value) else float(value)
