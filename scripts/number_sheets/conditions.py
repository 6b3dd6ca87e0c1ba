"""What the sheets look like."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from realistic.chance import Rng, log_uniform, pick

Colour = tuple[int, int, int]
COLOURED: tuple[tuple[Colour, Colour], ...] = (  # ink, paper
    ((30, 60, 190), (250, 230, 110)),
    ((205, 35, 40), (150, 195, 235)),
    ((20, 30, 95), (190, 150, 105)),
    ((25, 110, 60), (245, 200, 205)),
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """How one sheet is made; lengths are shares of a digit's height unless they say pixels.

    Attributes:
        lines: how many digits each has.
        height: of a digit, pixels.
        gap: between the boxes of two digits.
        margin: around all of them.
        paper: its colour.
        ink: its colour.
        falloff: brightness of the darker side over the lighter's.
        noise: standard deviation, grey levels.
        uneven: digits are up to so much larger or smaller.
        slope: of the lines, pixels down for each pixel to the right.
        ruled: whether a line is ruled under the digits, from side to side.
        framed: whether a frame is drawn around them.
        parted: whether each digit is cut by a gap, as pens leave it.
        quality: JPEG's; None gives PNG.
    """

    lines: tuple[int, ...]
    height: int
    gap: tuple[float, float] = (0.2, 0.7)
    margin: float = 0.8
    paper: Colour = (250, 250, 247)
    ink: Colour = (30, 32, 40)
    falloff: float = 1.0
    noise: float = 1.5
    uneven: float = 0.1
    slope: float = 0.0
    ruled: bool = False
    framed: bool = False
    parted: bool = False
    quality: int | None = 90


def scan(rng: Rng) -> Sheet:
    """Return a scan of 1 to 12 digits in one or two lines: what the others are changed from."""
    digits = int(rng.integers(1, 13))
    first = int(rng.integers(1, digits)) if digits > 1 and rng.random() < 0.5 else digits
    lines = (first, digits - first) if first < digits else (digits,)
    return Sheet(lines, int(log_uniform(rng, 28, 140)))


def lit(rng: Rng) -> Sheet:
    """Return a photo in uneven light, with noise."""
    return replace(scan(rng), falloff=rng.uniform(0.5, 0.9), noise=rng.uniform(2, 6))


def board(rng: Rng) -> Sheet:
    """Return light digits on a dark board."""
    return replace(lit(rng), paper=(45, 55, 50), ink=(235, 235, 228))


def screen(rng: Rng) -> Sheet:
    """Return white digits on black, without noise, as a drawing program writes them."""
    return replace(scan(rng), paper=(0, 0, 0), ink=(255, 255, 255), noise=0, quality=None)


def coloured(rng: Rng) -> Sheet:
    """Return a photo of coloured ink on coloured paper."""
    ink, paper = pick(rng, COLOURED)
    return replace(lit(rng), ink=ink, paper=paper)


def small(rng: Rng) -> Sheet:
    """Return digits that are small on a large sheet."""
    return replace(lit(rng), height=int(rng.integers(40, 70)), margin=rng.uniform(5, 14))


def sizes(rng: Rng) -> Sheet:
    """Return digits of very different sizes."""
    return replace(lit(rng), uneven=0.4)


def slanting(rng: Rng) -> Sheet:
    """Return lines that rise or fall."""
    return replace(lit(rng), slope=pick(rng, (-1, 1)) * rng.uniform(0.02, 0.08))


def ruled(rng: Rng) -> Sheet:
    """Return digits with a line ruled under them."""
    return replace(lit(rng), ruled=True)


def framed(rng: Rng) -> Sheet:
    """Return digits in a frame."""
    return replace(lit(rng), framed=True)


def parted(rng: Rng) -> Sheet:
    """Return digits whose strokes are apart."""
    return replace(scan(rng), parted=True, height=int(rng.integers(60, 140)))


def single(rng: Rng) -> Sheet:
    """Return one digit alone."""
    return replace(lit(rng), lines=(1,))


def touching(rng: Rng) -> Sheet:
    """Return digits that touch their neighbours."""
    return replace(scan(rng), lines=(int(rng.integers(2, 6)),), gap=(-0.12, -0.03))


CONDITIONS: Mapping[str, Callable[[Rng], Sheet]] = {
    each.__name__: each
    for each in (
        *(scan, lit, board, screen, coloured, small, sizes, slanting),
        *(ruled, framed, parted, single, touching),
    )
}
