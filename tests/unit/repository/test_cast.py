"""docs/deploy.svg is what was recorded, small, and says nothing of the machine that recorded it."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import cast_svg

DOCS = Path(__file__).parents[3] / "docs"
CAST, SVG = DOCS / "deploy.cast", DOCS / "deploy.svg"
MAX_BYTES = 150_000


def cast(*events, width=20, height=3):
    header = {"version": 2, "width": width, "height": height, "title": "a <test>"}
    return "\n".join(map(json.dumps, [header, *([at, "o", text] for at, text in events)]))


def test_drawing_is_that_of_the_recording():
    assert SVG.read_text() == cast_svg.draw(CAST.read_text())
    assert SVG.stat().st_size <= MAX_BYTES


@pytest.mark.parametrize("path", [CAST, SVG], ids=lambda path: path.name)
def test_neither_names_a_folder_or_user_of_a_machine(path):
    assert not re.search(r"/(?:home|root|tmp|work|usr)\b|\w@\w|127\.0\.0", path.read_text())


def test_it_is_an_svg_that_says_its_text_to_who_cannot_see_it():
    root = ET.fromstring(  # noqa: S314 - of our own
        cast_svg.draw(cast((0.1, "$ "), (0.2, "ls"), (0.3, "\r\na<b\r\n")))
    )
    spoken = root.find("{http://www.w3.org/2000/svg}desc").text
    assert spoken.splitlines() == ["$ ls", "a<b"]


def test_pauses_are_cut_and_lines_that_do_not_fit_are_broken():
    lines, seconds = cast_svg.lines_of([(0.5, "$ x\r\n"), (100.5, "y" * 25)], 20)
    assert [line.text for line in lines] == ["$ x", "y" * 20, "y" * 5]
    assert seconds == 0.5 + cast_svg.MAX_PAUSE_SECONDS


def test_what_is_no_line_is_refused():
    with pytest.raises(ValueError, match="expected lines alone"):
        cast_svg.draw(cast((0.1, "\x1b[31mred")))
