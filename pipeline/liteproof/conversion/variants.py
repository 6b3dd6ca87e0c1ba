"""The forms a trained model can be exported in, each with a name that its file carries."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import product
from pathlib import Path

from liteproof.errors import RecipeError


class Scheme(Enum):
    """How an exported model's numbers are stored and computed."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"  # weights of half the size; computed in float32
    DYNAMIC = "dynamic"  # int8 weights; what lies between the layers is float32 in the file
    INT8 = "int8"  # integers only
    INT8_MIXED = "int8-mixed"  # int8, with a few layers in float32
    INT16X8 = "int16x8"  # int8 weights, int16 between the layers
    GIVEN = "given"  # a .tflite of others, kept as it is


class Interface(Enum):
    """The type of a model's input and output."""

    UINT8 = "uint8"
    INT8 = "int8"
    INT16 = "int16"
    FLOAT32 = "float32"


class Granularity(Enum):
    """How many scales the weights of a layer have."""

    PER_CHANNEL = "per_channel"  # one for each output channel
    PER_TENSOR = "per_tensor"


class Weights(Enum):
    """Which of a run's trainings the weights come from."""

    FLOAT = "float"
    QAT = "qat"  # fine-tuned through the rounding of int8


# What each scheme may take and give; the first is the default. MediaPipe and ML Kit know uint8 and
# float32 only.
INTERFACES = {
    Scheme.INT8: (Interface.UINT8, Interface.INT8, Interface.FLOAT32),
    Scheme.INT8_MIXED: (Interface.INT8,),
    Scheme.INT16X8: (Interface.INT16, Interface.FLOAT32),
}
INTEGER = (Scheme.INT8, Scheme.INT8_MIXED, Scheme.INT16X8)  # those that are calibrated


@dataclass(frozen=True, slots=True)
class Variant:
    """One form of a model.

    Attributes:
        scheme: how its numbers are stored.
        interface: None for the scheme's own.
        granularity: of the weights' scales.
        weights: which training they come from.

    Raises:
        RecipeError: the scheme has no such interface or granularity.
    """

    scheme: Scheme
    interface: Interface | None = None
    granularity: Granularity = Granularity.PER_CHANNEL
    weights: Weights = Weights.FLOAT

    def __post_init__(self) -> None:
        if self.interface is self._interfaces[0]:
            object.__setattr__(self, "interface", None)  # so that equal forms are equal
        if self.io not in self._interfaces:
            raise RecipeError(
                f"{self.scheme.value}: takes and gives no {self.io.value}, expected "
                f"{' or '.join(interface.value for interface in self._interfaces)}"
            )
        if self.granularity is Granularity.PER_TENSOR and not self.is_calibrated:
            raise RecipeError(
                f"{self.scheme.value}: has no per_tensor scales, expected per_channel"
            )

    @property
    def io(self) -> Interface:
        """The type of its input and output."""
        return self.interface or self._interfaces[0]

    @property
    def is_calibrated(self) -> bool:
        """Whether it needs a representative dataset."""
        return self.scheme in INTEGER

    @property
    def name(self) -> str:
        """Its file's name: the scheme, and everything that is not the default."""
        words = [self.scheme.value]
        if self.io is not self._interfaces[0]:
            words.append(f"{self.io.value}-io")
        if self.granularity is Granularity.PER_TENSOR:
            words.append("per-tensor")
        if self.weights is Weights.QAT:
            words.append("qat")
        return "-".join(words)

    def model_in(self, folder: Path) -> Path:
        """Return where its file lies."""
        return folder / f"model-{self.name}.tflite"

    def record_in(self, folder: Path) -> Path:
        """Return where the record of its export lies."""
        return folder / f"model-{self.name}.json"

    @property
    def _interfaces(self) -> tuple[Interface, ...]:
        return INTERFACES.get(self.scheme, (Interface.FLOAT32,))


FLOAT32 = Variant(Scheme.FLOAT32)
GIVEN = Variant(Scheme.GIVEN)


def every_variant() -> Iterator[Variant]:
    """Yield every form there is, float32 first."""
    for scheme, interface, granularity, weights in product(Scheme, Interface, Granularity, Weights):
        with suppress(RecipeError):
            yield Variant(scheme, interface, granularity, weights)


def named(name: str) -> Variant:
    """Return the form of that name.

    Raises:
        RecipeError: there is none.
    """
    for variant in every_variant():
        if variant.name == name:
            return variant
    raise RecipeError(f"{name}: not a form of a model")
