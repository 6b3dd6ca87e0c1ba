"""`ink` for several marks: each of a picture's becomes what MNIST's are, in reading order."""

from contextlib import suppress
from functools import partial, reduce

from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.components import Box, Size
from liteproof_edge.preprocessing.ink import FEWEST, ZOOM, InkSpec, paper_for, whole_of
from liteproof_edge.preprocessing.mark import Mark
from liteproof_edge.preprocessing.pictures import Picture, decode, flatten
from liteproof_edge.preprocessing.prepared import Prepared, PreparedMark, Report, doubts
from liteproof_edge.preprocessing.sheet import find_marks, halves, is_wide

SEARCHED = 1024  # pixels: the longer side of the picture that is searched, at most
CLOSER = 2048  # pixels: that of the part that is searched again, where marks are small


def prepare_each(
    picture: Picture, spec: InkSpec, max_megapixels: int | None = None
) -> list[list[PreparedMark]]:
    """Return every mark, line by line from the top, each from left to right.

    Raises:
        PictureError: there is no ink in the picture.
    """
    decoded = decode(picture, SEARCHED, max_megapixels)
    opaque = partial(flatten, on=paper_for(decoded))
    size, full_size = decoded.size, decoded.full_size
    seen, lines = Box(0, 0, *size), find_marks(decoded.reduced(SEARCHED, opaque))
    smallest = min(mark.box.longer for line in lines for mark in line)
    if smallest < ZOOM and max(full_size) > SEARCHED:
        decoded = whole_of(decoded, picture, max_megapixels)
        around = reduce(Box.joined, (mark.box for line in lines for mark in line))
        nearby = around.grown(smallest).scaled(lines[0][0].searched, decoded.size)
        nearby = nearby.clipped(decoded.size)
        pixels, closer_size = decoded.reduced(CLOSER, opaque, nearby), decoded.size
        del decoded  # it may take all of the budget, and to find marks takes much as well
        with suppress(PictureError):  # then what was seen from afar is all there is
            lines = find_marks(pixels)
            seen, size = nearby, closer_size
    return [[_prepared(mark, seen, (size, full_size), spec) for mark in line] for line in lines]


def _prepared(mark: Mark, seen: Box, sizes: tuple[Size, Size], spec: InkSpec) -> PreparedMark:
    """Return a mark that was found in an area of a picture.

    Args:
        mark: in pixels of what was searched.
        seen: the area.
        sizes: of the picture that the area is of, and of all of it.
        spec: how the mark becomes the model's input.
    """
    size, full_size = sizes
    box = mark.box.scaled(mark.searched, (seen.width, seen.height)).moved(seen.left, seen.top)
    share = seen.width * seen.height / (size[0] * size[1])
    report = Report(
        spec.kind,
        mark.polarity,
        box.scaled(size, full_size),
        mark.fraction * share,
        spec.legibility(mark),
        doubts({"several that touch": is_wide(mark), "hardly any ink": mark.box.longer < FEWEST}),
    )
    prepared = Prepared(spec.normalised(mark.ink), report)
    return PreparedMark(prepared, tuple(spec.normalised(half) for half in halves(mark)))
