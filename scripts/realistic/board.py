"""A board that was wiped many times."""

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from realistic.chance import Rng
from realistic.layers import BICUBIC, added


def smear(board: Image.Image, rng: Rng) -> Image.Image:
    """Return the board with the traces of a duster."""
    width, height = (max(8, side // 4) for side in board.size)
    layer = Image.new("L", (width, height), 128)
    for _ in range(int(rng.integers(3, 8))):
        trace = Image.new("L", (width, height))
        points = rng.uniform(-0.2, 1.2, (3, 2)) * (width, height)
        thick = int(rng.uniform(0.05, 0.2) * height) + 1
        line = [tuple(point) for point in points]
        ImageDraw.Draw(trace).line(line, fill=255, width=thick, joint="curve")
        trace = trace.filter(ImageFilter.GaussianBlur(rng.uniform(1, 5)))
        strength = rng.uniform(0.02, 0.09)
        layer = ImageChops.add(layer, trace.point([int(strength * v) for v in range(256)]))
    return added(board, layer.resize(board.size, BICUBIC))
