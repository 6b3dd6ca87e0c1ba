"""Telling the marks on a sheet apart: connected pieces of ink, and which belong together."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.preprocessing.windows import pooled

Size = tuple[int, int]  # width, height
GRID = 64  # cells along the longer side: pieces that share one, or a corner, are one


class Box(NamedTuple):
    """A rectangle in pixels; right and bottom lie just outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """From left to right."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """From top to bottom."""
        return self.bottom - self.top

    @property
    def longer(self) -> int:
        """The longer side."""
        return max(self.right - self.left, self.bottom - self.top)

    def cut(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return the pixels inside."""
        return pixels[self.top : self.bottom, self.left : self.right]

    def tightened(self, inside: NDArray[np.bool_]) -> "Box":
        """Return the smallest box around what is true of the pixels inside."""
        rows, columns = inside.any(axis=1), inside.any(axis=0)
        return Box(
            self.left + int(columns.argmax()),
            self.top + int(rows.argmax()),
            self.left + columns.size - int(columns[::-1].argmax()),
            self.top + rows.size - int(rows[::-1].argmax()),
        )

    def joined(self, other: "Box") -> "Box":
        """Return the smallest box around both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def grown(self, margin: int) -> "Box":
        """Return the box with a margin on every side."""
        return Box(self.left - margin, self.top - margin, self.right + margin, self.bottom + margin)

    def moved(self, right: int, down: int) -> "Box":
        """Return the box in another place."""
        return Box(self.left + right, self.top + down, self.right + right, self.bottom + down)

    def clipped(self, size: Size) -> "Box":
        """Return the part of the box that lies inside a picture."""
        width, height = size
        return Box(
            max(self.left, 0), max(self.top, 0), min(self.right, width), min(self.bottom, height)
        )

    def scaled(self, size: Size, to: Size) -> "Box":
        """Return where the box of a picture of one size lies in the same picture of another."""
        return Box(
            self.left * to[0] // size[0],
            self.top * to[1] // size[1],
            -(-self.right * to[0] // size[0]),
            -(-self.bottom * to[1] // size[1]),
        )

    def touches_border(self, size: Size) -> bool:
        """Whether the box reaches the border of a picture."""
        return self.left <= 0 or self.top <= 0 or self.right >= size[0] or self.bottom >= size[1]

    def gap(self, other: "Box") -> int:
        """Return the distance to another box, along the axis on which they are farther apart."""
        return max(
            other.left - self.right,
            self.left - other.right,
            other.top - self.bottom,
            self.top - other.bottom,
            0,
        )


class Piece(NamedTuple):
    """One connected piece of ink.

    Attributes:
        box: around it.
        mass: the sum of its ink.
        contact: pixels of the picture's border that it covers.
        runs: its cells: the row, the first column and the one behind the last, counted in cells.
    """

    box: Box
    mass: int
    contact: int = 0
    runs: tuple[tuple[int, int, int], ...] = ()


def find_pieces(ink: NDArray[np.int16], threshold: int, grid: int = GRID) -> list[Piece]:
    """Return the pieces of ink, the one of the most ink first; their boxes are whole cells.

    Args:
        ink: int16 (height, width), 0 for paper.
        threshold: what must be exceeded.
        grid: cells along the longer side.
    """
    cell = cell_side(ink.shape, grid)
    cells = pooled(np.maximum, ink, cell)
    # Rows one after the other, each with an empty cell before it: a run is between two changes.
    line = _in_line(cells)
    dark = line > threshold
    changes = np.flatnonzero(dark[1:] != dark[:-1]) + 1
    rows, columns = np.divmod(changes - 1, cells.shape[1] + 1)
    runs = list(zip(rows[::2].tolist(), columns[::2].tolist(), columns[1::2].tolist(), strict=True))
    members: dict[int, list[int]] = {}
    for index, root in enumerate(_roots(runs)):
        members.setdefault(root, []).append(index)
    if cell > 1:
        line = _in_line(pooled(np.add, ink.astype(np.int32), cell))
    masses = np.add.reduceat(line, changes, dtype=np.int32)[::2].tolist()
    pieces = []
    for indices in members.values():
        own_rows, starts, ends = zip(*[runs[index] for index in indices], strict=True)
        edges = (min(starts), own_rows[0], max(ends), own_rows[-1] + 1)
        box = Box(*[cell * edge for edge in edges])
        mass = sum([masses[index] for index in indices])
        touches = box.touches_border((ink.shape[1], ink.shape[0]))
        contact = cell * _on_border(own_rows, starts, ends, cells.shape) if touches else 0
        own = tuple(runs[index] for index in indices)
        pieces.append(Piece(box, mass, contact, own))
    return sorted(pieces, key=lambda piece: -piece.mass)


def cell_side(shape: tuple[int, ...], grid: int) -> int:
    """Return the pixels of a cell's side, where there are so many cells along the longer side."""
    return -(-max(shape) // grid)


def _in_line(cells: NDArray[Any]) -> NDArray[Any]:
    """Return the rows one after the other, each after an empty cell, and one at the end."""
    height, width = cells.shape
    line = np.zeros(height * (width + 1) + 1, cells.dtype)
    line[:-1].reshape(height, width + 1)[:, 1:] = cells
    return line


def choose_mark(pieces: list[Piece], size: Size) -> tuple[Box, bool]:
    """Return the box of the mark that is meant, and whether there is another one like it.

    What reaches the border (a desk beside the sheet, a finger) is not meant, unless there is hardly
    anything else, or it is a mark that was cut out. What lies near the largest piece belongs to it,
    except specks.
    """
    inside = [
        piece
        for piece in pieces
        if piece.mass * 64 >= pieces[0].mass and not piece.box.touches_border(size)
    ]
    if inside and not _is_cut_out(pieces[0], inside, size):
        pieces = inside
    largest = pieces[0]
    box, several = largest.box, False
    for piece in pieces[1:]:
        if piece.box.gap(box) * 4 > box.longer:
            several = several or piece.mass * 3 >= largest.mass
        elif piece.mass * 50 >= largest.mass:
            box = box.joined(piece.box)
    return box, several


def fill_picture(pieces: list[Piece], size: Size, strongest: int) -> bool:
    """Whether the pieces are a mark that was cut out: strokes from side to side, up and down.

    Args:
        pieces: the one of the most ink first.
        size: of the picture.
        strongest: grey levels of the strongest ink.
    """
    if not pieces:
        return False
    box = pieces[0].box
    for piece in pieces[1:]:
        if piece.mass * 16 >= pieces[0].mass:
            box = box.joined(piece.box)
    full = Box(0, 0, *size)
    return (
        full.grown(-(max(size) // 16)).joined(box) == box
        and sum(piece.contact for piece in pieces) <= sum(size)  # half of the border
        and 5 * sum(piece.mass for piece in pieces) <= 3 * strongest * box.longer**2
    )


def _is_cut_out(piece: Piece, inside: list[Piece], size: Size) -> bool:
    """Whether a piece spans the picture, on a third of its border at most, beside mere specks."""
    width, height = piece.box.right - piece.box.left, piece.box.bottom - piece.box.top
    return (
        piece.box.touches_border(size)
        and (4 * width >= 3 * size[0] or 4 * height >= 3 * size[1])
        and 3 * piece.contact < 2 * sum(size)
        and all(4 * other.box.longer < piece.box.longer for other in inside)
    )


def _on_border(
    rows: tuple[int, ...], starts: tuple[int, ...], ends: tuple[int, ...], shape: tuple[int, ...]
) -> int:
    """Return how many cells of the border runs cover; those in the corners count once."""
    height, width = shape
    return sum(
        end - start if row in {0, height - 1} else (start == 0) + (end == width)
        for row, start, end in zip(rows, starts, ends, strict=True)
    )


def _roots(runs: list[tuple[int, int, int]]) -> list[int]:
    """Return, for each run (row, start, end), the first one of all that it is connected to.

    Neighbours touch by a side or a corner. Source: Rosenfeld and Pfaltz 1966, "Sequential
    operations in digital picture processing".
    """
    parents = list(range(len(runs)))  # none comes after its child

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    above = 0
    for index, (row, start, end) in enumerate(runs):
        while runs[above][0] < row - 1 or (runs[above][0] == row - 1 and runs[above][2] < start):
            above += 1
        other = above
        while runs[other][0] < row and runs[other][1] <= end:
            if parents[index] == index:  # as most runs have one neighbour above
                parents[index] = root(other)
            else:
                first, second = sorted((root(index), root(other)))
                parents[second] = first
            other += 1
    for index, parent in enumerate(parents):
        parents[index] = parents[parent]
    return parents
