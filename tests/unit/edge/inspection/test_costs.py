"""What an operator takes, on graphs small enough to be counted by hand."""

import pytest

from liteproof_edge.inspection.costs import macs, value_bytes, weights
from liteproof_edge.model.wiring import wire


@pytest.mark.parametrize(
    ("name", "picture", "weights", "made", "expected"),
    [
        # 14·14 places, 12 filters, each a window of 5·5·3
        ("CONV_2D", (1, 28, 28, 3), (12, 5, 5, 3), (1, 14, 14, 12), 14 * 14 * 12 * 5 * 5 * 3),
        # two groups: each filter sees half of the 4 channels
        ("CONV_2D", (1, 8, 8, 4), (6, 3, 3, 2), (1, 8, 8, 6), 8 * 8 * 6 * 3 * 3 * 2),
        # 7·7 places, 8 channels, each with a window of 3·3 of its own
        ("DEPTHWISE_CONV_2D", (1, 7, 7, 8), (1, 3, 3, 8), (1, 7, 7, 8), 7 * 7 * 8 * 3 * 3),
        ("CONV_3D", (1, 4, 4, 4, 2), (3, 3, 3, 2, 5), (1, 4, 4, 4, 5), 64 * 5 * 3 * 3 * 3 * 2),
        ("FULLY_CONNECTED", (1, 400), (10, 400), (1, 10), 400 * 10),
        # 2 products of 3·4 by 4·5
        ("BATCH_MATMUL", (2, 3, 4), (2, 4, 5), (2, 3, 5), 2 * 3 * 4 * 5),
        # the same, the first transposed
        ("BATCH_MATMUL", (2, 4, 3), (2, 4, 5), (2, 3, 5), 2 * 3 * 4 * 5),
        ("BATCH_MATMUL", (0, 0, 4), (4, 5), (0, 5), 0),
        ("ADD", (1, 400), (1, 400), (1, 400), 0),
        ("MAX_POOL_2D", (1, 8, 8, 4), (), (1, 4, 4, 4), 0),
    ],
)
def test_multiply_accumulates_follow_from_the_shapes(
    make_graph, name, picture, weights, made, expected
):
    graph = make_graph([picture, weights, made], [(name, (0, 1), (2,))], constants=[1])

    assert macs(graph, graph.operators[0]) == expected


def test_transposed_convolution_spreads_each_value_over_a_window(make_graph):
    shapes = [(4,), (6, 3, 3, 2), (1, 5, 5, 2), (1, 10, 10, 6)]
    graph = make_graph(shapes, [("TRANSPOSE_CONV", (0, 1, 2), (3,))], constants=[0, 1])

    assert macs(graph, graph.operators[0]) == 5 * 5 * 2 * 6 * 3 * 3
    assert [tensor.index for tensor in weights(wire(graph), graph.operators[0])] == [1]


def test_absent_tensors_cost_nothing(make_graph):
    operators = [("CONV_2D", (-1, -1), (-1,)), ("FULLY_CONNECTED", (), ())]
    graph = make_graph([(4,)], operators)

    assert [macs(graph, operator) for operator in graph.operators] == [0, 0]
    assert [list(weights(wire(graph), operator)) for operator in graph.operators] == [[], []]


def test_weights_are_found_behind_what_unpacks_them(make_graph):
    shapes = [(1, 4), (4, 4), (4, 4), (4, 4), (1, 4)]
    operators = [
        ("DENSIFY", (1,), (2,)),
        ("DEQUANTIZE", (2,), (3,)),
        ("FULLY_CONNECTED", (0, 3, -1), (4,)),
    ]
    wiring = wire(make_graph(shapes, operators, constants=[1]))

    assert [tensor.index for tensor in weights(wiring, wiring.graph.operators[2])] == [1]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("int4", 5), ("bool", 9), ("int16", 18), ("float32", 36), ("complex128", 144), ("string", 0)],
)
def test_size_of_a_value_is_that_of_its_type(make_graph, dtype, expected):
    (tensor,) = make_graph([(9,)], [], dtypes={0: dtype}).tensors

    assert value_bytes(tensor) == expected
