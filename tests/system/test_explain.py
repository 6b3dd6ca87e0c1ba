"""The pages of `explain` in headless Chromium: stepping, contrast, keyboard, a phone, and print."""

import subprocess
import sys

import browser
import explained
import numpy as np
import pytest

pytestmark = browser.NEEDED
WIDTHS = {"desk": 1280, "tablet": 820, "phone": 360}
TOTAL = "document.getElementById('total')"
CHANNEL = "document.getElementById('channel-name').textContent"
BUTTONS = "document.querySelectorAll('.channels button')"
# A page that has room for a part of each map, as a deep network's.
LITTLE_ROOM = """
import sys
from liteproof.cli import main
from liteproof.explanation import page
page.BUDGET = 25_000
main(sys.argv[1:])
"""
FOCUS = "document.getElementById('output-map').focus()"


@pytest.fixture(scope="module")
def pages(tmp_path_factory, tiny_run, liteproof, clone):
    folder = tmp_path_factory.mktemp("explained")
    picture = clone / "tests" / "pictures" / "three.jpg"
    bar = folder / "bar.png"
    from PIL import Image  # noqa: PLC0415

    with Image.open(picture) as image:
        image.convert("L").resize((28, 28)).save(bar)
    for name, arguments in {
        "run": (tiny_run, bar),
        "bundle": (clone / "models" / "mnist", picture),
        "lecture": ("--lecture",),
        "why": ("--why-cnn", tiny_run, tiny_run),
    }.items():
        done = liteproof("explain", *arguments, "--out", folder / f"{name}.html")
        assert done.returncode == 0, done.stderr
    asked = ("explain", clone / "models" / "mnist", picture, "--out", folder / "part.html")
    done = subprocess.run([sys.executable, "-c", LITTLE_ROOM, *asked], check=False)
    assert done.returncode == 0
    return folder


def values(page, table):
    """Return a table's numbers."""
    found = page.value(
        f"[...document.getElementById('{table}').rows].map((row) => "
        "[...row.cells].map((cell) => Number(cell.dataset.value)))"
    )
    return np.array(found)


def data(page):
    """Return the convolutions that a page works out, their numbers as arrays."""
    return explained.decoded(page.value("document.getElementById('data').textContent"))


def worked(step, row, column, at):
    """Return patch, kernel and products over all channels, as numpy has them."""
    (top, left), size, strides = step["pad"], step["size"], step["strides"]
    whole = np.full(step["inputShape"], np.nan)
    first, begin, rows, columns = step["taken"]
    whole[first : first + rows, begin : begin + columns] = step["input"]
    padded = np.pad(whole, ((top, 99), (left, 99), (0, 0)))
    row, column = row * strides[0], column * strides[1]
    patch = padded[row : row + size[0], column : column + size[1]].astype(float)
    kernel = step["kernel"][..., at].astype(float)
    return patch, kernel, patch * kernel


@pytest.mark.parametrize("name", ["run", "bundle", "part", "lecture"])
def test_every_number_that_is_stepped_through_is_the_tensors(page, pages, name):
    page.open(pages / f"{name}.html")

    for number, step in enumerate(data(page)):
        page.choose("layer", number)
        page.value(FOCUS)
        for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "PageDown"):
            page.press(key)
            at = page.value(f"({{...{TOTAL}.dataset}})")
            row, column, chosen = (int(at[key]) for key in ("row", "column", "filter"))
            patch, kernel, products = worked(step, row, column, chosen)
            channel = (
                int(
                    page.value("document.getElementById('channel-name').textContent")[8:].split()[0]
                )
                - 1
            )
            assert values(page, "patch") == pytest.approx(patch[..., channel])
            assert values(page, "kernel") == pytest.approx(kernel[..., channel])
            assert values(page, "products") == pytest.approx(products[..., channel])
            total = products.sum() + step["bias"][chosen]
            assert float(at["before"]) == pytest.approx(total, abs=1e-4)
            first, begin, *_ = step["part"]
            result = step["output"][row - first, column - begin, chosen]
            assert float(at["result"]) == pytest.approx(float(result))
            if step["activation"] == "relu" and name == "run":
                assert result == pytest.approx(max(total, 0), abs=1e-3)


def test_lecture_begins_with_10_and_moves_by_the_keyboard(page, pages):
    page.open(pages / "lecture.html")
    assert page.value(f"{TOTAL}.textContent") == "10 + bias 0 = 10"

    page.value(FOCUS)
    said = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowRight"):
        page.press(key)
        said.append(page.value(f"{TOTAL}.textContent").split(" = ")[1])

    assert said == ["11", "12", "12", "12", "12"]
    assert "Row 1, column 3" in page.value("document.getElementById('said').textContent")


def test_three_channels_are_shown_one_by_one_and_then_summed(page, pages):
    page.open(pages / "lecture.html")
    page.choose("layer", 3)
    sums = page.value(
        "[...document.querySelectorAll('.channels button')].map((b) => b.textContent)"
    )
    page.value(f"{BUTTONS}[1].click()")

    assert sums == ["1: 10", "2: 4", "3: −3"]
    assert page.value("document.getElementById('channel-sum').textContent") == "4"
    assert page.value(f"{TOTAL}.textContent") == "3 channels: 11 + bias 0 = 11"


def test_window_stays_in_the_part_that_is_here_and_all_of_the_map_is_seen(page, pages):
    page.open(pages / "part.html")
    number, step = next(
        (at, each) for at, each in enumerate(data(page)) if each["overview"] and each["pad"][0]
    )
    page.choose("layer", number)
    row, column, rows, columns = step["part"]
    assert rows < step["outputShape"][0]
    assert page.value("document.getElementById('overview').clientHeight") > 0
    assert f"rows {row + 1} to {row + rows} of {step['outputShape'][0]}" in page.value(
        "document.getElementById('overview-name').textContent"
    )

    page.value(FOCUS)
    for key in ("ArrowDown", "ArrowRight") * max(rows, columns):
        page.press(key)

    at = page.value(f"[{TOTAL}.dataset.row, {TOTAL}.dataset.column]")
    assert at == [str(row + rows - 1), str(column + columns - 1)]


def test_mouse_and_finger_move_the_window(page, pages):
    for phone in (False, True):
        page.open(pages / "lecture.html", phone=phone)
        x, y, width = page.value(
            "(() => { const map = document.getElementById('output-map'); map.scrollIntoView();"
            "const box = map.getBoundingClientRect(); return [box.left, box.top, box.width]; })()"
        )
        spot = (x + 0.9 * width, y + 0.5 * width)
        if phone:
            page.touch([spot, spot])
        else:
            page.stroke([spot, spot])

        assert page.value(f"[{TOTAL}.dataset.row, {TOTAL}.dataset.column]") == ["1", "2"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["run", "lecture", "why"])
def test_text_stands_out_from_what_is_behind_it(page, pages, name, scheme):
    page.open(pages / f"{name}.html", scheme=scheme)
    page.value("document.querySelectorAll('details').forEach((each) => { each.open = true; })")

    page.check_contrast()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("name", ["run", "bundle", "part", "lecture", "why"])
def test_nothing_is_wider_than_the_window(page, pages, name, width):
    page.open(pages / f"{name}.html", width=width)
    page.value("document.querySelectorAll('details').forEach((each) => { each.open = true; })")

    page.check_width(width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["run", "lecture", "why"])
def test_axe_finds_nothing_serious(page, pages, axe, name, scheme):
    page.open(pages / f"{name}.html", scheme=scheme)
    page.value(f"{axe}; 0")

    assert page.value(browser.SERIOUS) == []


def test_every_layer_is_printed(page, pages):
    page.open(pages / "run.html")
    page.value("dispatchEvent(new Event('beforeprint')) && null")
    assert page.value("document.querySelectorAll('details:not([open])').length") == 0

    page.value("dispatchEvent(new Event('afterprint')) && null")

    assert page.value("document.querySelectorAll('details:not([open])').length") > 0
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("{run}", "none.png"), "none.png: cannot be read", 3),
        (("nowhere", "none.png"), "nowhere: neither a run nor a bundle", 3),
        (("{bar}", "{bar}"), "a file that nothing vouches for", 4),
        (("{run}", "{out}"), "not a picture", 3),
        (("{run}",), "expected a RUN or a BUNDLE, and a PICTURE", 2),
        (("--why-cnn", "{run}", "nowhere"), "nowhere: not a run", 3),
    ],
)
def test_bad_input_is_one_line(liteproof, pages, tiny_run, arguments, said, code):
    known = {"run": tiny_run, "bar": pages / "bar.png", "out": pages / "run.html"}

    done = liteproof("explain", *(each.format(**known) for each in arguments), cwd=pages)

    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
