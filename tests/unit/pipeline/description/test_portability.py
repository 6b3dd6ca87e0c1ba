import pytest

from liteproof.description.portability import unportable_operators
from liteproof_edge.model.flatbuffer import Operator, Subgraph, Tensor


def tensor(index, zero_point, dtype="int8"):
    return Tensor(index, "", dtype, (1,), (1,), (1.0,), (zero_point,), 0, 0)


def found(*operators, zero_points=(-128, -128), dtype="int8"):
    """What is found of operators that each take tensor 0 and make tensor 1."""
    tensors = tuple(tensor(*pair, dtype) for pair in enumerate(zero_points))
    steps = tuple(Operator(name, 1, (0, -1), (1,)) for name in operators)
    return unportable_operators(Subgraph("", tensors, (0,), (1,), steps))


@pytest.mark.parametrize(
    "name", ["FULLY_CONNECTED", "MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE", "TANH", "QUANTIZE"]
)
def test_operator_that_always_agrees_is_not_named(name):
    assert found(name, zero_points=(5, -7)) == ()


@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize(("dtype", "lowest"), [("int8", -128), ("uint8", 0)])
def test_convolution_agrees_where_its_result_cannot_be_negative(name, dtype, lowest):
    assert found(name, zero_points=(5, lowest), dtype=dtype) == ()
    assert found(name, zero_points=(lowest, lowest + 1), dtype=dtype) == (
        f"1 of 1 {name} (values below 0)",
    )


@pytest.mark.parametrize(
    ("zero_points", "agrees"), [((-128, -128), True), ((-128, 3), False), ((3, -128), False)]
)
def test_sum_agrees_where_nothing_can_be_negative(zero_points, agrees):
    assert (found("ADD", zero_points=zero_points) == ()) is agrees


def test_operator_that_nobody_measured_is_named_once_with_its_number():
    assert found("MEAN", "CONV_2D", "MEAN", "my\noperator") == (
        "2 of 2 MEAN (not measured)",
        "1 of 1 my\\noperator (not measured)",
    )
