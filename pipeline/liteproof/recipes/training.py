"""What a recipe may say of its training, key by key, with type and range."""

from enum import Enum
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from liteproof.recipes.values import STRICT, Fraction, PositiveFloat, PositiveInt


class Fill(Enum):
    """What fills the border of a picture that is moved."""

    BLACK = "black"
    REFLECT = "reflect"
    EDGE = "edge"


@dataclass(frozen=True, config=STRICT)
class Augmentation:
    """Random changes of each training picture that keep its label; 0 or false switches one off.

    Each amount is drawn for each picture, uniformly, up to the given one to either side.
    """

    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    scale: Fraction = 0.0  # 0.1: by 0.9 to 1.1, of width and height each on its own
    shear: Fraction = 0.0
    shift_pixels: Annotated[float, Field(ge=0)] = 0.0
    crop_pixels: Annotated[int, Field(ge=0)] = 0  # shift by whole pixels, which blurs nothing
    elastic_pixels: Annotated[float, Field(ge=0)] = 0.0  # standard deviation of each place's shift
    elastic_spacing: PositiveFloat = 7.0  # pixels between places that are moved each on its own
    fill: Fill = Fill.BLACK
    flip: bool = False  # left and right swapped in every second picture; never for digits
    thickness: Annotated[float, Field(ge=0, le=1)] = 0.0  # of light strokes; 1: a pixel all round
    brightness: Fraction = 0.0  # added, as a share of the full range
    contrast: Fraction = 0.0  # about the picture's own mean
    noise: Fraction = 0.0  # standard deviation, as a share of the full range
    cutout_pixels: Annotated[int, Field(ge=0)] = 0  # side of a square that is painted over


class Schedule(Enum):
    """How the learning rate falls to 0 after the warm-up."""

    LINEAR = "linear"  # with the warm-up: one cycle
    COSINE = "cosine"


class ClassWeights(Enum):
    """How much each class counts in the loss."""

    BALANCED = "balanced"  # as much as any other, however few pictures it has


class Precision(Enum):
    """What is computed in while training; weights and the exported models are always float32."""

    AUTO = "auto"  # bfloat16 where the processor has instructions for it, else float32
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"  # for GPUs; the loss is scaled


@dataclass(frozen=True, config=STRICT)
class Distillation:
    """Learning from the answers of a larger, trained model, besides the labels."""

    teacher: str  # another recipe: a shipped one by name, or a TOML file
    weight: Annotated[float, Field(gt=0, le=1)] = 0.5  # of the teacher's answers in the loss
    temperature: PositiveFloat = 2.0


@dataclass(frozen=True, config=STRICT)
class Qat:
    """Fine-tuning through the rounding of int8, after the training proper."""

    epochs: PositiveInt
    learning_rate: PositiveFloat


@dataclass(frozen=True, config=STRICT)
class FineTuning:
    """Training a pretrained backbone's last layers too, after the training proper."""

    epochs: PositiveInt
    learning_rate: PositiveFloat  # lower than before: a tenth or less


@dataclass(frozen=True, config=STRICT)
class Training:
    """How the weights are found."""

    epochs: PositiveInt
    batch_size: PositiveInt = 256  # of all devices and machines together
    learning_rate: PositiveFloat = 0.008  # at its peak, after the warm-up
    schedule: Schedule = Schedule.LINEAR
    warmup: Fraction = 0.1  # share of all steps in which it rises linearly; then it falls to 0
    weight_decay: Annotated[float, Field(ge=0)] = 0.004
    label_smoothing: Fraction = 0.05
    class_weights: ClassWeights | None = None  # None: every picture counts the same
    weight_averaging: Fraction = 0.998  # decay of the exponential moving average; 0 switches it off
    early_stopping: Annotated[int, Field(ge=0)] = 0  # epochs without a better validation; 0: never
    precision: Precision = Precision.FLOAT32
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    augmentation: Augmentation = Field(default_factory=Augmentation)
    distillation: Distillation | None = None
    fine_tuning: FineTuning | None = None
    qat: Qat | None = None
