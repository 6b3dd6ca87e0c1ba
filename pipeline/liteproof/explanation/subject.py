"""What is to be explained: a run, or a bundle alone."""

from dataclasses import dataclass
from pathlib import Path

from liteproof.adoption.origin import pictures_of
from liteproof.conversion.variants import FLOAT32
from liteproof.errors import RunError
from liteproof.export.exported import Exported
from liteproof.export.stage import exported, shipped
from liteproof.recipes.input_spec import preprocessing_spec
from liteproof.runs.run import open_run
from liteproof_edge.bundle.manifest import MANIFEST
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.errors import BundleError
from liteproof_edge.model.ending import Ending
from liteproof_edge.preprocessing.spec import Spec


@dataclass(frozen=True, slots=True)
class Subject:
    """A model and what belongs to it.

    Attributes:
        name: what it calls itself.
        path: where it was found.
        labels: one for each class.
        spec: how a picture becomes its input.
        model: the quantized .tflite that ships.
        form: what that is called.
        float_model: the float32 .tflite; None in a bundle.
        keras_model: the trained model; None in a bundle.
        temperature: what logits are divided by; 1 where none was fitted.
        ending: what made the model's outputs.
        diagnosis: what export said of its layers.
        losses: by the layer's name, the share of its channels' signal that export found lost there.
    """

    name: str
    path: Path
    labels: tuple[str, ...]
    spec: Spec
    model: bytes
    form: str
    float_model: bytes | None = None
    keras_model: Path | None = None
    temperature: float = 1.0
    ending: Ending = Ending.LOGITS
    diagnosis: tuple[str, ...] = ()
    losses: tuple[float | None, ...] = ()


def open_subject(path: Path) -> Subject:
    """Read a run or a bundle.

    Raises:
        RunError: it is neither, or an unfinished run.
        BundleError: the bundle is damaged, or not trusted.
    """
    if (path / "run.json").exists():
        return _of_run(path)
    if (path / MANIFEST).exists():
        return _of_bundle(path)
    if path.is_file():
        raise BundleError(
            f"{path}: a file that nothing vouches for, expected the folder of a run or a bundle"
        )
    raise RunError(f"{path}: neither a run nor a bundle; `liteproof run RECIPE` makes both")


def _of_run(path: Path) -> Subject:
    run = open_run(path)
    dataset = pictures_of(run)
    exported(run, dataset)  # it raises where what ships is missing, or of another training
    variant = shipped(run)
    record = Exported.read(variant.record_in(path))
    temperature = 1.0
    if (run.bundle / MANIFEST).exists():
        temperature = Bundle.load(run.bundle).temperature
    return Subject(
        name=run.recipe.name,
        path=path,
        labels=dataset.labels,
        spec=preprocessing_spec(run.recipe.preprocessing, dataset.shape),
        model=run.tflite_model(variant).read_bytes(),
        form=variant.name,
        float_model=run.tflite_model(FLOAT32).read_bytes(),
        keras_model=run.keras_model,
        temperature=temperature,
        diagnosis=record.diagnosis,
        losses=tuple(error["introduced"] for error in record.layer_errors),
    )


def _of_bundle(path: Path) -> Subject:
    bundle = Bundle.load(path)
    if bundle.preprocessing.normalisation is not None:
        raise BundleError(
            f"{path}: its model takes pixels normalised, expected one that takes them as they are"
        )
    return Subject(
        name=bundle.name,
        path=path,
        labels=bundle.labels,
        spec=bundle.preprocessing,
        model=bundle.model,
        form=bundle.output.dtype if bundle.output.dtype == "float32" else "int8",
        temperature=bundle.temperature,
        ending=bundle.ending,
    )
