"""What is to be explained: a run, or a bundle alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from liteproof.adoption.origin import pictures_of
from liteproof.conversion.variants import Weights
from liteproof.errors import RunError
from liteproof.export.exported import Exported
from liteproof.export.stage import exported, shipped
from liteproof.recipes.input_spec import shipped_spec
from liteproof.runs.run import open_run
from liteproof_edge.bundle.manifest import MANIFEST
from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.errors import BundleError
from liteproof_edge.inspection.kinds import kind_of
from liteproof_edge.model.ending import Ending, ending_of
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.model.wiring import wire
from liteproof_edge.preprocessing.prepared import Legibility
from liteproof_edge.preprocessing.spec import Spec


@dataclass(frozen=True, slots=True)
class Subject:
    """A model and what belongs to it.

    Attributes:
        name: what it calls itself.
        path: where it was found.
        labels: one for each class.
        spec: how a picture becomes its input.
        model: the .tflite that ships.
        form: what that computes in, in words.
        float_model: the float32 .tflite; None in a bundle, and where it is what ships.
        keras_model: the trained model; None in a bundle, and of an adopted .tflite.
        least_logits: as `Bundle` has them; empty where there is no bundle.
        least_margins: likewise.
        temperature: what logits are divided by; 1 where none was fitted.
        ending: what made the model's outputs.
        diagnosis: what export said of its layers.
        losses: the share of its channels' signal that export found lost in each layer.
        is_retrained: whether the one that ships was trained further than the float one.
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
    least_logits: Mapping[Legibility, float] = field(default_factory=dict)
    least_margins: Mapping[Legibility, float] = field(default_factory=dict)
    ending: Ending = Ending.LOGITS
    diagnosis: tuple[str, ...] = ()
    losses: tuple[float | None, ...] = ()
    is_retrained: bool = False


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
    variant, first = shipped(run), run.first_form
    record = Exported.read(variant.record_in(path))
    bundle = Bundle.load(run.bundle) if (run.bundle / MANIFEST).exists() else None
    model = run.tflite_model(variant).read_bytes()
    return Subject(
        name=run.recipe.name,
        path=path,
        labels=dataset.labels,
        spec=shipped_spec(run.recipe, dataset.shape),
        model=model,
        form=record.kind,
        float_model=None if variant == first else run.tflite_model(first).read_bytes(),
        keras_model=None if run.is_given else run.keras_model,
        temperature=bundle.temperature if bundle else 1.0,
        least_logits=bundle.least_logits if bundle else {},
        least_margins=bundle.least_margins if bundle else {},
        ending=_ending(model),
        diagnosis=record.diagnosis,
        losses=tuple(error["introduced"] for error in record.layer_errors),
        is_retrained=variant.weights is Weights.QAT,
    )


def _of_bundle(path: Path) -> Subject:
    bundle = Bundle.load(path)
    return Subject(
        name=bundle.name,
        path=path,
        labels=bundle.labels,
        spec=bundle.preprocessing,
        model=bundle.model,
        form=kind_of([wire(each) for each in read_model(bundle.model).subgraphs]).kind.value,
        temperature=bundle.temperature,
        least_logits=bundle.least_logits,
        least_margins=bundle.least_margins,
        ending=bundle.ending,
    )


def _ending(model: bytes) -> Ending:
    return ending_of(read_model(model).subgraphs[0])
