"""Choosing golden vectors: pictures on whose bytes the runtimes agree."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof.errors import ConversionError
from liteproof.execution import Kernels, execute
from liteproof_edge.golden import Golden
from liteproof_edge.idx import Examples
from liteproof_edge.preprocessing import Spec, preprocess
from liteproof_edge.runtime import installed

PER_CLASS = 2
CANDIDATES_PER_CLASS = 30
# So that a kernel that rounds otherwise cannot change the label: an LSB or so is normal.
MARGIN_LSB = 8


def choose_golden(
    model: bytes, spec: Spec, examples: Examples, indices: NDArray[np.int64]
) -> tuple[Golden, tuple[str, ...]]:
    """Choose pictures of each class that every runtime here answers alike, byte for byte.

    Args:
        model: the flatbuffer, with integer outputs.
        spec: how a picture becomes its input.
        examples: the training pictures.
        indices: which of them may be chosen: the validation part.

    Returns:
        The golden vectors, and the runtimes that agreed on them.

    Raises:
        ConversionError: a class has no picture that will do.
    """
    candidates = _first_of_each_class(examples.labels, indices)
    pictures = [_png(examples.images[index]) for index in candidates]
    inputs = np.stack([preprocess(picture, spec).pixels for picture in pictures])
    classes = examples.labels[candidates]
    runtimes = installed()
    reference, *others = (
        execute(model, inputs, label="golden", runtime=runtime, kernels=Kernels.REFERENCE)
        for runtime in runtimes
    )
    outputs = reference.outputs
    ordered = np.sort(outputs.astype(np.int64), axis=1)
    good = (outputs.argmax(axis=1) == classes) & (ordered[:, -1] - ordered[:, -2] >= MARGIN_LSB)
    for other in others:
        good &= (other.outputs == outputs).all(axis=1)
    chosen: list[int] = []
    for label in np.unique(examples.labels):
        usable = np.flatnonzero(good & (classes == label))[:PER_CLASS]
        if not usable.size:
            raise ConversionError(
                f"golden vectors: none of {(classes == label).sum()} validation pictures of class "
                f"{label} is classified rightly, by {MARGIN_LSB} LSB, and alike on "
                f"{', '.join(runtime.value for runtime in runtimes)}"
            )
        chosen += usable.tolist()
    golden = Golden(
        pictures=tuple(pictures[index] for index in chosen),
        inputs=inputs[chosen],
        outputs=outputs[chosen],
        classes=classes[chosen],
    )
    return golden, tuple(execution.runtime for execution in (reference, *others))


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
    Image.fromarray(pixels.squeeze(axis=-1) if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
    return file.getvalue()
