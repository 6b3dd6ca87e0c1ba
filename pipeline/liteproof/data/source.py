"""What every source of labelled pictures offers, whether TFDS holds them or a folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from liteproof.data.decoding import Encoded
from liteproof.recipes.input_spec import Original


class Labelled(NamedTuple):
    """An encoded picture, and the index of its class."""

    picture: Encoded
    label: int


@dataclass(frozen=True, slots=True)
class Part:
    """The training or the test pictures.

    Attributes:
        n: how many.
        read: yields them, always in the same order.
        name: which picture an index is, for an error.
    """

    n: int
    read: Callable[[], Iterator[Labelled]]
    name: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Labelled pictures, still encoded.

    Attributes:
        labels: the classes' names, in the order of their indices.
        original: what the pictures are before any preprocessing.
        train: to learn from, and to validate with.
        test: for the comparison only.
        transposed: whether rows and columns are swapped in them, as in EMNIST's.
    """

    labels: tuple[str, ...]
    original: Original
    train: Part
    test: Part
    transposed: bool = False


class Source(Protocol):
    """A dataset that is at hand."""

    @property
    def title(self) -> str:
        """Its name, with the version if it has one."""

    @property
    def place(self) -> Path:
        """Where its pictures are."""

    @property
    def state(self) -> str:
        """A digest that changes when the pictures do."""

    def open(self) -> Pictures:
        """Return the pictures.

        Raises:
            DatasetError: they are damaged, or not labelled pictures.
        """
