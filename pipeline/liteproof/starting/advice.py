"""What a recipe should say, given what a folder of pictures holds."""

from dataclasses import dataclass, replace

from liteproof.recipes.pretrained import weights_file
from liteproof.recipes.schema import IMAGENET, Architecture, Backbone
from liteproof.starting.survey import Survey

SIDES = (32, 48, 64, 96)  # that layers from nothing are trained at on a processor
BACKBONE_SIDES = (96, 128, 160)  # that ImageNet's weights exist for
ALPHA = 0.5  # of the backbone: a compromise between its size and what it knows
AS_THEY_ARE = 64  # pixels of a side up to which pictures of one size keep it
FEW = 500  # pictures of a class below which a pretrained backbone helps most
UNBALANCED = 2.0  # times the pictures of the rarest class
STEPS = 3000  # of training, about
MOST_EPOCHS, FEWEST_EPOCHS = 60, 8
BATCHES = ((2000, 16), (10_000, 64))  # up to so many pictures, so many at once
LARGEST_BATCH = 128


@dataclass(frozen=True, slots=True)
class Advice:
    """What follows from a survey.

    Attributes:
        size: height and width of the model's input.
        is_grey: whether it takes one channel.
        shows_marks: whether the classes look like digits or letters, by their names.
        is_unbalanced: whether the classes should count the same.
        wants_backbone: whether a pretrained backbone is advisable.
        weights: the file in which Keras looks for its weights, by name.
        folder: the folder where it looks.
        has_weights: whether they are there.
        batch_size: of training.
        epochs: of training.
    """

    size: tuple[int, int]
    is_grey: bool
    shows_marks: bool
    is_unbalanced: bool
    wants_backbone: bool
    weights: str
    folder: str
    has_weights: bool
    batch_size: int
    epochs: int

    @property
    def uses_backbone(self) -> bool:
        """Whether the recipe begins with one: it is advisable, and its weights are here."""
        return self.wants_backbone and self.has_weights


def advise(found: Survey) -> Advice:
    """Return what a recipe for a folder should say."""
    counts = sorted(each.train for each in found.classes)
    learning = sum(count - max(1, round(count / 6)) for count in counts)
    batch = min(_batch(learning), learning)
    size = _size(found, SIDES)
    wants_backbone = not found.is_grey and counts[len(counts) // 2] < FEW
    large = _size(found, BACKBONE_SIDES)
    backbone = Architecture((), Backbone.MOBILENET_V2, ALPHA, IMAGENET)
    file = weights_file(backbone, large)
    advice = Advice(
        size=size,
        is_grey=found.is_grey,
        shows_marks=all(len(each.name) == 1 for each in found.classes),
        is_unbalanced=found.imbalance >= UNBALANCED,
        wants_backbone=wants_backbone,
        weights=file.name,
        folder=str(file.parent),
        has_weights=file.is_file(),
        batch_size=batch,
        epochs=min(max(STEPS * batch // learning, FEWEST_EPOCHS), MOST_EPOCHS),
    )
    return replace(advice, size=large) if advice.uses_backbone else advice


def _size(found: Survey, sides: tuple[int, ...]) -> tuple[int, int]:
    """Return the model's size: the pictures' own if that is small, else a square."""
    if found.smallest == found.largest and max(found.largest) <= AS_THEY_ARE and sides is SIDES:
        return found.largest
    side = max((side for side in sides if side <= found.typical_side), default=sides[0])
    return side, side


def _batch(learning: int) -> int:
    return next((batch for most, batch in BATCHES if learning <= most), LARGEST_BATCH)
