"""What is asked of an adoption, as a person states it."""

from dataclasses import dataclass
from pathlib import Path

from liteproof.recipes.schema import Preprocessing


@dataclass(frozen=True, slots=True)
class Request:
    """A model, pictures for it, and what its file does not say.

    Attributes:
        model: a .keras or .h5 file, a SavedModel's folder, or a .tflite.
        data: labelled pictures: a folder of pictures or of IDX files.
        test: those that the comparison takes, where they are in a folder of their own.
        labels: a file of the classes' names, in the order of the outputs; None: the folders' names
            in alphabetical order, as Keras reads folders.
        size: height and width, for a model that takes any, or a row of pixels.
        output: the name of the one that answers, where it has several.
        preprocessing: how a person's picture becomes the model's.
        mean: what it wants taken from each channel of a pixel; () where that is to be found out.
        scale: what it wants the difference multiplied with; the same.
        bgr: whether it takes blue first.
        margin_points: how many points a form may lose.
        metric: of what: `accuracy` or `balanced`.
        again: the command that asks this.
        quantize: whether int8 is made of a .tflite.
        skip_unreadable: leave out pictures that cannot be read.
    """

    model: Path
    data: Path
    test: Path | None
    labels: Path | None
    size: tuple[int, int] | None
    output: str | None
    preprocessing: Preprocessing
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    bgr: bool
    margin_points: float
    metric: str
    again: str
    quantize: bool = False
    skip_unreadable: bool = False
