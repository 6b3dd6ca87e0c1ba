"""A recipe: everything that makes a model. What it may say, key by key, with type and range."""

from enum import Enum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from liteproof_edge.photo import Fit, Resampling

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Fraction = Annotated[float, Field(ge=0, lt=1)]
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]


class Padding(Enum):
    """What a convolution does at the picture's border."""

    SAME = "same"  # output side = ceil(input side / stride)
    VALID = "valid"  # output side = floor((input side - kernel side) / stride) + 1


class Scheme(Enum):
    """How an exported model's numbers are stored."""

    FLOAT32 = "float32"
    INT8 = "int8"  # uint8 pixels in, int8 logits out, integers in between


class Activation(Enum):
    """The non-linearity after a layer."""

    RELU = "relu"
    RELU6 = "relu6"
    TANH = "tanh"
    SIGMOID = "sigmoid"
    LINEAR = "linear"


@dataclass(frozen=True, config=STRICT)
class Conv:
    """A convolution, batch normalisation and an activation."""

    type: Literal["conv"]
    filters: PositiveInt
    kernel_size: PositiveInt
    strides: PositiveInt = 1
    padding: Padding = Padding.SAME
    activation: Activation = Activation.RELU
    batch_normalization: bool = True


@dataclass(frozen=True, config=STRICT)
class Pool:
    """The largest or the mean value of each window."""

    type: Literal["max_pool", "average_pool"]
    pool_size: PositiveInt = 2
    strides: PositiveInt | None = None  # the window's own size when it is not given
    padding: Padding = Padding.VALID


@dataclass(frozen=True, config=STRICT)
class Dense:
    """A fully connected layer; the last one, which gives the logits, is implied."""

    type: Literal["dense"]
    units: PositiveInt
    activation: Activation = Activation.RELU


@dataclass(frozen=True, config=STRICT)
class Dropout:
    """While training, sets a share of the values to zero."""

    type: Literal["dropout"]
    rate: Fraction


Layer = Annotated[Conv | Pool | Dense | Dropout, Field(discriminator="type")]


@dataclass(frozen=True, config=STRICT)
class Architecture:
    """The layers between the pixels and the logits."""

    layers: tuple[Layer, ...]


@dataclass(frozen=True, config=STRICT)
class DatasetChoice:
    """Which labelled pictures, and how many of the training ones are held out for validation."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[A-Za-z0-9_.-]+)?$")]
    validation_pictures: PositiveInt = 5000


@dataclass(frozen=True, config=STRICT)
class Raw:
    """A picture that already is the model's input."""

    kind: Literal["raw"] = "raw"


@dataclass(frozen=True, config=STRICT)
class Ink:
    """A mark (a digit, a letter) that is found, scaled and centred."""

    kind: Literal["ink"] = "ink"
    box: PositiveInt = 20  # the longer side of the mark, in pixels


@dataclass(frozen=True, config=STRICT)
class Photo:
    """A photo of any size, in RGB."""

    kind: Literal["photo"] = "photo"
    fit: Fit = Fit.COVER
    resampling: Resampling = Resampling.BILINEAR


# How the device turns a picture into the input; the keys are those of its own specs.
Preprocessing = Annotated[Raw | Ink | Photo, Field(discriminator="kind")]


@dataclass(frozen=True, config=STRICT)
class Augmentation:
    """Random changes of each training picture that keep its label; 0 switches one off."""

    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    scale: Fraction = 0.0
    shear: Fraction = 0.0
    shift_pixels: Annotated[float, Field(ge=0)] = 0.0


@dataclass(frozen=True, config=STRICT)
class Training:
    """How the weights are found."""

    epochs: PositiveInt
    batch_size: PositiveInt = 256
    learning_rate: PositiveFloat = 0.008  # at its peak, after the warm-up
    warmup: Fraction = 0.1  # share of all steps in which it rises linearly; then it falls to 0
    weight_decay: Annotated[float, Field(ge=0)] = 0.004
    label_smoothing: Fraction = 0.05
    weight_averaging: Fraction = 0.998  # decay of the exponential moving average; 0 switches it off
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    augmentation: Augmentation = Field(default_factory=Augmentation)


@dataclass(frozen=True, config=STRICT)
class QuantizationChoice:
    """How the int8 model is calibrated."""

    calibration_pictures: PositiveInt = 500


@dataclass(frozen=True, config=STRICT)
class Gates:
    """What the quantized model must hold, or the command ends with exit code 6."""

    top1_drop_points: Annotated[float, Field(ge=0, le=100)] = 0.2


@dataclass(frozen=True, config=STRICT)
class Recipe:
    """A whole recipe."""

    name: Name
    description: str
    dataset: DatasetChoice
    architecture: Architecture
    training: Training
    preprocessing: Preprocessing = Field(default_factory=Raw)
    quantization: QuantizationChoice = Field(default_factory=QuantizationChoice)
    gates: Gates = Field(default_factory=Gates)
