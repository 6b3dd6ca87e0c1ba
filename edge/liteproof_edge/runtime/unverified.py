"""A bare .tflite, without a bundle: what can be known of it without running it."""

from pathlib import Path

import numpy as np

from liteproof_edge.bundle.labels import parse_labels
from liteproof_edge.bundle.manifest import MAX_FILE_BYTES, MODEL, read_file
from liteproof_edge.bundle.reader import MAX_CLASSES, Bundle
from liteproof_edge.bundle.tensors import MAX_SCALE, MODEL_DTYPES, TensorSpec
from liteproof_edge.errors import DatasetError, ModelError, one_line
from liteproof_edge.model.affine import Normalisation, Quantization
from liteproof_edge.model.ending import Ending, ending_of
from liteproof_edge.model.flatbuffer import Subgraph, read_model
from liteproof_edge.model.metadata import Said, read_metadata
from liteproof_edge.model.operators import CUSTOM_OPERATORS, FLEX
from liteproof_edge.model.outputs import with_one_output
from liteproof_edge.model.sizes import with_size
from liteproof_edge.preprocessing.ink import InkSpec
from liteproof_edge.preprocessing.photo import Fit, PhotoSpec
from liteproof_edge.preprocessing.raw import RawSpec
from liteproof_edge.preprocessing.spec import MAX_SIDE, Spec

AS_THEY_ARE = Quantization(1.0, 0)
INK_SHARE = 20 / 28  # of a picture's side is the mark's, as in MNIST
Shape = tuple[int, int, int]


def read_unverified(
    path: str | Path,
    labels: tuple[str, ...] = (),
    preprocessing: str = PhotoSpec.kind,
    size: tuple[int, int] | None = None,
    output: str | None = None,
) -> Bundle:
    """Read a .tflite of a picture classifier that comes without a bundle.

    Pixels go in as `pixels_as` says.

    Args:
        path: of the file.
        labels: one for each class, in the order of the outputs; (): those of its TFLite Metadata,
            or else 0, 1, 2, …
        preprocessing: how a picture becomes the model's: `photo`, which stretches it to the model's
            size, `ink`, or `raw`, which refuses any other size.
        size: height and width of its pictures, where it takes any, or a row of pixels.
        output: the name of the one that answers, where it has several.

    Returns:
        A bundle that is not `verified`, and has neither golden vectors nor a manifest.

    Raises:
        BundleError: the file cannot be read.
        DatasetError: there are more or fewer labels than classes.
        ModelError: it is no sound model from one picture to one score for each class.
    """
    path, where = Path(path), str(path)
    whole = read_file(path, MAX_FILE_BYTES, "a .tflite model")
    data, place = with_one_output(whole, output, where)
    data = with_size(data, size, where)
    graph = read_model(data, where).subgraphs[0]
    _check_operators(graph, where)
    source = _tensor(graph, "input", graph.inputs, where)
    target = _tensor(graph, "output", graph.outputs, where)
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
    said = read_metadata(whole)
    picture = _picture(source, size, where)
    return Bundle(
        path=path,
        name=one_line(path.stem),
        labels=labels or _packed_labels(said, place, n) or tuple(map(str, range(n))),
        preprocessing=_spec(picture, preprocessing, pixels_as(source, said, picture[2]), where),
        ending=ending,
        input=source,
        output=target,
        temperature=1.0,
        least_logits={},
        least_margins={},
        golden_tolerance=0.0,
        golden_classes=0,
        manifest={},
        files={MODEL: data},
        verified=False,
    )


def _check_operators(graph: Subgraph, where: str) -> None:
    """Refuse what no runtime here can run, and say what to ask for."""
    for operator in graph.operators:
        if operator.name in CUSTOM_OPERATORS:
            raise ModelError(f"{where}: {CUSTOM_OPERATORS[operator.name]}")
        if operator.name.startswith(FLEX):
            raise ModelError(
                f"{where}: needs TensorFlow's own operators ({one_line(operator.name)}), which no "
                "runtime of a device has: ask for a file converted without SELECT_TF_OPS"
            )


def _packed_labels(said: Said, place: int, n: int) -> tuple[str, ...]:
    """Return the labels in the metadata of an output; () where they are not one for each class."""
    text = said.labels[place] if place < len(said.labels) else ""
    try:
        labels = parse_labels(text, "", unique=False)
    except DatasetError:
        return ()
    return labels if len(labels) == n else ()


def _picture(source: TensorSpec, size: tuple[int, int] | None, where: str) -> Shape:
    """Return the height, width and channels of the pictures that fill an input."""
    expected = f"[1, height, width, 1 or 3] with sides of 1 to {MAX_SIDE}"
    found: Shape = (0, 0, 0)
    match source.shape:
        case (1, height, width, channels):
            found = (height, width, channels)
        case (1, height, width):
            found = (height, width, 1)
        case (1, pixels) if size and pixels % (size[0] * size[1]) == 0:
            found = (*size, pixels // (size[0] * size[1]))
        case (1, _):
            found, expected = (
                (0, 0, 0),
                "a size whose pixels fill it: --size, such as 28x28 for 784",
            )
    height, width, channels = found
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE and channels in {1, 3}):
        raise ModelError(f"{where}: input has the shape {list(source.shape)}, expected {expected}")
    if size and size != (height, width):
        raise ModelError(f"{where}: takes {height}x{width}, --size says {size[0]}x{size[1]}")
    return found


def _spec(shape: Shape, kind: str, taken: Normalisation | None, where: str) -> Spec:
    """Return how a picture becomes the model's input."""
    mean, scale = taken or ((), ())
    try:
        if kind == InkSpec.kind:
            box = max(1, round(INK_SHARE * min(shape[:2])))
            return InkSpec(*shape, box=box, mean=mean, scale=scale)
        if kind == RawSpec.kind:
            return RawSpec(*shape, mean=mean, scale=scale)
        return PhotoSpec(*shape, fit=Fit.STRETCH, mean=mean, scale=scale)
    except ValueError as error:
        raise ModelError(f"{where}: {error}") from None


def pixels_as(tensor: TensorSpec, said: Said, channels: int) -> Normalisation | None:
    """Return what an input takes pixels as; None: as they are, for nothing says otherwise.

    TFLite's own tasks read the metadata's normalisation in this way: it is of a float input alone.
    """
    if tensor.quantization == AS_THEY_ARE and tensor.dtype == "uint8":
        return None
    codes = pixel_codes(tensor, channels)
    if codes or tensor.quantization or not said.mean:
        return codes
    mean, deviation = (
        values * channels if len(values) == 1 else values for values in (said.mean, said.deviation)
    )
    if not len(mean) == len(deviation) == channels:
        return None
    found = Normalisation(mean, tuple(1 / each for each in deviation))
    return None if set(mean) == {0.0} and set(deviation) == {1.0} else found


def pixel_codes(tensor: TensorSpec, channels: int) -> Normalisation | None:
    """Return what maps the 256 values of a pixel to the 256 codes of an 8-bit input, in order.

    TFLite's own examples feed a quantized model in this way: a file does not say what its real
    values were in training.

    Args:
        tensor: the input.
        channels: of a picture.

    Returns:
        None where the input has more than 8 bits: pixels are its real values.
    """
    lowest = {"uint8": 0, "int8": -128}.get(tensor.dtype)
    if lowest is None or tensor.quantization is None:
        return None
    scale, zero_point = tensor.quantization
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
        spec = TensorSpec.of(tensor)
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
