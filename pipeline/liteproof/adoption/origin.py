"""Where a run's float model and its labelled pictures come from: a training here, or an adoption.

What comes after, `export`, `compare` and `bundle`, asks here and does not know the difference.
"""

from liteproof.adoption import stage as adopting
from liteproof.data.dataset import Dataset
from liteproof.runs.run import Run
from liteproof.training import stage as training


def pictures_of(run: Run) -> Dataset:
    """Return the labelled pictures of a run whose model is there.

    Raises:
        RunError: it is not, or it or the pictures are others by now.
    """
    return training.trained(run) if run.adoption is None else adopting.adopted(run)
