"""From a picture to the model's input: the only implementation, for host and device alike.

Pillow decodes and resizes; the rest is integer arithmetic. Pillow's 8-bit resampling is fixed-point
too, so every CPU produces the same bytes.
"""

import io
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import (
    Image,
    ImageOps,
    TiffImagePlugin,  # noqa: F401 - registers TIFF
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401 - registers WebP
)

from liteproof_edge.errors import BundleError, PictureError

MAX_PIXELS = 64_000_000
MAX_SIDE = 4096  # of a model's input
WHITE = 255
RAW_MODES = {1: "L", 3: "RGB"}  # channels → Pillow's mode
# What Pillow decodes itself: EPS, for one, would start another program.
Image.preinit()
FORMATS = tuple(
    name
    for name in ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
    if name in Image.OPEN  # WebP is left out of some builds
)
Picture: TypeAlias = "str | Path | bytes | Image.Image | NDArray[np.uint8]"


@dataclass(frozen=True, slots=True)
class RawSpec:
    """The picture already is the model's input; any other size is refused."""

    kind: ClassVar[str] = "raw"
    height: int
    width: int
    channels: int

    def __post_init__(self) -> None:
        if self.channels not in RAW_MODES:
            raise ValueError(f"raw: {self.channels} channels, expected {set(RAW_MODES)}")

    def apply(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return uint8 (height, width, channels), the picture's own pixels.

        Raises:
            PictureError: the picture has another size.
        """
        if image.size != (self.width, self.height):
            raise PictureError(
                f"{image.width}x{image.height} picture, "
                f"expected the model's own {self.width}x{self.height}"
            )
        pixels = np.asarray(_opaque(image).convert(RAW_MODES[self.channels]))
        return pixels.reshape(self.height, self.width, self.channels)


@dataclass(frozen=True, slots=True)
class InkSpec:
    """A digit or other mark, normalised as MNIST's were: light on black, box scaled, mass centred.

    Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition", III.A. The
    centre of mass lies at pixel 14.0, counted from 0, in MNIST's own 28x28 files (measured).
    """

    kind: ClassVar[str] = "ink"
    height: int
    width: int
    channels: int
    box: int  # pixels: the longer side of the ink after scaling
    # Grey levels of 255 that are still paper: JPEG noise and grain lie below it. That it does no
    # harm to MNIST's own pictures is shown on all 10,000 by tests/parity/test_released.py.
    paper: ClassVar[int] = 48
    # Pixels: a larger picture is averaged down to this first, which bounds time and memory.
    longest: ClassVar[int] = 1024

    def __post_init__(self) -> None:
        if self.channels != 1 or self.box > min(self.height, self.width):
            raise ValueError(
                f"ink: box {self.box} in {self.height}x{self.width}x{self.channels}, expected one "
                "channel and a box that fits"
            )

    def apply(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return uint8 (height, width, 1): ink 255, paper 0.

        Raises:
            PictureError: there is no ink in the picture.
        """
        factor = -(-max(image.size) // self.longest)
        ink = _light_ink(np.asarray(_opaque(image).convert("L").reduce(factor)))
        rows, columns = (np.flatnonzero((ink > self.paper).any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            raise PictureError("no ink found: the picture is blank")
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        mark = self._scale(ink[top:bottom, left:right])
        return self._centre(mark)[..., np.newaxis]

    def _scale(self, mark: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = mark.shape
        longer = max(height, width)
        if longer == self.box:
            return mark

        def scaled(side: int) -> int:
            return max(1, (2 * side * self.box + longer) // (2 * longer))

        size = (scaled(width), scaled(height))
        resized = np.asarray(Image.fromarray(mark).resize(size, Image.Resampling.BILINEAR))
        return _stretch(resized.astype(np.int64), int(resized.max()))

    def _centre(self, mark: NDArray[np.uint8]) -> NDArray[np.uint8]:
        canvas = np.zeros((self.height, self.width), np.uint8)
        mass = mark.astype(np.int64)
        total = int(mass.sum())
        if not total:
            raise PictureError("no ink found: what there is fades to nothing when it is scaled")

        def start(moment: int, side: int, room: int) -> int:
            # room // 2 - moment / total, rounded half up, kept inside the canvas.
            wanted = (2 * ((room // 2) * total - moment) + total) // (2 * total)
            return min(max(wanted, 0), room - side)

        height, width = mark.shape
        moment_y = int((mass.sum(axis=1) * np.arange(height)).sum())
        moment_x = int((mass.sum(axis=0) * np.arange(width)).sum())
        top = start(moment_y, height, self.height)
        left = start(moment_x, width, self.width)
        canvas[top : top + height, left : left + width] = mark
        return canvas


Spec: TypeAlias = "RawSpec | InkSpec"
SPECS: Mapping[str, type[RawSpec] | type[InkSpec]] = {
    spec.kind: spec for spec in (RawSpec, InkSpec)
}


def spec_to_json(spec: Spec) -> dict[str, Any]:
    """Return the spec as the manifest stores it."""
    return {"kind": spec.kind, **asdict(spec)}


def spec_from_json(value: Mapping[str, Any], where: str) -> Spec:
    """Return the spec that a manifest describes.

    Raises:
        BundleError: its kind or keys are unknown, or a size is not a positive integer.
    """
    sizes = {key: size for key, size in value.items() if key != "kind"}
    spec = SPECS.get(str(value.get("kind")))
    if spec is None:
        raise BundleError(
            f"{where}: kind {value.get('kind')!r}, expected one of {', '.join(SPECS)}"
        )
    expected = {field.name for field in fields(spec)}
    if set(sizes) != expected:
        raise BundleError(f"{where}: keys {sorted(sizes)}, expected {sorted(expected)}")
    for key, size in sizes.items():
        if type(size) is not int or not 1 <= size <= MAX_SIDE:
            raise BundleError(f"{where}.{key}: {size!r}, expected an integer from 1 to {MAX_SIDE}")
    try:
        return spec(**sizes)
    except ValueError as error:
        raise BundleError(f"{where}: {error}") from None


def preprocess(picture: Picture, spec: Spec) -> NDArray[np.uint8]:
    """Turn a picture into the model's input.

    Args:
        picture: a path, an encoded file's bytes, a Pillow image, or uint8 pixels of shape
            (height, width) or (height, width, 3 or 4).
        spec: the manifest's.

    Returns:
        uint8 (spec.height, spec.width, spec.channels).

    Raises:
        PictureError: it cannot be read as a picture, or the spec refuses it.
    """
    name = f"{picture}: " if isinstance(picture, str | Path) else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's; what matters is raised
            with _open(picture) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise PictureError(
                        f"{image.width}x{image.height} pixels, expected at most {MAX_PIXELS}"
                    )
                image.load()
                return spec.apply(_eight_bits(ImageOps.exif_transpose(image)))
    except PictureError as error:
        raise PictureError(f"{name}{error}") from None
    except UnidentifiedImageError:
        raise PictureError(f"{name}not a picture that Pillow can read") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise many types on damaged files
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{name}cannot be read: {reason}") from None


def _open(picture: Picture) -> Image.Image:
    if isinstance(picture, Image.Image):
        return picture.copy()
    if isinstance(picture, np.ndarray):
        return Image.fromarray(picture)
    if isinstance(picture, bytes):
        return Image.open(io.BytesIO(picture), formats=FORMATS)
    path = Path(picture)
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise PictureError("not a file")
    return Image.open(path, formats=FORMATS)


def _opaque(image: Image.Image) -> Image.Image:
    """Return the picture with what is transparent laid on white paper."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a picture of 16-bit grey levels in 8; Pillow's own conversion clips them at 255."""
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image).astype(np.int64)
    # Pillow 9 opens 16-bit files as 32-bit integers.
    shift = 0 if image.mode == "I" and levels.max() <= WHITE else 8
    return Image.fromarray(np.clip(levels >> shift, 0, WHITE).astype(np.uint8))


def _light_ink(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ink light on black: the border tells what is paper, the rest is stretched."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = int(np.sort(border)[border.size // 2])
    signed = grey.astype(np.int64)
    lighter, darker = int(signed.max()) - paper, paper - int(signed.min())
    ink = signed - paper if lighter >= darker else paper - signed
    return _stretch(np.maximum(ink, 0), max(lighter, darker))


def _stretch(ink: NDArray[np.int64], strongest: int) -> NDArray[np.uint8]:
    """Scale so that the strongest ink is 255; a picture without contrast stays 0."""
    return ((ink * 255 + strongest // 2) // max(strongest, 1)).astype(np.uint8)
