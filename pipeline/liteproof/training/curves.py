"""Pictures of how a training went: loss, accuracy and learning rate, epoch by epoch, as SVG."""

import io
from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from liteproof.training.history import Epoch

TRAINING, VALIDATION, RATE = "#8a8a8a", "#0b6e99", "#d9822b"
STYLE = {
    "svg.hashsalt": "liteproof",  # the same figures give the same bytes
    "svg.fonttype": "none",  # text stays text
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#b0b0b0",
    "axes.grid": True,
    "grid.color": "#ececec",
    "xtick.color": "#606060",
    "ytick.color": "#606060",
}


def draw_curves(history: Sequence[Epoch], title: str) -> str:
    """Draw a training's course.

    Args:
        history: at least one epoch. Training figures are of augmented pictures and of weights in
            motion, validation figures of pictures as they are and of the averaged weights.
        title: what was trained.

    Returns:
        One SVG, the same bytes for the same figures.
    """
    epochs = [epoch.epoch for epoch in history]
    with rc_context(STYLE):
        figure = Figure(figsize=(10, 3.6), layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        loss, accuracy, rate = figure.subplots(1, 3)
        _pair(
            loss,
            epochs,
            [epoch.loss for epoch in history],
            [epoch.validation_loss for epoch in history],
        )
        loss.set_title("loss", loc="left")
        loss.legend(frameon=False)
        errors = ([1 - e.accuracy for e in history], [1 - e.validation_accuracy for e in history])
        _pair(accuracy, epochs, *errors)
        accuracy.set_title(f"errors; validation ends at {errors[1][-1]:.2%}", loc="left")
        if min(min(error) for error in errors) > 0:
            accuracy.set_yscale("log")  # from 10 to 1 is as far as from 1 to 0.1
            accuracy.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            accuracy.yaxis.set_minor_formatter(NullFormatter())
        accuracy.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
        rate.plot(epochs, [epoch.learning_rate for epoch in history], color=RATE)
        rate.set_title("learning rate at the epoch's end", loc="left")
        for axes in (loss, accuracy, rate):
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _pair(axes: Axes, epochs: list[int], training: list[float], validation: list[float]) -> None:
    marker = "o" if len(epochs) == 1 else None
    axes.plot(epochs, training, color=TRAINING, marker=marker, label="training")
    axes.plot(epochs, validation, color=VALIDATION, marker=marker, lw=2, label="validation")
