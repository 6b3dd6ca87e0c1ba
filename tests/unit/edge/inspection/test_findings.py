from liteproof_edge.inspection.findings import Finding, FindingKind, find_out_of_place
from liteproof_edge.inspection.kinds import Kind
from liteproof_edge.inspection.layer_names import layer_names
from liteproof_edge.model.wiring import wire


def findings(kind, *graphs):
    wirings = [wire(graph) for graph in graphs]
    return list(find_out_of_place(wirings, [layer_names(wiring) for wiring in wirings], kind))


def test_float_layer_in_an_int8_model_is_found_with_its_conversions(make_graph):
    """int8 → float32, a sine, and back, as the converter leaves what has no integer form."""
    steps = [
        ("CONV_2D", (0,), (1,)),
        ("DEQUANTIZE", (1,), (2,)),
        ("SIN", (2,), (3,)),
        ("QUANTIZE", (3,), (4,)),
        ("SOFTMAX", (4,), (5,)),
    ]
    names = {1: "net/conv/Conv2D", 2: "tfl.dequantize", 3: "net/wave/Sin", 4: "tfl.quantize"}
    graph = make_graph([(4,)] * 6, steps, dtypes={2: "float32", 3: "float32"}, names=names)

    assert findings(Kind.INT8_MIXED, graph) == [
        Finding(FindingKind.CONVERSION, 0, 1, None, "conv", "DEQUANTIZE from int8 to float32"),
        Finding(FindingKind.CONVERSION, 0, 3, None, "wave", "QUANTIZE from float32 to int8"),
        Finding(FindingKind.NOT_INTEGER, 0, 1, 2, "conv", "float32 tensor 2, made by DEQUANTIZE"),
        Finding(FindingKind.NOT_INTEGER, 0, 2, 3, "wave", "float32 tensor 3, made by SIN"),
    ]


def test_conversions_at_the_borders_are_in_place(make_graph):
    steps = [("QUANTIZE", (0,), (1,)), ("CONV_2D", (1,), (2,)), ("DEQUANTIZE", (2,), (3,))]
    graph = make_graph([(4,)] * 4, steps, dtypes={0: "float32", 3: "float32"})

    assert findings(Kind.INT8_FLOAT_IO, graph) == []


def test_what_unpacks_weights_is_in_place(make_graph):
    steps = [("DEQUANTIZE", (1,), (2,)), ("CONV_2D", (0, 2), (3,))]
    graph = make_graph([(4,)] * 4, steps, constants=[1], dtypes={1: "float16", 2: "float32"})

    assert findings(Kind.FLOAT16, graph) == []


def test_variables_are_found_with_their_layer(make_graph):
    steps = [("VAR_HANDLE", (), (1,)), ("READ_VARIABLE", (1,), (2,)), ("ADD", (0, 2), (3,))]
    names = {1: "conv/kernel", 2: "conv/Conv2D/ReadVariableOp"}
    graph = make_graph([(4,)] * 4, steps, dtypes={1: "resource"}, names=names)
    found = findings(Kind.FLOAT32, graph)

    assert [(finding.kind, finding.layer, finding.what) for finding in found] == [
        (FindingKind.VARIABLE, "conv", "VAR_HANDLE"),
        (FindingKind.VARIABLE, "conv", "READ_VARIABLE"),
    ]


def test_custom_operator_is_found_in_every_graph(make_graph):
    plain = make_graph([(4,)] * 2, [("ADD", (0, 0), (1,))])
    custom = make_graph([(4,)] * 2, [("Mine" * 30, (0,), (1,)), ("", (0,), (1,))])
    found = findings(Kind.OTHER, plain, custom)

    assert [(finding.kind, finding.graph, finding.operator, finding.what) for finding in found] == [
        (FindingKind.CUSTOM, 1, 0, f"{'Mine' * 15}…"),
        (FindingKind.CUSTOM, 1, 1, "(no name)"),
    ]


def test_float_tensor_that_no_operator_knows_is_found(make_graph):
    graph = make_graph([(4,)] * 3, [("ADD", (0, 0), (2,))], dtypes={1: "float32"})

    assert findings(Kind.INT8_MIXED, graph) == [
        Finding(FindingKind.NOT_INTEGER, 0, None, 1, "", "float32 tensor 1")
    ]


def test_custom_operator_of_an_edge_tpu_is_told_in_a_sentence(make_graph):
    graph = make_graph([(4,)] * 2, [("edgetpu-custom-op", (0,), (1,))])

    (found,) = findings(Kind.OTHER, graph)

    assert found.kind is FindingKind.CUSTOM
    assert found.what == (
        "edgetpu-custom-op, made for a Coral Edge TPU: ask for the file before edgetpu_compiler"
    )
