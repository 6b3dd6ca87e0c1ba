"""From encoded pictures to arrays on disk: decoded by the device's own code, in processes.

Nothing here imports TensorFlow, because the processes import this module.
"""

import io
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from liteproof import progress
from liteproof.data.parallel import CHUNK, in_processes
from liteproof_edge.errors import PictureError
from liteproof_edge.preprocessing.pictures import decode
from liteproof_edge.preprocessing.spec import QUIET, Spec, preprocess

ENOUGH = 256  # pixels of the shorter side: to see whether a picture can be decoded
MAX_MEGAPIXELS = 64  # that may take more memory than a device has
Encoded: TypeAlias = Path | bytes  # a picture's file, or the bytes of one
Item = TypeVar("Item")


class Failure(NamedTuple):
    """A picture that cannot be used: its place in the part, from 0, and why."""

    place: int
    reason: str


class Seen(NamedTuple):
    """What a picture that can be decoded is: upright size in pixels, and L, RGB or RGBA."""

    height: int
    width: int
    mode: str


class _Task(NamedTuple):
    array: Path
    start: int
    pictures: Sequence[Encoded]
    spec: Spec
    transposed: bool


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """Yield items, `size` of them at a time."""
    remaining = iter(items)
    while chunk := list(islice(remaining, size)):
        yield chunk


def decode_into(
    array: Path,
    n: int,
    pictures: Iterable[Encoded],
    spec: Spec,
    *,
    label: str,
    transposed: bool = False,
) -> list[Failure]:
    """Decode pictures into an .npy file, with bounded memory.

    Args:
        array: the file to make: uint8 (n, height, width, channels), the last three of the spec.
        n: how many pictures there are.
        pictures: each one's path or encoded bytes, taken as they are needed.
        spec: how they become the model's input.
        label: what the progress bar says.
        transposed: whether they are stored with rows and columns swapped.

    Returns:
        Those that the spec refuses; their rows are black.

    Raises:
        DatasetError: a process died.
        OSError: the file cannot be written.
    """
    _reserve(array, (n, spec.height, spec.width, spec.channels))
    tasks = (
        _Task(array, CHUNK * number, chunk, spec, transposed)
        for number, chunk in enumerate(chunks(pictures))
    )
    failures: list[Failure] = []
    with closing(in_processes(_decode, tasks)) as results, progress.bar(label, n) as bar:
        for done, failed in results:
            failures += failed
            bar.update(done)
    return failures


def examine(paths: Sequence[Path], label: str) -> Generator[Seen | str]:
    """Try to decode each file; yield what it is, or why it cannot be read, in their order.

    Raises:
        DatasetError: a process died.
    """
    with (
        closing(in_processes(_examine, chunks(paths))) as results,
        progress.bar(label, len(paths)) as bar,
    ):
        for result in results:
            yield from result
            bar.update(len(result))


def _reserve(path: Path, shape: tuple[int, ...]) -> None:
    """Make an .npy file of zeros, its blocks allocated: a full disk is found out here."""
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)  # type: ignore[no-untyped-call]
    if not hasattr(os, "posix_fallocate"):  # macOS
        return
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _decode(task: _Task) -> tuple[int, list[Failure]]:
    rows = np.load(task.array, mmap_mode="r+")[task.start :]
    failures = []
    for row, encoded in enumerate(task.pictures):
        reason = _decode_row(rows[row], encoded, task)
        if reason:
            failures.append(Failure(task.start + row, reason))
    return len(task.pictures), failures


def _decode_row(row: NDArray[np.uint8], encoded: Encoded, task: _Task) -> str:
    """Decode a picture; return why it cannot be, or nothing."""
    try:
        picture = _upright(encoded) if task.transposed else encoded
        row[...] = preprocess(picture, task.spec, MAX_MEGAPIXELS).pixels
    except PictureError as error:
        return str(error).removeprefix(f"{encoded!s}: ")
    return ""


def _upright(encoded: Encoded) -> Image.Image:
    with Image.open(io.BytesIO(encoded) if isinstance(encoded, bytes) else encoded) as image:
        return image.transpose(Image.Transpose.TRANSPOSE)


def _examine(paths: Sequence[Path]) -> list[Seen | str]:
    return [_seen(path) for path in paths]


def _seen(path: Path) -> Seen | str:
    try:
        with QUIET:
            decoded = decode(path, ENOUGH, MAX_MEGAPIXELS)
    except UnidentifiedImageError:
        return "not a picture that Pillow can read"
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise many types on damaged files
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    width, height = decoded.full_size
    return Seen(height, width, decoded.mode)
