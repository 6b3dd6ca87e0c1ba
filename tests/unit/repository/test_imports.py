"""What the device's package may import: import-linter, in `make check`, holds all else."""

import ast
import sys
from pathlib import Path

import pytest

EDGE = Path(__file__).parents[3] / "edge" / "liteproof_edge"
# What an extra brings, by the package that may import it; no other does.
EXTRAS = {
    "camera": {"av", "picamera2"},
    "serving": {"h11", "prometheus_client", "starlette", "uvicorn"},
}
LIGHT = {"numpy", "PIL", "tflite_runtime", "ai_edge_litert", "liteproof_edge"}


def imports(path):
    """The top-level package of every import in a file, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


def test_edge_needs_numpy_pillow_and_a_runtime_alone():
    imported = {
        package
        for path in EDGE.rglob("*.py")
        for package in set(imports(path)) - EXTRAS.get(path.relative_to(EDGE).parts[0], set())
    }

    assert imported <= LIGHT | set(sys.stdlib_module_names)


@pytest.mark.parametrize("package", EXTRAS)
def test_what_an_extra_brings_is_needed(package):
    imported = {each for path in (EDGE / package).rglob("*.py") for each in imports(path)}

    assert imported >= EXTRAS[package]
