import hashlib
import json
import shutil
import sys

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

KEYS = {
    *("path", "sha256", "minimum_runtime", "kind", "why", "parameters", "macs", "size_bytes"),
    *("peak_activation_bytes", "weight_bytes", "constant_bytes", "overhead_bytes"),
    *("unpacked_bytes", "findings", "subgraphs"),
}


@pytest.fixture
def rewrite(bare_model):
    """Change the bare model: `change` is given it as the schema's own object."""

    def rewritten(change):
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bare_model.read_bytes()))
        change(model)
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        bare_model.write_bytes(builder.Output())
        return bare_model

    return rewritten


def rows(lines):
    """Return each name and its value."""
    return {line[:15].rstrip(): line[16:] for line in lines}


def test_inspect_prints_what_the_released_model_is(run, released, bundle):
    exit_code, out, err = run("inspect", released)
    assert (exit_code, err) == (0, [])
    assert out[:11] == [
        f"model           {released}/model.tflite",
        f"sha256          {hashlib.sha256(bundle.model).hexdigest()}",
        "kind            int8: all 23 tensors are integers",
        "size            36,408 bytes: 27,444 of weights and biases, 8,964 of everything else",
        "parameters      27,042",
        "MACs            1,257,856",
        "memory          7,056 bytes at most for values between layers",
        "runtime         1.14.0 (as the converter states)",
        "findings        none",
        "",
        "graph 0  main",
    ]


def test_inspect_counts_the_operators_and_shows_what_goes_in_and_out(run, released, bundle):
    shown = rows(run("inspect", released)[1])
    scale = f"{bundle.output.quantization.scale:.6g}"
    assert shown["operators"] == (
        "1 QUANTIZE v1, 5 CONV_2D v3, 1 MAX_POOL_2D v2, 1 RESHAPE v1, 1 FULLY_CONNECTED v4"
    )
    assert shown["inputs"] == f"uint8 1×28×28×1, scale 1, zero point 0 '{bundle.input.name}'"
    assert shown["outputs"] == f"int8 1×10, scale {scale}, zero point -19 '{bundle.output.name}'"


def test_inspect_lists_every_operator_with_what_it_takes(run, released):
    _, out, _ = run("inspect", released)
    start = next(number for number, line in enumerate(out) if line.startswith("op  operator"))
    assert [line.split()[1] for line in out[start + 1 :]] == [
        *("QUANTIZE", "CONV_2D", "CONV_2D", "MAX_POOL_2D", "CONV_2D", "CONV_2D", "CONV_2D"),
        *("RESHAPE", "FULLY_CONNECTED"),
    ]
    assert out[start + 2].split() == [
        *("1", "CONV_2D", "v3", "conv_0_1", "int8", "1×28×28×1", "int8", "1×14×14×12"),
        *("312", "348", "58,800"),
    ]


def test_inspect_shows_which_values_live_at_each_operator(run, released):
    _, out, _ = run("inspect", released, "--memory")
    assert [line for line in out if "peak" in line] == [
        " 2  CONV_2D          7,056  ████████████████████████  15 (2,352), 16 (4,704)  ← peak"
    ]


def test_inspect_lists_every_tensor_with_its_type_shape_and_scale(run, released, bundle):
    _, out, _ = run("inspect", released, "--tensors")
    head = next(number for number, line in enumerate(out) if line.startswith("tensor  type"))
    assert [line.split()[0] for line in out[head + 1 :]] == [str(index) for index in range(23)]
    # index, type, shape, no bytes, scale, zero point, name
    assert out[head + 1].split() == ["0", "uint8", "1×28×28×1", "1", "0", bundle.input.name]
    scale = f"{bundle.output.quantization.scale:.6g}"
    assert out[-1].split() == ["22", "int8", "1×10", scale, "-19", bundle.output.name]


def test_inspect_prints_the_range_of_the_scales_of_each_channel(run, released):
    _, out, _ = run("inspect", released, "--tensors")
    weights = next(line for line in reversed(out) if line.split()[:1] == ["3"])
    assert weights.split()[3:9] == ["4,000", "0.00303387", "to", "0.00483349", "(10)", "0"]


def test_inspect_prints_json(run, released, bundle):
    exit_code, (line,), err = run("inspect", released, "--json")
    model = json.loads(line)
    assert (exit_code, err, set(model)) == (0, [], KEYS)
    assert model["path"] == str(released / "model.tflite")
    assert (model["size_bytes"], model["minimum_runtime"]) == (len(bundle.model), "1.14.0")
    assert model["sha256"] == hashlib.sha256(bundle.model).hexdigest()
    assert (model["kind"], model["findings"]) == ("int8", [])


def test_inspect_prints_the_same_json_every_time(run, released):
    assert run("inspect", released, "--json") == run("inspect", released, "--json")


def test_inspect_gives_every_tensor_and_operator_in_json(run, released, bundle):
    _, (line,), _ = run("inspect", released, "--json")
    (graph,) = json.loads(line)["subgraphs"]
    output = graph["tensors"][graph["outputs"][0]]
    assert (len(graph["tensors"]), len(graph["operators"])) == (23, 9)
    assert (output["name"], output["dtype"], output["shape"]) == (
        *(bundle.output.name, "int8"),
        [1, 10],
    )
    assert output["scales"] == [bundle.output.quantization.scale]
    operator = graph["operators"][2]
    assert (operator["name"], operator["version"], operator["layer"]) == ("CONV_2D", 3, "conv_1_1")
    assert (operator["inputs"], operator["outputs"]) == ([15, 11, 10], [16])
    assert (operator["macs"], operator["weights"], operator["weight_bytes"]) == (
        *(508_032, 2_616),
        2_616 + 3 * 24,
    )
    assert (operator["unpacks"], operator["live_bytes"]) == (False, 7_056)


def test_inspect_shows_a_bare_model_as_it_shows_the_bundles(run, released, bare_model):
    exit_code, out, _ = run("inspect", bare_model)
    assert (exit_code, out[0]) == (0, f"model           {bare_model}")
    assert out[1:] == run("inspect", released)[1][1:]


def test_inspect_needs_neither_a_runtime_nor_a_manifest(run, copied, monkeypatch):
    (copied / "manifest.json").unlink()
    for package in ("tflite_runtime", "ai_edge_litert"):
        monkeypatch.setitem(sys.modules, package, None)
    assert run("inspect", copied)[0] == 0


def test_inspect_shows_a_model_whose_weights_are_damaged(run, released, bare_model, bundle):
    data = bytearray(bundle.model)
    data[len(data) // 2] ^= 1
    bare_model.write_bytes(data)
    exit_code, out, _ = run("inspect", bare_model)
    assert (exit_code, out[1]) == (0, f"sha256          {hashlib.sha256(data).hexdigest()}")
    assert out[2:] == run("inspect", released)[1][2:]


def test_inspect_shows_a_model_that_is_not_quantized(run, rewrite):
    def to_float(model):
        for tensor in model.subgraphs[0].tensors:
            tensor.quantization, tensor.type = None, schema.TensorType.FLOAT32

    exit_code, out, _ = run("inspect", rewrite(to_float), "--tensors")
    assert exit_code == 0
    assert out[2].startswith("kind            float32: nothing is quantized; tensor 0 ")
    assert out[-1].split() == ["22", "float32", "1×10", "StatefulPartitionedCall_1:0"]


def test_inspect_shows_a_dynamic_shape_and_a_scalar(run, rewrite):
    def change(model):
        tensors = model.subgraphs[0].tensors
        tensors[0].shapeSignature = [-1, 28, 28, 1]
        tensors[1].shape = []

    _, out, _ = run("inspect", rewrite(change), "--tensors")
    start = next(number for number, line in enumerate(out) if line.startswith("tensor  type"))
    tensors = {line.split()[0]: line.split()[2] for line in out[start + 1 :]}
    assert (tensors["0"], tensors["1"]) == ("-1×28×28×1", "scalar")


def test_inspect_shows_every_graph(run, rewrite):
    def add_graph(model):
        graph = schema.SubGraphT()
        graph.name, graph.tensors, graph.operators = "other", [], []
        graph.inputs, graph.outputs = [], []
        model.subgraphs.append(graph)

    exit_code, out, _ = run("inspect", rewrite(add_graph))
    assert exit_code == 0
    assert [line for line in out if line.startswith("graph ")] == [
        "graph 0  main",
        "graph 1  other",
    ]


def test_inspect_keeps_unprintable_names_on_one_line(run, rewrite):
    name = "a\nb\x1b[31m"

    def rename(model):
        graph = model.subgraphs[0]
        graph.name = graph.tensors[0].name = name
        model.operatorCodes[0].customCode = name
        for field in ("builtinCode", "deprecatedBuiltinCode"):
            setattr(model.operatorCodes[0], field, schema.BuiltinOperator.CUSTOM)

    exit_code, out, _ = run("inspect", rewrite(rename), "--tensors")
    assert exit_code == 0
    assert "\x1b" not in "".join(out)
    assert r"graph 0  a\nb\x1b[31m" in out
    assert rows(out)["operators"].startswith(r"1 a\nb\x1b[31m v1, 5 CONV_2D")
    assert sum(r"a\nb\x1b[31m" in line for line in out) == 6


def test_inspect_cuts_a_long_tensor_name(run, rewrite):
    def rename(model):
        model.subgraphs[0].tensors[22].name = "x" * 61

    _, out, _ = run("inspect", rewrite(rename), "--tensors")
    assert out[-1].endswith(f"  {'x' * 60}…")


def test_inspect_gives_a_long_tensor_name_whole_in_json(run, rewrite):
    def rename(model):
        model.subgraphs[0].tensors[22].name = "x" * 61

    _, (line,), _ = run("inspect", rewrite(rename), "--json")
    assert json.loads(line)["subgraphs"][0]["tensors"][22]["name"] == "x" * 61


def test_inspect_says_where_no_runtime_is_stated(run, rewrite):
    def forget(model):
        model.metadata = []

    _, out, _ = run("inspect", rewrite(forget))
    assert out[7] == "runtime         not stated (as the converter states)"


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"no model",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1000],
        lambda data: data[:4] + bytes(len(data) - 4),
        lambda data: b"\xff\xff\xff\x7f" + data[4:],
    ],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_inspect_refuses_a_damaged_model(run, bare_model, damage, options):
    bare_model.write_bytes(damage(bare_model.read_bytes()))
    exit_code, out, err = run("inspect", bare_model, *options)
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert err[0].startswith(f"liteproof-edge: {bare_model}: not a sound TFLite model: ")


def test_inspect_refuses_what_is_not_there(run, tmp_path):
    exit_code, out, err = run("inspect", tmp_path / "none")
    assert (exit_code, out) == (4, [])
    (line,) = err
    assert line == (
        f"liteproof-edge: {tmp_path}/none: not found, expected a .tflite model, or a bundle"
    )


def test_inspect_refuses_a_folder_without_a_model(run, tmp_path):
    exit_code, out, err = run("inspect", tmp_path)
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert err[0].startswith(f"liteproof-edge: {tmp_path}/model.tflite: not found, ")


def test_inspect_refuses_a_name_that_is_too_long(run):
    exit_code, out, err = run("inspect", "a" * 300)
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert err[0].startswith(f"liteproof-edge: {'a' * 300}: cannot be read: ")


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
def test_inspect_refuses_a_device_without_reading_it(run, path):
    assert run("inspect", path) == (4, [], [f"liteproof-edge: {path}: not a file"])


def test_inspect_keeps_an_unprintable_path_on_one_line(run, bare_model, tmp_path):
    shutil.move(bare_model, tmp_path / "a\nb\udcff")
    exit_code, out, _ = run("inspect", tmp_path / "a\nb\udcff")
    assert (exit_code, out[0]) == (0, rf"model           {tmp_path}/a\nb\udcff")
