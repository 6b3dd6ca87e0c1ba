"""How much a recipe's accuracy depends on its seed: the mean and spread of several trainings."""

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from liteproof.errors import RunError
from liteproof.evidence.document import read_evidence
from liteproof.recipes.reader import RecipeFile
from liteproof.runs.run import Run
from liteproof.training.history import read_history

# Student's t, 97.5 %, for 2 seeds, 3 seeds and so on (any table of it).
STUDENT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
MOST = len(STUDENT_T) + 1


@dataclass(frozen=True, slots=True)
class Seed:
    """One training; accuracies 0 to 1 on all the test pictures."""

    seed: int
    float_accuracy: float
    int8_accuracy: float
    size_bytes: int
    training_seconds: float

    @classmethod
    def of(cls, run: Run) -> "Seed":
        """Read a finished and compared run."""
        evidence, int8 = read_evidence(run.comparison), run.int8.name
        cell = next(cell for cell in evidence.cells if cell.model == int8)
        history = read_history(run.history)
        return cls(
            seed=run.settings.seed,
            float_accuracy=evidence.baseline.correct / evidence.baseline.n,
            int8_accuracy=cell.correct / cell.n,
            size_bytes=evidence.sizes[int8],
            training_seconds=sum(epoch.seconds for epoch in history),
        )


@dataclass(frozen=True, slots=True)
class Seeds:
    """Trainings of one recipe that differ only in the seed.

    Attributes:
        recipe: the parts that make the weights and the int8 model, as canonical JSON.
        dataset: what was tested on.
        results: at least two, at most MOST.
    """

    recipe: str
    dataset: str
    results: tuple[Seed, ...]

    @property
    def mean(self) -> float:
        """The int8 models' mean accuracy, 0 to 1."""
        return statistics.mean(result.int8_accuracy for result in self.results)

    @property
    def deviation(self) -> float:
        """The standard deviation of one training's accuracy (n - 1 in the denominator)."""
        return statistics.stdev(result.int8_accuracy for result in self.results)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean over all seeds, these being a sample (Student's t)."""
        n = len(self.results)
        reach = STUDENT_T[n - 2] * self.deviation / n**0.5
        return self.mean - reach, self.mean + reach

    def to_json(self) -> str:
        """Return seeds.json."""
        return json.dumps({**asdict(self), **self.summary()}, indent=1)

    def summary(self) -> dict[str, Any]:
        """Return the figures as a manifest holds them."""
        return {
            "seeds": [result.seed for result in self.results],
            "int8_mean": self.mean,
            "int8_deviation": self.deviation,
            "int8_interval": self.interval,
        }

    @classmethod
    def read(cls, path: Path, recipe_file: RecipeFile) -> "Seeds":
        """Read what `to_json` wrote.

        Raises:
            RunError: it is not such a file, or is another recipe's.
        """
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            results = tuple(Seed(**result) for result in value["results"])
            seeds = cls(str(value["recipe"]), str(value["dataset"]), results)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path}: not what scripts/seeds.py writes: {error!r}") from None
        if seeds.recipe != recipe_digest(recipe_file):
            raise RunError(f"{path}: was measured with another recipe; run scripts/seeds.py again")
        return seeds

    def table(self) -> str:
        """Return the figures as a table for a terminal."""
        rows = [
            f"{result.seed:5}  {result.float_accuracy:.2%}  {result.int8_accuracy:.2%}  "
            f"{result.size_bytes / 1000:6.1f} kB  {result.training_seconds:6.0f} s"
            for result in self.results
        ]
        low, high = (100 * bound for bound in self.interval)
        summary = (
            f"{self.dataset}: int8 {self.mean:.2%} ± {100 * self.deviation:.2f} "
            f"({len(self.results)} seeds, standard deviation; 95 % interval of the mean "
            f"{low:.2f} to {high:.2f})"
        )
        return "\n".join((" seed   float    int8       size  training", *rows, "", summary))


def recipe_digest(recipe_file: RecipeFile) -> str:
    """Return what two recipes must share for their results to be comparable."""
    return recipe_file.part("dataset", "preprocessing", "architecture", "training", "quantization")
