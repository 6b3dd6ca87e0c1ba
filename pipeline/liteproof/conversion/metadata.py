"""Standard TFLite Metadata inside a .tflite: what pixels it takes, and what its outputs are called.

Android Studio, ML Kit and MediaPipe's tasks read it. The metadata is a flatbuffer of its own in one
of the model's buffers; the labels are a file in a zip behind the model, where it is found from the
end. No runtime reads either.

Source of the tables and their slots: tensorflow_lite_support/metadata/metadata_schema.fbs, 1.5.0.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

from liteproof.conversion.packing import METADATA, packed, unpacked
from liteproof.conversion.tables import Byte, TableWriter, Unsigned
from liteproof.errors import ConversionError
from liteproof_edge.errors import ModelError
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.model.flatbuffer import Tensor, read_model

LABELS = "labels.txt"
IDENTIFIER = b"M001"
# Every table and value below is of the schema's first version.
MIN_PARSER_VERSION = "1.0.0"
TENSOR_AXIS_LABELS = 2  # of AssociatedFileType
FEATURE_PROPERTIES, IMAGE_PROPERTIES = 1, 2  # of ContentProperties
NORMALIZATION_OPTIONS = 1  # of ProcessUnitOptions
COLOUR_SPACES = {3: 1, 1: 2}  # channels → ColorSpaceType: RGB, GRAYSCALE
PIXELS = np.array([[0.0], [255.0]])
LIMIT = 1e15  # of means and scales: far above any, and products of two are a float32
# The first year that a zip can hold: a true date would make other bytes every time.
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
UNIX = 3  # the zip's `create_system`, else that of the machine


@dataclass(frozen=True, slots=True)
class About:
    """What the metadata says of a model; "" leaves it out.

    Attributes:
        name: of the model.
        description: what it is for.
        labels: one for each class, in the order of the outputs.
        version: of the model.
        author: of the model.
        licence: of the model.
    """

    name: str
    description: str
    labels: Sequence[str]
    version: str = ""
    author: str = ""
    licence: str = ""


def with_metadata(
    flatbuffer: bytes, about: About, normalisation: Normalisation | None = None
) -> bytes:
    """Return the model with metadata in it, and labels.txt in a zip behind it.

    This comes last: what writes the model again, such as `slimming.without_names`, refuses it then.

    Args:
        flatbuffer: a classifier that the converter has just written, of one input (1, height,
            width, channels) and one output (1, classes).
        about: what to say of it.
        normalisation: what the model takes pixels as; None where it takes them as they are.

    Returns:
        The same graph and the same answers; the same bytes for the same arguments.

    Raises:
        ConversionError: the model is no such classifier or has metadata already, a label is not
            printable, or the normalisation is none.
    """
    pixels, answers = _ends(flatbuffer)
    _check(about.labels, answers)
    model = unpacked(flatbuffer)
    writer = TableWriter()
    graph = writer.table(
        None,
        None,
        writer.tables(_input(writer, pixels, normalisation)),
        writer.tables(_output(writer)),
    )
    root = writer.table(
        writer.text(about.name),
        writer.text(about.description),
        writer.text(about.version),
        writer.tables(graph),
        writer.text(about.author),
        writer.text(about.licence),
        None,
        writer.text(MIN_PARSER_VERSION),
    )
    data = np.frombuffer(writer.finish(root, IDENTIFIER), np.uint8)
    model.metadata = [
        *(model.metadata or ()),
        schema.MetadataT(name=METADATA, buffer=len(model.buffers)),
    ]
    model.buffers.append(schema.BufferT(data=data))
    return _with_file(packed(model), LABELS, "\n".join(about.labels).encode())


def _ends(flatbuffer: bytes) -> tuple[Tensor, Tensor]:
    """Return the input and the output, which a picture's classifier must have."""
    try:
        graph = read_model(flatbuffer).subgraphs[0]
    except ModelError as error:
        raise ConversionError(f"metadata: {error}") from None
    ends = [graph.tensors[index] for index in (*graph.inputs, *graph.outputs) if index >= 0]
    shapes = [tensor.shape for tensor in ends]
    match shapes:
        case [(1, _, _, channels), (1, _)] if channels in COLOUR_SPACES:
            return ends[0], ends[1]
    raise ConversionError(
        f"metadata: inputs and outputs of the shapes {', '.join(map(str, shapes))}, "
        "expected (1, height, width, 1 or 3) and (1, classes)"
    )


def _check(labels: Sequence[str], answers: Tensor) -> None:
    """Refuse what would shift lines: a bundle's labels are printable too."""
    if len(labels) != answers.shape[1]:
        raise ConversionError(
            f"metadata: {len(labels)} labels, expected {answers.shape[1]}, one for each output"
        )
    for label in labels:
        if not label or not label.isprintable():
            raise ConversionError(f"metadata: label {label!r}, expected a printable string")


def _input(writer: TableWriter, pixels: Tensor, normalisation: Normalisation | None) -> int:
    """Write TensorMetadata of the picture."""
    _, height, width, channels = pixels.shape
    mean, deviation = _mean_and_deviation(normalisation, channels)
    # A uint8 model's codes are the pixels, whatever real values they stand for.
    ends = PIXELS if pixels.dtype == "uint8" else (PIXELS - mean) / deviation
    options = writer.table(writer.floats(mean), writer.floats(deviation))
    size = writer.table(Unsigned(width), Unsigned(height))
    image = writer.table(Byte(COLOUR_SPACES[channels]), size)
    return writer.table(
        writer.text("image"),
        writer.text("The picture"),
        None,
        writer.table(Byte(IMAGE_PROPERTIES), image),
        writer.tables(writer.table(Byte(NORMALIZATION_OPTIONS), options)),
        writer.table(writer.floats(ends.max(axis=0)), writer.floats(ends.min(axis=0))),
    )


def _mean_and_deviation(
    normalisation: Normalisation | None, channels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (pixel - mean) / std of the schema: one of each, or one for each channel."""
    if normalisation is None:
        return np.zeros(1), np.ones(1)
    mean, scale = (np.array(values, np.float64) for values in normalisation)
    small = (np.abs(mean) < LIMIT).all() and (np.abs(scale) < LIMIT).all()
    if len(mean) != channels or len(scale) != channels or not (small and all(scale > 1 / LIMIT)):
        raise ConversionError(
            f"metadata: {normalisation}, expected {channels} means and positive scales"
        )
    return mean, 1 / scale


def _output(writer: TableWriter) -> int:
    """Write TensorMetadata of the answers: of a model that we did not train, logits or not."""
    file = writer.table(
        writer.text(LABELS), writer.text("One label a line"), Byte(TENSOR_AXIS_LABELS)
    )
    return writer.table(
        writer.text("scores"),
        writer.text("One for each label: the largest wins"),
        None,
        writer.table(Byte(FEATURE_PROPERTIES), writer.table()),
        None,
        None,
        writer.tables(file),
    )


def _with_file(model: bytes, name: str, data: bytes) -> bytes:
    """Append a zip of one file, not compressed: readers map it into memory."""
    stream = io.BytesIO(model)
    stream.seek(0, io.SEEK_END)
    entry = zipfile.ZipInfo(name, ZIP_DATE)
    entry.create_system = UNIX
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, data)
    return stream.getvalue()
