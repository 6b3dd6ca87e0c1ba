"""A Keras model or a SavedModel as a candidate."""

from functools import partial

import keras
import numpy as np
from numpy.typing import NDArray

from liteproof.adoption.candidate import Candidate, Completed, Numbers, Shape, listed, tried_on
from liteproof.adoption.loading import load_model, save_model
from liteproof.adoption.request import Request
from liteproof.adoption.shaping import Ending, as_classifier, input_shape, without_ending
from liteproof.adoption.trial import Range, told, try_ranges
from liteproof.network.first_layers import own_arithmetic
from liteproof_edge.idx import Examples

BATCH = 50  # pictures


def read_network(request: Request) -> Candidate:
    """Load a model, and cut off what only scales its answers.

    Raises:
        ModelError: there is none.
        ConversionError: it does not load here, or is no classifier of pictures.
    """
    where = str(request.model)
    model = load_model(request.model)
    shape = input_shape(model, request.size, where)
    ending = without_ending(model, request.output, where)
    return Candidate(shape, ending.classes, (), ending.was, partial(_complete, ending, request))


def _complete(ending: Ending, request: Request, examples: Examples) -> Completed:
    """Build the model from pixels to logits."""
    shape = _shape_of(examples)
    mean, scale = request.mean or (0.0,), request.scale or (1.0,)
    own = own_arithmetic(ending.model)
    if request.mean or request.scale:
        takes = f"(pixel - {listed(mean)}) x {listed(scale)}, as was said"
        takes += f"; then it scales them itself, beginning with {own}" if own else ""
    elif own and not own.startswith(keras.layers.Normalization.__name__):
        takes = f"0 to 255, since it begins with {own}"
    else:
        chosen = tried_on(examples)
        pictures = examples.images[chosen]

        def answers(each: Range) -> NDArray[np.float32]:
            return _logits(_taking(ending, shape, (each.mean,), (each.scale,), request), pictures)

        # What Normalization is adapted to may have been divided by 255 before.
        tried = try_ranges(answers, examples.labels[chosen], scales=own is not None)
        (mean, scale), takes = ((tried[0].range.mean,), (tried[0].range.scale,)), told(tried, own)
    return Completed(takes, partial(save_model, _taking(ending, shape, mean, scale, request)))


def _taking(
    ending: Ending, shape: Shape, mean: Numbers, scale: Numbers, request: Request
) -> keras.Model:
    each = [values * shape[2] if len(values) == 1 else values for values in (mean, scale)]
    return as_classifier(ending, shape, *each, bgr=request.bgr)


def _shape_of(examples: Examples) -> Shape:
    height, width, channels = examples.images.shape[1:]
    return int(height), int(width), int(channels)


def _logits(model: keras.Model, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    parts = [
        np.asarray(model(pictures[first : first + BATCH].astype(np.float32), training=False))
        for first in range(0, len(pictures), BATCH)
    ]
    return np.concatenate(parts)
