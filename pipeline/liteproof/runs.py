"""A run: the folder that holds one training and all that is made of it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from liteproof.distribution import Device
from liteproof.errors import RunError
from liteproof.recipe import Recipe, Scheme
from liteproof.recipe_file import RecipeFile, parse_recipe
from liteproof.storage import make_folder, write_file


@dataclass(frozen=True, slots=True)
class Settings:
    """What a training depends on beside its recipe, and where its data is."""

    seed: int
    threads: int
    device: Device
    data_dir: Path

    def __str__(self) -> str:
        return f"seed {self.seed}, {self.threads} threads, device {self.device.value}"


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
    def checkpoints(self) -> Path:
        """Where training saves its state after each epoch."""
        return self.path / "checkpoints"

    @property
    def history(self) -> Path:
        """One row for each epoch."""
        return self.path / "history.csv"

    @property
    def keras_model(self) -> Path:
        """The trained float model; it is there once training has ended."""
        return self.path / "model.keras"

    @property
    def comparison(self) -> Path:
        """What `compare` measured."""
        return self.path / "comparison.json"

    @property
    def tensorboard(self) -> Path:
        """The same figures, for TensorBoard."""
        return self.path / "tensorboard"

    @property
    def bundle(self) -> Path:
        """Where `liteproof run` puts the bundle."""
        return self.path / "bundle"

    def tflite_model(self, scheme: Scheme) -> Path:
        """The exported model of a scheme."""
        return self.path / f"model-{scheme.value}.tflite"

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
        "data_dir": str(settings.data_dir),
        "fingerprint": fingerprint,
    }
    write_file(path / "run.json", json.dumps(stored, indent=1))
    return Run(path, recipe_file, settings, fingerprint)


def find_run(path: Path) -> Run | None:
    """Return the run that a folder holds, or None where it holds none.

    Raises:
        RunError: it holds one that is damaged.
        RecipeError: its recipe was changed by hand, and is none any more.
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
            data_dir=Path(stored["data_dir"]),
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
        raise RunError(f"{path}: not a run; begin one with `liteproof train RECIPE --out {path}`")
    return run
