"""Choosing golden vectors: pictures on whose bytes the runtimes agree."""

import io
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof.errors import ConversionError
from liteproof.execution.tflite_model import Execution, Kernels, execute
from liteproof.progress import say
from liteproof.recipes.input_spec import red_first
from liteproof_edge.bundle.golden import Golden
from liteproof_edge.errors import ModelError
from liteproof_edge.idx import Examples
from liteproof_edge.preprocessing.spec import Spec, preprocess
from liteproof_edge.runtime.loading import installed

PER_CLASS = 2
CANDIDATES_PER_CLASS = 30
# A kernel that rounds differently must not change the label: a difference of an LSB is normal.
MARGIN_LSB = 8
# Of a model with floats in it, whose sums no two processors add up in the same order: a share of
# the span of its outputs. Runtimes and processors differ by far less, another model by far more.
FLOAT_TOLERANCE = 0.02
MARGIN_TOLERANCES = 4


class Choice(NamedTuple):
    """Golden vectors, and what they hold a device to.

    Attributes:
        golden: the vectors.
        runtimes: the ones installed here, which agree on them.
        tolerance: by how much a device's outputs may differ, in units of the output (codes, or real
            values where it is float32); 0 for a model of integers only.
        without: the classes that have pictures, and none that will do.
        quality: what such a picture must be, in words.
    """

    golden: Golden
    runtimes: tuple[str, ...]
    tolerance: float
    without: tuple[int, ...]
    quality: str


def choose_golden(
    model: bytes,
    spec: Spec,
    examples: Examples,
    indices: NDArray[np.int64],
    *,
    is_integer: bool,
) -> Choice:
    """Choose pictures of each class that every runtime here answers alike.

    Args:
        model: the flatbuffer.
        spec: how a picture becomes its input.
        examples: the training pictures.
        indices: which of them may be chosen: the validation part.
        is_integer: whether the model computes in integers only, so that its bytes must agree.

    Raises:
        ConversionError: no class has a suitable picture.
    """
    candidates = _first_of_each_class(examples.labels, indices)
    pictures = [_png(red_first(examples.images[index], spec)) for index in candidates]
    inputs = np.stack([preprocess(picture, spec).pixels for picture in pictures])
    classes = examples.labels[candidates]
    reference, *others = _answers(model, spec, inputs)
    outputs = reference.outputs
    ordered = np.sort(outputs.astype(np.float64), axis=1)
    span = float(ordered[:, -1].max() - ordered[:, 0].min())
    tolerance = 0.0 if is_integer else FLOAT_TOLERANCE * span
    margin = float(MARGIN_LSB) if is_integer else MARGIN_TOLERANCES * tolerance
    good = (outputs.argmax(axis=1) == classes) & (ordered[:, -1] - ordered[:, -2] >= margin)
    for other in others:
        good &= (
            np.abs(other.outputs.astype(np.float64) - outputs.astype(np.float64)) <= tolerance
        ).all(axis=1)
    chosen: list[int] = []
    without: list[int] = []
    for label in np.unique(examples.labels):
        usable = np.flatnonzero(good & (classes == label))[:PER_CLASS]
        chosen += usable.tolist()
        without += [] if usable.size else [int(label)]
    quality = (
        f"classified correctly, by {margin:g} of {span:g}, and alike on "
        f"{', '.join(each.runtime for each in (reference, *others))}"
    )
    if not chosen:
        raise ConversionError(f"golden vectors: none of the validation pictures is {quality}")
    golden = Golden(
        pictures=tuple(pictures[index] for index in chosen),
        inputs=inputs[chosen],
        outputs=outputs[chosen],
        classes=classes[chosen],
    )
    agreed = tuple(execution.runtime for execution in (reference, *others))
    return Choice(golden, agreed, tolerance, tuple(without), quality)


def _answers(model: bytes, spec: Spec, inputs: NDArray[np.uint8]) -> list[Execution]:
    """Return the answers of every runtime here that can run the model, at least one.

    Raises:
        ModelError: none can.
    """
    found: list[Execution] = []
    failure: ModelError | None = None
    for runtime in installed():
        try:
            found.append(
                execute(
                    model,
                    inputs,
                    label="golden",
                    runtime=runtime,
                    kernels=Kernels.REFERENCE,
                    normalisation=spec.normalisation,
                )
            )
        except ModelError as error:  # noqa: PERF203 - a handful of runtimes
            failure = failure or error
            say(f"golden vectors: not of {runtime.value}: {error}")
    if failure and not found:
        raise failure
    return found


def _first_of_each_class(
    labels: NDArray[np.int64], indices: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return up to CANDIDATES_PER_CLASS indices of each class."""
    allowed = labels[indices]
    return np.concatenate(
        [indices[allowed == label][:CANDIDATES_PER_CLASS] for label in np.unique(labels)]
    )


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    plain = pixels.squeeze(axis=-1) if pixels.shape[-1] == 1 else pixels
    Image.fromarray(np.ascontiguousarray(plain)).save(file, "PNG")
    return file.getvalue()
