import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from liteproof.cli import main
from liteproof.description.describe import describe
from liteproof.description.dimensions import Dimensions, dimensions
from liteproof.errors import RecipeError
from liteproof.recipes.reader import load_recipe, parse_recipe
from liteproof_edge.errors import DatasetError

ROOT = Path(__file__).parents[4]
RELEASED = ROOT / "models" / "mnist" / "model.tflite"
# Names and the number of digits in scales differ between a trained model and one of chance.
SIZE_TOLERANCE = 0.01
HEAD = """
name = "every"
description = "Every layer there is"
[dataset]
name = "{dataset}"
{size}
[training]
epochs = 1
[preprocessing]
kind = "{preprocessing}"
[architecture]
layers = [
{layers}
]
"""
EVERY_LAYER = """
    { type = "conv", filters = 4, kernel_size = 5, strides = 2, padding = "valid" },
    { type = "residual", layers = [
        { type = "conv", filters = 8, kernel_size = 3, strides = 2 },
        { type = "dropout", rate = 0.1 },
        { type = "conv", filters = 8, kernel_size = 3, activation = "linear" },
    ] },
    { type = "residual", activation = "linear", layers = [
        { type = "conv", filters = 8, kernel_size = 1, separable = true },
    ] },
    { type = "conv", filters = 6, kernel_size = 3, separable = true, batch_normalization = false },
    { type = "average_pool", pool_size = 3, strides = 1, padding = "same" },
    { type = "max_pool" },
    { type = "global_average_pool" },
    { type = "dropout", rate = 0.25 },
    { type = "dense", units = 16, activation = "gelu" },
"""


MNIST_TABLE = """\
layer                              output    size                      parameters       MACs
────────────────────────────────────────────────────────────────────────────────────────────
pixels                             28×28×1
conv 5×5, 16 filters, same, relu   28×28×16  same: ⌈28/1⌉ = 28                416    313,600
max_pool 2×2, valid                14×14×16  valid: ⌊(28−2)/2⌋+1 = 14
conv 3×3, 32 filters, same, relu   14×14×32  same: ⌈14/1⌉ = 14              4,640    903,168
max_pool 2×2, valid                7×7×32    valid: ⌊(14−2)/2⌋+1 = 7
conv 3×3, 32 filters, same, relu   7×7×32    same: ⌈7/1⌉ = 7                9,248    451,584
conv 3×3, 48 filters, valid, relu  5×5×48    valid: ⌊(7−3)/1⌋+1 = 5        13,872    345,600
conv 1×1, 16 filters, same, relu   5×5×16    same: ⌈5/1⌉ = 5                  784     19,200
flatten                            400       5·5·16 = 400
dense, 10 units: the logits        10        one for each class             4,010      4,000
────────────────────────────────────────────────────────────────────────────────────────────
int8 model                                                                 32,970  2,037,152

file        3"""


def recipe(layers, dataset="nowhere", preprocessing="raw", size=""):
    text = HEAD.format(layers=layers, dataset=dataset, preprocessing=preprocessing, size=size)
    return parse_recipe(text, "r").recipe


@pytest.fixture(scope="module")
def mnist():
    return describe(load_recipe("mnist").recipe, Dimensions((28, 28, 1), 10))


@pytest.fixture(scope="module")
def every():
    return describe(recipe(EVERY_LAYER), Dimensions((31, 24, 3), 7))


def test_table_of_the_digit_model(mnist):
    assert mnist.table().startswith(MNIST_TABLE)


def test_size_is_that_of_the_trained_model(mnist):
    released = len(RELEASED.read_bytes())

    assert mnist.cost.size_bytes == pytest.approx(released, rel=SIZE_TOLERANCE)


def test_digit_model_gives_the_same_bytes_on_every_cpu(mnist):
    assert mnist.unportable == ()
    assert "same bytes  yes" in mnist.table()


def test_runtimes_that_run_the_model_are_named(mnist):
    assert "runs on     tflite-runtime 2.14, LiteRT, tflite-micro" in mnist.table().splitlines()


def test_runtime_that_cannot_run_the_model_is_named_with_its_reason(every):
    lines = every.table().splitlines()

    assert "runs on     tflite-runtime 2.14, LiteRT" in lines
    assert lines[-1].startswith(
        "            not on tflite-micro: GELU 2 on int8: tflite-micro has no"
    )


def test_description_is_the_same_every_time(mnist):
    again = describe(load_recipe("mnist").recipe, Dimensions((28, 28, 1), 10))

    assert again == mnist


def test_rows_sum_to_what_the_flatbuffer_holds(mnist, every):
    for described in (mnist, every):
        assert sum(row.parameters for row in described.rows) == described.cost.parameters
        assert sum(row.macs for row in described.rows) == described.cost.macs


def test_every_layer_has_its_row(every):
    assert [(row.depth, row.layer, row.output, row.formula) for row in every.rows] == [
        (0, "pixels", (31, 24, 3), ""),
        (
            0,
            "conv 5×5, 4 filters, stride 2, valid, relu",
            (14, 10, 4),
            "valid: ⌊(31−5)/2⌋+1 = 14, ⌊(24−5)/2⌋+1 = 10",
        ),
        (0, "residual, relu", (7, 5, 8), ""),
        (1, "conv 3×3, 8 filters, stride 2, same, relu", (7, 5, 8), "same: ⌈14/2⌉ = 7, ⌈10/2⌉ = 5"),
        (1, "dropout 0.1, while training", (7, 5, 8), ""),
        (1, "conv 3×3, 8 filters, same", (7, 5, 8), "same: ⌈7/1⌉ = 7, ⌈5/1⌉ = 5"),
        (1, "shortcut: conv 1×1, 8 filters", (7, 5, 8), "same: ⌈14/2⌉ = 7, ⌈10/2⌉ = 5"),
        (1, "sum of both", (7, 5, 8), ""),
        (0, "residual", (7, 5, 8), ""),
        (1, "separable conv 1×1, 8 filters, same, relu", (7, 5, 8), ""),
        (2, "depthwise 1×1, a filter for each channel", (7, 5, 8), "same: ⌈7/1⌉ = 7, ⌈5/1⌉ = 5"),
        (2, "pointwise 1×1, 8 filters", (7, 5, 8), "valid: ⌊(7−1)/1⌋+1 = 7, ⌊(5−1)/1⌋+1 = 5"),
        (1, "shortcut: the input as it is", (7, 5, 8), ""),
        (1, "sum of both", (7, 5, 8), ""),
        (0, "separable conv 3×3, 6 filters, same, relu, not normalised", (7, 5, 6), ""),
        (1, "depthwise 3×3, a filter for each channel", (7, 5, 8), "same: ⌈7/1⌉ = 7, ⌈5/1⌉ = 5"),
        (1, "pointwise 1×1, 6 filters", (7, 5, 6), "valid: ⌊(7−1)/1⌋+1 = 7, ⌊(5−1)/1⌋+1 = 5"),
        (0, "average_pool 3×3, stride 1, same", (7, 5, 6), "same: ⌈7/1⌉ = 7, ⌈5/1⌉ = 5"),
        (0, "max_pool 2×2, valid", (3, 2, 6), "valid: ⌊(7−2)/2⌋+1 = 3, ⌊(5−2)/2⌋+1 = 2"),
        (0, "global_average_pool", (1, 1, 6), "valid: ⌊(3−3)/3⌋+1 = 1, ⌊(2−2)/2⌋+1 = 1"),
        (0, "dropout 0.25, while training", (1, 1, 6), ""),
        (0, "flatten", (6,), "1·1·6 = 6"),
        (0, "dense, 16 units, gelu", (16,), ""),
        (0, "dense, 7 units: the logits", (7,), "one for each class"),
    ]


def test_parameters_and_macs_are_those_counted_by_hand(every):
    costs = {row.layer: (row.parameters, row.macs) for row in every.rows if row.parameters}

    assert costs == {
        "conv 5×5, 4 filters, stride 2, valid, relu": (4 * (5 * 5 * 3 + 1), 14 * 10 * 4 * 75),
        "conv 3×3, 8 filters, stride 2, same, relu": (8 * (9 * 4 + 1), 7 * 5 * 8 * 9 * 4),
        "conv 3×3, 8 filters, same": (8 * (9 * 8 + 1), 7 * 5 * 8 * 9 * 8),
        "shortcut: conv 1×1, 8 filters": (8 * (4 + 1), 7 * 5 * 8 * 4),
        "depthwise 1×1, a filter for each channel": (8 * (1 + 1), 7 * 5 * 8),
        "pointwise 1×1, 8 filters": (8 * (8 + 1), 7 * 5 * 8 * 8),
        "depthwise 3×3, a filter for each channel": (8 * (9 + 1), 7 * 5 * 8 * 9),
        "pointwise 1×1, 6 filters": (6 * (8 + 1), 7 * 5 * 6 * 8),
        "dense, 16 units, gelu": (16 * (6 + 1), 16 * 6),
        "dense, 7 units: the logits": (7 * (16 + 1), 7 * 16),
    }


def test_operators_that_differ_between_cpus_are_named(every):
    text = every.table()

    # The last one of the first residual, and its shortcut; those before a relu are not among them.
    assert every.unportable == ("2 of 6 CONV_2D (values below 0)", "1 of 2 ADD (values below 0)")
    assert text.splitlines()[-4:-2] == [
        f"same bytes  not on every CPU: {', '.join(every.unportable)}",
        "            x86 and ARM round values below 0 differently; relu and relu6 leave none",
    ]


def test_json_has_all_of_it(every):
    value = json.loads(every.to_json())

    assert [layer["layer"] for layer in value["layers"]] == [row.layer for row in every.rows]
    assert value["parameters"] == every.cost.parameters
    assert value["same_bytes_on_every_cpu"] is False
    assert value["unportable_operators"] == list(every.unportable)
    assert [bool(found) for found in value["problems_of_runtimes"].values()] == [False, False, True]


def test_layers_that_do_not_fit_are_refused_before_anything_is_converted():
    layers = '{ type = "max_pool", pool_size = 9 }'

    with pytest.raises(RecipeError, match=r"architecture.layers\[0\]: max_pool does not fit"):
        describe(recipe(layers), Dimensions((8, 8, 1), 10))


def test_dimensions_that_are_given_need_no_dataset(tmp_path):
    assert dimensions(recipe(""), tmp_path, (9, 8, 3), 5) == ((9, 8, 3), 5)


def test_dimensions_are_those_of_a_dataset_that_is_here(tiny_data_dir):
    tiny = recipe("", "tiny_bars")

    assert dimensions(tiny, tiny_data_dir) == ((28, 28, 1), 3)
    assert dimensions(tiny, tiny_data_dir, classes=9) == ((28, 28, 1), 9)


@pytest.mark.parametrize(
    ("name", "preprocessing", "size", "expected"),
    [
        ("mnist", "raw", "", ((28, 28, 1), 10)),
        ("cifar10", "raw", "", ((32, 32, 3), 10)),
        ("emnist/letters", "raw", "", ((28, 28, 1), 37)),
        ("cats_vs_dogs", "photo", "size = [96, 128]", ((96, 128, 3), 2)),
    ],
)
def test_dimensions_are_those_that_tfds_knows_of(name, preprocessing, size, expected, tmp_path):
    assert dimensions(recipe("", name, preprocessing, size), tmp_path) == expected
    assert not list(tmp_path.iterdir())


def test_pictures_of_many_sizes_want_a_size(tmp_path):
    many = recipe("", "cats_vs_dogs", "photo")

    with pytest.raises(RecipeError, match="dataset.size: missing, and the pictures of cats_vs"):
        dimensions(many, tmp_path)
    assert dimensions(many, tmp_path, shape=(64, 64, 3)) == ((64, 64, 3), 2)


@pytest.mark.parametrize("name", ["no_such_thing", "ag_news_subset", "mnist/no_such_config"])
def test_dataset_that_nobody_knows_is_an_error_with_its_remedy(name, tmp_path):
    with pytest.raises(DatasetError) as caught:
        dimensions(recipe("", name), tmp_path)

    message = str(caught.value)
    assert message.startswith(f"{name}: neither in {tmp_path} nor known to TFDS")
    assert "--input (such as 28x28x1) and --classes" in message
    assert "\n" not in message


def test_command_prints_table_or_json(tiny_recipe, tiny_data_dir):
    options = ["describe", str(tiny_recipe), "--data-dir", str(tiny_data_dir)]

    table = CliRunner().invoke(main, options)
    as_json = CliRunner().invoke(main, [*options, "--classes", "5", "--json"])

    assert (table.exit_code, as_json.exit_code) == (0, 0)
    assert table.stdout.startswith("layer ")
    assert "dense, 3 units: the logits" in table.stdout
    assert json.loads(as_json.stdout)["layers"][-1]["output"] == [5]


@pytest.mark.parametrize(
    "shape",
    ["28x28", "28x28x2", "0x28x1", "28X28X1", "4097x1x1", "-1x1x1", "28x28x1x1", "", "٣x٣x1"],
)
def test_shape_that_is_none_is_refused(shape):
    done = CliRunner().invoke(main, ["describe", "mnist", "--input", shape, "--classes", "10"])

    assert done.exit_code == 2
    assert "expected HEIGHTxWIDTHxCHANNELS, such as 28x28x1" in done.stderr


def test_the_page_of_concepts_has_its_example_s_figures():
    page = " ".join((ROOT / "docs" / "cnn-concepts.md").read_text().split())
    recipe = load_recipe("mnist-fast").recipe
    first = describe(recipe, Dimensions((28, 28, 1), 10)).rows[1]
    seen, stride, fields = 1, 1, []
    for layer in recipe.architecture.layers:
        size = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", 1)
        seen += (size - 1) * stride
        stride *= getattr(layer, "strides", None) or size
        fields.append(seen)

    assert "5 · 5 · 1 · 16 + 16 = 416." in page
    assert "5 · 5 · 1 · 16 · 14 · 14 = 78,400." in page
    assert (first.output, first.parameters, first.macs) == ((14, 14, 16), 416, 78_400)
    assert fields[:5] == [5, 9, 11, 19, 27]
    assert "5 pixels after the first layer, 9 after the second, 11 after the pooling" in page
    assert "and 19 and 27 after the next two" in page
