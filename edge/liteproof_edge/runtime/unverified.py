"""A bare .tflite, without a bundle: what can be known of it without running it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from liteproof_edge.bundle.manifest import MAX_FILE_BYTES, MODEL, read_file
from liteproof_edge.bundle.reader import (
    MAX_CLASSES,
    MAX_SCALE,
    MODEL_DTYPES,
    Bundle,
    TensorSpec,
)
from liteproof_edge.errors import DatasetError, ModelError, one_line
from liteproof_edge.model.affine import Normalisation, Quantization
from liteproof_edge.model.ending import Ending, ending_of
from liteproof_edge.model.flatbuffer import Subgraph, read_model
from liteproof_edge.preprocessing.ink import InkSpec
from liteproof_edge.preprocessing.photo import Fit, PhotoSpec
from liteproof_edge.preprocessing.raw import RawSpec
from liteproof_edge.preprocessing.spec import MAX_SIDE, Spec

INK_SHARE = 20 / 28  # of a picture's side is the mark's, as in MNIST


def read_unverified(
    path: str | Path, labels: tuple[str, ...] = (), preprocessing: str = PhotoSpec.kind
) -> Bundle:
    """Read a .tflite of a picture classifier that comes without a bundle.

    Pixels go in as `pixel_codes` says.

    Args:
        path: of the file.
        labels: one for each class, in the order of the outputs; (): they are called 0, 1, 2, …
        preprocessing: how a picture becomes the model's: `photo`, which stretches it to the model's
            size, `ink`, or `raw`, which refuses any other size.

    Returns:
        A bundle that is not `verified`, and has neither golden vectors nor a manifest.

    Raises:
        BundleError: the file cannot be read.
        DatasetError: there are more or fewer labels than classes.
        ModelError: it is no sound model from one picture to one score for each class.
    """
    path = Path(path)
    data = read_file(path, MAX_FILE_BYTES, "a .tflite model")
    graph = read_model(data, str(path)).subgraphs[0]
    source = _tensor(graph, "input", graph.inputs, str(path))
    target = _tensor(graph, "output", graph.outputs, str(path))
    ending = ending_of(graph)
    match target.shape:
        case (1, classes) if 2 <= classes <= MAX_CLASSES:
            n = classes
        case (1, 1) if ending is Ending.SIGMOID:
            n = 2
        case shape:
            raise ModelError(
                f"{path}: output has the shape {list(shape)}, expected [1, classes] "
                f"with 2 to {MAX_CLASSES} classes, or one by a sigmoid"
            )
    if labels and len(labels) != n:
        raise DatasetError(f"{path}: {len(labels)} labels, expected {n}, one for each class")
    return Bundle(
        path=path,
        name=one_line(path.stem),
        labels=labels or tuple(map(str, range(n))),
        preprocessing=_spec(source, preprocessing, str(path)),
        ending=ending,
        input=source,
        output=target,
        temperature=1.0,
        least_logits={},
        golden_tolerance=0.0,
        manifest={},
        files={MODEL: data},
        verified=False,
    )


def _spec(source: TensorSpec, kind: str, where: str) -> Spec:
    """Return how a picture becomes the model's input."""
    match source.shape:
        case (1, height, width, *channels) if (
            1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE and channels in ([], [1], [3])
        ):
            shape = (height, width, (channels or [1])[0])
        case shape:
            raise ModelError(
                f"{where}: input has the shape {list(shape)}, expected [1, height, width, 1 or 3] "
                f"with sides of 1 to {MAX_SIDE}"
            )
    try:
        if kind == InkSpec.kind:
            return InkSpec(*shape, box=max(1, round(INK_SHARE * min(height, width))))
        return RawSpec(*shape) if kind == RawSpec.kind else PhotoSpec(*shape, fit=Fit.STRETCH)
    except ValueError as error:
        raise ModelError(f"{where}: {error}") from None


def pixel_codes(tensor: TensorSpec) -> Normalisation | None:
    """Return what maps the 256 values of a pixel to the 256 codes of an 8-bit input, in order.

    TFLite's own examples feed a quantized model in this way: a file does not say what its real
    values were in training.

    Args:
        tensor: the input.

    Returns:
        None where the input has more than 8 bits: pixels are its real values.
    """
    lowest = {"uint8": 0, "int8": -128}.get(tensor.dtype)
    if lowest is None or tensor.quantization is None:
        return None
    scale, zero_point = tensor.quantization
    channels = tensor.shape[-1] if len(tensor.shape) == 4 else 1
    return Normalisation((float(zero_point - lowest),) * channels, (scale,) * channels)


def _tensor(graph: Subgraph, key: str, indices: tuple[int, ...], path: str) -> TensorSpec:
    """Describe the one input or output as it is with a batch of 1, where that is dynamic."""
    where = f"{path}: {key}"
    if len(indices) != 1 or indices[0] < 0:
        raise ModelError(f"{where}: its tensors are {indices}, expected one")
    tensor = graph.tensors[indices[0]]
    if tensor.shape_signature not in {tensor.shape, (-1, *tensor.shape[1:])}:
        raise ModelError(
            f"{where} has the shape {list(tensor.shape)} and the signature "
            f"{list(tensor.shape_signature)}, expected the same, or -1 for the batch"
        )
    if tensor.dtype not in MODEL_DTYPES:
        raise ModelError(f"{where} is {tensor.dtype}, expected one of {', '.join(MODEL_DTYPES)}")
    try:
        spec = TensorSpec.of(replace(tensor, shape_signature=tensor.shape))
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None
    if spec.quantization and not _is_sound(spec.quantization, spec.dtype):
        raise ModelError(
            f"{where} is {spec.dtype} with {spec.quantization}, expected one that fits"
        )
    return spec


def _is_sound(quantization: Quantization, dtype: str) -> bool:
    if dtype == "float32":  # it is what it stands for
        return False
    limits = np.iinfo(dtype)
    in_range = limits.min <= quantization.zero_point <= limits.max
    return in_range and 0 < quantization.scale < MAX_SCALE
