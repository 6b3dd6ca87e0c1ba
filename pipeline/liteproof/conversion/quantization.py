"""From a Keras model to a flatbuffer, in any of its forms."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.lite.python.convert import mlir_quantize

from liteproof.conversion.converting import LONGEST_REASON, converting
from liteproof.conversion.custom_layers import lambda_layers, outside_models, unknown_layers
from liteproof.conversion.proof import prove
from liteproof.conversion.variants import Granularity, Scheme, Variant
from liteproof.errors import ConversionError
from liteproof.network import frozen  # noqa: F401 - a layer that files may hold
from liteproof.network.architecture import INPUT, OUTPUT
from liteproof.storage import tensorflow_writing
from liteproof_edge.errors import ModelError, one_line
from liteproof_edge.model.affine import Normalisation

HIGHEST_PIXEL = 255
OPERATORS = {
    Scheme.INT8: tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
    Scheme.INT8_MIXED: tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
    Scheme.INT16X8: (tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8),
}


def load_keras(path: Path) -> keras.Model:
    """Load a trained model, with names that do not depend on what was built before it.

    Raises:
        ModelError: there is no such file.
        ConversionError: it is not a Keras model, or holds layers that are not known here.
    """
    if not path.is_file():
        raise ModelError(f"{path}: not found, expected a Keras model")
    keras.utils.clear_session()
    if hidden := ", ".join(lambda_layers(path)):
        raise ConversionError(
            f"{path}: refused, for loading it could run code: {hidden} (Lambda) has it there; "
            "make it of Keras' own layers or keras.ops, or export the model by `model.export(DIR)`"
        )
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # noqa: BLE001 - Keras lets through whatever zip and HDF5 raise
        layers = ", ".join(unknown_layers(path))
        said = str(error)
        if layers:
            said = (
                f"the code of its layers {layers} is not available: `model.export(DIR)` where it is"
            )
        if outside := ", ".join(outside_models(path)):
            said = (
                f"{outside} (TFSMLayer) is a SavedModel's, which is not in the file: give the "
                "folder of that"
            )
        elif not layers and path.suffix != ".keras":
            said += "; save it as .keras, or `model.export(DIR)`, where it does"
        reason = one_line(" ".join(said.split())[:LONGEST_REASON])
        raise ConversionError(f"{path}: not a Keras model that loads here: {reason}") from None


def classifier_shape(model: keras.Model, path: Path) -> tuple[tuple[int, int, int], int]:
    """Return the height, width and channels of a classifier's pictures, and how many classes.

    Raises:
        ConversionError: it is none that takes one picture of a fixed size.
    """
    takes = [tuple(each.shape) for each in getattr(model, "inputs", None) or ()]
    gives = [tuple(each.shape) for each in getattr(model, "outputs", None) or ()]
    match takes, gives:
        case [(_, int(height), int(width), (1 | 3) as channels)], [(_, int(classes))]:
            return (height, width, channels), classes
    raise ConversionError(
        f"{path}: takes {takes or 'nothing known'} and gives {gives or 'nothing known'}, expected "
        "one picture (None, height, width, 1 or 3) of a fixed size, and (None, classes)"
    )


def convert(
    model: keras.Model, variant: Variant, pictures: NDArray[np.uint8] | None = None
) -> bytes:
    """Convert a model that takes pixels as they are; see `convert_saved`."""
    with saved(model) as folder:
        return convert_saved(folder, variant, pictures)


@contextlib.contextmanager
def saved(model: keras.Model) -> Iterator[str]:
    """Write a SavedModel with one endpoint, of batch 1: a dynamic one makes float 4 times slower.

    The endpoint must be called `serve`: under another name a second, float graph stays in the file.

    Args:
        model: from (n, height, width, channels) to (n, classes), float32.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda pixels: {OUTPUT: model(pixels, training=False)},
        input_signature=[tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name=INPUT)],
    )
    with tempfile.TemporaryDirectory() as folder:
        with converting("SavedModel"), tensorflow_writing(Path(folder)):
            archive.write_out(folder, verbose=False)
        yield folder


def convert_saved(
    folder: str,
    variant: Variant,
    pictures: NDArray[np.uint8] | None = None,
    normalisation: Normalisation | None = None,
    wide: Sequence[str] = (),
) -> bytes:
    """Convert what `saved` wrote, and prove that the result is what it is called.

    Args:
        folder: of the SavedModel.
        variant: of the result. Its batch is fixed at 1, its input and output are named.
        pictures: uint8 (n, height, width, channels), the representative dataset, where the variant
            needs one.
        normalisation: what the model takes pixels as; None where it takes them as they are.
        wide: of int8-mixed, the layers to leave in float32, by their tensors in the float32 file.

    Returns:
        The flatbuffer, with the names of all tensors: the same bytes for the same model.

    Raises:
        ConversionError: TensorFlow cannot convert it, or the result breaks the variant's promise.
    """
    with converting(variant.name):
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if variant.is_calibrated:
            _calibrate(converter, variant, feed_of(variant, pictures, normalisation))
        elif variant.scheme is not Scheme.FLOAT32:
            _shrink_weights(converter, variant.scheme)
        if variant.scheme is Scheme.INT8_MIXED:
            flatbuffer = _mixed(converter, variant, wide)
        else:
            flatbuffer = bytes(converter.convert())
    prove(flatbuffer, variant, normalisation)
    return flatbuffer


def feed_of(
    variant: Variant, pictures: NDArray[np.uint8] | None, normalisation: Normalisation | None
) -> Callable[[], Iterator[list[NDArray[np.float32]]]]:
    """Return what gives the converter the pictures, one by one, as the model takes them.

    Raises:
        ConversionError: there are none.
    """
    if pictures is None:
        raise ConversionError(f"{variant.name}: no representative dataset was given")

    def feed() -> Iterator[list[NDArray[np.float32]]]:
        if (int(pictures.min()), int(pictures.max())) != (0, HIGHEST_PIXEL):
            # The input's scale is that of all pixels then, so that a uint8 one takes them as they
            # are: a picture with 0 in one corner and 255 in the other sees to it.
            spanning = pictures[:1].copy()
            spanning[:, 0, 0], spanning[:, -1, -1] = 0, HIGHEST_PIXEL
            yield [as_real(spanning, normalisation)]
        for picture in pictures:
            yield [as_real(picture[np.newaxis], normalisation)]

    return feed


def as_real(
    pictures: NDArray[np.uint8], normalisation: Normalisation | None
) -> NDArray[np.float32]:
    """Return what a model takes pixels as: float32 of the same shape (…, channels)."""
    if normalisation is None:
        return pictures.astype(np.float32)
    mean, scale = map(np.array, normalisation)
    real: NDArray[np.float32] = (scale * (pictures - mean)).astype(np.float32)
    return real


def _calibrate(
    converter: tf.lite.TFLiteConverter,
    variant: Variant,
    feed: Callable[[], Iterator[list[NDArray[np.float32]]]],
) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feed
    converter.target_spec.supported_ops = [OPERATORS[variant.scheme]]
    if variant.granularity is Granularity.PER_TENSOR:
        converter._experimental_disable_per_channel = True  # noqa: SLF001 - the only way
    if variant.scheme is not Scheme.INT8_MIXED:
        converter.inference_input_type = tf.as_dtype(variant.io.value)
        converter.inference_output_type = tf.as_dtype(variant.io.value)


def _shrink_weights(converter: tf.lite.TFLiteConverter, scheme: Scheme) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if scheme is Scheme.FLOAT16:
        converter.target_spec.supported_types = [tf.float16]
    else:
        # With a scale for each channel, FULLY_CONNECTED becomes version 12, which tflite-runtime
        # 2.14 cannot load.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001


def _mixed(converter: tf.lite.TFLiteConverter, variant: Variant, wide: Sequence[str]) -> bytes:
    """Quantize all layers but the wide ones.

    `tf.lite.experimental.QuantizationDebugger` does the same by way of `tf.lite.Interpreter`, which
    TensorFlow is about to delete.
    """
    converter._experimental_calibrate_only = True  # noqa: SLF001 - the only way
    return bytes(
        mlir_quantize(
            converter.convert(),
            disable_per_channel=variant.granularity is Granularity.PER_TENSOR,
            fully_quantize=True,
            denylisted_nodes=list(wide),
        )
    )
