"""What a classifier's outputs are: logits, or what a softmax or a sigmoid made of them."""

from enum import Enum

from liteproof_edge.model.flatbuffer import Subgraph

PASSING = {"DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE"}  # they leave values what they stand for


class Ending(Enum):
    """What made a model's outputs."""

    LOGITS = "logits"
    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"


ENDINGS = {"SOFTMAX": Ending.SOFTMAX, "LOGISTIC": Ending.SIGMOID}


def ending_of(graph: Subgraph) -> Ending:
    """Return what made a graph's output, by the last operator that computes."""
    makers = {index: operator for operator in graph.operators for index in operator.outputs}
    operator = makers.get(graph.outputs[0]) if graph.outputs else None
    for _ in graph.operators:  # a damaged graph may go round in circles
        if operator is None or operator.name not in PASSING or not operator.inputs:
            break
        operator = makers.get(operator.inputs[0])
    return ENDINGS.get(operator.name, Ending.LOGITS) if operator else Ending.LOGITS
