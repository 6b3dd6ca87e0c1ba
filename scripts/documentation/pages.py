"""Which pages of the documentation are made from the code."""

from collections.abc import Callable, Mapping
from pathlib import Path

from documentation.argparse_page import argparse_page
from documentation.click_page import click_page
from documentation.python_page import python_page
from documentation.recipe_page import recipe_page

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES: Mapping[str, Callable[[], str]] = {
    "liteproof.md": click_page,
    "liteproof-edge.md": argparse_page,
    "python.md": python_page,
    "recipes.md": recipe_page,
}


def write_pages() -> None:
    """Write each of them again."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
