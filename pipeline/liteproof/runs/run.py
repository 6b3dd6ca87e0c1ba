"""A run: the folder that holds one training and everything made from it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from liteproof.conversion.variants import FLOAT32, GIVEN, Scheme, Variant, Weights
from liteproof.errors import RunError
from liteproof.recipes.reader import RecipeFile, parse_recipe
from liteproof.recipes.schema import AdoptedRecipe, Adoption, Recipe
from liteproof.recipes.training import Precision
from liteproof.storage import make_folder, write_file
from liteproof.tensorflow_setup import Device

DEVICES = "devices"  # the folder in a run that holds what devices measured


@dataclass(frozen=True, slots=True)
class Settings:
    """What a training depends on besides its recipe, and where its data is."""

    seed: int
    threads: int
    device: Device
    precision: Precision
    data_dir: Path
    replicas: int = 1  # devices, on all machines together, that each take a share of a batch

    def __str__(self) -> str:
        shared = f", {self.replicas} replicas" if self.replicas > 1 else ""
        return (
            f"seed {self.seed}, {counted_threads(self.threads)}, device {self.device.value}, "
            f"{self.precision.value}{shared}"
        )


def counted_threads(n: int) -> str:
    """Return n in words: "1 thread", "2 threads"."""
    return "1 thread" if n == 1 else f"{n:,} threads"


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder, recipe and settings, and the SHA-256 of its training data."""

    path: Path
    recipe_file: RecipeFile
    settings: Settings
    fingerprint: str

    @property
    def recipe(self) -> Recipe:
        """The recipe that the run was begun with."""
        return self.recipe_file.recipe

    @property
    def adoption(self) -> Adoption | None:
        """Where its model comes from, if that was trained elsewhere."""
        return self.recipe.adoption if isinstance(self.recipe, AdoptedRecipe) else None

    @property
    def checkpoints(self) -> Path:
        """Where training saves its state after each epoch."""
        return self.path / "checkpoints"

    @property
    def history(self) -> Path:
        """One row for each epoch."""
        return self.path / "history.csv"

    @property
    def curves(self) -> Path:
        """The same, as a picture."""
        return self.path / "curves.svg"

    @property
    def keras_model(self) -> Path:
        """The trained float model; it is there once training has ended."""
        return self.path / "model.keras"

    @property
    def given_model(self) -> Path:
        """The .tflite that an adopted run's forms are made from, where it was adopted from one."""
        return self.path / "model.tflite"

    @property
    def is_given(self) -> bool:
        """Whether it was adopted from a .tflite, and has no Keras model."""
        return self.adoption is not None and self.adoption.given

    @property
    def source_model(self) -> Path:
        """The model that all forms are made from and held against."""
        return self.given_model if self.is_given else self.keras_model

    @property
    def qat_model(self) -> Path:
        """The same after quantization-aware training, where the recipe has it."""
        return self.path / "model-qat.keras"

    @property
    def trained_models(self) -> list[Path]:
        """All that training makes, the last one at its very end."""
        return [self.keras_model, *([self.qat_model] if self.recipe.training.qat else [])]

    def trained_model(self, weights: Weights) -> Path:
        """The trained model with such weights."""
        return {Weights.FLOAT: self.source_model, Weights.QAT: self.qat_model}[weights]

    @property
    def int8(self) -> Variant:
        """The int8 variant that the recipe asks for."""
        has_qat = self.recipe.training.qat is not None
        return Variant(Scheme.INT8, weights=Weights.QAT if has_qat else Weights.FLOAT)

    @property
    def first_form(self) -> Variant:
        """The form that is nearest to the model that all are made from."""
        return GIVEN if self.is_given else FLOAT32

    @property
    def own_form(self) -> Variant:
        """The form that ships unless `export --gate` finds another."""
        keeps = self.adoption is not None and self.adoption.given and not self.adoption.quantize
        return GIVEN if keeps else self.int8

    @property
    def forms(self) -> tuple[Variant, ...]:
        """What is exported unless something else is asked for."""
        return tuple(dict.fromkeys((self.first_form, self.own_form)))

    @property
    def comparison(self) -> Path:
        """What `compare` measured."""
        return self.path / "comparison.json"

    @property
    def report(self) -> Path:
        """The same, for people."""
        return self.path / "report.html"

    @property
    def robustness(self) -> Path:
        """What `compare --damaged` measured."""
        return self.path / "robustness.json"

    @property
    def devices(self) -> list[Path]:
        """What devices measured of themselves, as it was given to `compare --merge`."""
        return sorted((self.path / DEVICES).glob("*.json"))

    @property
    def tensorboard(self) -> Path:
        """The same figures, for TensorBoard."""
        return self.path / "tensorboard"

    @property
    def bundle(self) -> Path:
        """Where `liteproof run` puts the bundle."""
        return self.path / "bundle"

    @property
    def fallback(self) -> Path:
        """What `export --gate` tried, and which variant is to ship."""
        return self.path / "fallback.json"

    def tflite_model(self, variant: Variant) -> Path:
        """A variant's exported model."""
        return variant.model_in(self.path)

    def require(self, path: Path, command: str) -> Path:
        """Return one of the run's files, which `command` makes.

        Raises:
            RunError: it is not there yet.
        """
        if not path.is_file():
            raise RunError(f"{path}: not there yet; make it with `liteproof {command}`")
        return path


def begin(path: Path, recipe_file: RecipeFile, settings: Settings, fingerprint: str) -> Run:
    """Make a run's folder, or write a recipe and settings into the one that is there.

    Raises:
        StorageError: it cannot be written.
    """
    make_folder(path)
    write_file(path / "recipe.toml", recipe_file.text)
    stored = {
        **asdict(settings),
        "device": settings.device.value,
        "precision": settings.precision.value,
        "data_dir": str(settings.data_dir),
        "fingerprint": fingerprint,
    }
    write_file(path / "run.json", json.dumps(stored, indent=1))
    return Run(path, recipe_file, settings, fingerprint)


def find_run(path: Path) -> Run | None:
    """Return the run that a folder holds, or None where it holds none.

    Raises:
        RunError: it holds one that is damaged.
        RecipeError: its recipe was changed by hand, and is no longer valid.
    """
    if not (path / "run.json").exists():
        return None
    try:
        text = (path / "recipe.toml").read_text(encoding="utf-8")
        stored = json.loads((path / "run.json").read_text(encoding="utf-8"))
        settings = Settings(
            seed=int(stored["seed"]),
            threads=int(stored["threads"]),
            device=Device(stored["device"]),
            precision=Precision(stored["precision"]),
            data_dir=Path(stored["data_dir"]),
            replicas=int(stored.get("replicas", 1)),
        )
        fingerprint = str(stored["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: a damaged run: {error!r}; remove it and train again") from None
    return Run(path, parse_recipe(text, str(path / "recipe.toml")), settings, fingerprint)


def open_run(path: Path) -> Run:
    """Return the run that a folder holds.

    Raises:
        RunError: it holds none, or a damaged one.
    """
    run = find_run(path)
    if run is None:
        raise RunError(f"{path}: not a run; start one with `liteproof train RECIPE --out {path}`")
    return run
