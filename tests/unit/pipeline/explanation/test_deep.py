"""A deep network on one page: all of its convolutions can be stepped through, within 3 MB."""

from pathlib import Path

import numpy as np
import pytest
from explained import check_numbers, data_of
from PIL import Image

from liteproof.conversion.quantization import convert_saved, saved
from liteproof.conversion.variants import FLOAT32, Scheme, Variant
from liteproof.explanation.page import LARGEST, render_story
from liteproof.explanation.steps import Kind
from liteproof.explanation.story import tell
from liteproof.explanation.subject import Subject
from liteproof.network.architecture import build
from liteproof.recipes.schema import NOTHING, Architecture, Backbone, GlobalPool
from liteproof_edge.preprocessing.photo import PhotoSpec

pytestmark = pytest.mark.slow  # converts for half a minute
SHAPE, CLASSES = (96, 96, 3), 10
DEPTHWISE, OTHERS = 17, 35  # convolutions. Source: Sandler et al. 2018, arXiv:1801.04381, table 2
NETWORK = Architecture(
    (GlobalPool("global_average_pool"),), backbone=Backbone.MOBILENET_V2, weights=NOTHING
)


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deep")
    pictures = np.random.default_rng(0).integers(0, 256, (8, *SHAPE), np.uint8)
    Image.fromarray(pictures[0]).save(folder / "noise.png")
    model = build(NETWORK, SHAPE, CLASSES)
    model.save(folder / "model.keras")
    with saved(model) as exported:
        real = convert_saved(exported, FLOAT32)
        int8 = convert_saved(exported, Variant(Scheme.INT8), pictures)
    subject = Subject(
        name="deep",
        path=Path("deep"),
        labels=tuple(map(str, range(CLASSES))),
        spec=PhotoSpec(*SHAPE),
        model=int8,
        form="int8",
        float_model=real,
        keras_model=folder / "model.keras",
    )
    return tell(subject, folder / "noise.png")


def test_every_convolution_is_stepped_through_and_the_page_stays_small(story):
    page = render_story(story)

    found = data_of(page)
    assert len(page.encode()) <= LARGEST
    assert sum(each["depthwise"] for each in found) == DEPTHWISE
    assert len(found) == DEPTHWISE + OTHERS
    check_numbers(page, story)


def test_residuals_are_sums_and_every_layer_is_beside_its_int8(story):
    sums = [each for each in story.steps if each.kind is Kind.SUM]

    assert len(sums) == 10
    assert all(len(each.inputs) == 2 and each.quantized for each in sums)
    weighted = [each for each in story.steps if each.can_be_stepped]
    assert all(each.quantized and each.introduced is not None for each in weighted)
