import contextlib
import struct
import time
import tracemalloc

import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import BuiltinOperator, TensorType

from liteproof_edge.errors import ModelError
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.model.operators import BUILTIN_OPERATORS, TENSOR_TYPES

# The released model takes 2 ms; a slow machine with other work to do has room here, a reader that
# runs away has not.
MAX_SECONDS_EACH = 2.0
# The reader may read four values for each byte of a file; the rest is Python's own overhead.
MAX_MEMORY_PER_BYTE = 20
OPERATORS = "QUANTIZE CONV_2D CONV_2D MAX_POOL_2D CONV_2D CONV_2D CONV_2D RESHAPE FULLY_CONNECTED"
# The slots of schema.fbs that the tests write.
CODES, SUBGRAPHS, BUFFERS, METADATA, SIGNATURES = 1, 2, 4, 6, 7  # of Model
TENSORS, INPUTS, OUTPUTS, GRAPH_OPERATORS, GRAPH_NAME = range(5)  # of SubGraph
SHAPE, TYPE, BUFFER, NAME, QUANTIZATION = range(5)  # of Tensor


def flatbuffer(root, identifier=b"TFL3"):
    """Encode a table: slot → (form, number), bytes, numbers, a table or a list of tables.

    An object that occurs twice in one list is written once, and referred to twice.
    """
    out = bytearray(struct.pack("<I4s", 0, identifier))
    pending = [(0, root)]

    def place(value):
        out.extend(bytes(-len(out) % 8))
        start = len(out)
        if isinstance(value, bytes):
            out.extend(struct.pack("<I", len(value)) + value)
        elif isinstance(value, np.ndarray):
            out.extend(struct.pack("<I", value.size) + value.tobytes())
        elif isinstance(value, list):
            out.extend(struct.pack("<I", len(value)) + bytes(4 * len(value)))
            pending.extend((start + 4 + 4 * at, item) for at, item in enumerate(value))
        else:
            return place_table(value)
        return start

    def place_table(fields):
        slots = max(fields, default=-1) + 1
        places = {slot: 8 + 8 * at for at, slot in enumerate(fields)}
        offsets = [places.get(slot, 0) for slot in range(slots)]
        vtable = len(out)
        out.extend(struct.pack(f"<HH{slots}H", 4 + 2 * slots, 8 + 8 * len(fields), *offsets))
        out.extend(bytes(-len(out) % 8))
        start = len(out)
        out.extend(struct.pack("<i", start - vtable) + bytes(4 + 8 * len(fields)))
        for slot, value in fields.items():
            if isinstance(value, tuple):
                struct.pack_into(f"<{value[0]}", out, start + places[slot], value[1])
            else:
                pending.append((start + places[slot], value))
        return start

    placed = {}
    while pending:
        at, value = pending.pop(0)
        if id(value) not in placed:
            placed[id(value)] = place(value)
        struct.pack_into("<I", out, at, placed[id(value)] - at)
    return bytes(out)


def ints(*values):
    return np.array(values, np.int32)


def small_model(**changes):
    """Return the table of a model with one RELU from tensor 0 to tensor 1, as changed."""
    tensors = [
        {SHAPE: ints(1, 4), TYPE: ("b", 9), BUFFER: ("I", 0), NAME: name} for name in (b"x", b"y")
    ]
    relu = {0: ("I", 0), 1: ints(0), 2: ints(1)}
    graph = {
        TENSORS: changes.get("tensors", tensors),
        INPUTS: changes.get("inputs", ints(0)),
        OUTPUTS: ints(1),
        GRAPH_OPERATORS: changes.get("operators", [relu]),
        GRAPH_NAME: b"main",
    }
    return {
        CODES: changes.get("codes", [{3: ("i", BUILTIN_OPERATORS.index("RELU"))}]),
        SUBGRAPHS: changes.get("subgraphs", [graph]),
        BUFFERS: changes.get("buffers", [{}]),
        METADATA: changes.get("metadata", []),
        SIGNATURES: changes.get("signatures", []),
    }


def tensor(**changes):
    return {SHAPE: ints(1, 4), TYPE: ("b", 9), BUFFER: ("I", 0), NAME: b"t"} | {
        {"shape": SHAPE, "kind": TYPE, "buffer": BUFFER, "quantization": QUANTIZATION}[key]: value
        for key, value in changes.items()
    }


def assert_read_or_refused(data):
    """Any error but ModelError is a failure."""
    start = time.perf_counter()
    with contextlib.suppress(ModelError):
        assert read_model(data).subgraphs
    assert time.perf_counter() - start < MAX_SECONDS_EACH


@pytest.fixture(scope="module")
def graph(bundle):
    return read_model(bundle.model).subgraphs[0]


def test_read_model_lists_the_operators_in_order(graph):
    assert [operator.name for operator in graph.operators] == OPERATORS.split()


def test_read_model_gives_the_operator_versions(graph):
    assert [operator.version for operator in graph.operators] == [1, 3, 3, 2, 3, 3, 3, 1, 4]


def test_read_model_connects_the_operators(graph):
    assert graph.operators[1].inputs == (14, 13, 12)
    assert graph.operators[1].outputs == (15,)


def test_read_model_gives_the_input_tensor(graph):
    (index,) = graph.inputs
    tensor = graph.tensors[index]
    assert (tensor.dtype, tensor.shape) == ("uint8", (1, 28, 28, 1))
    assert (tensor.scales, tensor.zero_points) == ((1.0,), (0,))


def test_read_model_gives_the_output_tensor(graph):
    (index,) = graph.outputs
    tensor = graph.tensors[index]
    assert (tensor.dtype, tensor.shape) == ("int8", (1, 10))
    assert tensor.zero_points == (-19,)


def test_read_model_gives_one_scale_for_each_channel_of_a_kernel(graph):
    kernel = graph.tensors[7]
    assert (kernel.dtype, kernel.shape) == ("int8", (36, 3, 3, 36))
    assert (len(kernel.scales), kernel.quantized_dimension) == (36, 0)


def test_read_model_gives_the_size_of_constants_and_none_of_activations(graph):
    assert (graph.tensors[7].size_bytes, graph.tensors[22].size_bytes) == (36 * 3 * 3 * 36, 0)


def test_read_model_gives_the_minimum_runtime(bundle):
    assert read_model(bundle.model).minimum_runtime == "1.14.0"


def test_read_model_reads_a_small_model():
    (graph,) = read_model(flatbuffer(small_model())).subgraphs
    assert graph.name == "main"
    assert [tensor.name for tensor in graph.tensors] == ["x", "y"]
    assert [(operator.name, operator.version) for operator in graph.operators] == [("RELU", 1)]


def test_read_model_names_a_custom_operator_as_the_file_does():
    codes = [{3: ("i", BUILTIN_OPERATORS.index("CUSTOM")), 1: b"Mine", 2: ("i", 7)}]
    (graph,) = read_model(flatbuffer(small_model(codes=codes))).subgraphs
    assert [(operator.name, operator.version) for operator in graph.operators] == [("Mine", 7)]


def test_read_model_takes_the_older_operator_number_where_only_that_is_given():
    codes = [{0: ("b", BUILTIN_OPERATORS.index("TANH"))}]
    (graph,) = read_model(flatbuffer(small_model(codes=codes))).subgraphs
    assert graph.operators[0].name == "TANH"


def test_read_model_takes_a_dynamic_shape_from_the_signature():
    dynamic = tensor() | {7: ints(-1, 4)}
    (graph,) = read_model(flatbuffer(small_model(tensors=[dynamic, tensor()]))).subgraphs
    assert (graph.tensors[0].shape, graph.tensors[0].shape_signature) == ((1, 4), (-1, 4))


def test_read_model_gives_the_quantized_dimension():
    along = tensor(quantization={2: np.ones(4, np.float32), 6: ("i", 1)})
    (graph,) = read_model(flatbuffer(small_model(tensors=[along, tensor()]))).subgraphs
    assert (graph.tensors[0].scales, graph.tensors[0].quantized_dimension) == ((1.0,) * 4, 1)


def test_read_model_reads_a_constant_behind_the_flatbuffer():
    behind = {1: ("Q", 8), 2: ("Q", 16)}
    model = small_model(buffers=[{}, behind], tensors=[tensor(buffer=("I", 1)), tensor()])
    (graph,) = read_model(flatbuffer(model)).subgraphs
    assert graph.tensors[0].size_bytes == 16


def test_read_model_escapes_names_that_are_no_utf8():
    odd = tensor() | {NAME: b"\xff\xfe"}
    (graph,) = read_model(flatbuffer(small_model(tensors=[odd, tensor()]))).subgraphs
    assert graph.tensors[0].name == r"\xff\xfe"


def test_read_model_gives_no_minimum_runtime_where_none_is_stored():
    assert read_model(flatbuffer(small_model())).minimum_runtime == ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subgraphs": []}, "holds no graph"),
        ({"inputs": ints(2)}, "tensor 2 of 2"),
        ({"inputs": ints(-2)}, "tensor -2 of 2"),
        ({"operators": [{0: ("I", 0), 1: ints(0), 2: ints(9)}]}, "tensor 9 of 2"),
        ({"operators": [{0: ("I", 3)}]}, "operator code 3 of 1"),
        ({"codes": [{3: ("i", 30_000)}]}, "builtin operator 30000"),
        ({"codes": [{0: ("b", -1), 3: ("i", -1)}]}, "builtin operator -1"),
        ({"tensors": [tensor(shape=ints(-1)), tensor()]}, "tensor 0 has the shape"),
        ({"tensors": [tensor(), tensor(kind=("b", 100))]}, "tensor type 100"),
        ({"tensors": [tensor(buffer=("I", 1)), tensor()]}, "buffer 1 of 1"),
        ({"buffers": [{1: ("Q", 2), 2: ("Q", 1 << 40)}]}, "run past"),
        ({"buffers": [{1: ("Q", 1 << 63), 2: ("Q", 1 << 63)}]}, "run past"),
        ({"metadata": [{0: b"min_runtime_version", 1: ("I", 5)}]}, "buffer 5 of 1"),
        ({"metadata": [{0: b"another", 1: ("I", 5)}]}, "buffer 5 of 1"),
        ({"signatures": [{2: b"serve", 4: ("I", 1)}]}, "graph 1 of 1"),
        ({"signatures": [{0: [{0: b"x", 1: ("I", 2)}]}]}, "tensor 2 of 2"),
        ({"signatures": [{1: [{0: b"y", 1: ("I", 3)}]}]}, "tensor 3 of 2"),
    ],
)
def test_read_model_refuses_a_model_that_contradicts_itself(changes, message):
    with pytest.raises(ModelError, match=message):
        read_model(flatbuffer(small_model(**changes)))


@pytest.mark.parametrize("offset", [1, 3, 4000])
def test_read_model_refuses_a_table_whose_field_lies_outside_it(offset):
    """Such a one, at its list of signatures, crashed tflite-runtime 2.14 in 11 of 20 starts."""
    data = bytearray(flatbuffer(small_model()))
    root = struct.unpack_from("<I", data)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    struct.pack_into("<H", data, vtable + 4 + 2 * SIGNATURES, offset)
    with pytest.raises(ModelError, match="has fields outside its"):
        read_model(bytes(data))


def test_read_model_refuses_a_shape_referred_to_over_and_over():
    same = tensor(shape=ints(*[1] * 500))
    with pytest.raises(ModelError, match="over and over"):
        read_model(flatbuffer(small_model(tensors=[same] * 500)))


def test_read_model_refuses_operator_inputs_referred_to_over_and_over():
    same = {0: ("I", 0), 1: ints(*[0] * 1000), 2: ints(1)}
    with pytest.raises(ModelError, match="over and over"):
        read_model(flatbuffer(small_model(operators=[same] * 1000)))


def test_read_model_refuses_scales_referred_to_over_and_over():
    scales = {2: np.ones(1000, np.float32)}
    same = tensor(quantization=scales)
    with pytest.raises(ModelError, match="over and over"):
        read_model(flatbuffer(small_model(tensors=[same] * 1000)))


@pytest.mark.parametrize(
    "same",
    [{0: bytes(32_768)}, {1: ("Q", 8), 2: ("Q", 32_768)}],
    ids=["in a buffer", "behind the flatbuffer"],
)
def test_read_model_refuses_constants_referred_to_over_and_over(same):
    data = flatbuffer(small_model(buffers=[same] * 8192))
    tracemalloc.start()
    with pytest.raises(ModelError, match="over and over"):
        read_model(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MAX_MEMORY_PER_BYTE * len(data)


def test_read_model_refuses_graphs_referred_to_over_and_over():
    model = small_model(tensors=[tensor() for _ in range(100)])
    with pytest.raises(ModelError, match="over and over"):
        read_model(flatbuffer(model | {SUBGRAPHS: model[SUBGRAPHS] * 1000}))


def test_read_model_refuses_a_vector_of_four_thousand_million_tables():
    data = bytearray(flatbuffer(small_model(buffers=[])))
    model = struct.unpack_from("<I", data)[0]
    field = model + 8 + 8 * list(small_model()).index(BUFFERS)
    struct.pack_into("<I", data, field + struct.unpack_from("<I", data, field)[0], 0xFFFFFFFF)
    with pytest.raises(ModelError, match="not a sound TFLite model"):
        read_model(bytes(data))


def test_read_model_refuses_a_name_longer_than_the_file():
    odd = tensor() | {NAME: b"some name"}
    data = bytearray(flatbuffer(small_model(tensors=[odd, tensor()])))
    struct.pack_into("<I", data, data.index(b"some name") - 4, len(data))
    with pytest.raises(ModelError, match=f"{len(data)} bytes at .* run past"):
        read_model(bytes(data))


def test_read_model_refuses_another_identifier(bundle):
    with pytest.raises(ModelError, match="identifier TFL3"):
        read_model(b"\x1c\0\0\0TFL2" + bundle.model[8:])


@pytest.mark.parametrize("length", range(9))
def test_read_model_refuses_so_few_bytes(bundle, length):
    with pytest.raises(ModelError, match="not a sound TFLite model"):
        read_model(bundle.model[:length])


def test_read_model_names_the_file_it_refuses():
    with pytest.raises(ModelError, match=r"^some/model\.tflite: "):
        read_model(b"", "some/model.tflite")


def test_read_model_reads_or_refuses_every_truncation(bundle):
    for length in np.linspace(0, len(bundle.model) - 1, 200, dtype=int):
        assert_read_or_refused(bundle.model[:length])


def test_read_model_reads_or_refuses_every_flipped_byte(bundle):
    rng = np.random.default_rng(1)
    for position in rng.integers(0, len(bundle.model), 300):
        data = bytearray(bundle.model)
        data[position] ^= int(rng.integers(1, 256))
        assert_read_or_refused(bytes(data))


@pytest.mark.parametrize("word", [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_read_model_reads_or_refuses_every_extreme_word(word):
    data = flatbuffer(small_model(metadata=[{0: b"min_runtime_version", 1: ("I", 0)}]))
    for position in range(0, len(data) - 3, 2):
        damaged = bytearray(data)
        struct.pack_into("<I", damaged, position, word)
        assert_read_or_refused(bytes(damaged))


@pytest.mark.parametrize(
    ("names", "schema_enum"),
    [(BUILTIN_OPERATORS, BuiltinOperator), (TENSOR_TYPES, TensorType)],
    ids=["operators", "tensor types"],
)
def test_numbers_are_those_of_the_schema(names, schema_enum):
    numbers = {name.lower(): n for name, n in vars(schema_enum).items() if name.isupper()}
    assert [numbers[name.lower()] for name in names] == list(range(len(names)))
