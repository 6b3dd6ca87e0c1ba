"""Imports go one way: each module may import those of the lines above its own."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EDGE = """
errors operators machine processes
affine flatbuffer idx manifest runtime marks pictures
paper
report
ink raw
photo
preprocessing
bundle golden
unverified confinement
session confined
classifier
verification evaluation
benchmark
__init__
commands.__init__ command_line
commands.output
commands.bench commands.classify commands.evaluate commands.info commands.inspect commands.verify
__main__
"""
PIPELINE = """
errors
recipe storage distribution progress randomness
precision data.acquisition recipe_file input_spec data.division
data.folder_listing data.parallel rendezvous layout_options
data.decoding
data.source
data.picture_folder data.prepared data.decoded
data.folder_check
data.sources
layers augmentation optimization history team slimming
datasets architectures qat learner curves runs calibration inspection portability
dimensions layer_table phases
training quantization worker
execution reference paired confidence description
comparison golden_choice model_card
seeds
bundling
stage
training_stage
stages
commands.__init__ commands.options
commands.data commands.describe commands.train commands.export commands.compare commands.bundle
commands.run
cli
__init__ __main__ data.__init__
"""
LIGHT = {"numpy", "PIL", "tflite_runtime", "ai_edge_litert", "liteproof_edge"}


def layers(text):
    return {
        name: level for level, line in enumerate(text.strip().splitlines()) for name in line.split()
    }


def imports(path):
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("folder", "order"), [("edge/liteproof_edge", EDGE), ("pipeline/liteproof", PIPELINE)]
)
def test_imports_go_one_way(folder, order):
    levels, package = layers(order), Path(folder).name
    files = {
        ".".join(path.relative_to(ROOT / folder).with_suffix("").parts): path
        for path in (ROOT / folder).rglob("*.py")
    }

    assert set(files) == set(levels)
    for name, path in files.items():
        for imported in imports(path):
            _, _, module = imported.partition(f"{package}.")
            if module in levels:
                assert levels[module] < levels[name], f"{name} imports {module}"


def test_edge_needs_numpy_pillow_and_a_runtime_alone():
    for path in (ROOT / "edge" / "liteproof_edge").rglob("*.py"):
        top = {imported.split(".")[0] for imported in imports(path)}
        assert top <= LIGHT | set(sys.stdlib_module_names), path.name


def test_runtimes_are_imported_in_one_place_alone():
    for path in (ROOT / "edge" / "liteproof_edge").rglob("*.py"):
        top = {imported.split(".")[0] for imported in imports(path)}
        assert path.stem == "runtime" or not top & {"tflite_runtime", "ai_edge_litert"}
