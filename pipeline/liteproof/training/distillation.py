"""The teacher of a distillation: a finished training to learn from."""

from liteproof.cluster.team import Team
from liteproof.data.dataset import Dataset
from liteproof.network.architecture import build
from liteproof.runs.run import Run
from liteproof.training.learner import Teacher


def frozen(run: Run, teacher: Run, dataset: Dataset, team: Team) -> Teacher:
    """Return a finished training's model, frozen, weighted as this run's recipe says."""
    distillation = run.recipe.training.distillation
    if distillation is None:
        raise ValueError("a teacher without a distillation")
    model = build(teacher.recipe.architecture, dataset.shape, len(dataset.labels))
    model.trainable = False
    if team.is_chief:
        model.load_weights(teacher.keras_model)
    team.share([variable.value for variable in model.variables])
    return Teacher(model, distillation.weight, distillation.temperature)
