import pytest

from liteproof.diagnosis.graph import activations, origins
from liteproof.diagnosis.pairing import pairs, readers
from liteproof_edge.model.flatbuffer import Operator, Subgraph, Tensor

CONV = "net/conv_relu_1/Relu;net/conv_normalization_1/batchnorm/add_1;net/conv_1/convolution1"


def graph(*steps):
    """A graph of operators, each given by its name, inputs and the name of its one output.

    Tensor 0 is the input, the next ones are weights by the names `weights`, then come the outputs.
    """
    weights = ["net/conv_1/convolution", "net/logits_1/MatMul1"]
    names = ["pixels", *weights, *(name for _, _, name in steps)]
    tensors = tuple(
        Tensor(index, name, "float32", (1, 4), (1, 4), (), (), 0, 16 * (0 < index <= len(weights)))
        for index, name in enumerate(names)
    )
    first = 1 + len(weights)
    operators = tuple(
        Operator(name, 1, inputs, (first + at,)) for at, (name, inputs, _) in enumerate(steps)
    )
    return Subgraph("main", tensors, (0,), (len(names) - 1,), operators)


PLAIN = graph(
    ("CONV_2D", (0, 1, -1), CONV),
    ("MAX_POOL_2D", (3,), "net/pool_1/MaxPool2d"),
    ("RELU", (4,), "net/elu_1/Relu"),
    ("SUB", (4, 5), "net/elu_1/sub"),
    ("SUB", (6,), "net/elu_1/sub_1"),
    ("FULLY_CONNECTED", (7, 2, -1), "StatefulPartitionedCall:0"),
)


def test_layers_are_called_as_in_keras_and_told_apart():
    assert [each.layer for each in activations(PLAIN)] == [
        "conv",
        "pool",
        "elu RELU",
        "elu SUB 1",
        "elu SUB 2",
        "logits",
    ]


def test_digit_that_some_layers_have_is_their_own():
    found = activations(
        graph(("RELU", (0,), "net/relu/Relu"), ("RELU", (3,), "net/relu_1/Relu")),
    )

    assert [each.layer for each in found] == ["relu", "relu_1"]


@pytest.mark.parametrize("name", ["", "no path", "a/b", ";;", "///", "/;" * 1000])
def test_odd_names_are_no_error(name):
    (found,) = activations(graph(("RELU", (0,), name)))

    assert found.layer


def test_conversions_are_traced_back_to_what_they_convert():
    found = graph(
        ("QUANTIZE", (0,), "tfl.quantize"),
        ("CONV_2D", (3, 1), CONV),
        ("DEQUANTIZE", (4,), "tfl.dequantize"),
        ("FULLY_CONNECTED", (5, 2), "out"),
    )

    assert [(each.tensor.index, each.inputs) for each in activations(found)] == [
        (4, (0,)),
        (6, (4,)),
    ]
    assert origins(found) == {0: 0, 3: 0, 4: 4, 5: 4, 6: 6}


def test_what_is_computed_from_constants_alone_is_left_out():
    found = graph(("DEQUANTIZE", (1,), "net/half/kernel"), ("CONV_2D", (0, 3), CONV))

    assert [each.operator.name for each in activations(found)] == ["CONV_2D"]


def test_readers_are_found_behind_layers_that_keep_the_scale():
    assert readers(3, activations(PLAIN)) == (
        "net/pool_1/MaxPool2d",
        "net/elu_1/Relu",
        "net/elu_1/sub",
    )


def test_layers_are_paired_by_kind_where_names_differ():
    stripped = graph(
        ("QUANTIZE", (0,), ""),
        ("CONV_2D", (3, 1), ""),
        ("MAX_POOL_2D", (4,), ""),
        ("FULLY_CONNECTED", (5, 2), ""),
    )

    found = pairs(PLAIN, stripped)

    assert [pair.real.layer for pair in found] == ["conv", "pool", "logits"]
