"""Why convolutions: a network with them and one without, measured on the same moved pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from liteproof.adoption.origin import pictures_of
from liteproof.data.dataset import Dataset
from liteproof.errors import RunError
from liteproof.execution.tflite_model import execute
from liteproof.export.stage import exported, shipped
from liteproof.runs.run import Run, open_run
from liteproof.tensorflow_setup import quiet
from liteproof_edge.inspection.inspect import inspect
from liteproof_edge.measurement.evaluation import wilson_interval
from liteproof_edge.model.flatbuffer import read_model

SHIFTS = (0, 1, 2, 3, 4, 5, 6)  # pixels
TURNS = (0, 10, 20, 30, 40, 50, 60)  # degrees
SIDES = (28, 56, 112, 224)  # pixels of a square picture
MOST_LOST, MOST_OF_LABEL = 18, 3  # pictures that are shown

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Score:
    """How many of n pictures were right, and the 95 % interval of that share."""

    right: int
    n: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's."""
        return wilson_interval(self.right, self.n)


@dataclass(frozen=True, slots=True)
class Price:
    """What a recipe's network costs for square pictures of one side."""

    side: int
    parameters: int
    macs: int


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two networks.

    Attributes:
        name: of the recipe.
        parameters: of the model that ships.
        macs: multiply-accumulates for one picture.
        shifted: a score for each of SHIFTS.
        turned: a score for each of TURNS.
        prices: for each of SIDES that its layers fit on.
    """

    name: str
    parameters: int
    macs: int
    shifted: tuple[Score, ...]
    turned: tuple[Score, ...]
    prices: tuple[Price, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """A picture that the dense network loses by a shift, while the other one still has it."""

    pixels: Pixels
    shift: int
    truth: str
    answer: str


@dataclass(frozen=True, slots=True)
class Why:
    """What was measured.

    Attributes:
        dataset: its name.
        cnn: the network with convolutions.
        mlp: the one without.
        lost: pictures, those that the smallest shift loses first.
        by_label: the dense network's share of right answers for each of SHIFTS, by label, those
            that it loses first at the beginning.
    """

    dataset: str
    cnn: Side
    mlp: Side
    lost: tuple[Lost, ...]
    by_label: dict[str, tuple[float, ...]]


def measure(cnn: Path, mlp: Path) -> Why:
    """Measure two runs on the same test pictures, moved.

    Raises:
        RunError: one is no finished run, or they do not have the same test pictures.
    """
    runs = open_run(cnn), open_run(mlp)
    datasets = [pictures_of(run) for run in runs]
    one, other = datasets
    if one.test_fingerprint != other.test_fingerprint or one.labels != other.labels:
        raise RunError(f"{mlp}: has other test pictures than {cnn}, expected the same dataset")
    test = one.test
    answers: dict[Path, list[NDArray[np.int64]]] = {}
    sides = []
    for run, dataset in zip(runs, datasets, strict=True):
        shifts = [_answers(run, dataset, shifted(test.images, by)) for by in SHIFTS]
        turns = [_answers(run, dataset, turned(test.images, by)) for by in TURNS]
        answers[run.path] = shifts
        sides.append(_side(run, test.labels, shifts, turns))
    found = answers[cnn], answers[mlp]
    return Why(one.name, sides[0], sides[1], _lost(one, *found), _by_label(one, found[1]))


def shifted(pictures: Pixels, by: int) -> Pixels:
    """Move pictures by whole pixels, each fourth to the left, right, upwards and downwards.

    Args:
        pictures: uint8 (n, height, width, channels); what comes in is 0.
        by: how many pixels.
    """
    moved = np.zeros_like(pictures)
    if not by:
        return pictures.copy()
    near, far = np.s_[:-by], np.s_[by:]
    moved[0::4, :, near] = pictures[0::4, :, far]
    moved[1::4, :, far] = pictures[1::4, :, near]
    moved[2::4, near] = pictures[2::4, far]
    moved[3::4, far] = pictures[3::4, near]
    return moved


def turned(pictures: Pixels, degrees: int) -> Pixels:
    """Turn pictures about their centre, every other one the other way; what comes in is 0."""
    made = np.empty_like(pictures)
    for at, picture in enumerate(pictures):
        plain = picture[..., 0] if picture.shape[-1] == 1 else picture
        angle = degrees if at % 2 == 0 else -degrees
        image = Image.fromarray(plain).rotate(angle, Image.Resampling.BILINEAR)
        made[at] = np.asarray(image).reshape(picture.shape)
    return made


def _answers(run: Run, dataset: Dataset, pictures: Pixels) -> NDArray[np.int64]:
    exported(run, dataset)  # it raises where what ships is missing, or of another training
    model = run.tflite_model(shipped(run)).read_bytes()
    answers: NDArray[np.int64] = execute(model, pictures, label=run.recipe.name).logits.argmax(1)
    return answers


def _side(
    run: Run,
    labels: NDArray[np.int64],
    shifts: list[NDArray[np.int64]],
    turns: list[NDArray[np.int64]],
) -> Side:
    def scores(found: list[NDArray[np.int64]]) -> tuple[Score, ...]:
        return tuple(Score(int((each == labels).sum()), len(labels)) for each in found)

    path = run.tflite_model(shipped(run))
    data = path.read_bytes()
    cost = inspect(read_model(data, str(path)), len(data), run.recipe.name).cost
    return Side(
        name=run.recipe.name,
        parameters=cost.parameters,
        macs=cost.macs,
        shifted=scores(shifts),
        turned=scores(turns),
        prices=_prices(run),
    )


def _prices(run: Run) -> tuple[Price, ...]:
    if run.adoption:
        return ()
    with quiet():  # TensorFlow takes seconds to import
        from liteproof.description.layer_table import layer_table  # noqa: PLC0415
        from liteproof.network.architecture import build  # noqa: PLC0415
    architecture = run.recipe.architecture
    *_, channels = pictures_of(run).shape
    found = []
    for side in SIDES:
        rows = layer_table(architecture, build(architecture, (side, side, channels), 10))
        found.append(Price(side, sum(r.parameters for r in rows), sum(r.macs for r in rows)))
    return tuple(found)


def _by_label(dataset: Dataset, answers: list[NDArray[np.int64]]) -> dict[str, tuple[float, ...]]:
    truth = dataset.test.labels
    shares = {
        name: tuple(float((each[truth == at] == at).mean()) for each in answers)
        for at, name in enumerate(dataset.labels)
        if (truth == at).any()
    }
    return dict(sorted(shares.items(), key=lambda entry: sum(entry[1])))


def _lost(
    dataset: Dataset, cnn: list[NDArray[np.int64]], mlp: list[NDArray[np.int64]]
) -> tuple[Lost, ...]:
    """Return pictures that both had right, and that only the dense network loses, in turn."""
    test, labels = dataset.test, dataset.labels
    held = (cnn[0] == test.labels) & (mlp[0] == test.labels)
    shown: list[Lost] = []
    taken = np.zeros(len(labels), int)
    for by, one, other in zip(SHIFTS[1:], cnn[1:], mlp[1:], strict=True):
        broken = np.flatnonzero(held & (one == test.labels) & (other != test.labels))
        for at in broken.tolist():
            label = int(test.labels[at])
            if len(shown) == MOST_LOST or taken[label] == MOST_OF_LABEL:
                continue
            taken[label] += 1
            moved = np.zeros((4, *test.images[at].shape), np.uint8)
            moved[at % 4] = test.images[at]  # its direction is that of its place
            pixels = shifted(moved, by)[at % 4]
            shown.append(Lost(pixels, by, labels[label], labels[int(other[at])]))
        held &= other == test.labels
    return tuple(shown)
