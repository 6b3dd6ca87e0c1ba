import pytest

from liteproof_edge.inspection.layer_names import layer_names
from liteproof_edge.model.wiring import wire


@pytest.fixture
def named(make_graph):
    """Return the layers of a chain of operators, by the names of what they make."""

    def of(*names, operator="RELU"):
        steps = [(operator, (index,), (index + 1,)) for index in range(len(names))]
        tensors = {0: "serving_default_pixels:0"} | dict(enumerate(names, 1))
        return layer_names(wire(make_graph([(1,)] * (len(names) + 1), steps, names=tensors)))

    return of


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("net/conv/Conv2D", "net/conv"),
        ("net/act/Relu;net/conv/BiasAdd;net/conv/Conv2D1", "net/conv"),
        ("net/conv/BiasAdd/ReadVariableOp/resource", "net/conv"),
        ("net/norm/batchnorm/add_1", "net/norm"),
        ("StatefulPartitionedCall/net/dense/MatMul", "net/dense"),
        ("conv2d_3", "conv2d_3"),
        ("conv2d_3/Kernel_dequantize", "conv2d_3"),
        ("tfl.quantize", "pixels"),
        ("serving_default_pixels:0_int16", "pixels"),
        ("StatefulPartitionedCall_1:0", "pixels"),
        ("", "pixels"),
        ("/", "pixels"),
        (";;", "pixels"),
    ],
)
def test_layer_is_the_path_without_the_operation(named, name, layer):
    assert named(name) == (layer,)


def test_what_all_names_begin_with_is_left_out(named):
    names = named("app/net/conv/Conv2D", "tfl.quantize", "app/net/block/dense/MatMul")

    assert names == ("conv", "conv", "block/dense")


@pytest.mark.parametrize(
    ("operator", "layer"),
    [("CONV_2D", "point"), ("DEPTHWISE_CONV_2D", "deep"), ("RELU", "pad")],
)
def test_layer_is_that_of_the_operators_own_kind_where_names_are_shared(named, operator, layer):
    name = "act/Relu;deep/depthwise1;point/Conv2D;conv_norm/batchnorm/sub;pad/Pad"

    assert named(name, operator=operator) == (layer,)


def test_weights_tell_the_layer_of_a_nameless_result(make_graph):
    names = {0: "net/pool/MaxPool", 1: "net/dense/MatMul", 2: "Identity"}
    steps = [("FULLY_CONNECTED", (0, 1, -1), (2,))]
    graph = make_graph([(1,)] * 3, steps, constants=[1], names=names)

    assert layer_names(wire(graph)) == ("net/dense",)


def test_operator_of_a_file_without_names_has_a_number(make_graph):
    graph = make_graph([(1,)] * 2, [("ADD", (0,), (1,)), ("ADD", (), ())], names={0: "", 1: ""})

    assert layer_names(wire(graph)) == ("operator 0", "operator 1")


def test_long_and_unprintable_name_is_cut_and_escaped(named):
    (layer,) = named("\n" * 300 + "x" * 70)

    assert layer == "…" + (r"\n" * 300 + "x" * 70)[-80:]
