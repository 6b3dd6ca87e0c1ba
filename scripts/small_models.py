"""Small models that use each operator which a picture classifier may, in every scheme.

Weights are drawn at random: only whether a runtime computes what they say is of interest.
"""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from enum import Enum

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from legacy import as_legacy

Layers = Callable[[tf.Tensor], tf.Tensor]
PICTURE = (8, 8, 1)
CALIBRATION_PICTURES = 8
WEIGHT_SIGMA = 0.3


class Form(Enum):
    """How a model is converted; the names are those of files."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    DYNAMIC = "dynamic"
    DYNAMIC_PER_TENSOR = "dynamic-per-tensor"  # its dense layers, as before TensorFlow 2.16
    INT8 = "int8"  # uint8 in, int8 out
    INT8_FLOAT_IO = "int8-float-io"
    INT8_UINT8_IO = "int8-uint8-io"
    INT8_PER_TENSOR = "int8-per-tensor"
    INT16X8 = "int16x8"
    INT16X8_INT16_IO = "int16x8-int16-io"
    INT16X8_PER_TENSOR = "int16x8-per-tensor"
    UINT8 = "uint8"  # of TensorFlow 1: weights too, per tensor, with a zero point
    FLEX = "flex"  # with TensorFlow's own operators
    DYNAMIC_BATCH = "dynamic-batch"


_rng = np.random.default_rng(0)


def _weights(*shape: int) -> tf.Tensor:
    return tf.constant(_rng.normal(0, WEIGHT_SIGMA, shape).astype(np.float32))


def dense(x: tf.Tensor, units: int = 10) -> tf.Tensor:
    """Flatten, multiply, add: the end of every model; a dynamic batch is asked for, as by Keras."""
    batch = 1 if x.shape[0] == 1 else tf.shape(x)[0]
    flat = tf.reshape(x, (batch, int(np.prod(x.shape[1:]))))
    return tf.matmul(flat, _weights(flat.shape[1], units)) + _weights(units)


def conv(x: tf.Tensor, filters: int = 4, size: int = 3) -> tf.Tensor:
    """Convolve, with a bias."""
    kernel = _weights(size, size, x.shape[-1], filters)
    return tf.nn.conv2d(x, kernel, 1, "SAME") + _weights(filters)


def positive(x: tf.Tensor) -> tf.Tensor:
    """Convolve and cut off what is negative."""
    return tf.nn.relu(conv(x))


def _after_conv(change: Layers) -> Layers:
    return lambda x: dense(change(conv(x)))


def _layer_norm(x: tf.Tensor) -> tf.Tensor:
    centred = x - tf.reduce_mean(x, -1, keepdims=True)
    return centred * tf.math.rsqrt(tf.reduce_mean(centred**2, -1, keepdims=True) + 1e-3)


def _batch_matmul(x: tf.Tensor) -> tf.Tensor:
    rows = tf.reshape(x, (1, 64, 4))
    return tf.matmul(rows, rows, transpose_b=True)


AROUND = [[0, 0], [1, 1], [1, 1], [0, 0]]
MODELS: dict[str, Layers] = {
    "dense": dense,
    "conv": lambda x: dense(tf.nn.max_pool2d(positive(x), 2, 2, "VALID")),
    "wide_conv": lambda x: dense(conv(conv(x, 16), 16)),  # dynamic range leaves small weights float
    "wide_depthwise": lambda x: dense(
        tf.nn.depthwise_conv2d(conv(x, 128, 1), _weights(3, 3, 128, 1), [1] * 4, "SAME")
    ),
    "wide_transpose_conv": lambda x: dense(
        tf.nn.conv2d_transpose(conv(x, 16), _weights(2, 2, 16, 16), (1, 16, 16, 16), 2)
    ),
    "depthwise": _after_conv(
        lambda x: tf.nn.depthwise_conv2d(x, _weights(3, 3, 4, 1), [1, 2, 2, 1], "SAME")
    ),
    "transpose_conv": _after_conv(
        lambda x: tf.nn.conv2d_transpose(x, _weights(2, 2, 4, 4), (1, 16, 16, 4), 2)
    ),
    "average_pool": _after_conv(lambda x: tf.nn.avg_pool2d(tf.nn.relu6(x), 2, 2, "VALID")),
    "global_pool": _after_conv(lambda x: tf.reduce_mean(x, [1, 2])),
    "global_pool_keeping": _after_conv(lambda x: tf.reduce_mean(x, [1, 2], keepdims=True)),
    "global_max": _after_conv(lambda x: tf.reduce_max(x, [1, 2])),
    "global_sum": _after_conv(lambda x: tf.reduce_sum(x, [1, 2])),
    "softmax": lambda x: tf.nn.softmax(dense(x)),
    "log_softmax": lambda x: tf.nn.log_softmax(dense(x)),
    "sigmoid": lambda x: tf.sigmoid(dense(x)),
    "argmax": lambda x: tf.argmax(dense(x), -1, output_type=tf.int32),
    "top_k": lambda x: tf.math.top_k(dense(x), 3).values,
    "relu": _after_conv(lambda x: tf.nn.relu(tf.pad(x, AROUND))),  # padding keeps it apart
    "relu6": _after_conv(lambda x: tf.nn.relu6(tf.pad(x, AROUND))),
    "rounded": _after_conv(lambda x: tf.quantization.fake_quant_with_min_max_args(x, -2, 2)),
    "tanh": _after_conv(tf.tanh),
    "elu": _after_conv(tf.nn.elu),
    "gelu": _after_conv(tf.nn.gelu),
    "leaky_relu": _after_conv(tf.nn.leaky_relu),
    "hard_swish": _after_conv(lambda x: x * tf.nn.relu6(x + 3) * (1 / 6)),
    "silu": _after_conv(lambda x: x * tf.sigmoid(x)),
    "exp": _after_conv(lambda x: tf.exp(0.01 * x)),
    "add": lambda x: dense(tf.nn.relu(positive(x) + positive(x))),
    "sub": lambda x: dense(positive(x) - positive(x)),
    "mul": lambda x: dense(positive(x) * positive(x)),
    "div": lambda x: dense(positive(x) / (1 + positive(x))),
    "concat": lambda x: dense(tf.concat([conv(x), conv(x)], -1)),
    "maximum": lambda x: dense(tf.maximum(conv(x), conv(x))),
    "pad": _after_conv(lambda x: tf.pad(x, AROUND)),
    "mirror_pad": _after_conv(lambda x: tf.pad(x, AROUND, "REFLECT")),
    "bilinear": _after_conv(lambda x: tf.image.resize(x, (16, 16))),
    "nearest": _after_conv(lambda x: tf.image.resize(x, (16, 16), "nearest")),
    "transpose": _after_conv(lambda x: tf.transpose(x, (0, 2, 1, 3))),
    "slice": _after_conv(lambda x: x[:, 1:5, 1:5, :]),
    "strided_slice": _after_conv(lambda x: x[:, ::2, ::2, :]),
    "split": _after_conv(lambda x: tf.add_n(tf.split(x, 2, -1))),
    "space_to_depth": _after_conv(lambda x: tf.nn.space_to_depth(x, 2)),
    "depth_to_space": _after_conv(lambda x: tf.nn.depth_to_space(x, 2)),
    "rsqrt": _after_conv(lambda x: tf.math.rsqrt(tf.nn.relu(x) + 1)),
    "l2_norm": _after_conv(lambda x: tf.math.l2_normalize(x, -1)),
    "layer_norm": _after_conv(_layer_norm),
    "batch_matmul": _after_conv(_batch_matmul),
    "where": _after_conv(lambda x: tf.where(x > 0, x, 0.1 * x)),
    "cumsum": _after_conv(lambda x: tf.cumsum(x, 1)),
    "erf": _after_conv(tf.math.erf),
}


def convert(name: str, form: Form) -> bytes | None:
    """Convert one of MODELS; its weights are the same in every form.

    Returns:
        The flatbuffer, or None where TensorFlow cannot convert it so.
    """
    if form is Form.UINT8:
        modern = convert(name, Form.INT8_PER_TENSOR)
        return modern and as_legacy(modern)
    global _rng  # noqa: PLW0603 - the layers above draw from it
    _rng = np.random.default_rng(0)
    batch = None if form is Form.DYNAMIC_BATCH else 1
    function = tf.function(
        lambda x: {"y": MODELS[name](x)},
        input_signature=[tf.TensorSpec((batch, *PICTURE), tf.float32, name="x")],
    ).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], function)
    _prepare(converter, form)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the schemes imply
            return bytes(converter.convert())
    except Exception:  # noqa: BLE001 - the converter raises whatever it likes
        return None


def _prepare(converter: tf.lite.TFLiteConverter, form: Form) -> None:
    sets = tf.lite.OpsSet
    if form in {Form.FLOAT32, Form.DYNAMIC_BATCH}:
        return
    if form is Form.FLEX:
        converter.target_spec.supported_ops = [sets.TFLITE_BUILTINS, sets.SELECT_TF_OPS]
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form is Form.FLOAT16:
        converter.target_spec.supported_types = [tf.float16]
    elif form is Form.DYNAMIC_PER_TENSOR:
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001 - no public way
    elif form.value.startswith("int"):
        converter.representative_dataset = _pictures
        converter.target_spec.supported_ops = [
            sets.TFLITE_BUILTINS_INT8
            if form.value.startswith("int8")
            else sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
        converter._experimental_disable_per_channel = form.value.endswith("per-tensor")  # noqa: SLF001 - no public way
        taken, given = {
            Form.INT8: (tf.uint8, tf.int8),
            Form.INT8_UINT8_IO: (tf.uint8, tf.uint8),
            Form.INT16X8_INT16_IO: (tf.int16, tf.int16),
        }.get(form, (tf.float32, tf.float32))
        converter.inference_input_type, converter.inference_output_type = taken, given


def _pictures() -> Iterator[list[NDArray[np.float32]]]:
    rng = np.random.default_rng(1)
    for _ in range(CALIBRATION_PICTURES):
        yield [rng.uniform(0, 1, (1, *PICTURE)).astype(np.float32)]
