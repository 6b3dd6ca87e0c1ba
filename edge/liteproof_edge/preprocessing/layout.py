"""Which pieces of ink make one mark, and in which order people read the marks of a sheet."""

from collections.abc import Sequence
from typing import NamedTuple

from liteproof_edge.preprocessing.components import Box, Piece, Size

ROUNDS = 2
SLENDER = 6  # times as long as wide: a line, or a one
MOST = 400  # pieces: those of the most ink; more of them are noise
# All that follows is a share of something, in hundredths.
SPECK = 20  # of the usual height: a piece whose longer side is less is no mark
FAINT = 2  # of the most ink: so is a piece of less
FLAT, WIDE = 50, 300  # of the usual height: a line is lower than the one and wider than the other
HIGH = 150  # of the usual height: a line that is upright is higher
FRAME, CONTENTS = 180, 25  # a frame is so much longer than what is inside, and has so much inside
PART = 60  # of its mark's height: what is lower may be a part that stands apart
NEAR, FAR = 15, 30  # of the mark's height: how far a part may be beside it, and above it
TALLEST = 180  # of the usual height: what parts may amount to
WIDEST = 140  # of their height: so wide may they be together
BAR, WIDEST_WITH_BAR = 30, 190  # a part lower than this of the usual height, as over a 5, is a bar
OVER, INSIDE = (
    40,
    80,
)  # of the narrower one's width: shared by what lies above, and beside, its rest
SAME_LINE = 40  # of the lower one's height: what two neighbours in a line share


class Cluster(NamedTuple):
    """Pieces that make one mark, and the box around them."""

    pieces: tuple[Piece, ...]
    box: Box

    @property
    def mass(self) -> int:
        """The sum of the ink."""
        return sum(piece.mass for piece in self.pieces)

    def joined(self, other: "Cluster") -> "Cluster":
        """Return both as one."""
        return Cluster((*self.pieces, *other.pieces), self.box.joined(other.box))


def find_lines(pieces: Sequence[Piece], size: Size) -> list[list[Cluster]]:
    """Return the marks of a sheet, line by line from the top, each from left to right.

    Args:
        pieces: the one of the most ink first.
        size: of the sheet, in their pixels.
    """
    kept = _meant(pieces[:MOST], size)
    kept = [piece for piece in kept if not _is_frame(piece, kept)]
    if not kept:
        return []
    usual = _usual_height(kept)
    kept = [piece for piece in kept if not _is_speck(piece, usual) and not _is_line(piece, usual)]
    marks = [Cluster((piece,), piece.box) for piece in kept]
    for _ in range(ROUNDS):  # where most are in parts, the first one tells how high they are
        marks = _joined(marks, _usual_height(marks))
    return _in_lines(marks)


def _meant(pieces: Sequence[Piece], size: Size) -> list[Piece]:
    """Leave out what reaches the border, unless there is hardly anything else, and dust."""
    inside = [piece for piece in pieces if not piece.box.touches_border(size)]
    if not inside or inside[0].mass * 64 < pieces[0].mass:
        inside = list(pieces)
    return [piece for piece in inside if 100 * piece.mass >= FAINT * inside[0].mass]


def _usual_height(pieces: Sequence[Piece | Cluster]) -> int:
    """Return the height that a quarter of the ink is in pieces of, or in higher ones."""
    broad = [piece for piece in pieces if not _is_slender(piece)] or pieces
    remaining = sum(piece.mass for piece in broad) // 4
    for piece in sorted(broad, key=lambda piece: -piece.box.height):
        remaining -= piece.mass
        if remaining <= 0:
            break
    return piece.box.height


def _is_speck(piece: Piece, usual: int) -> bool:
    return 100 * piece.box.longer < SPECK * usual


def _is_line(piece: Piece, usual: int) -> bool:
    """Whether a piece is a ruled line, the side of a frame, or what is left of one."""
    width, height = piece.box.width, piece.box.height
    if width > height:
        is_low = 100 * width > WIDE * usual and 100 * height < FLAT * usual
        return is_low or _is_slender(piece)
    return _is_slender(piece) and 100 * height > HIGH * usual


def _is_slender(piece: Piece | Cluster) -> bool:
    width, height = piece.box.width, piece.box.height
    return width > SLENDER * height or height > SLENDER * width


def _is_frame(piece: Piece, pieces: Sequence[Piece]) -> bool:
    """Whether a piece is drawn around others, which are much of the ink and much smaller."""
    inside = [
        other for other in pieces if other is not piece and piece.box.joined(other.box) == piece.box
    ]
    return 100 * sum(other.mass for other in inside) > CONTENTS * piece.mass and all(
        100 * piece.box.longer > FRAME * other.box.longer for other in inside
    )


def _joined(marks: Sequence[Cluster], usual: int) -> list[Cluster]:
    """Join the parts of each mark: the lowest one first, to the nearest that it may belong to."""
    marks = list(marks)
    settled: list[Cluster] = []
    while marks:
        part = min(marks, key=lambda mark: mark.box.height)
        marks.remove(part)
        near = [mark for mark in marks if _belong_together(part.box, mark.box, usual)]
        if not near:
            settled.append(part)
            continue
        nearest = min(near, key=lambda mark: (part.box.gap(mark.box), -mark.mass))
        marks[marks.index(nearest)] = nearest.joined(part)
    return settled


def _belong_together(part: Box, whole: Box, usual: int) -> bool:
    """Whether a part, the lower of the two boxes, is one of the mark in the other box."""
    both, height = part.joined(whole), max(whole.height, usual)
    widest = WIDEST_WITH_BAR if 100 * part.height < BAR * usual else WIDEST
    if 100 * both.height > TALLEST * usual or 100 * both.width > widest * both.height:
        return False
    across = _distance(part.left, part.right, whole.left, whole.right)
    down = _distance(part.top, part.bottom, whole.top, whole.bottom)
    if 100 * part.height < PART * height:
        return 100 * across <= NEAR * height and 100 * down <= FAR * height
    is_beside = 100 * -down >= PART * part.height  # as its neighbour is, which may lean over it
    over = INSIDE if is_beside else OVER
    return 100 * -across >= over * min(part.width, whole.width) and 100 * down <= NEAR * height


def _distance(start: int, end: int, other_start: int, other_end: int) -> int:
    """Return the gap between two stretches; what they share is negative."""
    return max(start, other_start) - min(end, other_end)


def _in_lines(marks: Sequence[Cluster]) -> list[list[Cluster]]:
    """Return the marks in lines, which may slant: each follows on its left neighbour."""
    lines: list[list[Cluster]] = []
    for mark in sorted(marks, key=lambda mark: (mark.box.left, mark.box.top)):
        shares = [(_shared_height(line[-1].box, mark.box), line) for line in lines]
        share, line = max(shares, key=lambda pair: pair[0], default=(0, []))
        if share >= SAME_LINE:
            line.append(mark)
        else:
            lines.append([mark])
    return sorted(
        lines, key=lambda line: sum(mark.box.top + mark.box.bottom for mark in line) / len(line)
    )


def _shared_height(box: Box, other: Box) -> int:
    """Return how much two boxes share of the lower one's height, in hundredths."""
    shared = -_distance(box.top, box.bottom, other.top, other.bottom)
    return 100 * shared // min(box.height, other.height)
