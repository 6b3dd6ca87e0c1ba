"""`raw`: the picture already is the model's input."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof_edge.errors import PictureError
from liteproof_edge.model.affine import Normalisation, normalisation_of
from liteproof_edge.preprocessing.pictures import Picture, decode, flatten
from liteproof_edge.preprocessing.prepared import Prepared, Report

MODES = {1: "L", 3: "RGB"}  # a model's channels → Pillow's mode


@dataclass(frozen=True, slots=True)
class RawSpec:
    """The picture already is the model's input; any other size is refused."""

    kind: ClassVar[str] = "raw"
    height: int
    width: int
    channels: int
    mean: tuple[float, ...] = ()  # one for each channel; none: 0
    scale: tuple[float, ...] = ()  # one for each channel; none: 1

    def __post_init__(self) -> None:
        check_channels(self.kind, self.channels)
        normalisation_of(self.kind, self.mean, self.scale, self.channels)

    @property
    def normalisation(self) -> Normalisation | None:
        """What the model takes pixels as."""
        return normalisation_of(self.kind, self.mean, self.scale, self.channels)

    def apply(self, picture: Picture, max_megapixels: int | None = None) -> Prepared:
        """Return the picture's own pixels.

        Raises:
            PictureError: the picture has another size.
        """
        image = decode(picture, None, max_megapixels).image
        if image.size != (self.width, self.height):
            raise PictureError(
                f"{image.width}x{image.height} picture, "
                f"expected the model's own {self.width}x{self.height}"
            )
        return Prepared(pixels_of(flatten(image), self.channels), Report(self.kind))


def check_channels(kind: str, channels: int) -> None:
    """Raise ValueError where a spec of that kind has neither 1 nor 3 channels."""
    if channels not in MODES:
        raise ValueError(f"{kind}: {channels} channels, expected {set(MODES)}")


def pixels_of(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    """Return uint8 (height, width, channels) of an 8-bit picture without alpha."""
    mode = MODES[channels]
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels.reshape(image.height, image.width, channels)
