"""A recipe: everything that makes a model, as a TOML file.

Every key is checked: an unknown one is refused with the nearest name that exists, a value out of
its range with the range.
"""

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass as plain_dataclass
from enum import Enum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

import tomllib
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from liteproof.errors import RecipeError
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


# What a `type` or `kind` chooses; in a problem's place it stands as if it were a key.
CHOICES: dict[str, type] = {
    "conv": Conv,
    "max_pool": Pool,
    "average_pool": Pool,
    "dense": Dense,
    "dropout": Dropout,
    "raw": Raw,
    "ink": Ink,
    "photo": Photo,
}
UNKNOWN = "unexpected_keyword_argument"
_RECIPE = TypeAdapter(Recipe)


@plain_dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe, and the text that it was read from."""

    recipe: Recipe
    text: str

    def part(self, *names: str) -> str:
        """Return the named parts of the recipe as canonical JSON: what a stage depends on."""
        whole = _RECIPE.dump_python(self.recipe, mode="json")
        return json.dumps({name: whole[name] for name in names}, sort_keys=True)


def shipped_recipes() -> dict[str, str]:
    """Return the recipes that come with liteproof: name → text."""
    folder = files("liteproof") / "recipes"
    found = {
        entry.name.removesuffix(".toml"): entry.read_text()
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
    return dict(sorted(found.items()))


def load_recipe(name_or_path: str) -> RecipeFile:
    """Read a recipe that ships with liteproof, by name, or any other, by path.

    Raises:
        RecipeError: there is none of that name, or it is not a recipe.
    """
    shipped = shipped_recipes()
    if name_or_path in shipped:
        return parse_recipe(shipped[name_or_path], name_or_path)
    path = Path(name_or_path)
    try:
        if not path.exists():
            raise RecipeError(
                f"{path}: no such file, and no recipe of that name{_nearest(name_or_path, shipped)}"
            )
        if not path.is_file():  # a device may have no end
            raise RecipeError(f"{path}: cannot be read: not a file")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RecipeError(f"{name_or_path}: cannot be read: {error}") from None
    return parse_recipe(text, name_or_path)


def parse_recipe(text: str, where: str) -> RecipeFile:
    """Check a recipe's text.

    Raises:
        RecipeError: it is not TOML, or a key or value in it is wrong.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{where}: not TOML: {error}") from None
    try:
        # By way of JSON, where a strict check still turns lists into tuples and words into enums.
        return RecipeFile(_RECIPE.validate_json(json.dumps(table, default=str)), text)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    """Return the first problem in one line: the key's path, what is wrong, what was expected."""
    problems = error.errors()
    # An unknown key often leaves a required one missing: the unknown one is the cause.
    problem = next((item for item in problems if item["type"] == UNKNOWN), problems[0])
    path, keys = _locate(problem["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if problem["type"] == UNKNOWN:
        return f"{path}: unknown key{_nearest(str(problem['loc'][-1]), keys)}{more}"
    if problem["type"] == "missing":
        return f"{path}: missing{more}"
    message = problem["msg"][0].lower() + problem["msg"][1:]
    found = problem["input"]
    given = "" if isinstance(found, dict | list) else f"{found!r}: "
    return f"{path}: {given}{message}{more}"


def _locate(location: tuple[int | str, ...]) -> tuple[str, list[str]]:
    """Return a problem's path as in the TOML file, and the keys known at that level."""
    path, keys = "", list[str]()
    table: type = Recipe
    for part in location:
        if part in CHOICES:
            table = CHOICES[str(part)]
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
        if isinstance(part, str):
            hints = get_type_hints(table)
            keys = list(hints)
            table = hints.get(part, table)
    return path, keys


def _nearest(word: str, known: Iterable[str]) -> str:
    matches = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else f"; expected one of {', '.join(known)}"
