"""From a picture to the model's input: the only implementation, for host and device alike.

A bundle's manifest holds one of the specs below. Pillow decodes and resizes; the rest is integer
arithmetic. Pillow's 8-bit resampling is fixed-point too, so every CPU produces the same bytes.
"""

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, fields
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias

from PIL import UnidentifiedImageError

from liteproof_edge.errors import BundleError, PictureError
from liteproof_edge.preprocessing.ink import InkSpec
from liteproof_edge.preprocessing.photo import ChannelOrder, Fit, PhotoSpec, Resampling
from liteproof_edge.preprocessing.pictures import Picture
from liteproof_edge.preprocessing.prepared import Prepared, PreparedMark
from liteproof_edge.preprocessing.raw import RawSpec

MAX_SIDE = 4096  # of a model's input
MAX_NUMBER = 1e6
CHOICES: Mapping[str, type[Enum]] = {"fit": Fit, "resampling": Resampling, "order": ChannelOrder}
NUMBERS = ("mean", "scale")

Spec: TypeAlias = "RawSpec | PhotoSpec | InkSpec"
SPECS: Mapping[str, type[RawSpec] | type[PhotoSpec] | type[InkSpec]] = {
    spec.kind: spec for spec in (RawSpec, PhotoSpec, InkSpec)
}


class _Quiet(AbstractContextManager[None]):
    """Hides warnings (Pillow's: what matters is raised) while any thread is inside.

    Were each thread to use `catch_warnings`, the last to leave would restore what another had set,
    and warnings would stay hidden.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._shown = warnings.catch_warnings()
                self._shown.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._shown.__exit__(None, None, None)


QUIET = _Quiet()


def preprocess(picture: Picture, spec: Spec, max_megapixels: int | None = None) -> Prepared:
    """Turn a picture into the model's input.

    Args:
        picture: a path, an encoded file's bytes, a Pillow image, or uint8 pixels of shape
            (height, width) or (height, width, 3 or 4).
        spec: the manifest's.
        max_megapixels: pictures of up to so many million pixels may take more than 120 MiB.

    Raises:
        PictureError: it cannot be read as a picture, or the spec refuses it.
    """
    with _refusing(picture):
        return spec.apply(picture, max_megapixels)


def preprocess_each(
    picture: Picture, spec: InkSpec, max_megapixels: int | None = None
) -> list[list[PreparedMark]]:
    """Turn each mark of a picture into the model's input: line by line, from left to right.

    Args:
        picture: as above.
        spec: the manifest's.
        max_megapixels: as above.

    Raises:
        PictureError: it cannot be read as a picture, or there is no ink.
    """
    from liteproof_edge.preprocessing.several import prepare_each  # noqa: PLC0415 - rarely needed

    with _refusing(picture):
        return prepare_each(picture, spec, max_megapixels)


@contextmanager
def _refusing(picture: Picture) -> Iterator[None]:
    """Raise whatever is wrong with a picture as a PictureError that names it."""
    name = f"{picture}: " if isinstance(picture, str | Path) else ""
    try:
        with QUIET:
            yield
    except PictureError as error:
        raise PictureError(f"{name}{error}") from None
    except UnidentifiedImageError:
        raise PictureError(f"{name}not a picture that Pillow can read") from None
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise many types on damaged files
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PictureError(f"{name}cannot be read: {reason}") from None


def spec_to_json(spec: Spec) -> dict[str, Any]:
    """Return the spec as the manifest stores it.

    A mean and a scale that say nothing are left out, except of `photo`, which always had them.
    """
    values = {
        key: value.value if isinstance(value, Enum) else value
        for key, value in asdict(spec).items()
        if key not in NUMBERS or value or spec.kind == PhotoSpec.kind
    }
    return {"kind": spec.kind, **values}


def spec_from_json(value: Mapping[str, Any], where: str) -> Spec:
    """Return the spec that a manifest describes.

    Raises:
        BundleError: its kind or keys are unknown, or a value is out of bounds.
    """
    given = {key: entry for key, entry in value.items() if key != "kind"}
    spec = SPECS.get(str(value.get("kind")))
    if spec is None:
        raise BundleError(
            f"{where}: kind {value.get('kind')!r}, expected one of {', '.join(SPECS)}"
        )
    expected = {field.name for field in fields(spec)}
    optional = set() if spec is PhotoSpec else set(NUMBERS)
    if not expected - optional <= set(given) <= expected:
        raise BundleError(f"{where}: keys {sorted(given)}, expected {sorted(expected)}")
    try:
        return spec(**{key: _parsed(key, entry) for key, entry in given.items()})
    except ValueError as error:
        raise BundleError(f"{where}: {error}") from None


def _parsed(key: str, value: object) -> Any:  # noqa: ANN401
    """Return a spec's value from the manifest's; ValueError says which is out of bounds."""
    expected = f"an integer from 1 to {MAX_SIDE}"
    if key in CHOICES:
        names = [member.value for member in CHOICES[key]]
        if value in names:
            return CHOICES[key](value)
        expected = f"one of {', '.join(names)}"
    elif key in NUMBERS:
        if isinstance(value, list) and all(map(_is_number, value)):
            return tuple(float(number) for number in value)
        expected = "a list of numbers"
    elif type(value) is int and 1 <= value <= MAX_SIDE:
        return value
    raise ValueError(f"{key}: {value!r}, expected {expected}")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= MAX_NUMBER
