import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import liteproof_edge
from liteproof_edge import errors

RUNTIMES = {"tflite_runtime", "ai_edge_litert"}
# What classifying one picture with a bundle does without.
DISPENSABLE = {
    "liteproof_edge.camera",
    "liteproof_edge.bundle.golden",
    "liteproof_edge.idx",
    "liteproof_edge.inspection",
    "liteproof_edge.commands.each",
    "liteproof_edge.measurement",
    "liteproof_edge.preprocessing.layout",
    "liteproof_edge.preprocessing.sheet",
    "liteproof_edge.preprocessing.several",
    "liteproof_edge.runtime.confinement",
    "liteproof_edge.runtime.unverified",
    "liteproof_edge.serving",
}
# Runs the commands that a device is meant for, and prints what is loaded that it does not have.
FOREIGN_MODULES = """
import sys
import liteproof_edge
from liteproof_edge.__main__ import main
bundle, picture, *options = sys.argv[1:]
assert main(["verify", bundle, *options]) == 0
assert main(["classify", bundle, picture, *options]) == 0
assert main(["classify", "--unverified", bundle + "/model.tflite", picture, *options]) == 0
assert main(["inspect", bundle]) == 0
loaded = {name.partition(".")[0] for name in sys.modules}
print("foreign:", sorted(loaded & {"tensorflow", "keras", "liteproof", "tensorflow_datasets"}))
"""


@pytest.fixture(scope="session")
def loaded_by():
    """Return the modules that some lines of Python load, in a process of their own."""

    def run(code, *arguments):
        code += "\nimport sys\nprint(*sys.modules, sep='\\n', file=sys.stderr)"
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            check=True,
            encoding="utf-8",
            timeout=60,
        )
        return set(done.stderr.splitlines())

    return run


def own(modules):
    """Return the names of our own modules."""
    return {name for name in modules if name.startswith("liteproof_edge.")}


def test_inspect_loads_neither_numpy_nor_pillow(loaded_by, released):
    code = "import sys\nfrom liteproof_edge.__main__ import main\nmain(['inspect', sys.argv[1]])"

    assert not {"numpy", "PIL"} & loaded_by(code, released)


def test_all_is_sorted():
    assert liteproof_edge.__all__ == sorted(liteproof_edge.__all__)


def test_all_names_nothing_twice():
    assert len(set(liteproof_edge.__all__)) == len(liteproof_edge.__all__)


@pytest.mark.parametrize("name", liteproof_edge.__all__)
def test_all_names_what_is_there(name):
    assert getattr(liteproof_edge, name).__name__ == name


def test_all_names_every_error():
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    assert kinds <= set(liteproof_edge.__all__)


def test_type_checkers_see_what_all_names():
    tree = ast.parse(Path(liteproof_edge.__file__).read_text())
    (checked,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = [alias.name for node in checked.body for alias in node.names]
    assert sorted(seen) == liteproof_edge.__all__


def test_star_imports_what_all_names():
    names = {}
    exec("from liteproof_edge import *", names)  # noqa: S102 - it is allowed at a module's top alone
    assert set(liteproof_edge.__all__) <= set(names)


def test_dir_lists_what_all_names():
    assert set(liteproof_edge.__all__) <= set(dir(liteproof_edge))


@pytest.mark.parametrize("name", ["classifier_", "classify", "TENSOR", "__nothing__"])
def test_unknown_name_is_refused_as_any_modules(name):
    message = f"module 'liteproof_edge' has no attribute '{name}'"
    with pytest.raises(AttributeError, match=message):
        getattr(liteproof_edge, name)


def test_unknown_name_cannot_be_imported():
    with pytest.raises(ImportError, match="cannot import name 'classify'"):
        from liteproof_edge import classify  # noqa: F401, PLC0415


def test_import_loads_nothing_but_itself(loaded_by):
    loaded = loaded_by("import liteproof_edge")
    assert own(loaded) == set()
    assert not loaded & {"numpy", "PIL", *RUNTIMES}


def test_import_of_an_error_loads_no_numpy(loaded_by):
    loaded = loaded_by("from liteproof_edge import PictureError")
    assert own(loaded) == {"liteproof_edge.errors"}
    assert "numpy" not in loaded


def test_import_of_the_classifier_loads_neither_a_runtime_nor_what_it_may_do_without(loaded_by):
    loaded = loaded_by("from liteproof_edge import Classifier")
    assert not loaded & RUNTIMES
    assert not own(loaded) & (DISPENSABLE | {"liteproof_edge.commands", "liteproof_edge.__main__"})


def test_dispensable_modules_exist():
    assert all(find_spec(name) for name in DISPENSABLE)


def test_import_of_the_program_loads_neither_a_runtime_nor_a_command(loaded_by):
    loaded = loaded_by("import liteproof_edge.__main__")
    assert not loaded & RUNTIMES
    assert {name for name in own(loaded) if ".commands." in name} == {
        "liteproof_edge.commands.arguments",
        "liteproof_edge.commands.options",
        "liteproof_edge.commands.values",
        "liteproof_edge.commands.output",
    }


def test_classify_loads_its_own_command_and_one_runtime_alone(
    loaded_by, released, digit_files, each_runtime
):
    code = "import sys\nfrom liteproof_edge.__main__ import main\nmain(sys.argv[1:])"
    options = ("--runtime", each_runtime.value)
    loaded_by(code, "classify", released, digit_files[0], *options)  # tries the bundle, once
    loaded = loaded_by(code, "classify", released, digit_files[0], *options)
    assert {name for name in own(loaded) if ".commands." in name} == {
        "liteproof_edge.commands.arguments",
        "liteproof_edge.commands.options",
        "liteproof_edge.commands.values",
        "liteproof_edge.commands.classify",
        "liteproof_edge.commands.output",
    }
    assert loaded & RUNTIMES == {each_runtime.value.replace("-", "_")}
    assert not loaded & {"starlette", "uvicorn", "asyncio"}
    assert not own(loaded) & DISPENSABLE


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
