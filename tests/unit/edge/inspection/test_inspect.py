"""A whole model's record: sums over graphs, and what no arithmetic is done on."""

import json

import pytest

from liteproof_edge.errors import ModelError
from liteproof_edge.inspection.inspect import Cost, inspect
from liteproof_edge.inspection.kinds import Kind
from liteproof_edge.model.flatbuffer import Model, read_model


def inspected(*graphs, size_bytes=1000):
    return inspect(Model(graphs, ""), size_bytes, "mine")


def test_cost_of_the_released_digit_model(bundle):
    found = inspect(read_model(bundle.model), len(bundle.model))

    # As counted by hand from its recipe; two maps of 14·14, of 12 and of 24 channels, live at once.
    assert found.cost == Cost(
        parameters=27_042,
        macs=58_800 + 508_032 + 381_024 + 291_600 + 14_400 + 4_000,
        size_bytes=len(bundle.model),
        peak_activation_bytes=14 * 14 * (12 + 24),
    )
    # int8 weights and int32 biases, of which there are 12, 24, 36, 36, 16 and 10.
    assert found.weight_bytes == 27_042 + 3 * (12 + 24 + 36 + 36 + 16 + 10)
    assert found.overhead_bytes == len(bundle.model) - found.weight_bytes
    assert (found.kind, found.why, found.findings) == (Kind.INT8, "all 23 tensors are integers", ())


def test_operators_of_the_released_digit_model(bundle):
    (graph,) = inspect(read_model(bundle.model), len(bundle.model)).graphs
    first, dense = graph.operators[1], graph.operators[8]

    assert (first.operator.name, first.macs, first.weights) == ("CONV_2D", 58_800, 312)
    assert (dense.operator.name, dense.macs, dense.weights) == ("FULLY_CONNECTED", 4_000, 4_010)
    assert dense.weight_bytes == 4_000 + 4 * 10


def test_weights_that_operators_share_count_once_for_the_model(make_graph):
    steps = [("FULLY_CONNECTED", (0, 1, -1), (2,)), ("FULLY_CONNECTED", (2, 1), (3,))]
    found = inspected(make_graph([(1, 4), (4, 4), (1, 4), (1, 4)], steps, constants=[1]))

    assert (found.cost.parameters, found.weight_bytes) == (16, 4)
    assert [operator.weights for operator in found.graphs[0].operators] == [16, 16]


def test_weights_that_graphs_share_count_once(make_graph):
    graph = make_graph([(1, 4), (4, 4), (1, 4)], [("FULLY_CONNECTED", (0, 1), (2,))], constants=[1])
    shared = graph.tensors[1].__class__(
        **{
            **{name: getattr(graph.tensors[1], name) for name in graph.tensors[1].__slots__},
            "buffer": 7,
        }
    )
    graph = graph._replace(tensors=(graph.tensors[0], shared, graph.tensors[2]))
    found = inspected(graph, graph)

    assert (found.cost.parameters, found.constant_bytes) == (16, 4)
    assert found.cost.macs == 2 * 16


def test_other_constants_are_no_parameters(make_graph):
    steps = [("RESHAPE", (0, 1), (2,)), ("MUL", (2, 3), (4,))]
    shapes = [(1, 400), (2,), (1, 20, 20, 1), (1,), (1, 20, 20, 1)]
    found = inspected(make_graph(shapes, steps, constants=[1, 3]))

    assert (found.cost.parameters, found.weight_bytes, found.constant_bytes) == (0, 0, 8)


def test_weights_that_are_computed_are_no_parameters(make_graph):
    steps = [("FULLY_CONNECTED", (0, 1, -1), (2,))]
    found = inspected(make_graph([(1, 4), (4, 4), (1, 4)], steps, inputs=(0, 1)))

    assert (found.cost.parameters, found.cost.macs) == (0, 16)


def test_memory_of_all_graphs_adds_up(make_graph):
    graph = make_graph([(10,), (5,)], [("RELU", (0,), (1,))])

    assert inspected(graph, graph).cost.peak_activation_bytes == 2 * 15


def test_sizes_of_eighteen_digits_are_borne(make_graph):
    most = 2**31 - 1
    graph = make_graph([(most, most), (most, most)], [("FULLY_CONNECTED", (0, 1), (1,))])
    found = inspected(graph)

    assert found.cost.macs == most**3
    assert json.loads(json.dumps(found.to_json()))["macs"] == most**3


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ((1,) * 33, "mine: tensor 0 has 33 dimensions, expected at most 32"),
        ((2**31 - 1,) * 3, "mine: tensor 0 of .* has more values than any machine holds"),
    ],
)
def test_shape_that_no_machine_holds_is_refused(make_graph, shape, complaint):
    with pytest.raises(ModelError, match=complaint):
        inspected(make_graph([shape], []))


def test_json_of_one_long_custom_name_does_not_grow_with_its_operators(make_graph):
    graph = make_graph([(1,)] * 2, [("x" * 100_000, (0,), (1,))] * 100)

    assert len(json.dumps(inspected(graph).to_json())) < 100_000
