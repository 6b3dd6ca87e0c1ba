"""What is to be trained: the pictures, who does it, and what the loss takes into account."""

from collections.abc import Callable
from dataclasses import dataclass

from liteproof.cluster.team import Team
from liteproof.data.dataset import Dataset, Parts
from liteproof.recipes.training import Training
from liteproof.runs.run import Run
from liteproof.training.balancing import balanced_weights
from liteproof.training.distillation import frozen
from liteproof.training.learner import LossTerms, Teacher


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be trained, and by whom.

    Attributes:
        run: where everything is written.
        dataset: only its training pictures are used.
        parts: which of them to learn from, and which to validate with.
        team: the devices and machines that do it together; only its chief writes.
        teacher: a finished training to learn from, where the recipe has a distillation.
    """

    run: Run
    dataset: Dataset
    parts: Parts
    team: Team
    teacher: Run | None = None

    def loss_terms(self, training: Training) -> LossTerms:
        """Return what a phase's loss takes into account."""
        weights = None
        if training.class_weights:
            labels = self.dataset.train.labels[self.parts.training]
            weights = balanced_weights(labels, len(self.dataset.labels))
        return LossTerms(self._build_teacher(), weights)

    def _build_teacher(self) -> Callable[[], Teacher] | None:
        teacher = self.teacher
        if teacher is None:
            return None
        return lambda: frozen(self.run, teacher, self.dataset, self.team)
