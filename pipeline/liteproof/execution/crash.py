"""Why a sound model crashes the runtimes, where that is known."""

from liteproof_edge.errors import ModelError
from liteproof_edge.model.flatbuffer import read_model

# TensorFlow Lite's reference kernel of an int8 softmax multiplies by scale · 2^26, and aborts where
# that is not above 1 (PreprocessSoftmaxScaling in tensorflow/lite/kernels/internal/
# quantization_util.cc, with 5 integer bits). The converter makes no scale below 2e-6 / 255.
SOFTMAX, LEAST_SCALE = "SOFTMAX", 2.0**-26


def crash_cause(flatbuffer: bytes) -> str:
    """Return, after a semicolon, what makes the runtimes crash on a model; "" where it is unknown.

    Args:
        flatbuffer: the model.
    """
    try:
        graph = read_model(flatbuffer).subgraphs[0]
    except ModelError:
        return ""
    for operator in graph.operators:
        if operator.name != SOFTMAX or not operator.inputs or operator.inputs[0] < 0:
            continue
        tensor = graph.tensors[operator.inputs[0]]
        if tensor.scales and tensor.scales[0] <= LEAST_SCALE:
            return (
                f"; the softmax after '{tensor.name}' takes codes of a scale of "
                f"{tensor.scales[0]:.1e}, expected above {LEAST_SCALE:.1e}: values there are next "
                "to nought in all calibration pictures, as in a network that is not trained"
            )
    return ""
