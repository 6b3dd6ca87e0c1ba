import pytest

from liteproof_edge.inspection.kinds import Kind, kind_of
from liteproof_edge.model.wiring import wire


@pytest.fixture
def kind(make_graph):
    """Return the kind of a model of two layers, by the types of its tensors.

    Its tensors: input, first value, second value, output; then the weights and an accumulator.
    """

    def of(*types, operators=("CONV_2D", "CONV_2D", "SOFTMAX"), more=()):
        steps = [
            (operators[0], (0, 4), (1,)),
            (operators[1], (1, 4, 5), (2,)),
            (operators[2], (2,), (3,)),
        ]
        graph = make_graph(
            [(4,)] * 6,
            steps,
            constants=[4, 5],
            dtypes=dict(enumerate(types)),
            quantized=[
                index for index, dtype in enumerate(types) if dtype.startswith(("int", "u"))
            ],
            outputs=(3,),
        )
        return kind_of([wire(each) for each in (graph, *more)])

    return of


F, I8, I16, I32, U8 = "float32", "int8", "int16", "int32", "uint8"


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ((U8, I8, I8, I8, I8, I32), Kind.INT8),
        ((U8, U8, U8, U8, U8, I32), Kind.UINT8),
        ((I16, I16, I16, I16, I8, "int64"), Kind.INT16X8),
        ((F, F, F, F, F, F), Kind.FLOAT32),
        ((F, F, F, F, "float16", F), Kind.FLOAT16),
        ((F, F, F, F, I8, F), Kind.DYNAMIC),
        ((I8, I8, F, F, I8, I32), Kind.INT8_MIXED),
        ((U8, I8, I8, I8, I8, F), Kind.INT8_MIXED),  # a float constant
        ((U8, I8, I8, I8, I8, "resource"), Kind.INT8_MIXED),
        ((F, F, F, F, F, "float64"), Kind.OTHER),
        (("complex64",) * 6, Kind.OTHER),
    ],
)
def test_kind_follows_from_the_tensors(kind, types, expected):
    assert kind(*types).kind is expected


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ((F, I8, I8, F, I8, I32), Kind.INT8_FLOAT_IO),
        ((F, I16, I16, F, I8, I32), Kind.INT16X8_FLOAT_IO),
    ],
)
def test_float_at_the_borders_alone_is_told_apart(kind, types, expected):
    found = kind(*types, operators=("QUANTIZE", "CONV_2D", "DEQUANTIZE"))

    assert found.kind is expected
    assert found.why == (
        "integers but for what goes in or out: tensor 0 'layer/t0' is float32, "
        "tensor 3 'layer/t3' is float32"
    )


def test_float_input_that_a_layer_reads_too_is_no_border(make_graph):
    steps = [("QUANTIZE", (0,), (1,)), ("CONV_2D", (1,), (2,)), ("ADD", (0, 2), (3,))]
    graph = make_graph([(4,)] * 4, steps, dtypes={0: F, 3: F}, quantized=[1, 2])

    assert kind_of([wire(graph)]).kind is Kind.INT8_MIXED


def test_integers_without_scales_are_not_quantized(make_graph):
    graph = make_graph([(4,)] * 2, [("ADD", (0, 0), (1,))], dtypes={0: U8, 1: I32})

    assert kind_of([wire(graph)]) == (Kind.OTHER, "its tensors are int32, uint8")


def test_one_float_in_another_graph_makes_a_model_mixed(kind, make_graph):
    more = [make_graph([(1,)], [("ADD", (0, -1), (0,))], dtypes={0: "float16"})]
    found = kind(U8, I8, I8, I8, I8, I32, more=more)

    assert found == (
        Kind.INT8_MIXED,
        "CONV_2D computes in int8, but tensor 0 'layer/t0' is float16",
    )


def test_graph_without_tensors_is_of_no_kind(make_graph):
    graph = make_graph([], [], inputs=(), outputs=())

    assert kind_of([wire(graph)]) == (Kind.OTHER, "its tensors are none at all")


def test_reason_names_two_tensors_on_one_line(make_graph):
    names = {0: "a\n" + "b" * 100}
    graph = make_graph([(1,)] * 4, [], dtypes=dict.fromkeys(range(4), F), names=names)

    assert kind_of([wire(graph)]).why == (
        rf"nothing is quantized; tensor 0 'a\n{'b' * 38}' is float32, "
        "tensor 1 'layer/t1' is float32, and 2 more"
    )
