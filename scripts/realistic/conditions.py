"""The conditions under which pictures are taken, by name."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from realistic.chance import Rng, log_uniform, pick, shape
from realistic.shot import Colour, Shot

DARK_INKS: tuple[Colour, ...] = ((25, 25, 30), (45, 42, 40), (20, 30, 95), (35, 50, 120))
# Yellow-orange is hardly darker than white; the last two are no darker than their green papers.
COLOURS: tuple[tuple[Colour, Colour], ...] = (
    ((30, 60, 190), (248, 248, 246)),
    ((205, 35, 40), (250, 248, 244)),
    ((25, 135, 65), (246, 247, 250)),
    ((245, 165, 20), (250, 250, 250)),
    ((235, 195, 40), (248, 248, 250)),
    ((210, 50, 60), (225, 240, 215)),
    ((200, 60, 50), (95, 150, 85)),
    ((225, 70, 60), (80, 140, 90)),
)
PAPERS: tuple[Colour, ...] = (
    (250, 230, 110),  # sticky note
    (150, 195, 235),
    (245, 175, 195),
    (190, 150, 105),  # kraft
    (170, 215, 150),
)
BOARDS: tuple[Colour, ...] = ((38, 40, 42), (35, 62, 50), (45, 75, 60))


def plain(rng: Rng) -> Shot:
    """Return a flatbed scan: what all others are changed from."""
    white = rng.integers(240, 256)
    return Shot(
        size=shape(rng, 400, 1600),
        fill=rng.uniform(0.4, 0.75),
        stroke=log_uniform(rng, 0.03, 0.13),
        paper=tuple(int(white - cast) for cast in rng.integers(0, 8, 3)),
        ink=pick(rng, DARK_INKS),
        quality=int(rng.integers(75, 96)),
    )


def photo(rng: Rng) -> Shot:
    """Return an ordinary photo in good light."""
    return replace(
        plain(rng),
        bright=rng.uniform(0.75, 0.97),
        falloff=rng.uniform(0.8, 1),
        vignette=rng.uniform(0, 0.12),
        texture=rng.uniform(1, 3),
        noise=rng.uniform(1, 4),
    )


def faint(rng: Rng) -> Shot:
    """Return a pencil's mark, of 12 to 25 % of the range."""
    shot, contrast = plain(rng), int(255 * rng.uniform(0.12, 0.25))
    ink = tuple(max(level - contrast, 0) for level in shot.paper)
    return replace(shot, ink=ink, grainy=rng.uniform(0.1, 0.35), noise=rng.uniform(1, 4))


def blurred(rng: Rng) -> Shot:
    """Return a picture out of focus, or shaken."""
    extent = rng.uniform(0.02, 0.06)
    if rng.random() < 0.5:
        return replace(photo(rng), blur=extent)
    return replace(photo(rng), motion=extent)


def coloured_ink(rng: Rng) -> Shot:
    """Return a mark that may differ from its ground only by hue."""
    ink, paper = pick(rng, COLOURS)
    return replace(photo(rng), ink=ink, paper=paper)


def inverted(rng: Rng) -> Shot:
    """Return a drawing on a phone's black canvas."""
    shot = replace(plain(rng), size=shape(rng, 280, 1000), paper=(0, 0, 0), ink=(255, 255, 255))
    return replace(shot, stroke=log_uniform(rng, 0.04, 0.14), noise=0, texture=0, quality=None)


def small(rng: Rng) -> Shot:
    """Return a whole page with one small digit on it."""
    size, stroke = shape(rng, 1200, 2400), log_uniform(rng, 0.05, 0.13)
    shot = replace(photo(rng), size=size, stroke=stroke, fill=rng.uniform(0.04, 0.1))
    return replace(shot, page=True, centred=False)


def chalk(rng: Rng) -> Shot:
    """Return a blackboard."""
    shot = replace(photo(rng), paper=pick(rng, BOARDS), ink=(235, 235, 228), smeared=True)
    stroke, grainy = log_uniform(rng, 0.04, 0.11), rng.uniform(0.3, 0.55)
    return replace(shot, stroke=stroke, grainy=grainy, falloff=rng.uniform(0.6, 1), texture=4)


def mixed(rng: Rng) -> Shot:
    """Return the everyday phone photo: a bit of everything."""
    shot = replace(
        photo(rng),
        centred=False,
        fill=log_uniform(rng, 0.15, 0.7),
        bright=rng.uniform(0.5, 0.95),
        falloff=rng.uniform(0.45, 0.9),
        vignette=rng.uniform(0, 0.25),
        noise=rng.uniform(2, 10),
        texture=rng.uniform(1, 6),
        blur=rng.uniform(0, 0.01),
        quality=int(rng.integers(50, 90)),
    )
    if rng.random() < 0.35:
        shot = replace(shot, paper=pick(rng, PAPERS))
    elif rng.random() < 0.3:
        shot = replace(shot, ink=pick(rng, COLOURS[:3])[0])
    if rng.random() < 0.3:
        shot = replace(shot, ruled=rng.uniform(0.1, 0.35))
    if rng.random() < 0.15:  # a pencil
        shot = replace(shot, ink=(95, 95, 98), grainy=rng.uniform(0.1, 0.3))
    return replace(shot, shadows=int(rng.random() < 0.4), desk=int(rng.random() < 0.3))


CONDITIONS: Mapping[str, Callable[[Rng], Shot]] = {
    "scan": plain,
    "lit": lambda rng: replace(
        photo(rng), falloff=rng.uniform(0.35, 0.6), vignette=rng.uniform(0.1, 0.3)
    ),
    "shadow": lambda rng: replace(photo(rng), shadows=2),
    "coloured_paper": lambda rng: replace(photo(rng), paper=pick(rng, PAPERS)),
    "coloured_ink": coloured_ink,
    "textured": lambda rng: replace(
        photo(rng), texture=rng.uniform(5, 12), fibres=rng.uniform(2, 8)
    ),
    "ruled": lambda rng: replace(photo(rng), ruled=rng.uniform(0.1, 0.35)),
    "noisy": lambda rng: replace(
        photo(rng),
        bright=rng.uniform(0.35, 0.65),
        noise=rng.uniform(10, 25),
        quality=int(rng.integers(30, 61)),
    ),
    "blurred": blurred,
    "faint": faint,
    "thin": lambda rng: replace(photo(rng), stroke=rng.uniform(0.01, 0.02)),
    "bold": lambda rng: replace(photo(rng), stroke=None),
    "small": small,
    "off_centre": lambda rng: replace(photo(rng), fill=rng.uniform(0.2, 0.4), centred=False),
    "close": lambda rng: replace(photo(rng), fill=rng.uniform(0.85, 0.95)),
    "chalk": chalk,
    "inverted": inverted,
    "desk": lambda rng: replace(
        photo(rng), desk=int(rng.integers(1, 3)), fill=rng.uniform(0.3, 0.6)
    ),
    "rotated_exif": lambda rng: replace(photo(rng), orientation=pick(rng, (3, 6, 8))),
    "transparent": lambda rng: replace(plain(rng), transparent=True, quality=None),
    "mixed": mixed,
}
