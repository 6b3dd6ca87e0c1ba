"""CONTRIBUTING's drawing and table of packages are what import-linter's graph and contracts say."""

import re
from itertools import chain, product
from pathlib import Path

import grimp
import pytest
import tomllib

ROOT = Path(__file__).parents[3]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
CONTAINERS = {"liteproof": "pipeline/liteproof", "liteproof_edge": "edge/liteproof_edge"}
MOST_BOXES = 20  # more cannot be taken in at a glance
START = "__main__"  # starts the program, and is not drawn


def drawn_boxes():
    """Return {box: the modules in it, by their full names}, in the order of the drawing."""
    boxes, container = {}, None
    for line in drawing():
        if opened := re.fullmatch(r"subgraph (\w+) .*", line):
            container = opened[1]
        elif box := re.fullmatch(r'(\w+)\["(.+)"\]', line):
            boxes[box[1]] = [f"{container}.{name}" for name in box[2].split(" · ")]
    return boxes


def drawn_arrows():
    arrows = set()
    for line in drawing():
        if " --> " in line:
            starts, ends = (side.split(" & ") for side in line.split(" --> "))
            arrows |= set(product(starts, ends))
    return arrows


def drawing():
    (block,) = re.findall(r"```mermaid\n(.*?)```", CONTRIBUTING, re.DOTALL)
    return [line.strip() for line in block.splitlines()]


def contracts():
    """Return {container: its layers, each a set of full names}, from the top."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return {
        container: [
            {f"{container}.{name.strip()}" for name in layer.split("|")} - {f"{container}.{START}"}
            for layer in contract["layers"]
        ]
        for contract in settings["contracts"]
        if contract["type"] == "layers"
        for container in contract["containers"]
    }


@pytest.fixture(scope="module")
def imported():
    """Return whether a box imports another one, by import-linter's own graph."""
    graph = grimp.build_graph(*CONTAINERS, cache_dir=None)
    boxes = drawn_boxes()

    def asked(start, end):
        return any(
            graph.direct_import_exists(importer=importer, imported=module, as_packages=True)
            for importer, module in product(boxes[start], boxes[end])
        )

    return asked


def reached_from(box):
    ends = {end for start, end in drawn_arrows() if start == box}
    return ends.union(*(reached_from(end) for end in ends))


def table_rows():
    """Return {package: the module to read first}."""
    rows, folder = {}, None
    for line in CONTRIBUTING.splitlines():
        if header := re.fullmatch(r"\| \*\*`(.+)/`\*\* \| \| \|", line):
            folder = header[1]
        elif row := re.fullmatch(r"\| `(\w+)/` \| .+ \| `(\w+)` \|", line):
            rows[f"{folder}/{row[1]}"] = row[2]
    return rows


def test_drawing_can_be_taken_in_at_a_glance():
    assert len(drawn_boxes()) + len(CONTAINERS) <= MOST_BOXES


@pytest.mark.parametrize("container", CONTAINERS)
def test_drawing_holds_the_packages_of_the_contract_in_its_order(container):
    rank = {name: at for at, layer in enumerate(contracts()[container]) for name in layer}
    drawn = [name for name in chain(*drawn_boxes().values()) if name.startswith(f"{container}.")]

    assert sorted(drawn) == sorted(rank)
    assert [rank[name] for name in drawn] == sorted(rank.values())


@pytest.mark.parametrize("arrow", sorted(drawn_arrows()), ids=" to ".join)
def test_arrow_drawn_is_an_import(imported, arrow):
    assert imported(*arrow)


@pytest.mark.parametrize("box", drawn_boxes())
def test_imports_of_a_box_lie_along_its_arrows(imported, box):
    found = {other for other in drawn_boxes() if other != box and imported(box, other)}

    assert found <= reached_from(box)


def test_table_holds_every_package():
    found = {
        str(path.parent.relative_to(ROOT))
        for folder in CONTAINERS.values()
        for path in (ROOT / folder).glob("*/__init__.py")
    }

    assert set(table_rows()) == found


@pytest.mark.parametrize("package", table_rows())
def test_table_says_to_read_first_what_the_package_says(package):
    first = table_rows()[package]
    said = (ROOT / package / "__init__.py").read_text()

    assert (ROOT / package / f"{first}.py").exists()
    assert f"Read `{first}` first" in said
