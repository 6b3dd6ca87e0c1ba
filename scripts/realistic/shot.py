"""How one picture is taken: what every kind of damage reads its own part of."""

from dataclasses import dataclass
from typing import TypeAlias

Colour: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Shot:
    """How one picture is taken.

    Attributes:
        size: width and height, pixels.
        fill: the mark's share of the picture, in the direction where it fills more of it.
        page: the mark's longer side is so much of the picture's longer side instead.
        centred: near the middle, or anywhere.
        stroke: its width over the mark's longer side; None leaves MNIST's own.
        paper: its colour.
        ink: its colour.
        grainy: share of the ink that the paper's tooth keeps off, as with pencil or chalk.
        texture: grey levels of paper grain.
        fibres: how many per 100x100 pixels.
        ruled: lines or squares on the paper, as strong as this share of black.
        smeared: a board wiped many times.
        desk: sides on which the sheet ends inside the picture.
        bright: of the lighter side; 1 for a scan.
        falloff: brightness of the darker side over the lighter's.
        vignette: what the corners lose.
        shadows: how many.
        blur: radius of the lens's disc over the mark's longer side.
        motion: length of the shake's trace, likewise.
        noise: the sensor's, grey levels.
        quality: JPEG's; None gives PNG.
        orientation: EXIF's.
        transparent: no paper, alpha instead.
    """

    size: tuple[int, int]
    fill: float
    stroke: float | None
    paper: Colour
    ink: Colour
    page: bool = False
    centred: bool = True
    grainy: float = 0.0
    texture: float = 1.5
    fibres: float = 0.0
    ruled: float = 0.0
    smeared: bool = False
    desk: int = 0
    bright: float = 1.0
    falloff: float = 1.0
    vignette: float = 0.0
    shadows: int = 0
    blur: float = 0.0
    motion: float = 0.0
    noise: float = 1.5
    quality: int | None = 88
    orientation: int = 1
    transparent: bool = False
