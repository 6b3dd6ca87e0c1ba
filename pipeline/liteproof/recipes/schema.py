"""A recipe: everything that makes a model. What it may say, key by key, with type and range."""

from dataclasses import field
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from liteproof.recipes.training import Training
from liteproof.recipes.values import STRICT, Fraction, Name, PositiveFloat, PositiveInt, Side
from liteproof_edge.preprocessing.photo import Fit, Resampling


class Padding(Enum):
    """What a convolution does at the picture's border."""

    SAME = "same"  # output side = ceil(input side / stride)
    VALID = "valid"  # output side = floor((input side - kernel side) / stride) + 1


class Activation(Enum):
    """The non-linearity after a layer."""

    RELU = "relu"
    RELU6 = "relu6"
    LEAKY_RELU = "leaky_relu"
    ELU = "elu"
    GELU = "gelu"
    HARD_SWISH = "hard_swish"
    TANH = "tanh"
    SIGMOID = "sigmoid"
    LINEAR = "linear"


@dataclass(frozen=True, config=STRICT)
class Conv:
    """A convolution, batch normalisation and an activation.

    A separable one is two of them: a filter for each single channel (depthwise), then 1x1 filters
    over all channels (pointwise).
    """

    type: Literal["conv"]
    filters: PositiveInt
    kernel_size: PositiveInt
    strides: PositiveInt = 1
    padding: Padding = Padding.SAME
    activation: Activation = Activation.RELU
    batch_normalization: bool = True
    separable: bool = False


@dataclass(frozen=True, config=STRICT)
class Pool:
    """The largest or the mean value of each window."""

    type: Literal["max_pool", "average_pool"]
    pool_size: PositiveInt = 2
    strides: PositiveInt | None = None  # the window's own size when it is not given
    padding: Padding = Padding.VALID


@dataclass(frozen=True, config=STRICT)
class GlobalPool:
    """The largest or the mean value of each channel: one vector is left."""

    type: Literal["global_max_pool", "global_average_pool"]


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


PlainLayer = Annotated[Conv | Pool | GlobalPool | Dense | Dropout, Field(discriminator="type")]


@dataclass(frozen=True, config=STRICT)
class Residual:
    """Layers whose input is added to their output, before the activation.

    Where the shapes differ, the input goes through a 1x1 convolution first.
    """

    type: Literal["residual"]
    layers: Annotated[tuple[PlainLayer, ...], Field(min_length=1)]
    activation: Activation = Activation.RELU


Layer = Annotated[
    Conv | Pool | GlobalPool | Dense | Dropout | Residual, Field(discriminator="type")
]


class Backbone(Enum):
    """A known network to begin with, without its last layers, by Keras' name."""

    MOBILENET_V2 = "MobileNetV2"
    MOBILENET_V3_SMALL = "MobileNetV3Small"
    EFFICIENTNET_B0 = "EfficientNetB0"


IMAGENET = "imagenet"  # weights that Keras downloads
NOTHING = "none"


@dataclass(frozen=True, config=STRICT)
class Architecture:
    """What is between the pixels and the logits: a backbone if there is one, then the layers.

    A backbone with weights is trained in two phases: first only what comes after it, then, by
    [training.fine_tuning], its layers from `trainable_from` on too. Its batch normalisation keeps
    the statistics that came with the weights.
    """

    layers: tuple[Layer, ...]
    backbone: Backbone | None = None
    alpha: PositiveFloat = 1.0  # of its filters, how many: 0.35 has about a third
    weights: str = NOTHING  # to begin with: "imagenet", a file, or "none", from nothing
    trainable_from: str | Annotated[int, Field(ge=0)] = NOTHING  # a layer's name or number

    @property
    def is_pretrained(self) -> bool:
        """Whether it begins with a backbone that has learnt something."""
        return self.backbone is not None and self.weights != NOTHING


@dataclass(frozen=True, config=STRICT)
class DatasetChoice:
    """Which labelled pictures, and how many of the training ones are held out for validation.

    Where pictures are of many sizes, `size` and `channels` say what the model takes.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[A-Za-z0-9_.-]+)?$")]
    size: tuple[Side, Side] | None = None  # height, width; None: that of the pictures
    channels: Literal[1, 3] | None = None  # None: as the pictures; 3 for `photo`, 1 for `ink`
    validation_pictures: PositiveInt | None = None  # None: 5,000 or a sixth, whichever is fewer


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
class QuantizationChoice:
    """How the int8 model is calibrated."""

    calibration_pictures: PositiveInt = 500


class Metric(Enum):
    """What a margin is of."""

    ACCURACY = "accuracy"  # the share of all pictures that are right
    BALANCED = "balanced"  # the mean of that share over the classes


@dataclass(frozen=True, config=STRICT)
class Gates:
    """What the quantized model must meet, or the command ends with exit code 6."""

    top1_drop_points: Annotated[float, Field(ge=0, le=100)] = 0.2
    metric: Metric = Metric.ACCURACY  # that may drop by so much


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


@dataclass(frozen=True, config=STRICT)
class Adoption:
    """Where a model comes from that was trained elsewhere, and what was found of it."""

    model: str  # its file's name
    sha256: str  # of it
    labels: tuple[str, ...]  # of its classes, in the order of its outputs
    takes: str  # what it takes pixels as, and how that is known
    gives: str  # what its last layer was
    again: str  # the command that adopts it
    given: bool = False  # whether it is a .tflite, which is kept as it is
    quantize: bool = False  # whether int8 is made of that
    mean: tuple[float, ...] = ()  # of a .tflite: it takes (pixel - mean) x scale
    scale: tuple[float, ...] = ()
    bgr: bool = False  # of a .tflite: it takes blue first


@dataclass(frozen=True, config=STRICT)
class AdoptedRecipe(Recipe):
    """The recipe of a model that was trained elsewhere: its layers are in its own file."""

    architecture: Architecture = field(default=Architecture(()), init=False)
    training: Training = field(default=Training(epochs=1), init=False)  # unknown, and never read
    adoption: Adoption = field(kw_only=True)
