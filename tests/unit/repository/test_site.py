"""The documentation as a site: references made from the code are fresh, and no host is asked."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from documentation.pages import PAGES, REFERENCE, ROOT

LOADS = {"script": "src", "link": "href", "img": "src", "source": "srcset", "iframe": "src"}
HOST = ("http:", "https:", "//")


@pytest.mark.parametrize("name", PAGES)
def test_reference_page_is_fresh(name):
    assert (REFERENCE / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_every_reference_page_is_made_from_the_code():
    assert {path.name for path in REFERENCE.iterdir()} == set(PAGES)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documentation")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "site"


class Loaded(HTMLParser):
    """Gathers what a page has a browser load, and what it shows or leads to."""

    def __init__(self):
        super().__init__()
        self.loaded, self.local = [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        address = attributes.get(LOADS.get(tag, ""))
        if address and attributes.get("rel") != "canonical":
            self.loaded.append(address)
        for address in (attributes.get("src"), attributes.get("href")):
            if address and not address.startswith((*HOST, "#", "data:", "javascript:")):
                self.local.append(address.partition("#")[0].partition("?")[0])


def pages_of(site):
    for path in sorted(site.rglob("*.html")):
        parser = Loaded()
        parser.feed(path.read_text(encoding="utf-8"))
        yield path, parser


def test_pages_load_nothing_from_another_host(site):
    loaded = [(path.name, address) for path, page in pages_of(site) for address in page.loaded]

    assert loaded
    assert [each for each in loaded if each[1].startswith(HOST)] == []


def test_styles_load_nothing_from_another_host(site):
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]

    assert styles
    assert not any(f"url({mark}" in style for style in styles for mark in HOST)
    assert not any("@import" in style for style in styles)


def test_what_pages_show_and_lead_to_is_there(site):
    pages = [(path, page) for path, page in pages_of(site) if path.name != "404.html"]
    missing = [
        (path.name, address)
        for path, page in pages
        for address in page.local
        if address and not (path.parent / address).exists()
    ]

    assert missing == []


def test_every_page_is_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text()
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")]

    assert [page for page in pages if page not in menu] == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/extending/*.md")), ids=lambda p: p.stem)
def test_change_on_a_page_still_applies(page):
    (change,) = re.findall(r"^```diff\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    checked = subprocess.run(
        ["git", "apply", "--check", "-"],
        input=change,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert checked.returncode == 0, checked.stderr
