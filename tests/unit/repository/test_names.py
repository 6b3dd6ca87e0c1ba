"""Modules and names that comments, docstrings and documents mention are there."""

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = {"liteproof": ROOT / "pipeline", "liteproof_edge": ROOT / "edge"}
SOURCES = [
    path
    for folder in ("edge", "pipeline", "scripts", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = {
    ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
    for root in PACKAGES.values()
    for path in root.rglob("*.py")
    if path.parent != root
}
SUFFIXES = tuple(".cc .jpg .json .keras .md .npy .npz .png .py .tflite .toml .yml".split())
OTHERS = ("keras.", "numpy.", "tf.", "liteproof.fleet.")  # the last: an Ansible collection
FILES = {str(path.relative_to(ROOT)) for path in SOURCES} | {"hatch_build.py"}


def prose_of(path):
    """Return what a file says to people: a document's text, or comments and docstrings."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":  # but for a change that is shown, which test_site.py holds to the code
        return re.sub(r"^```diff\n.*?^```", "", source, flags=re.MULTILINE | re.DOTALL)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return "\n".join(comments + [ast.get_docstring(node) or "" for node in nodes])


@cache
def members(path):
    """Return a module's own names, and those in its classes, after the class's."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        for name in defined(node):
            names.add(name)
            if isinstance(node, ast.ClassDef):
                names |= {f"{name}.{member}" for each in node.body for member in defined(each)}
    return names


def defined(node):
    match node:
        case ast.ClassDef() | ast.FunctionDef():
            return [node.name]
        case ast.Assign():
            return [target.id for target in node.targets if isinstance(target, ast.Name)]
        case ast.AnnAssign():
            return [node.target.id]
        case ast.ImportFrom() | ast.Import():
            return [alias.asname or alias.name for alias in node.names]
        case ast.If():
            return [name for each in node.body for name in defined(each)]
    return []


def is_there(dotted):
    """Whether a dotted name, from any package on, is a module or something in one."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        end, rest = ".".join(parts[:cut]), ".".join(parts[cut:])
        for module, path in MODULES.items():
            if f".{module}".endswith(f".{end}") and (not rest or rest in members(path)):
                return True
    return False


def is_a_member(dotted):
    """Whether it is a class and a member of it, in any module."""
    return any(dotted in members(path) for path in MODULES.values())


def missing(path):
    prose = prose_of(path)
    dotted = set(re.findall(r"\bliteproof(?:_edge)?(?:\.[A-Za-z_]\w*)+", prose))
    if path.suffix == ".py":  # a document names the keys of recipes in the same way
        names = re.findall(r"`([A-Za-z_]\w*(?:\.\w+)+)`", prose)
        dotted |= set(names)
    dotted = {
        name for name in dotted if not name.endswith(SUFFIXES) and not name.startswith(OTHERS)
    }
    files = set(re.findall(r"[\w./]*\w+\.py\b", prose))
    return {name for name in dotted if not (is_there(name) or is_a_member(name))} | {
        name for name in files if not any(f"/{file}".endswith(f"/{name}") for file in FILES)
    }


@pytest.mark.parametrize(
    "path", [*SOURCES, *DOCUMENTS], ids=lambda path: str(path.relative_to(ROOT))
)
def test_names_that_are_mentioned_exist(path):
    assert missing(path) == set()
