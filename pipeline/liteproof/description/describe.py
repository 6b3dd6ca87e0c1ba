"""What a recipe's model is and costs a device, before any training."""

import json
from dataclasses import asdict, dataclass, replace

import keras
import numpy as np
from numpy.typing import NDArray

from liteproof.compatibility.assessment import Assessment, assess_all, runs_on
from liteproof.conversion.metadata import About, with_metadata
from liteproof.conversion.quantization import convert
from liteproof.conversion.slimming import without_names
from liteproof.conversion.variants import Scheme, Variant
from liteproof.description.dimensions import Dimensions
from liteproof.description.layer_table import Row, Shape, layer_table
from liteproof.description.portability import BELOW_ZERO, MEASURED_ON, unportable_operators
from liteproof.network.architecture import build
from liteproof.recipes.schema import NOTHING, Recipe
from liteproof_edge.inspection.inspect import Cost, inspect
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.text_table import aligned

SEED = 0
CALIBRATION_PICTURES = 4  # of noise: they set scales, which change no figure here


@dataclass(frozen=True, slots=True)
class Description:
    """A recipe's model, untrained.

    Attributes:
        name: the recipe's.
        rows: one for each layer, with its share of parameters and MACs.
        cost: of the int8 file that `liteproof export` will write.
        unportable: operators whose bytes may differ from one CPU to another, and why.
        assessments: what each runtime makes of the int8 model.
    """

    name: str
    rows: tuple[Row, ...]
    cost: Cost
    unportable: tuple[str, ...]
    assessments: tuple[Assessment, ...]

    def to_json(self) -> str:
        """Return all of it."""
        value = {
            "name": self.name,
            "layers": [asdict(row) for row in self.rows],
            **self.cost._asdict(),
            "same_bytes_on_every_cpu": not self.unportable,
            "unportable_operators": self.unportable,
            "problems_of_runtimes": {one.target.value: one.problems for one in self.assessments},
        }
        return json.dumps(value, indent=1)

    def table(self) -> str:
        """Return all of it, for a terminal."""
        cells = [("layer", "output", "size", "parameters", "MACs")]
        cells += [
            (
                "  " * row.depth + row.layer,
                _times(row.output),
                row.formula,
                f"{row.parameters:,}" if row.parameters else "",
                f"{row.macs:,}" if row.macs else "",
            )
            for row in self.rows
        ]
        cells.append(("int8 model", "", "", f"{self.cost.parameters:,}", f"{self.cost.macs:,}"))
        lines = aligned(cells, range(3, 5))
        rule = "─" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], "", *self._summary()])

    def _summary(self) -> list[str]:
        memory = (
            f"{self.cost.peak_activation_bytes:,} bytes at most for the values between layers, "
            "besides weights and runtime"
        )
        same = [f"yes, as measured on {MEASURED_ON}"]
        if self.unportable:
            same = [f"not on every CPU: {', '.join(self.unportable)}"]
        if any(BELOW_ZERO in operator for operator in self.unportable):
            same.append("x86 and ARM round values below 0 differently; relu and relu6 leave none")
        runtimes = runs_on(self.assessments)
        return [
            f"file        {self.cost.size_bytes:,} bytes of int8 .tflite",
            f"memory      {memory}",
            f"same bytes  {same[0]}",
            *(f"            {line}" for line in same[1:]),
            f"runs on     {runtimes[0]}",
            *(f"            {line}" for line in runtimes[1:]),
        ]


def describe(recipe: Recipe, dimensions: Dimensions) -> Description:
    """Build, convert and inspect a recipe's model with random weights.

    Raises:
        RecipeError: the layers do not fit on one another.
        ConversionError: TensorFlow cannot convert it.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(SEED)
    architecture = replace(recipe.architecture, weights=NOTHING)  # which no figure depends on
    model = build(architecture, *dimensions)
    rng = np.random.default_rng(SEED)
    _leave_the_start(model, rng)
    named = convert(model, Variant(Scheme.INT8), _noise(dimensions.shape, rng))
    labels = tuple(map(str, range(dimensions.classes)))
    flatbuffer = with_metadata(without_names(named), About(recipe.name, recipe.description, labels))
    made = read_model(flatbuffer)
    return Description(
        name=recipe.name,
        rows=layer_table(recipe.architecture, model),
        cost=inspect(made, len(flatbuffer), recipe.name).cost,
        unportable=unportable_operators(made.subgraphs[0]),
        assessments=assess_all(made),
    )


def _leave_the_start(model: keras.Model, rng: np.random.Generator) -> None:
    """Give random values to weights that all begin equal, as training will.

    Constants that are alike would be stored once, and the file be smaller than that of a trained
    model; batch normalisation that changes nothing would leave no trace.
    """
    for weight in model.weights:
        values = weight.numpy()
        if np.ptp(values) == 0 and np.issubdtype(values.dtype, np.floating):
            weight.assign(values + rng.uniform(-0.1, 0.1, values.shape))


def _noise(shape: Shape, rng: np.random.Generator) -> NDArray[np.uint8]:
    pictures: NDArray[np.uint8] = rng.integers(0, 256, (CALIBRATION_PICTURES, *shape), np.uint8)
    pictures[0], pictures[1] = 0, 255  # pixels go in as they are only if the range is spanned
    return pictures


def _times(shape: Shape) -> str:
    return "×".join(map(str, shape))
