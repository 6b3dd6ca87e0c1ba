"""Golden vectors: pictures with the tensors that they must become on every device."""

import io
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.errors import BundleError


@dataclass(frozen=True, slots=True)
class Golden:
    """Some pictures, at least one of each class, and what the host made of them.

    Attributes:
        pictures: encoded picture files.
        inputs: uint8 (n, height, width, channels), after preprocessing.
        outputs: (n, classes), the model's codes by the reference kernels.
        classes: int64 (n,), the index of the label.
    """

    pictures: tuple[bytes, ...]
    inputs: NDArray[np.uint8]
    outputs: NDArray[np.generic]
    classes: NDArray[np.int64]

    def to_bytes(self) -> bytes:
        """Return the .npz file; the same vectors always give the same bytes."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            pictures=np.frombuffer(b"".join(self.pictures), np.uint8),
            picture_sizes=np.array([len(picture) for picture in self.pictures], np.int64),
            inputs=self.inputs,
            outputs=self.outputs,
            classes=self.classes,
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> "Golden":
        """Read an .npz file.

        Raises:
            BundleError: it is damaged, or its arrays do not fit together.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                sizes = arrays["picture_sizes"].astype(np.int64)
                pictures = arrays["pictures"].astype(np.uint8).tobytes()
                inputs, outputs = arrays["inputs"], arrays["outputs"]
                classes = arrays["classes"].astype(np.int64)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise BundleError(f"{where}: not a file of golden vectors: {error}") from None
        lengths = {len(sizes), len(inputs), len(outputs), len(classes)}
        if lengths == {0} or len(lengths) > 1 or sizes.sum() != len(pictures) or sizes.min() < 0:
            raise BundleError(f"{where}: its arrays do not describe the same pictures")
        ends = np.cumsum(sizes)
        return cls(
            pictures=tuple(
                pictures[end - size : end] for end, size in zip(ends, sizes, strict=True)
            ),
            inputs=inputs,
            outputs=outputs,
            classes=classes,
        )
