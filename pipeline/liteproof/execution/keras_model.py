"""What the trained Keras model itself answers: computed once, and stored next to it."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liteproof import progress
from liteproof.data.mapped import give_back, in_parts
from liteproof.storage import write_array
from liteproof.tensorflow_setup import quiet
from liteproof_edge.model.affine import Normalisation

BATCH = 500  # at most


def keras_logits(
    model: Path,
    pictures: NDArray[np.uint8],
    cache: Path,
    normalisation: Normalisation | None = None,
) -> NDArray[np.float32]:
    """Return the float model's logits.

    Args:
        model: the .keras file.
        pictures: uint8 (n, height, width, channels).
        cache: a folder for the answers, which the model and the pictures name.
        normalisation: what the model takes pixels as; None where it takes them as they are.

    Returns:
        float32 (n, classes).

    Raises:
        ConversionError: it is not a Keras model.
        StorageError: the cache cannot be written.
    """
    digest = hashlib.sha256(model.read_bytes())
    for part in in_parts(pictures):
        digest.update(part.tobytes())
    digest.update(repr(normalisation).encode())
    file = cache / f"keras-logits-{digest.hexdigest()[:16]}.npy"
    if file.is_file():
        return np.asarray(np.load(file))
    logits = keras_function(model, normalisation)(pictures)
    for outdated in cache.glob("keras-logits-*.npy"):
        outdated.unlink()
    write_array(file, logits)
    return logits


def keras_function(
    model: Path, normalisation: Normalisation | None = None
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Load a Keras model once; return what makes logits (n, classes) of pictures.

    Raises:
        ConversionError: it is not a Keras model.
    """
    with quiet():
        import tensorflow as tf  # noqa: PLC0415 - takes seconds

        from liteproof.conversion.quantization import (  # noqa: PLC0415 - imports TensorFlow
            as_real,
            load_keras,
        )
        from liteproof.network.batching import pictures_at_once  # noqa: PLC0415 - the same

        network = load_keras(model)
    batch = pictures_at_once(network, BATCH)
    answer = tf.function(
        lambda images: network(images, training=False),
        autograph=False,
        reduce_retracing=True,  # the last batch is smaller
    )

    def logits(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = []
        with progress.bar("Keras", len(pictures)) as bar:
            for first in range(0, len(pictures), batch):
                images = as_real(pictures[first : first + batch], normalisation)
                parts.append(answer(tf.constant(images)).numpy())
                bar.update(len(images))
                give_back(pictures)
        found: NDArray[np.float32] = np.concatenate(parts)
        return found

    return logits
