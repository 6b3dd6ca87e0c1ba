"""What the documents say is what there is."""

import json
import re
from pathlib import Path

import pytest

import release

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
COMMANDS = (ROOT / "docs" / "commands.md").read_text()
MODELS = (ROOT / "docs" / "models.md").read_text()
PAGES = sorted((ROOT / "docs").rglob("*.md"))
DOCUMENTS = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *PAGES]
SCREEN_AND_A_HALF = 100  # lines
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
CARDS = sorted(ROOT.glob("models/*/MODEL_CARD.md"))


def commands(folder, *shared):
    modules = {path.stem for path in (ROOT / folder / "commands").glob("*.py")}
    return modules - {"__init__", *shared}


def test_every_command_of_the_pipeline_is_on_the_page_of_commands():
    found = commands("pipeline/liteproof", "options", "board_options", "cluster_options")

    assert len(found) == 16
    assert all(f"`liteproof {name} " in COMMANDS for name in found)


def test_every_command_of_the_edge_is_on_the_page_of_commands():
    others = "output", "arguments", "options", "values", "inspection_text", "each"
    found = commands("edge/liteproof_edge", *others)

    assert len(found) == 8
    assert all(f"`liteproof-edge {name} " in COMMANDS for name in found)


def test_readme_is_short():
    assert len(README.splitlines()) <= SCREEN_AND_A_HALF


def test_every_make_target_is_described():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)", makefile, re.MULTILINE).group(1).split()

    for target in phony:
        assert re.search(rf"^{target}:.*## \w", makefile, re.MULTILINE), target


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_readme_s_figures_are_the_released_models(card):
    name = card.parent.name
    accuracy = json.loads((card.parent / "manifest.json").read_text())["accuracy"]
    (row,) = (line for line in README.splitlines() if f"[{name}](models/{name})" in line)
    (other,) = (line for line in MODELS.splitlines() if line.startswith(f"| `models/{name}`"))
    seeds = accuracy["several_seeds"]

    assert (
        f"{seeds['int8_mean']:.2%} ± {100 * seeds['int8_deviation']:.2f}".replace("%", " %") in row
    )
    assert f"{accuracy['shipped']['size_bytes'] / 1000:.1f} kB" in row
    assert row.split("|")[2:] == other.split("|")[2:]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("number", range(1, len(DECISIONS) + 1))
def test_decision_is_numbered_and_says_its_context_and_its_cost(number):
    text = DECISIONS[number - 1].read_text()

    assert DECISIONS[number - 1].name.startswith(f"{number:04}-")
    assert text.startswith(f"# {number}. ")
    assert re.findall(r"^## (.*)", text, re.MULTILINE) == ["Context", "Decision", "Cost"]


def test_ci_calls_make_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    called = re.findall(r"- run: make (\w+)", WORKFLOW)

    assert called
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in called)


def test_ci_begins_with_the_oldest_python_of_the_edge_package():
    settings = (ROOT / "edge" / "pyproject.toml").read_text()
    (oldest,) = re.findall(r'^requires-python = ">=(.*)"', settings, re.MULTILINE)

    assert f'python-version: ["{oldest}", ' in WORKFLOW


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_released_bundle_holds_its_own_files_alone(card):
    manifest = json.loads((card.parent / "manifest.json").read_text())

    assert {path.name for path in card.parent.iterdir()} == {"manifest.json", *manifest["files"]}


def test_versions_of_both_distributions_and_of_the_citation_are_one():
    versions = {
        re.search(r'^version(?: = "|: )([^"\n]*)', (ROOT / path).read_text(), re.MULTILINE)[1]
        for path in ("pyproject.toml", "edge/pyproject.toml", "CITATION.cff")
    }

    assert len(versions) == 1


def test_constraints_pin_every_version_without_hash_or_address():
    lines = (ROOT / "constraints.txt").read_text().splitlines()

    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines[1:])


def test_changelog_tells_of_the_version_with_a_date(capsys):
    assert release.check_version() in capsys.readouterr().out
