"""Golden vectors: pictures with the tensors that they must become on every device."""

import io
import itertools
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.errors import BundleError

MAX_UNPACKED_BYTES = 1 << 28
# name → the kinds of number it may hold (numpy's letters), and its dimensions
ARRAYS = {
    "pictures": ("u", 1),
    "picture_sizes": ("i", 1),
    "inputs": ("u", 4),
    "outputs": ("uif", 2),
    "classes": ("i", 1),
}


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
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
                if unpacked > MAX_UNPACKED_BYTES:
                    raise ValueError(f"{unpacked} bytes, expected at most {MAX_UNPACKED_BYTES}")
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                read = {name: arrays[name] for name in ARRAYS}
        except Exception as error:  # noqa: BLE001 - zipfile's and numpy's are many
            raise BundleError(f"{where}: not a file of golden vectors: {error!r}") from None
        sizes = read["picture_sizes"]
        n = sizes.size
        for name, (kind, dimensions) in ARRAYS.items():
            array = read[name]
            if array.dtype.kind not in kind or array.ndim != dimensions:
                raise BundleError(f"{where}: {name}: {array.dtype} in {array.ndim} dimensions")
            if name != "pictures" and len(array) != n:
                raise BundleError(f"{where}: {name}: {len(array)} entries, expected {n}")
        pictures = read["pictures"].tobytes()
        ends = list(itertools.accumulate(sizes.tolist()))
        if not n or min(sizes.tolist()) < 0 or ends[-1] != len(pictures):
            raise BundleError(f"{where}: picture_sizes do not add up to {len(pictures)} bytes")
        return cls(
            pictures=tuple(pictures[a:b] for a, b in itertools.pairwise([0, *ends])),
            inputs=read["inputs"],
            outputs=read["outputs"],
            classes=read["classes"].astype(np.int64),
        )
