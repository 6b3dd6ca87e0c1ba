"""`photo`: any picture, in grey or colour, brought to the model's size."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np
from PIL import Image

from liteproof_edge.model.affine import Normalisation, normalisation_of
from liteproof_edge.preprocessing.components import Size
from liteproof_edge.preprocessing.pictures import Picture, decode, flatten
from liteproof_edge.preprocessing.prepared import Prepared, Report
from liteproof_edge.preprocessing.raw import MODES, check_channels, pixels_of


class Fit(Enum):
    """How a picture of another shape is fitted to the model's."""

    COVER = "cover"  # fill it, and crop two sides
    CONTAIN = "contain"  # fit into it, with black on two sides
    STRETCH = "stretch"  # change the aspect ratio


class Resampling(Enum):
    """Pillow's filters; all but `nearest` take every pixel into account when they shrink."""

    NEAREST = "nearest"
    BOX = "box"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


class ChannelOrder(Enum):
    """The order of colours in the model's last dimension."""

    RGB = "RGB"
    BGR = "BGR"


@dataclass(frozen=True, slots=True)
class PhotoSpec:
    """Any picture, brought to the model's size."""

    kind: ClassVar[str] = "photo"
    height: int
    width: int
    channels: int
    fit: Fit = Fit.COVER
    resampling: Resampling = Resampling.BILINEAR
    order: ChannelOrder = ChannelOrder.RGB
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
        """Return the picture in the model's size, as `fit` says; what is transparent is white."""
        # Twice the size leaves the resampling enough to average.
        decoded = decode(picture, 2 * max(self.height, self.width), max_megapixels)
        size: Size = (self.width, self.height)
        method = Image.Resampling[self.resampling.name]
        if self.fit is Fit.CONTAIN:
            inner = _scaled_to_fit(decoded.size, size)
            fitted = Image.new(MODES[self.channels], size)
            corner = ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2)
            fitted.paste(decoded.resized(inner, method, self._opaque), corner)
        else:
            area = None
            if self.fit is Fit.COVER:
                width, height = _scaled_to_fit(size, decoded.size)
                left, top = (decoded.size[0] - width) // 2, (decoded.size[1] - height) // 2
                area = (left, top, left + width, top + height)
            fitted = decoded.resized(size, method, self._opaque, area)
        pixels = pixels_of(fitted, self.channels)
        if self.order is ChannelOrder.BGR:
            pixels = np.ascontiguousarray(pixels[..., ::-1])
        return Prepared(pixels, Report(self.kind))

    def _opaque(self, image: Image.Image) -> Image.Image:
        image, mode = flatten(image), MODES[self.channels]
        return image if image.mode == mode else image.convert(mode)


def _scaled_to_fit(size: Size, room: Size) -> Size:
    """Return the largest size of the same shape that fits into a room, to the nearest pixel."""
    if size[0] * room[1] >= room[0] * size[1]:  # as wide as the room
        return room[0], max(1, (2 * size[1] * room[0] + size[0]) // (2 * size[0]))
    return max(1, (2 * size[0] * room[1] + size[1]) // (2 * size[1])), room[1]
