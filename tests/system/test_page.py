"""The page in headless Chromium: draw, drop, paste, keys; and what axe-core thinks of it."""

import math

import browser
import pytest
from served import serving

pytestmark = browser.NEEDED
CTRL = 2
FRAMES = 3000  # more than are looked at while the test runs
WORD = "word"
LABEL = "document.getElementById('label').textContent"
READY = "document.querySelectorAll('#bars li').length > 0"
WINDOWS = {"desk": (1280, 900), "tablet": (820, 1180), "phone": (390, 844), "small": (320, 640)}
COPY = """
(async () => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 100;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff"; pen.fillRect(0, 0, 100, 100);
  pen.fillStyle = "#000"; pen.fillRect(46, 15, 8, 70);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
  return true;
})()
"""


@pytest.fixture(scope="module")
def served(clone):
    with serving(clone / "models" / "mnist") as server:
        yield server


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser.chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(tab, served):
    """The page, open and ready; at the end it has complained of nothing and asked nobody else."""
    tab.complaints.clear()
    tab.requests.clear()
    tab.open(served.address)
    tab.wait(READY)
    yield tab
    assert tab.complaints == []
    assert all(each.startswith((served.address, "blob:")) for each in tab.requests)


def sheet(page):
    """Return the middle of the drawing area, and its width, in the window's pixels."""
    left, top, width = page.value(
        "(({left, top, width}) => [left, top, width])"
        "(document.getElementById('pad').getBoundingClientRect())"
    )
    return left + width / 2, top + width / 2, width


def three(page):
    """Return the points of a 3: two arcs, open to the left."""
    x, y, width = sheet(page)
    radius = width / 7
    arcs = [(y - radius, range(-150, 91, 10)), (y + radius, range(-90, 151, 10))]
    return [
        (x + radius * math.cos(math.radians(at)), middle + radius * math.sin(math.radians(at)))
        for middle, angles in arcs
        for at in angles
    ]


def drop(page, *files):
    x, y, _ = sheet(page)
    data = {"items": [], "files": list(map(str, files)), "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        page.ask("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)


def test_drawn_three_is_answered_with_three(page):
    page.stroke(three(page))

    page.wait(f"{LABEL} === '3'")
    assert page.value("document.querySelector('#bars .first .what').textContent") == "3"
    assert page.value("document.querySelector('#bars .first meter').value") > 0.9
    seen = "document.getElementById('seen')"
    assert page.value(f"[{seen}.width, {seen}.height]") == [28, 28]
    bright = (
        f"[...{seen}.getContext('2d').getImageData(0, 0, 28, 28).data]"
        ".filter((each, at) => at % 4 === 0 && each > 128).length"
    )
    assert 30 < page.value(bright) < 300
    page.wait("document.getElementById('spoken').textContent.startsWith('3, ')")


def test_answer_comes_while_the_pen_is_still_down(page):
    x, y, width = sheet(page)
    page.ask("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y - width / 4, button="left")
    page.ask(
        "Input.dispatchMouseEvent",
        type="mouseMoved",
        x=x,
        y=y + width / 4,
        button="left",
        buttons=1,
    )

    page.wait(f"{LABEL} === '1'")
    page.ask("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left")


def test_finger_draws_on_a_phone(page, served):
    page.open(served.address, *WINDOWS["phone"], phone=True)
    page.wait(READY)
    page.touch(three(page))

    page.wait(f"{LABEL} === '3'")
    assert page.value("scrollY") == 0
    assert page.value("!document.getElementById('photo-label').hidden")


def test_keys_alone_draw_a_one(page):
    for _ in range(2):
        page.press("Tab")
    assert page.value("document.activeElement.id") == "pad"
    page.press(" ")
    for _ in range(12):
        page.press("ArrowDown")
    page.press(" ")

    page.wait(f"{LABEL} === '1'")
    assert page.value("document.getElementById('pen-status').textContent").startswith("Pen up")
    page.press("Delete")
    page.wait(f"{LABEL} === '?'")


def test_undo_takes_back_one_stroke(page):
    x, y, width = sheet(page)
    page.stroke([(x, y - width / 4), (x, y + width / 4)])
    page.wait(f"{LABEL} === '1'")
    page.stroke([(x - width / 3, y + width / 3), (x + width / 3, y + width / 3)])
    page.press("z", CTRL)
    page.press("z", CTRL)

    page.wait(f"{LABEL} === '?'")


def test_two_marks_are_doubted_in_words(page):
    x, y, width = sheet(page)
    for at in (x - width / 4, x + width / 4):
        page.stroke([(at, y - width / 5), (at, y + width / 5)])

    page.wait("document.getElementById('doubts').textContent.includes('several marks')")
    assert page.value("document.getElementById('verdict').classList.contains('unsure')")


def test_several_marks_are_answered_with_their_boxes(page):
    page.value("document.getElementById('each').click()")
    x, y, width = sheet(page)
    page.stroke([(x - width / 3, y - width / 4), (x - width / 3, y + width / 4)])
    page.stroke([(px + width / 5, py) for px, py in three(page)])

    page.wait(f"{LABEL} === '13'")
    page.wait("document.querySelectorAll('#boxes rect').length === 2")
    tags = "[...document.querySelectorAll('.tag')].map((each) => each.textContent)"
    assert page.value(tags) == ["1", "3"]
    assert page.value("document.querySelector('#boxes rect').getBoundingClientRect().height") > 20


def test_dropped_photo_is_answered_where_its_ink_was_found(page, clone):
    drop(page, clone / "tests" / "pictures" / "seven-chalk.jpg")

    page.wait(f"{LABEL} === '7'")
    page.wait("document.querySelectorAll('#boxes rect').length === 1")
    assert page.value("document.querySelector('#boxes rect').getBoundingClientRect().width") > 20
    assert page.value("document.getElementById('picture').naturalWidth") > 0


def test_several_dropped_photos_are_all_answered(page, clone):
    drop(page, *sorted((clone / "tests" / "pictures").iterdir()))
    answers = "[...document.querySelectorAll('#gallery strong')].map((each) => each.textContent)"

    page.wait(f"{answers}.length === 3")
    assert page.value(answers) == ["5", "7", "3"]


def test_pasted_picture_is_answered(page, served):
    permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    page.browser("Browser.grantPermissions", permissions=permissions)
    assert page.value(COPY)
    page.press("v", CTRL, commands=["paste"])

    page.wait(f"{LABEL} === '1'")
    assert page.value("!document.getElementById('picture').hidden")


def test_drawing_follows_a_picture(page, clone):
    drop(page, clone / "tests" / "pictures" / "seven-chalk.jpg")
    page.wait(f"{LABEL} === '7'")
    page.value("document.getElementById('clear').click()")
    page.wait(f"{LABEL} === '?'")
    page.stroke(three(page))

    page.wait(f"{LABEL} === '3'")
    assert page.value("document.getElementById('picture').hidden")


@pytest.mark.parametrize("window", WINDOWS)
def test_nothing_is_wider_than_the_window(page, served, window):
    width, height = WINDOWS[window]
    page.open(served.address, width, height)
    page.wait(READY)
    page.stroke(three(page))
    page.wait(f"{LABEL} === '3'")

    page.check_width(width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", ["desk", "phone"])
def test_axe_finds_nothing_serious(page, served, axe, window, scheme):
    page.open(served.address, *WINDOWS[window], scheme)
    page.wait(READY)
    page.stroke(three(page))
    page.wait(f"{LABEL} === '3'")
    page.value(f"{axe}; 0")

    assert page.value(browser.SERIOUS) == []


def test_bundle_of_photos_has_no_pen(tab, clone):
    with serving(clone / "models" / "fashion-mnist") as server:
        tab.open(server.address)
        tab.wait(READY)

        assert tab.value("getComputedStyle(document.getElementById('pad')).display") == "none"
        assert tab.value("document.getElementById('bars').innerText").startswith("T-shirt/top")


@pytest.mark.parametrize("token", [None, WORD])
def test_camera_s_film_is_shown_with_its_label(tab, clone, tmp_path, token):
    three = clone / "tests" / "pictures" / "three.jpg"
    for number in range(FRAMES):
        (tmp_path / f"{number:05}.jpg").symlink_to(three)
    options = (str(tmp_path), "--preview")
    environment = {"LITEPROOF_TOKEN": token} if token else {}
    with serving(clone / "models" / "mnist", *options, command="camera", **environment) as server:
        tab.open(f"{server.address}#token={token}" if token else server.address)
        tab.wait(READY)

        tab.wait("document.getElementById('live-text').textContent.startsWith('3, ')")
        tab.wait("document.getElementById('frame').naturalWidth > 0")


def test_token_is_asked_for_and_then_the_page_answers(tab, clone):
    with serving(clone / "models" / "mnist", LITEPROOF_TOKEN=WORD) as server:
        tab.open(server.address)
        tab.wait("!document.getElementById('door').hidden")
        tab.value("document.getElementById('token').value = 'word'")
        tab.value("document.querySelector('#door button').click()")
        tab.wait(READY)
        tab.stroke(three(tab))

        tab.wait(f"{LABEL} === '3'")


def test_token_may_be_in_the_address_and_does_not_stay_there(tab, clone):
    with serving(clone / "models" / "mnist", LITEPROOF_TOKEN=WORD) as server:
        tab.open(f"{server.address}#token=word")
        tab.wait(READY)

        assert tab.value("location.href") == server.address
