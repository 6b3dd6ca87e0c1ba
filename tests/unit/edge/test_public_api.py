import subprocess
import sys

import pytest

import liteproof_edge

# Prints what `liteproof-edge verify` and `classify` have loaded that a device does not have.
FOREIGN_MODULES = """
import sys
import liteproof_edge
from liteproof_edge.__main__ import main
bundle, picture, *options = sys.argv[1:]
assert main(["verify", bundle, *options]) == 0
assert main(["classify", bundle, picture, *options]) == 0
loaded = {name.partition(".")[0] for name in sys.modules}
print("foreign:", sorted(loaded & {"tensorflow", "keras", "liteproof", "tensorflow_datasets"}))
"""


def test_all_is_sorted():
    assert liteproof_edge.__all__ == sorted(liteproof_edge.__all__)


def test_all_names_nothing_twice():
    assert len(set(liteproof_edge.__all__)) == len(liteproof_edge.__all__)


@pytest.mark.parametrize("name", liteproof_edge.__all__)
def test_all_names_what_is_there(name):
    assert getattr(liteproof_edge, name).__name__ == name


def test_commands_import_neither_tensorflow_nor_the_pipeline(released, digit_files, each_runtime):
    done = subprocess.run(
        [
            *(sys.executable, "-c", FOREIGN_MODULES),
            *(str(released), str(digit_files[0]), "--runtime", each_runtime.value),
        ],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    assert done.stdout.splitlines()[-1:] == ["foreign: []"], done.stderr


def test_import_loads_no_runtime():
    code = (
        "import sys, liteproof_edge, liteproof_edge.__main__;"
        "print({'tflite_runtime', 'ai_edge_litert'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8"
    )
    assert done.stdout == "set()\n"
