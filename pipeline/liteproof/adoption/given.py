"""A .tflite as a candidate: it is kept as it is, and what it takes pixels as is found out."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from liteproof.adoption.beginning import first_arithmetic
from liteproof.adoption.candidate import Candidate, Completed, Numbers, listed, tried_on
from liteproof.adoption.request import Request
from liteproof.adoption.trial import Range, told, try_ranges
from liteproof.conversion.variants import Scheme, Variant
from liteproof.errors import ConversionError
from liteproof.execution.tflite_model import execute
from liteproof.recipes.schema import Photo
from liteproof.storage import write_file
from liteproof.tensorflow_setup import quiet
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.classifier import log_shares
from liteproof_edge.idx import Examples
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.model.ending import Ending
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.model.metadata import read_metadata
from liteproof_edge.runtime.unverified import read_unverified

SUFFIX = ".tflite"


def read_given(request: Request) -> Candidate:
    """Read a .tflite, without running it.

    Raises:
        BundleError: the file cannot be read.
        ModelError: it is no sound model from one picture to one score for each class.
        ConversionError: int8 is asked for and cannot be made of it, or it takes blue first and
            pictures are not `photo`.
    """
    bare = read_unverified(request.model, size=request.size, output=request.output)
    if request.bgr and not isinstance(request.preprocessing, Photo):
        raise ConversionError(
            f"{request.model}: --bgr of a .tflite goes with photo, not with "
            f"{request.preprocessing.kind}"
        )
    if request.quantize:
        with quiet():
            from liteproof.conversion.post_training import (  # noqa: PLC0415 - TensorFlow
                check_quantizable,
            )
        check_quantizable(bare.model, Variant(Scheme.INT8))
    numbered = tuple(map(str, range(len(bare.labels))))
    spec = bare.preprocessing
    return Candidate(
        shape=(spec.height, spec.width, spec.channels),
        classes=len(bare.labels),
        labels=() if bare.labels == numbered else bare.labels,
        gives=bare.ending.value,
        complete=partial(_complete, bare, request),
    )


def _complete(bare: Bundle, request: Request, examples: Examples) -> Completed:
    """Find out what the model takes pixels as, by its file or by trying; run it at least once."""
    channels = bare.preprocessing.channels
    chosen = tried_on(examples)
    pictures = examples.images[chosen]

    def answers(each: Range) -> NDArray[np.float32]:
        return _logits(bare, pictures, _taken(channels, (each.mean,), (each.scale,)))

    taken = bare.preprocessing.normalisation
    if request.mean or request.scale:
        mean, scale = request.mean or (0.0,), request.scale or (1.0,)
        taken = _taken(channels, mean, scale)
        takes = f"(pixel - {listed(mean)}) x {listed(scale)}, as was said"
    elif bare.input.quantization:
        takes = f"their 256 values, as its 256 codes of {bare.input.dtype}"
    elif read_metadata(bare.model).mean:
        mean, scale = taken or ((0.0,), (1.0,))
        takes = f"(pixel - {listed(mean)}) x {listed(scale)}, as its metadata says"
    else:
        own = first_arithmetic(read_model(bare.model).subgraphs[0])
        tried = try_ranges(answers, examples.labels[chosen], scales=own is not None)
        best, takes = tried[0].range, told(tried, own)
        is_pixels = (best.mean, best.scale) == (0.0, 1.0)
        taken = None if is_pixels else _taken(channels, (best.mean,), (best.scale,))
    _logits(bare, pictures[:1], taken)  # what crashes its runtime does so here
    return Completed(takes, lambda path: write_file(path, bare.model), *(taken or ((), ())))


def _logits(
    bare: Bundle, pictures: NDArray[np.uint8], taken: Normalisation | None
) -> NDArray[np.float32]:
    found = execute(bare.model, pictures, label="trying", normalisation=taken).logits
    if not np.isfinite(found).all():
        raise ConversionError(f"{bare.path}: it answers NaN or infinity; are its weights sound?")
    if bare.ending is Ending.LOGITS:
        return found
    return log_shares(found.astype(np.float64)).astype(np.float32)


def _taken(channels: int, mean: Numbers, scale: Numbers) -> Normalisation:
    """Return a mean and a scale for each channel.

    Raises:
        ConversionError: there are three, of a model of one channel.
    """
    each = [values * channels if len(values) == 1 else values for values in (mean, scale)]
    if any(len(values) != channels for values in each):
        raise ConversionError(f"--mean, --scale: three, expected one: pictures have {channels}")
    return Normalisation(*each)
