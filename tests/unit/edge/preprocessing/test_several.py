import io

import numpy as np
import pytest
from PIL import Image

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.several import SEARCHED
from liteproof_edge.preprocessing.spec import preprocess, preprocess_each

PAPER, INK = 235, 25
BOXES = [(60, 40, 100, 120), (160, 45, 200, 118), (260, 40, 310, 124)]
# A mark found in a picture averaged down: an edge may be off by one of its pixels and one more.
SEARCHED_PIXELS = 2


def sheet(boxes, size=(400, 200)):
    pixels = np.full(size[::-1], PAPER, np.uint8)
    for left, top, right, bottom in boxes:
        thick = max(2, (right - left) // 5)
        pixels[top:bottom, left:right] = INK
        pixels[top + thick : bottom - thick, left + thick : right - thick] = PAPER
    return pixels


def png(image, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def boxes_of(lines):
    return [[mark.prepared.report.box for mark in line] for line in lines]


def test_marks_have_their_boxes_in_the_pictures_own_pixels(ink):
    assert boxes_of(preprocess_each(sheet(BOXES), ink)) == [BOXES]


def test_mark_becomes_what_it_becomes_alone(ink):
    (line,) = preprocess_each(sheet(BOXES), ink)
    for mark, box in zip(line, BOXES, strict=True):
        alone = preprocess(sheet([box]), ink)
        np.testing.assert_array_equal(mark.prepared.pixels, alone.pixels)


def test_single_mark_is_a_line_of_one(ink):
    assert boxes_of(preprocess_each(sheet(BOXES[:1]), ink)) == [BOXES[:1]]


def test_boxes_are_upright_where_exif_turns_the_picture(ink):
    image = Image.fromarray(sheet(BOXES)).transpose(Image.Transpose.ROTATE_90)
    tags = Image.Exif()
    tags[0x0112] = 6
    assert boxes_of(preprocess_each(png(image, exif=tags), ink)) == [BOXES]


def test_small_marks_of_a_large_picture_are_looked_at_closer(ink):
    scale = 6
    boxes = [tuple(side + 2 * SEARCHED for side in box) for box in BOXES]
    size = (scale * SEARCHED, 3 * SEARCHED)
    (found,) = boxes_of(preprocess_each(sheet(boxes, size), ink))
    assert np.abs(np.subtract(found, boxes)).max() <= SEARCHED_PIXELS


@pytest.mark.parametrize("level", [0, 255])
def test_transparent_sheet_is_read_whatever_its_ink(ink, level):
    alpha = PAPER - sheet(BOXES)
    pixels = np.dstack([np.full_like(alpha, level)] * 3 + [alpha])
    assert boxes_of(preprocess_each(pixels, ink)) == [BOXES]


def test_mark_wider_than_a_digit_is_in_doubt(ink):
    (line,) = preprocess_each(sheet([*BOXES[:2], (250, 40, 390, 120)]), ink)
    doubts = [mark.prepared.report.doubts for mark in line]
    assert doubts == [(), (), ("several that touch",)]


def test_fractions_are_of_the_whole_picture(ink):
    pixels = sheet(BOXES)
    (line,) = preprocess_each(pixels, ink)
    total = sum(mark.prepared.report.ink_fraction for mark in line)
    assert total == pytest.approx(np.mean(pixels == INK))


def test_empty_sheet_is_refused_by_name(ink, tmp_path):
    path = tmp_path / "empty.png"
    path.write_bytes(png(Image.new("L", (300, 200), PAPER)))
    with pytest.raises(PictureError, match="no ink found: the picture is blank") as refused:
        preprocess_each(path, ink)
    assert str(refused.value).startswith(f"{path}: ")


def test_without_each_several_marks_are_in_doubt(ink):
    assert preprocess(sheet(BOXES), ink).report.doubts == ("several marks",)
