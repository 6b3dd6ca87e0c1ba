import io
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from flatbuffers import encode, number_types, packer
from flatbuffers.table import Table
from tensorflow.lite.python import schema_py_generated as schema

from liteproof.conversion.metadata import About, with_metadata
from liteproof.conversion.packing import packed, unpacked
from liteproof.conversion.quantization import convert
from liteproof.conversion.slimming import without_names
from liteproof.conversion.variants import Scheme, Variant
from liteproof.errors import ConversionError
from liteproof.execution.tflite_model import Kernels, execute
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.runtime.loading import installed

MNIST = Path(__file__).parents[3] / "bundle" / "model.tflite"
DIGITS = list("0123456789")
LABELS = ["red", "grün", "blue sky"]
PICTURES = np.random.default_rng(0).integers(0, 256, (8, 8, 6, 3), np.uint8)
ENDS = np.stack([np.full((8, 6, 3), value, np.uint8) for value in (0, 255)])
SCHEMES = [Scheme.FLOAT32, Scheme.INT8, Scheme.INT16X8]
# Of metadata, zip and alignment for ten labels; what is allowed beside weights in all is 8 kB.
MAX_OVERHEAD = 900
# The slots of metadata_schema.fbs that the tests read.
NAME, DESCRIPTION, VERSION, SUBGRAPHS, AUTHOR, LICENCE, _, PARSER = range(8)  # of ModelMetadata
INPUTS, OUTPUTS = 2, 3  # of SubGraphMetadata
CONTENT, UNITS, STATS, FILES = 3, 4, 5, 6  # of TensorMetadata
RGB, GRAYSCALE = 1, 2
BUFFERS, DATA = 4, 0  # of schema.fbs: Model, Buffer


class Read:
    """One table of a flatbuffer, read by slots."""

    def __init__(self, data, at=None):
        self.table = Table(data, encode.Get(packer.uoffset, data, 0) if at is None else at)

    def _at(self, slot):
        return self.table.Offset(4 + 2 * slot)

    def text(self, slot):
        at = self._at(slot)
        return self.table.String(at + self.table.Pos).decode() if at else None

    def number(self, slot, kind):
        return self.table.Get(kind, self._at(slot) + self.table.Pos)

    def byte(self, slot):
        return self.number(slot, number_types.Int8Flags)

    def unsigned(self, slot):
        return self.number(slot, number_types.Uint32Flags)

    def floats(self, slot):
        return list(self.table.GetVectorAsNumpy(number_types.Float32Flags, self._at(slot)))

    def child(self, slot):
        return Read(self.table.Bytes, self.table.Indirect(self._at(slot) + self.table.Pos))

    def has(self, slot):
        return self._at(slot) != 0

    def start(self, slot):
        """Where in the file a vector's first element stands."""
        return self.table.Vector(self._at(slot))

    def children(self, slot):
        n, start = self.table.VectorLen(self._at(slot)), self.start(slot)
        return [Read(self.table.Bytes, self.table.Indirect(start + 4 * at)) for at in range(n)]

    def only(self, slot):
        (child,) = self.children(slot)
        return child


@pytest.fixture(scope="module")
def models():
    """A small colour model in three schemes, as the converter writes it."""
    keras.utils.set_random_seed(1)
    pixels = keras.Input((8, 6, 3), name="pixels")
    values = keras.layers.Rescaling(1 / 255)(pixels)
    values = keras.layers.Conv2D(4, 3, activation="relu")(values)
    model = keras.Model(pixels, keras.layers.Dense(3)(keras.layers.Flatten()(values)))
    shown = np.concatenate([PICTURES, ENDS])
    return {scheme: convert(model, Variant(scheme), shown) for scheme in SCHEMES}


def entries(flatbuffer):
    """The model's own metadata: name → data."""
    model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
    return {
        entry.name.decode(): bytes(model.buffers[entry.buffer].data) for entry in model.metadata
    }


def described(flatbuffer, labels=LABELS, normalisation=None, **changed):
    about = {"name": "colours", "description": "Plain ones", "labels": labels, **changed}
    return with_metadata(flatbuffer, About(**about), normalisation)


def metadata(flatbuffer, labels=LABELS, **changed):
    return Read(entries(described(flatbuffer, labels, **changed))["TFLITE_METADATA"])


def picture(flatbuffer, labels=LABELS, **changed):
    return metadata(flatbuffer, labels, **changed).only(SUBGRAPHS).only(INPUTS)


def test_model_is_named_and_described(models):
    about = metadata(models[Scheme.INT8], version="2", author="Ada", licence="MIT")

    assert [about.text(slot) for slot in (NAME, DESCRIPTION)] == ["colours", "Plain ones"]
    assert [about.text(slot) for slot in (VERSION, AUTHOR, LICENCE)] == ["2", "Ada", "MIT"]
    assert about.text(PARSER) == "1.0.0"
    assert bytes(about.table.Bytes[4:8]) == b"M001"


def test_what_is_not_known_is_left_out(models):
    about = metadata(models[Scheme.INT8])

    assert [about.text(slot) for slot in (VERSION, AUTHOR, LICENCE)] == [None, None, None]


def test_text_that_is_no_unicode_is_replaced(models):
    assert metadata(models[Scheme.INT8], name="caf\udce9").text(NAME) == "caf?"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pixels_go_in_as_they_are(models, scheme):
    tensor = picture(models[scheme])
    options, stats = tensor.only(UNITS).child(1), tensor.child(STATS)

    assert tensor.only(UNITS).byte(0) == 1
    assert (options.floats(0), options.floats(1)) == ([0.0], [1.0])
    assert (stats.floats(0), stats.floats(1)) == ([255.0], [0.0])


def test_normalisation_is_stated_channel_by_channel(models):
    tensor = picture(
        models[Scheme.FLOAT32], normalisation=Normalisation((127.5, 0.0, 55.0), (1 / 127.5, 2, 0.5))
    )
    options, stats = tensor.only(UNITS).child(1), tensor.child(STATS)

    assert (options.floats(0), options.floats(1)) == ([127.5, 0.0, 55.0], [127.5, 0.5, 2.0])
    assert (stats.floats(0), stats.floats(1)) == ([1.0, 510.0, 100.0], [-1.0, 0.0, -27.5])


def test_range_of_a_uint8_input_is_that_of_its_codes(models):
    normalisation = Normalisation((127.5,) * 3, (1 / 127.5,) * 3)
    stats = picture(models[Scheme.INT8], normalisation=normalisation).child(STATS)

    assert (stats.floats(0), stats.floats(1)) == ([255.0], [0.0])


@pytest.mark.parametrize("colour", [True, False])
def test_picture_has_its_size_and_colours(models, colour):
    flatbuffer, labels = (models[Scheme.INT8], LABELS) if colour else (MNIST.read_bytes(), DIGITS)
    content = picture(flatbuffer, labels).child(CONTENT)
    image = content.child(1)
    size = image.child(1)

    assert content.byte(0) == 2
    assert image.byte(0) == (RGB if colour else GRAYSCALE)
    assert (size.unsigned(0), size.unsigned(1)) == ((6, 8) if colour else (28, 28))


def test_output_has_its_labels_in_a_file(models):
    tensor = metadata(models[Scheme.INT8]).only(SUBGRAPHS).only(OUTPUTS)
    file = tensor.only(FILES)

    assert tensor.child(CONTENT).byte(0) == 1
    assert (file.text(0), file.byte(2)) == ("labels.txt", 2)


def test_labels_stand_in_a_zip_behind_the_model(models):
    with zipfile.ZipFile(io.BytesIO(described(models[Scheme.INT8]))) as archive:
        assert archive.testzip() is None
        (entry,) = archive.infolist()
        assert archive.read(entry).decode() == "red\ngrün\nblue sky"

    assert (entry.filename, entry.compress_type) == ("labels.txt", zipfile.ZIP_STORED)


def test_weights_that_look_like_a_zip_do_not_mislead(models):
    """An empty archive's last record, as `zipfile` looks for it in what it appends to."""
    model = unpacked(models[Scheme.INT8])
    ending = b"PK\5\6" + bytes(18)
    model.buffers.append(schema.BufferT(data=np.frombuffer(ending, np.uint8)))

    whole = described(packed(model))

    assert ending in whole
    assert zipfile.ZipFile(io.BytesIO(whole)).namelist() == ["labels.txt"]


def test_bytes_are_the_same_at_another_time_in_another_zone(models, monkeypatch):
    before = described(models[Scheme.INT8])
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    later = time.time() + 1e8
    monkeypatch.setattr(time, "time", lambda: later)

    again = described(models[Scheme.INT8])
    monkeypatch.undo()
    time.tzset()

    assert again == before


@pytest.mark.parametrize("runtime", installed())
@pytest.mark.parametrize("scheme", SCHEMES)
def test_answers_are_the_same_bit_for_bit(models, scheme, runtime):
    before, after = (
        execute(model, PICTURES, label="test", runtime=runtime, kernels=Kernels.SHIPPING).outputs
        for model in (models[scheme], described(models[scheme]))
    )

    assert after.dtype == before.dtype
    assert after.tobytes() == before.tobytes()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_reader_finds_the_same_model(models, scheme):
    assert read_model(described(models[scheme])) == read_model(models[scheme])


def test_entries_of_the_converter_stay(models):
    before = entries(models[Scheme.INT8])
    after = entries(described(models[Scheme.INT8]))

    assert set(before) == {"min_runtime_version", "CONVERSION_METADATA"}
    assert {name: after[name] for name in before} == before


def test_names_go_before_the_metadata_comes(models):
    slim = described(without_names(models[Scheme.INT8]))

    assert len(slim) < len(described(models[Scheme.INT8]))
    assert zipfile.ZipFile(io.BytesIO(slim)).namelist() == ["labels.txt"]
    assert "TFLITE_METADATA" in entries(slim)


@pytest.mark.parametrize("rewrite", [without_names, described])
def test_model_with_metadata_is_not_written_again(models, rewrite):
    with pytest.raises(ConversionError, match="model: holds TFLITE_METADATA already"):
        rewrite(described(models[Scheme.INT8]))


@pytest.mark.parametrize("write", [without_names, described])
def test_data_is_aligned_as_the_schema_asks(models, write):
    flatbuffer = write(models[Scheme.INT8])
    root = Read(flatbuffer)
    starts = [buffer.start(DATA) for buffer in root.children(BUFFERS) if buffer.has(DATA)]

    assert len(starts) >= 4
    assert [start % 16 for start in starts] == [0] * len(starts)


def test_metadata_takes_few_bytes():
    flatbuffer = MNIST.read_bytes()

    assert len(described(flatbuffer, DIGITS)) - len(flatbuffer) <= MAX_OVERHEAD


@pytest.mark.parametrize("label", ["", "two\nlines", "two\u2028lines", "tab\t", "\udce9", "nul\0"])
def test_label_that_is_not_printable_is_named(models, label):
    with pytest.raises(ConversionError, match="metadata: label '.*', expected a printable string"):
        described(models[Scheme.INT8], ["red", label, "blue"])


def test_labels_of_another_number_are_refused(models):
    with pytest.raises(ConversionError, match="2 labels, expected 3, one for each output"):
        described(models[Scheme.INT8], LABELS[:2])


@pytest.mark.parametrize(
    ("mean", "scale"),
    [
        ((0.0,), (1.0,)),
        ((0.0,) * 3, (1.0, 0.0, 1.0)),
        ((0.0,) * 3, (1e-310,) * 3),
        ((0.0, np.nan, 0.0), (1.0,) * 3),
        ((1e300,) * 3, (1.0,) * 3),
    ],
)
def test_normalisation_that_is_none_is_refused(models, mean, scale):
    with pytest.raises(ConversionError, match="Normalisation.*, expected 3 means and positive sca"):
        described(models[Scheme.FLOAT32], normalisation=Normalisation(mean, scale))


def test_damaged_model_is_refused(models):
    with pytest.raises(ConversionError, match="metadata: model: not a sound TFLite model"):
        described(models[Scheme.INT8][:-100])


def test_model_of_no_pictures_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    flatbuffer = convert(model, Variant(Scheme.FLOAT32))

    with pytest.raises(
        ConversionError, match=r"of the shapes \(1, 4\), \(1, 3\), expected \(1, hei"
    ):
        described(flatbuffer)
