import pytest

from liteproof.errors import RecipeError
from liteproof.recipes.input_spec import Original, decoding_spec, preprocessing_spec
from liteproof.recipes.reader import parse_recipe
from liteproof.recipes.schema import DatasetChoice, Ink, Photo, Raw
from liteproof_edge.preprocessing.spec import Fit, InkSpec, PhotoSpec, RawSpec, Resampling

MNIST = Original(size=(28, 28), channels=1, is_input=True)
COLOUR = Original(size=(32, 40), channels=3, is_input=True)
FOLDER = Original(size=None, channels=3, is_input=False)
GREY_FOLDER = Original(size=(20, 30), channels=1, is_input=False)


@pytest.mark.parametrize(
    ("choice", "shape", "expected"),
    [
        (Raw(), (20, 30, 3), RawSpec(20, 30, 3)),
        (Ink(box=16), (28, 24, 1), InkSpec(28, 24, 1, 16)),
        (Photo(), (20, 30, 3), PhotoSpec(20, 30, 3)),
        (
            Photo(fit=Fit.STRETCH, resampling=Resampling.BOX),
            (20, 30, 1),
            PhotoSpec(20, 30, 1, fit=Fit.STRETCH, resampling=Resampling.BOX),
        ),
    ],
)
def test_preprocessing_becomes_the_device_s_for_pictures_of_the_data_s_shape(
    choice, shape, expected
):
    assert preprocessing_spec(choice, shape) == expected


@pytest.mark.parametrize(
    ("choice", "shape"),
    [
        (Ink(), (28, 28, 3)),
        (Ink(box=40), (28, 28, 1)),
        (Raw(), (28, 28, 2)),
        (Photo(), (28, 28, 2)),
    ],
)
def test_preprocessing_that_cannot_make_the_pictures_is_a_wrong_recipe(choice, shape):
    with pytest.raises(RecipeError, match=f"^preprocessing: {choice.kind}: "):
        preprocessing_spec(choice, shape)


@pytest.mark.parametrize(
    ("size", "channels", "preprocessing", "original", "expected"),
    [
        (None, None, Raw(), MNIST, RawSpec(28, 28, 1)),
        (None, None, Ink(), MNIST, RawSpec(28, 28, 1)),  # MNIST's digits need no `ink`
        ((28, 28), 1, Ink(), MNIST, RawSpec(28, 28, 1)),
        ((32, 32), None, Ink(), MNIST, InkSpec(32, 32, 1, 20)),
        (None, None, Photo(), COLOUR, RawSpec(32, 40, 3)),
        (None, 1, Photo(), COLOUR, PhotoSpec(32, 40, 1)),
        ((24, 24), None, Photo(), COLOUR, PhotoSpec(24, 24, 3)),
        ((24, 48), None, Photo(), FOLDER, PhotoSpec(24, 48, 3)),
        ((24, 48), 1, Photo(), FOLDER, PhotoSpec(24, 48, 1)),
        ((28, 28), None, Ink(), FOLDER, InkSpec(28, 28, 1, 20)),
        ((28, 28), None, Raw(), FOLDER, RawSpec(28, 28, 3)),
        (None, None, Raw(), GREY_FOLDER, RawSpec(20, 30, 1)),
        (None, None, Photo(), GREY_FOLDER, PhotoSpec(20, 30, 3)),
        (None, None, Ink(), GREY_FOLDER, InkSpec(20, 30, 1, 20)),
    ],
)
def test_pictures_are_decoded_as_recipe_and_data_say(
    size, channels, preprocessing, original, expected
):
    choice = DatasetChoice("leaves", size=size, channels=channels)

    assert decoding_spec(choice, preprocessing, original) == expected


@pytest.mark.parametrize(
    ("size", "preprocessing", "original", "message"),
    [
        (None, Photo(), FOLDER, "dataset.size: missing, and the pictures of leaves are of many"),
        ((32, 32), Raw(), MNIST, "dataset.size: 32x32, but the pictures of leaves are 28x28 and"),
        ((32, 32), Raw(), GREY_FOLDER, "dataset.size: 32x32, but the pictures of leaves are 20x30"),
        ((16, 16), Ink(), FOLDER, "preprocessing: ink: box 20 in 16x16x1"),
    ],
)
def test_size_that_is_missing_or_impossible_is_a_wrong_recipe(
    size, preprocessing, original, message
):
    with pytest.raises(RecipeError, match=f"^{message}"):
        decoding_spec(DatasetChoice("leaves", size=size), preprocessing, original)


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ("size = [0, 32]", "dataset.size"),
        ("size = [32]", "dataset.size"),
        ("size = [32, 4097]", "dataset.size"),
        ("size = 32", "dataset.size"),
        ("channels = 2", "dataset.channels"),
        ("validation_pictures = 0", "dataset.validation_pictures"),
    ],
)
def test_impossible_choice_is_a_wrong_recipe_and_named(lines, where):
    text = (
        f'name = "x"\ndescription = "x"\n[dataset]\nname = "leaves"\n{lines}\n'
        "[architecture]\nlayers = []\n[training]\nepochs = 1\n"
    )

    with pytest.raises(RecipeError, match=f"^x.toml: {where}"):
        parse_recipe(text, "x.toml")
