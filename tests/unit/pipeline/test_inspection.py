"""What a model costs, on graphs small enough to be counted by hand.

The proofs of what a model is are tested with the conversion, in test_quantization.py.
"""

from pathlib import Path

import pytest

from liteproof.inspection import Cost, cost, macs, parameters, peak_activation_bytes
from liteproof_edge.errors import ModelError
from liteproof_edge.flatbuffer import Operator, Subgraph, Tensor

RELEASED = Path(__file__).parents[2] / "bundle" / "model.tflite"


def graph(tensors, operators, inputs=(0,), outputs=None):
    """A graph of (dtype, shape, is constant) and (operator, inputs, outputs)."""
    read = tuple(
        Tensor(index, "", dtype, shape, shape, (), (), 0, 4 if constant else 0)
        for index, (dtype, shape, constant) in enumerate(tensors)
    )
    steps = tuple(Operator(name, 1, taken, made) for name, taken, made in operators)
    return Subgraph("", read, inputs, outputs or (len(read) - 1,), steps)


def value(*shape, dtype="int8"):
    return (dtype, shape, False)


def constant(*shape, dtype="int8"):
    return (dtype, shape, True)


def weighted(name, picture, weights, made, bias):
    """A graph of one operator with weights and biases."""
    tensors = [value(*picture), constant(*weights), constant(bias, dtype="int32"), value(*made)]
    return graph(tensors, [(name, (0, 1, 2), (3,))])


@pytest.mark.parametrize(
    ("name", "picture", "weights", "made", "expected"),
    [
        # 14·14 places, 12 filters, each a window of 5·5·3
        ("CONV_2D", (1, 28, 28, 3), (12, 5, 5, 3), (1, 14, 14, 12), 14 * 14 * 12 * 5 * 5 * 3),
        # 7·7 places, 8 channels, each with a window of 3·3 of its own
        ("DEPTHWISE_CONV_2D", (1, 7, 7, 8), (1, 3, 3, 8), (1, 7, 7, 8), 7 * 7 * 8 * 3 * 3),
        ("FULLY_CONNECTED", (1, 400), (10, 400), (1, 10), 400 * 10),
        ("ADD", (1, 400), (1, 400), (1, 400), 0),
        ("MAX_POOL_2D", (1, 8, 8, 4), (), (1, 4, 4, 4), 0),
    ],
)
def test_multiply_accumulates_follow_from_the_shapes(name, picture, weights, made, expected):
    model = weighted(name, picture, weights, made, made[-1])

    assert macs(model, model.operators[0]) == expected


def test_transposed_convolution_spreads_each_value_over_a_window():
    tensors = [constant(4, dtype="int32"), constant(6, 3, 3, 2), value(1, 5, 5, 2)]
    model = graph([*tensors, value(1, 10, 10, 6)], [("TRANSPOSE_CONV", (0, 1, 2), (3,))], (2,))

    assert macs(model, model.operators[0]) == 5 * 5 * 2 * 6 * 3 * 3
    assert parameters(model) == 6 * 3 * 3 * 2


def test_parameters_are_weights_and_biases():
    model = weighted("CONV_2D", (1, 28, 28, 1), (12, 5, 5, 1), (1, 14, 14, 12), 12)

    assert parameters(model) == 12 * 5 * 5 + 12


def test_other_constants_are_no_parameters():
    tensors = [value(1, 400), constant(2, dtype="int32"), value(1, 20, 20, 1), constant(1)]
    steps = [("RESHAPE", (0, 1), (2,)), ("MUL", (2, 3), (4,))]

    assert parameters(graph([*tensors, value(1, 20, 20, 1)], steps)) == 0


def test_weights_that_two_operators_share_count_once_and_an_absent_bias_not():
    tensors = [value(1, 4), constant(4, 4), value(1, 4), value(1, 4)]
    steps = [("FULLY_CONNECTED", (0, 1, -1), (2,)), ("FULLY_CONNECTED", (2, 1), (3,))]

    assert parameters(graph(tensors, steps)) == 16


def test_weights_that_are_computed_are_no_parameters():
    tensors = [value(1, 4), value(4, 4), value(1, 4)]
    model = graph(tensors, [("FULLY_CONNECTED", (0, 1, -1), (2,))], inputs=(0, 1))

    assert parameters(model) == 0
    assert macs(model, model.operators[0]) == 16


def test_peak_is_the_largest_pair_in_a_chain():
    tensors = [value(100), value(300), value(50), value(10)]
    steps = [("A", (0,), (1,)), ("B", (1,), (2,)), ("C", (2,), (3,))]

    assert peak_activation_bytes(graph(tensors, steps)) == 100 + 300


def test_value_that_is_read_again_later_lives_till_then():
    tensors = [value(100), value(30), value(300), value(100)]
    steps = [("A", (0,), (1,)), ("B", (1,), (2,)), ("ADD", (0, 2), (3,))]

    assert peak_activation_bytes(graph(tensors, steps)) == 100 + 300 + 100


def test_constants_take_no_activation_memory():
    tensors = [value(100), constant(1000), value(10)]

    assert peak_activation_bytes(graph(tensors, [("A", (0, 1), (2,))])) == 110


def test_output_lives_to_the_end():
    tensors = [value(10), value(200), value(20), value(30)]
    steps = [("A", (0,), (1,)), ("B", (0,), (2,)), ("C", (2,), (3,))]

    assert peak_activation_bytes(graph(tensors, steps, outputs=(1, 3))) == 200 + 20 + 30


def test_value_that_nothing_reads_lives_while_it_is_made():
    tensors = [value(10), value(200), value(20), value(5)]
    steps = [("SPLIT", (0,), (1, 2)), ("B", (2,), (3,))]

    assert peak_activation_bytes(graph(tensors, steps)) == 10 + 200 + 20


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("int4", 5), ("bool", 9), ("int16", 18), ("float32", 36), ("complex128", 144), ("string", 0)],
)
def test_size_of_a_value_is_that_of_its_type(dtype, expected):
    tensors = [value(9, dtype=dtype)]

    assert peak_activation_bytes(graph(tensors, [], outputs=(0,))) == expected


def test_absent_tensors_and_an_empty_graph_are_borne():
    model = graph([value(4)], [("CONV_2D", (-1, -1), (-1,)), ("FULLY_CONNECTED", (), ())])

    assert [macs(model, operator) for operator in model.operators] == [0, 0]
    assert parameters(model) == 0
    assert peak_activation_bytes(model) == 4
    assert peak_activation_bytes(Subgraph("", (), (), (), ())) == 0


def test_cost_of_the_released_digit_model():
    flatbuffer = RELEASED.read_bytes()

    # As counted by hand from its recipe; two maps of 14·14, of 12 and of 24 channels, live at once.
    assert cost(flatbuffer, "mnist") == Cost(
        parameters=27_042,
        macs=58_800 + 508_032 + 381_024 + 291_600 + 14_400 + 4_000,
        size_bytes=len(flatbuffer),
        peak_activation_bytes=14 * 14 * (12 + 24),
    )


def test_damaged_model_has_no_cost():
    with pytest.raises(ModelError, match="mine: not a sound TFLite model"):
        cost(RELEASED.read_bytes()[:5000], "mine")
