"""What made a model's outputs is read from its last operators."""

import pytest

from liteproof_edge.model.ending import Ending, ending_of
from liteproof_edge.model.flatbuffer import Operator, Subgraph


def graph_of(*names):
    """A chain of operators, each with one input and one output."""
    operators = tuple(Operator(name, 1, (at,), (at + 1,)) for at, name in enumerate(names))
    return Subgraph("main", (), (0,), (len(names),), operators)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("CONV_2D", "FULLY_CONNECTED"), Ending.LOGITS),
        (("FULLY_CONNECTED", "SOFTMAX"), Ending.SOFTMAX),
        (("SOFTMAX", "QUANTIZE"), Ending.SOFTMAX),
        (("SOFTMAX", "DEQUANTIZE", "RESHAPE"), Ending.SOFTMAX),
        (("FULLY_CONNECTED", "LOGISTIC"), Ending.SIGMOID),
        (("SOFTMAX", "FULLY_CONNECTED"), Ending.LOGITS),
        (("QUANTIZE",), Ending.LOGITS),
        ((), Ending.LOGITS),
    ],
)
def test_last_operator_that_computes_says_what_the_outputs_are(names, expected):
    assert ending_of(graph_of(*names)) is expected


def test_graph_that_goes_round_in_circles_ends():
    operators = (Operator("RESHAPE", 1, (1,), (1,)),)
    assert ending_of(Subgraph("main", (), (0,), (1,), operators)) is Ending.LOGITS
