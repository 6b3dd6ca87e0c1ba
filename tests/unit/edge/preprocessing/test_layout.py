"""Marks are drawn as boxes: what is far, near, low or high is what counts."""

import pytest

from liteproof_edge.preprocessing.components import Box, Piece
from liteproof_edge.preprocessing.layout import find_lines

SIZE = (1000, 600)
HIGH = 100  # pixels, of a digit


def piece(left, top, width=60, height=HIGH, mass=None):
    return Piece(Box(left, top, left + width, top + height), mass or 2 * (width + height))


def lines_of(*pieces):
    """The left edges of the marks, line by line."""
    found = find_lines(sorted(pieces, key=lambda each: -each.mass), SIZE)
    return [[mark.box.left for mark in line] for line in found]


def test_marks_are_read_from_left_to_right():
    assert lines_of(piece(300, 100), piece(100, 110), piece(200, 95)) == [[100, 200, 300]]


def test_lines_are_read_from_the_top():
    upper = [piece(left, 100) for left in (150, 250, 350)]
    lower = [piece(left, 260) for left in (100, 200)]
    assert lines_of(*lower, *upper) == [[150, 250, 350], [100, 200]]


@pytest.mark.parametrize("slope", [-0.12, 0.12])
def test_line_may_slant_by_more_than_a_digits_height(slope):
    pieces = [piece(left, int(250 + slope * left)) for left in range(20, 920, 90)]
    assert lines_of(*pieces) == [list(range(20, 920, 90))]


@pytest.mark.parametrize("slope", [-0.06, 0.06])
def test_lines_that_slant_stay_apart(slope):
    places = range(100, 700, 90)
    upper = [piece(left, int(150 + slope * left)) for left in places]
    lower = [piece(left, int(300 + slope * left)) for left in places]
    assert lines_of(*upper, *lower) == [list(places)] * 2


def test_smaller_digits_are_of_the_line_that_they_stand_in():
    assert lines_of(piece(100, 100), piece(200, 150, 30, 50), piece(300, 100)) == [[100, 200, 300]]


@pytest.mark.parametrize(
    "part",
    [
        piece(130, 85, 70, 12),  # the bar of a five, to the right
        piece(110, 85, 40, 12),
        piece(168, 150, 8, 40),  # a stroke beside it
        piece(110, 40, 50, 50),  # its upper half
    ],
)
def test_part_that_stands_apart_belongs_to_its_mark(part):
    body = piece(100, 100)
    (line,) = find_lines([body, part], SIZE)
    assert [mark.box for mark in line] == [body.box.joined(part.box)]


def test_wide_bar_belongs_to_a_low_body():
    body, bar = piece(100, 130, 50, 60), piece(140, 110, 75, 12)
    (line,) = find_lines([piece(300, 90), body, bar], SIZE)
    assert len(line) == 2


def test_halves_belong_together_where_all_digits_are_in_two():
    pieces = [
        half
        for left in (100, 200, 300)
        for half in (piece(left, 100, 60, 35), piece(left, 142, 60, 58))
    ]
    assert lines_of(*pieces) == [[100, 200, 300]]


@pytest.mark.parametrize(
    "other", [piece(170, 100), piece(164, 160, 30, 65), piece(130, 105), piece(100, 250)], ids=str
)
def test_neighbour_of_a_digits_height_is_a_mark_of_its_own(other):
    assert sum(map(len, lines_of(piece(100, 100), other))) == 2


@pytest.mark.parametrize(
    "other",
    [
        piece(700, 300, 4, 4),  # dust
        piece(50, 240, 900, 6),  # a line ruled under them
        piece(50, 240, 250, 20),  # a piece of one
        piece(60, 30, 5, 500),  # the side of a frame
        piece(50, 50, 600, 300, mass=1000),  # a frame
        piece(0, 300, 300, 300),  # a desk
        piece(940, 100),  # a digit that the border cuts
    ],
    ids=["dust", "ruled", "rest", "side", "frame", "desk", "cut"],
)
def test_what_is_no_mark_is_left_out(other):
    assert lines_of(*(piece(left, 100) for left in (100, 200, 300)), other) == [[100, 200, 300]]


def test_ones_are_marks():
    pieces = [piece(left, 100, 10) for left in (100, 150, 200)]
    assert lines_of(*pieces) == [[100, 150, 200]]


def test_mark_at_the_border_is_read_where_there_is_no_other():
    assert lines_of(piece(0, 0, 1000, 600)) == [[0]]


def test_sheet_without_pieces_has_no_lines():
    assert find_lines([], SIZE) == []


def test_many_pieces_are_read_in_bounded_time():
    pieces = [piece(12 + 30 * (n % 32), 12 + 18 * (n // 32), 6, 8) for n in range(900)]
    assert sum(map(len, lines_of(*pieces))) <= 400
