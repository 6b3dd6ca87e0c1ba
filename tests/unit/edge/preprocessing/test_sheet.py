import numpy as np
import pytest

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.components import Box
from liteproof_edge.preprocessing.mark import Mark
from liteproof_edge.preprocessing.paper import Polarity
from liteproof_edge.preprocessing.sheet import find_marks, halves, is_wide

PAPER, INK = 230, 20
BOXES = [(100, 60, 140, 140), (180, 70, 200, 140), (250, 60, 300, 150)]
LOWER = [(120, 220, 160, 300), (220, 215, 270, 300)]


def ring(pixels, box, level, thick=8):
    left, top, right, bottom = box
    pixels[top:bottom, left:right] = level
    pixels[top + thick : bottom - thick, left + thick : right - thick] = pixels[0, 0]


def sheet(boxes, *, paper=PAPER, ink=INK, size=(400, 360)):
    """Rings on paper: each is hollow, as a mark is mostly."""
    pixels = np.full(size[::-1], paper, np.uint8)
    for box in boxes:
        ring(pixels, box, ink)
    return pixels


def boxes_of(lines):
    return [[tuple(mark.box) for mark in line] for line in lines]


def mark_of(ink):
    height, width = ink.shape
    box = Box(0, 0, width, height)
    return Mark(ink, box, (width, height), Polarity.DARK_ON_LIGHT, 0.5, several=False, even=True)


@pytest.mark.parametrize(("paper", "ink"), [(PAPER, INK), (INK, PAPER), (255, 0), (0, 255)])
def test_every_mark_is_found_in_reading_order(paper, ink):
    found = find_marks(sheet([*LOWER, *BOXES], paper=paper, ink=ink))
    assert boxes_of(found) == [BOXES, LOWER]


def test_marks_are_found_in_uneven_light():
    light = np.linspace(1, 0.6, 400)[np.newaxis]
    found = find_marks((sheet(BOXES) * light).astype(np.uint8))
    assert len(found[0]) == len(BOXES)
    for mark, box in zip(found[0], BOXES, strict=True):
        assert np.abs(np.subtract(mark.box, box)).max() <= 1


def test_faint_mark_is_found_beside_a_strong_one():
    pixels = sheet(BOXES[:1])
    ring(pixels, BOXES[2], 140)
    (line,) = find_marks(pixels)
    assert len(line) == 2
    assert line[1].ink.max() == 255  # against its own strongest ink


def test_smear_is_no_mark():
    pixels = sheet(BOXES[:1])
    ring(pixels, BOXES[2], 195)
    assert boxes_of(find_marks(pixels)) == [BOXES[:1]]


def test_ink_of_a_neighbour_is_left_out_of_a_marks_box():
    pixels = np.full((300, 400), PAPER, np.uint8)
    ring(pixels, (100, 100, 150, 185), INK)
    pixels[100:200, 170:180] = pixels[192:200, 125:180] = INK  # its foot lies below the ring
    ((first, second),) = find_marks(pixels)
    assert (tuple(first.box), tuple(second.box)) == ((100, 100, 150, 185), (125, 100, 180, 200))
    assert not second.ink[:85, :40].any()
    assert second.ink[95:, :].all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_sheet_is_refused(level):
    with pytest.raises(PictureError, match="no ink found: the picture is blank"):
        find_marks(np.full((200, 300), level, np.uint8))


def test_frame_is_no_mark():
    pixels = sheet(BOXES)
    for rows, columns in (
        (slice(20, 23), slice(20, 380)),
        (slice(337, 340), slice(20, 380)),
        (slice(20, 340), slice(20, 23)),
        (slice(20, 340), slice(377, 380)),
    ):
        pixels[rows, columns] = INK
    assert boxes_of(find_marks(pixels)) == [BOXES]


def test_ruled_line_is_no_mark():
    pixels = sheet(BOXES)
    pixels[170:173] = INK
    assert boxes_of(find_marks(pixels)) == [BOXES]


@pytest.mark.parametrize(("width", "wide"), [(60, False), (149, False), (151, True)])
def test_mark_is_wide_where_it_may_be_several(width, wide):
    assert is_wide(mark_of(np.full((100, width), 255, np.uint8))) == wide


def touching(between):
    """Two rings side by side, with a bridge of ink between them."""
    ink = np.zeros((100, 130), np.uint8)
    ring(ink, (0, 0, 60, 100), 255)
    ring(ink, (70, 0, 130, 100), 255)
    ink[40 : 40 + between, 60:70] = 255
    return mark_of(ink)


def test_halves_are_those_of_two_that_touch():
    first, second = halves(touching(between=10))
    assert first.shape[0] == second.shape[0] == 100
    assert first.shape[1] + second.shape[1] == 130


@pytest.mark.parametrize(
    "mark",
    [
        touching(between=40),  # grown together
        mark_of(np.full((100, 60), 255, np.uint8)),  # too narrow
        mark_of(np.full((6, 7), 255, np.uint8)),  # too small
        mark_of(np.pad(np.full((20, 50), 255, np.uint8), ((80, 0), (50, 0)))),  # half is empty
    ],
    ids=["thick", "narrow", "small", "empty"],
)
def test_mark_that_cannot_be_two_has_no_halves(mark):
    assert halves(mark) == ()


def test_halves_are_as_high_as_a_mark_is():
    ink = np.zeros((100, 120), np.uint8)
    ring(ink, (0, 0, 60, 100), 255)
    ink[60:80, 60:120] = 255  # a foot is no digit
    assert halves(mark_of(ink)) == ()
