"""What a .tflite says of itself in TFLite Metadata: how pixels go in, what its outputs are called.

The metadata is a flatbuffer of its own in one of the model's buffers; the labels are a file in a
zip behind the model. Neither is needed to run it: what is damaged counts as not said.

Source of the tables and their slots: tensorflow_lite_support/metadata/metadata_schema.fbs, 1.5.0.
"""

import io
import zipfile
from typing import NamedTuple

from liteproof_edge.model.tables import Buffer, Damaged, Table

NAME = b"TFLITE_METADATA"
IDENTIFIER = b"M001"
NORMALIZATION_OPTIONS = 1  # of ProcessUnitOptions
AXIS_LABELS = 2  # of AssociatedFileType
MAX_LABELS_BYTES = 1 << 24
MAX_NUMBER = 1e6  # of means and deviations: far above any


class Said(NamedTuple):
    """What a file says; () where it does not.

    Attributes:
        mean: what is taken from each pixel of 0 to 255, for all channels or for each.
        deviation: what the difference is divided by, the same.
        labels: the text of the file of labels of each output, in the order of the outputs.
    """

    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


def read_metadata(data: bytes) -> Said:
    """Return what a model's metadata says.

    Args:
        data: a .tflite that `flatbuffer.read_model` has read.
    """
    try:
        buffer = Buffer(data)
        found = _blob(Table(buffer, buffer.follow(0)))
        if found[4:8] != IDENTIFIER:
            return Said()
        inner = Buffer(found)
        graphs = Table(inner, inner.follow(0)).tables(3)
        graph = next(graphs, None)
        if graph is None:
            return Said()
        mean, deviation = _normalisation(graph)
        return Said(mean, deviation, _labels(graph, data))
    except Damaged:
        return Said()


def _blob(model: Table) -> bytes:
    blobs = list(model.tables(4))
    for entry in model.tables(6):
        at = entry.integer(1, "I")
        if entry.blob(0) == NAME and at < len(blobs):
            return blobs[at].blob(0)
    return b""


def _normalisation(graph: Table) -> tuple[tuple[float, ...], tuple[float, ...]]:
    for pixels in graph.tables(2):
        for unit in pixels.tables(4):
            options = unit.table(1) if unit.integer(0, "B") == NORMALIZATION_OPTIONS else None
            if options:
                mean, deviation = options.floats(0), options.floats(1)
                sound = all(abs(each) < MAX_NUMBER for each in (*mean, *deviation))
                if mean and deviation and sound and all(each > 0 for each in deviation):
                    return tuple(map(float, mean)), tuple(map(float, deviation))
    return (), ()


def _labels(graph: Table, data: bytes) -> tuple[str, ...]:
    """Return the text of each output's labels; "" where an output has none."""
    names = []
    for scores in graph.tables(3):
        files = [each for each in scores.tables(6) if each.integer(2, "b") == AXIS_LABELS]
        names.append(files[0].text(0) if files else "")
    if not any(names):
        return ()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return tuple(_text(archive, name) for name in names)
    except (OSError, ValueError, zipfile.BadZipFile):
        return ()


def _text(archive: zipfile.ZipFile, name: str) -> str:
    """Return a packed file; "" where it is not there, damaged or too long."""
    try:
        if not name or archive.getinfo(name).file_size > MAX_LABELS_BYTES:
            return ""
        with archive.open(name) as file:
            return file.read(MAX_LABELS_BYTES).decode("utf-8-sig")
    except Exception:  # noqa: BLE001 - whatever zipfile and its decompressors raise on damage
        return ""
