"""From a float32 .tflite, without the Keras model it came from, to int8."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.python.optimize.calibrator import Calibrator

from liteproof.conversion.converting import converting
from liteproof.conversion.proof import prove
from liteproof.conversion.quantization import feed_of
from liteproof.conversion.variants import Granularity, Scheme, Variant
from liteproof.errors import ConversionError
from liteproof_edge.inspection.inspect import inspect
from liteproof_edge.inspection.kinds import Kind
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.model.flatbuffer import read_model

ACTIVATIONS = {Scheme.INT8: tf.int8, Scheme.INT16X8: tf.int16}
REMEDY = "give the float32 .tflite, or the Keras model or SavedModel that it was made from"


def quantized(
    flatbuffer: bytes,
    variant: Variant,
    pictures: NDArray[np.uint8],
    normalisation: Normalisation | None,
) -> bytes:
    """Quantize a float32 .tflite by what it computes on pictures.

    Args:
        flatbuffer: one that a runtime has run: the calibrator crashes on what it cannot read.
        variant: int8 or int16x8.
        pictures: uint8 (n, height, width, channels), the representative dataset.
        normalisation: what the model takes pixels as; None where it takes them as they are.

    Returns:
        The flatbuffer, with the names of all tensors.

    Raises:
        ConversionError: it is not float32, cannot be of that form, or the result is not.
    """
    check_quantizable(flatbuffer, variant)
    graph = read_model(flatbuffer).subgraphs[0]
    shape = graph.tensors[graph.inputs[0]].shape
    feed = feed_of(variant, pictures, normalisation)
    with converting(variant.name):
        made = Calibrator(flatbuffer).calibrate_and_quantize(
            lambda: ([each.reshape(shape)] for (each,) in feed()),
            *(tf.as_dtype(variant.io.value),) * 2,
            allow_float=False,
            activations_type=ACTIVATIONS[variant.scheme],
            disable_per_channel=variant.granularity is Granularity.PER_TENSOR,
        )
    # Pixels need not go in as they are: what maps them to codes is in the manifest.
    prove(bytes(made), variant, normalisation or Normalisation((0.0,), (1.0,)))
    return bytes(made)


def check_quantizable(flatbuffer: bytes, variant: Variant) -> None:
    """Refuse what cannot be quantized after the fact, and say what could be.

    Raises:
        ConversionError: it is not float32, or the form is another than int8 and int16x8.
    """
    kind = inspect(read_model(flatbuffer), len(flatbuffer)).kind
    if variant.scheme not in ACTIVATIONS:
        raise ConversionError(
            f"{variant.name}: a .tflite becomes int8 or int16x8 alone; for this form {REMEDY}"
        )
    if kind is not Kind.FLOAT32:
        raise ConversionError(
            f"{variant.name}: the .tflite is {kind.value} already, expected float32; {REMEDY}"
        )
