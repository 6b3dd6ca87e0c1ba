"""From a Keras model to a flatbuffer, one scheme at a time."""

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from liteproof.architectures import INPUT, OUTPUT
from liteproof.distribution import quiet
from liteproof.errors import ConversionError
from liteproof.inspection import check_float, check_integer
from liteproof.recipe import Scheme
from liteproof.slimming import without_names
from liteproof.storage import tensorflow_writing
from liteproof_edge.errors import LiteproofError


def load_keras(path: Path) -> keras.Model:
    """Load a trained model, with names that do not depend on what was built before it.

    Raises:
        ConversionError: it is not a Keras model.
    """
    keras.utils.clear_session()
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # noqa: BLE001 - Keras lets through whatever zip and HDF5 raise
        raise ConversionError(f"{path}: not a Keras model: {error}") from None


def convert(
    model: keras.Model, scheme: Scheme, representative: NDArray[np.uint8] | None = None
) -> bytes:
    """Convert a model, and prove of the result what the scheme promises.

    Args:
        model: from pixels to logits, float32.
        scheme: of the result. Its batch is fixed at 1, its input and output are named.
        representative: uint8 (n, height, width, channels); int8 needs it.

    Returns:
        The flatbuffer: the same bytes for the same model.

    Raises:
        ConversionError: TensorFlow cannot convert it, or the result breaks the scheme's promise.
    """
    try:
        with quiet(), contextlib.redirect_stdout(io.StringIO()), _exported(model) as folder:
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            if scheme is Scheme.INT8:
                _make_integer(converter, representative)
            flatbuffer = bytes(converter.convert())
    except LiteproofError:
        raise
    except Exception as error:  # noqa: BLE001 - the converter raises bare Exception
        raise ConversionError(f"{scheme.value}: cannot be converted: {error}") from None
    check = check_integer if scheme is Scheme.INT8 else check_float
    check(flatbuffer, scheme.value)  # before the names go, which an error tells
    return without_names(flatbuffer)


@contextlib.contextmanager
def _exported(model: keras.Model) -> Iterator[str]:
    """Write a SavedModel with one endpoint, of batch 1: a dynamic one makes float 4 times slower.

    The endpoint must be called `serve`: under another name a second, float graph stays in the file.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serve",
        lambda pixels: {OUTPUT: model(pixels, training=False)},
        input_signature=[tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name=INPUT)],
    )
    with tempfile.TemporaryDirectory() as folder:
        with tensorflow_writing(Path(folder)):
            archive.write_out(folder, verbose=False)
        yield folder


def _make_integer(
    converter: tf.lite.TFLiteConverter, representative: NDArray[np.uint8] | None
) -> None:
    if representative is None:
        raise ConversionError("int8: no representative dataset was given")
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.int8
    converter.representative_dataset = lambda: (
        [picture[np.newaxis].astype(np.float32)] for picture in representative
    )
