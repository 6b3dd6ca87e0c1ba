"""The teacher of a distillation: a finished training, to be listened to."""

from liteproof import architectures
from liteproof.datasets import Dataset
from liteproof.learner import Teacher
from liteproof.runs import Run
from liteproof.team import Team


def frozen(run: Run, teacher: Run, dataset: Dataset, team: Team) -> Teacher:
    """Return a finished training's model, frozen, as this run's recipe listens to it."""
    distillation = run.recipe.training.distillation
    if distillation is None:
        raise ValueError("a teacher without a distillation")
    model = architectures.build(teacher.recipe.architecture, dataset.shape, len(dataset.labels))
    model.trainable = False
    if team.is_chief:
        model.load_weights(teacher.keras_model)
    team.share([variable.value for variable in model.variables])
    return Teacher(model, distillation.weight, distillation.temperature)
