"""Which values live when, on graphs small enough to be counted by hand."""

from liteproof_edge.inspection.memory_plan import Lifetime, plan
from liteproof_edge.model.wiring import wire


def planned(graph):
    return plan(wire(graph))


def test_peak_is_the_largest_pair_in_a_chain(make_graph):
    operators = [("A", (0,), (1,)), ("B", (1,), (2,)), ("C", (2,), (3,))]
    found = planned(make_graph([(100,), (300,), (50,), (10,)], operators))

    assert found.live_bytes == (100 + 300, 300 + 50, 50 + 10)
    assert (found.peak, found.peak_bytes) == (0, 400)


def test_value_that_is_read_again_later_lives_till_then(make_graph):
    operators = [("A", (0,), (1,)), ("B", (1,), (2,)), ("ADD", (0, 2), (3,))]
    found = planned(make_graph([(100,), (30,), (300,), (100,)], operators))

    assert found.lifetimes[0] == Lifetime(tensor=0, size_bytes=100, first=0, last=2)
    assert found.live_bytes == (130, 430, 500)


def test_constants_take_no_activation_memory(make_graph):
    found = planned(make_graph([(100,), (1000,), (10,)], [("A", (0, 1), (2,))], constants=[1]))

    assert found.live_bytes == (110,)


def test_unpacked_weights_are_counted_apart(make_graph):
    operators = [("DEQUANTIZE", (1,), (2,)), ("FULLY_CONNECTED", (0, 2), (3,))]
    dtypes = {1: "float16", 2: "float32"}
    shapes = [(10,), (5, 10), (5, 10), (5,)]
    found = planned(make_graph(shapes, operators, constants=[1], dtypes=dtypes))

    assert found.unpacked_bytes == 5 * 10 * 4
    assert found.live_bytes == (10, 10 + 5)


def test_output_lives_to_the_end(make_graph):
    operators = [("A", (0,), (1,)), ("B", (0,), (2,)), ("C", (2,), (3,))]
    found = planned(make_graph([(10,), (200,), (20,), (30,)], operators, outputs=(1, 3)))

    assert found.live_bytes == (10 + 200, 10 + 200 + 20, 200 + 20 + 30)


def test_value_that_nothing_reads_lives_while_it_is_made(make_graph):
    operators = [("SPLIT", (0,), (1, 2)), ("B", (2,), (3,))]
    found = planned(make_graph([(10,), (200,), (20,), (5,)], operators))

    assert found.live_bytes == (10 + 200 + 20, 20 + 5)


def test_graph_without_operators_holds_its_inputs(make_graph):
    found = planned(make_graph([(9,)], []))

    assert (found.live_bytes, found.peak) == ((9,), 0)


def test_empty_graph_takes_nothing(make_graph):
    assert planned(make_graph([], [], inputs=(), outputs=())).peak_bytes == 0


def test_values_made_of_one_another_are_borne(make_graph):
    operators = [("A", (1,), (0,)), ("B", (0,), (1,))]

    assert planned(make_graph([(4,), (4,)], operators)).live_bytes == (8, 8)
