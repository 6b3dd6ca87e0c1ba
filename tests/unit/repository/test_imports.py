"""Imports go one way: each module may import those of the lines above its own."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EDGE = """
errors latency operators machine processes
affine flatbuffer idx manifest runtime marks pictures
paper wiring
report costs kinds layer_names
ink raw memory_plan strays
photo inspection
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
inspection_text
commands.bench commands.classify commands.evaluate commands.info commands.inspect commands.verify
__main__
"""
PIPELINE = """
calibration.choice calibration.report compatibility.facts compatibility.operator_data confidence
conversion.foreign_layers conversion.tables data.division data.folder_listing diagnosis.graph
diagnosis.layer_error diagnosis.sums errors evidence.logits evidence.records layers paired
portability progress randomness recipe report.drawing report.wording worker
architectures augmentation calibration.form compatibility.assessment conversion.packing
conversion.variants diagnosis.pairing diagnosis.table diagnosis.worker distribution
evidence.corruption evidence.document evidence.margins evidence.verdict input_spec model_card
optimization qat recipe_file report.charts report.confusion report.gallery storage
compatibility.forecast conversion.converting conversion.metadata conversion.proof
conversion.slimming data.acquisition data.parallel diagnosis.instrumentation diagnosis.sentences
evidence.robustness evidence.statistics execution export.choices export.subject history layer_table
layout_options learner precision rendezvous report.sentences runs stage
conversion.convertible conversion.quantization curves data.decoding diagnosis.probing
export.validation golden_choice report.page seeds team
calibration.source data.source diagnosis.activations diagnosis.layer_comparison evidence.contender
export.exported reference
calibration.behaviour data.decoded data.picture_folder data.prepared evidence.executions
evidence.labelled export.fallback
calibration.check data.folder_check evidence.comparing
compare_files data.sources export.exporter
datasets export.foreign
bundling commands.options dimensions phases robustness_stage teaching
commands.data commands.forecast commands.inspect description training
commands.describe training_stage
commands.train export.stage
commands.export comparison_stage
commands.compare stages
commands.bundle
commands.run
cli
__init__ __main__
calibration.__init__ commands.__init__ compatibility.__init__ conversion.__init__ data.__init__
diagnosis.__init__ evidence.__init__ export.__init__ report.__init__
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
