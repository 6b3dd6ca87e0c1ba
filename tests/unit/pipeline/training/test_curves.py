import xml.etree.ElementTree as ET

from liteproof.training.curves import draw_curves
from liteproof.training.history import Epoch

PERFECT = Epoch(3, 0.1, 1.0, 0.1, 1.0, 0.0, 1.0)
EPOCHS = [Epoch(1, 1.0, 0.8, 0.5, 0.9, 0.01, 1.0), Epoch(2, 0.5, 0.9, 0.3, 0.95, 0.005, 1.0)]


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314


def test_curves_tell_what_they_show():
    shown = texts(draw_curves(EPOCHS, "mnist, seed 0"))

    assert {"mnist, seed 0", "loss", "training", "validation"} <= set(shown)
    assert "errors; validation ends at 5.00%" in shown


def test_same_figures_give_the_same_bytes():
    assert draw_curves(EPOCHS, "a") == draw_curves(EPOCHS, "a")


def test_one_epoch_and_no_errors_at_all_can_be_drawn():
    assert "errors; validation ends at 0.00%" in texts(draw_curves([PERFECT], "a"))
