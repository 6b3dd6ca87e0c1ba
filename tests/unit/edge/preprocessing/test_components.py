import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from liteproof_edge.preprocessing.components import (
    GRID,
    Box,
    Piece,
    choose_mark,
    fill_picture,
    find_pieces,
)

SIZE = (640, 480)
# So many pixels on the longer side make cells of 1, 2 and 3 pixels.
SIDES = (1, 7, GRID, GRID + 1, 2 * GRID, 2 * GRID + 5)
shapes = st.tuples(st.sampled_from(SIDES), st.sampled_from(SIDES))
pictures = shapes.flatmap(
    lambda shape: arrays.arrays(np.int16, shape, elements=st.integers(0, 255), fill=st.just(0))
)
boxes = st.builds(
    lambda left, top, width, height: Box(left, top, left + width, top + height),
    *(st.integers(0, 90), st.integers(0, 90), st.integers(1, 90), st.integers(1, 90)),
)


def naively_pooled(extreme, pixels, side):
    height, width = pixels.shape
    return np.array(
        [
            [
                extreme(pixels[top : top + side, left : left + side])
                for left in range(0, width, side)
            ]
            for top in range(0, height, side)
        ]
    )


def labelled(ink, threshold):
    """The pieces as scipy labels them: sorted boxes, in whole cells, and masses."""
    side = -(-max(ink.shape) // GRID)
    labels, _ = ndimage.label(naively_pooled(np.max, ink, side) > threshold, np.ones((3, 3)))
    mass = naively_pooled(np.sum, ink.astype(np.int64), side)
    return sorted(
        (
            *(side * edge for edge in (across.start, down.start, across.stop, down.stop)),
            int(mass[labels == label].sum()),
        )
        for label, (down, across) in enumerate(ndimage.find_objects(labels), 1)
    )


def as_sorted(pieces):
    return sorted((*piece.box, piece.mass) for piece in pieces)


def boxes_and_masses(pieces):
    return [(tuple(piece.box), piece.mass) for piece in pieces]


def piece(left, top, side, mass):
    return Piece(Box(left, top, left + side, top + side), mass)


@settings(deadline=None)  # one example took 0.3 s on a busy machine
@given(pictures, st.integers(0, 254))
def test_find_pieces_finds_the_pieces_that_scipy_labels(ink, threshold):
    assert as_sorted(find_pieces(ink, threshold)) == labelled(ink, threshold)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4, 0.6, 0.9])
@pytest.mark.parametrize("shape", [(64, 64), (64, 30), (480, 640), (500, 333), (1, 64), (640, 1)])
def test_find_pieces_finds_the_pieces_of_noise(share, shape):
    rng = np.random.default_rng(1)
    ink = np.where(rng.random(shape) < share, rng.integers(0, 256, shape), 0).astype(np.int16)
    assert as_sorted(find_pieces(ink, 40)) == labelled(ink, 40)


@pytest.mark.parametrize("turns", range(4))
def test_find_pieces_joins_what_meets_only_later(turns):
    # A comb: its teeth are pieces of their own until the last row joins them.
    ink = np.zeros((9, 21), np.int16)
    ink[:-1, ::4] = 5
    ink[-1] = 5
    spiral = np.rot90(ink, turns)
    box = (0, 0, spiral.shape[1], spiral.shape[0])
    assert boxes_and_masses(find_pieces(spiral, 0)) == [(box, int(ink.sum()))]


def test_find_pieces_joins_what_touches_by_a_corner():
    ink = np.diag(np.full(9, 7, np.int16))
    assert boxes_and_masses(find_pieces(ink, 0)) == [((0, 0, 9, 9), 63)]


def test_find_pieces_does_not_join_the_end_of_a_row_to_the_start_of_the_next():
    ink = np.zeros((2, 9), np.int16)
    ink[0, -1] = ink[1, 0] = 7
    assert len(find_pieces(ink, 0)) == 2


def test_find_pieces_counts_what_exceeds_the_threshold():
    ink = np.array([[9, 0, 10, 0, 11]], np.int16)
    assert boxes_and_masses(find_pieces(ink, 10)) == [((4, 0, 5, 1), 11)]


def test_find_pieces_gives_the_one_of_the_most_ink_first():
    ink = np.array([[5, 5, 0, 200, 0, 30, 30, 30]], np.int16)
    assert [piece.mass for piece in find_pieces(ink, 0)] == [200, 90, 10]


def test_find_pieces_finds_nothing_on_paper():
    assert find_pieces(np.zeros((90, 70), np.int16), 0) == []


def test_find_pieces_counts_the_mass_of_large_dark_areas():
    ink = np.full((1280, 1280), 255, np.int16)  # a cell's sum does not fit into 16 bits
    assert boxes_and_masses(find_pieces(ink, 0)) == [((0, 0, 1280, 1280), 255 * 1280 * 1280)]


@pytest.mark.parametrize("turns", range(4))
def test_find_pieces_tells_how_much_of_the_border_a_piece_covers(turns):
    ink = np.zeros((6, 8), np.int16)
    ink[0, 2:5] = ink[1:3, 3] = 9  # three pixels at the top
    ink[4:, 6:] = 9  # a corner: two to the right, one more at the bottom
    ink[3, 1] = 9  # inside
    contacts = sorted(piece.contact for piece in find_pieces(np.rot90(ink, turns), 0))
    assert contacts == [0, 3, 3]


def test_find_pieces_tells_in_pixels_how_much_of_the_border_a_piece_covers():
    ink = np.zeros((2 * GRID, 2 * GRID), np.int16)
    ink[:, :3] = 9
    assert [piece.contact for piece in find_pieces(ink, 0)] == [2 * (GRID + 2)]


def test_choose_mark_takes_the_only_piece():
    assert choose_mark([piece(50, 60, 40, 9000)], SIZE) == (Box(50, 60, 90, 100), False)


@pytest.mark.parametrize(
    "box", [(0, 60, 40, 100), (50, 0, 90, 40), (600, 60, 640, 100), (50, 440, 90, 480)]
)
def test_choose_mark_takes_a_smaller_piece_over_one_at_the_border(box):
    pieces = [Piece(Box(*box), 9000), piece(300, 200, 40, 1000)]
    assert choose_mark(pieces, SIZE) == (Box(300, 200, 340, 240), False)


def test_choose_mark_takes_the_piece_at_the_border_if_there_is_no_other():
    assert choose_mark([piece(0, 0, 40, 9000)], SIZE) == (Box(0, 0, 40, 40), False)


@pytest.mark.parametrize(("mass", "chosen"), [(100, (300, 200, 310, 210)), (99, (0, 0, 40, 40))])
def test_choose_mark_takes_dirt_for_no_mark_beside_a_large_piece_at_the_border(mass, chosen):
    box, _ = choose_mark([piece(0, 0, 40, 6400), piece(300, 200, 10, mass)], SIZE)
    assert box == chosen


def test_choose_mark_takes_a_mark_that_was_cut_out_over_specks_inside():
    cut_out = Piece(Box(0, 0, 640, 480), 90_000, contact=300)
    box, _ = choose_mark([cut_out, piece(300, 200, 100, 2000)], SIZE)
    assert box == cut_out.box


@pytest.mark.parametrize(
    ("cut_out", "side"),
    [
        (Piece(Box(0, 0, 640, 480), 90_000, contact=300), 160),  # the one inside is no speck
        (Piece(Box(0, 0, 640, 480), 90_000, contact=800), 100),  # a desk on two sides
        (Piece(Box(0, 0, 400, 300), 90_000, contact=300), 100),  # a hand
    ],
)
def test_choose_mark_takes_what_is_inside_over_what_is_no_cut_out_mark(cut_out, side):
    inside = piece(200, 150, side, 2000)
    box, _ = choose_mark([cut_out, inside], SIZE)
    assert box == inside.box


STROKES = Piece(Box(0, 0, 640, 480), 20_000_000, contact=300)


@pytest.mark.parametrize(
    "pieces",
    [
        [STROKES],
        [Piece(Box(40, 40, 600, 440), 20_000_000, contact=0)],  # faint where it reaches the border
        [piece(0, 0, 400, 9_000_000), Piece(Box(300, 10, 640, 480), 8_000_000, contact=20)],
    ],
)
def test_strokes_from_side_to_side_fill_a_picture(pieces):
    assert fill_picture(pieces, SIZE, 255)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [Piece(Box(41, 0, 640, 480), 20_000_000, contact=300)],  # not up to the left side
        [STROKES._replace(contact=1121)],  # more than half of the border
        [STROKES._replace(mass=255 * 640**2 * 3 // 5 + 1)],  # no strokes: a patch
        [piece(0, 0, 400, 9_000_000), Piece(Box(300, 10, 640, 480), 500_000)],  # and a speck
    ],
)
def test_other_ink_does_not_fill_a_picture(pieces):
    assert not fill_picture(pieces, SIZE, 255)


def test_choose_mark_does_not_join_what_reaches_the_border():
    pieces = [piece(20, 100, 100, 9000), Piece(Box(0, 150, 15, 160), 1000)]
    assert choose_mark(pieces, SIZE) == (Box(20, 100, 120, 200), False)


@pytest.mark.parametrize(("gap", "right"), [(25, 235), (26, 200)])
def test_choose_mark_joins_what_lies_within_a_quarter_of_its_longer_side(gap, right):
    pieces = [piece(100, 100, 100, 9000), piece(200 + gap, 150, 10, 1000)]
    assert choose_mark(pieces, SIZE) == (Box(100, 100, right, 200), False)


@pytest.mark.parametrize(("mass", "right"), [(180, 220), (179, 200)])
def test_choose_mark_leaves_specks_beside_a_mark(mass, right):
    pieces = [piece(100, 100, 100, 9000), piece(210, 150, 10, mass)]
    assert choose_mark(pieces, SIZE) == (Box(100, 100, right, 200), False)


def test_choose_mark_joins_piece_after_piece():
    pieces = [piece(100 + 50 * k, 100, 40, 9000 - 100 * k) for k in range(5)]
    assert choose_mark(pieces, SIZE) == (Box(100, 100, 340, 140), False)


@pytest.mark.parametrize(("mass", "several"), [(3000, True), (2999, False)])
def test_choose_mark_tells_of_another_mark_as_large(mass, several):
    pieces = [piece(100, 100, 100, 9000), piece(400, 100, 100, mass)]
    assert choose_mark(pieces, SIZE) == (Box(100, 100, 200, 200), several)


def test_choose_mark_remembers_another_mark_while_it_joins_a_stroke():
    pieces = [piece(100, 100, 100, 9000), piece(400, 100, 100, 8000), piece(205, 100, 20, 7000)]
    assert choose_mark(pieces, SIZE) == (Box(100, 100, 225, 200), True)


@given(boxes, boxes)
def test_joined_box_is_the_smallest_around_both(one, other):
    pixels = np.zeros((200, 200), bool)
    one.cut(pixels)[:] = other.cut(pixels)[:] = True
    rows, columns = np.nonzero(pixels)
    expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert one.joined(other) == other.joined(one) == expected


@given(boxes, boxes)
def test_gap_is_by_how_much_the_one_must_grow_to_touch_the_other(one, other):
    gap = one.gap(other)
    assert gap == other.gap(one)

    def meets(margin):
        grown = one.grown(margin)
        return (grown.left <= other.right and other.left <= grown.right) and (
            grown.top <= other.bottom and other.top <= grown.bottom
        )

    assert meets(gap)
    assert gap == 0 or not meets(gap - 1)


@given(st.tuples(*[st.integers(1, 60)] * 2), st.tuples(*[st.integers(1, 60)] * 2), st.data())
def test_scaled_box_covers_what_the_box_covered(size, to, data):
    left, right = sorted(data.draw(st.tuples(*[st.integers(0, size[0])] * 2)))
    top, bottom = sorted(data.draw(st.tuples(*[st.integers(0, size[1])] * 2)))
    scaled = Box(left, top, right, bottom).scaled(size, to)
    for edge, outer in ((0, -1), (1, -1), (2, 1), (3, 1)):
        exact = (left, top, right, bottom)[edge] * to[edge % 2] / size[edge % 2]
        assert 0 <= outer * (scaled[edge] - exact) < 1


def test_scaled_box_is_the_box_where_the_size_is_the_same():
    assert Box(3, 4, 50, 60).scaled((70, 90), (70, 90)) == (3, 4, 50, 60)


def test_clipped_box_lies_inside_the_picture():
    assert Box(-5, -6, 700, 500).clipped(SIZE) == (0, 0, 640, 480)


def test_clipped_box_that_lies_inside_is_itself():
    assert Box(5, 6, 70, 80).clipped(SIZE) == (5, 6, 70, 80)


@pytest.mark.parametrize(
    ("box", "touches"),
    [
        ((1, 1, 639, 479), False),
        ((0, 1, 639, 479), True),
        ((1, 0, 639, 479), True),
        ((1, 1, 640, 479), True),
        ((1, 1, 639, 480), True),
        ((1, 1, 645, 479), True),  # whole cells can stand over
    ],
)
def test_box_touches_the_border_where_no_pixel_lies_between(box, touches):
    assert Box(*box).touches_border(SIZE) == touches


@pytest.mark.parametrize(("box", "longer"), [((10, 10, 40, 20), 30), ((10, 10, 20, 50), 40)])
def test_longer_side_of_a_box(box, longer):
    assert Box(*box).longer == longer


def test_cut_gives_the_pixels_inside_a_box():
    pixels = np.arange(20).reshape(4, 5)
    assert Box(1, 2, 3, 4).cut(pixels).tolist() == [[11, 12], [16, 17]]
