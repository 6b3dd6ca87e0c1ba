import json
import re

import pytest

from liteproof.errors import RecipeError
from liteproof.recipes.reader import load_recipe, parse_recipe, shipped_recipes
from liteproof.recipes.schema import Ink, Padding, Photo, Raw
from liteproof_edge.preprocessing.photo import Fit, Resampling

# Of the shipped one, whose epochs may change.
MNIST = re.sub(r"^epochs = \d+", "epochs = 16", shipped_recipes()["mnist"], flags=re.MULTILINE)


def with_preprocessing(table):
    """The recipe of MNIST with another [preprocessing]."""
    changed, count = re.subn(r"^\[preprocessing\]\nkind = .*$", table, MNIST, flags=re.MULTILINE)
    assert count == 1
    return changed


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipe_is_valid_and_bears_its_name(name):
    assert load_recipe(name).recipe.name == name


def test_recipe_read_by_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(MNIST.replace('name = "mnist"\ndescription', 'name = "mine"\ndescription'))

    assert load_recipe(str(path)).recipe.name == "mine"


def test_words_become_enums_and_lists_tuples():
    layers = parse_recipe(MNIST, "r").recipe.architecture.layers

    assert isinstance(layers, tuple)
    assert layers[5].padding is Padding.VALID


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs =", "epoch =", "training.epoch: unknown key; did you mean 'epochs'?"),
        ("[gates]", "[gate]", "gate: unknown key; did you mean 'gates'?"),
        ("filters = 16", "filter = 16", "architecture.layers[0].filter: unknown key"),
        ("rotation_degrees", "rotation", "training.augmentation.rotation: unknown key"),
        ("epochs = 16", "", "training.epochs: missing"),
        ("epochs = 16", 'epochs = "16"', "training.epochs: '16': input should be a valid integer"),
        ("epochs = 16", "epochs = 0", "training.epochs: 0: input should be greater than"),
        ("epochs = 16", "epochs = 2026-01-01", "training.epochs: '2026-01-01'"),
        ("warmup = 0.1", "warmup = 1.0", "training.warmup: 1.0: input should be less than 1"),
        ("scale = 0.1", "scale = nan", "training.augmentation.scale: nan"),
        ("scale = 0.1", "scale = inf", "training.augmentation.scale: inf"),
        ('"valid"', '"val"', "architecture.layers[5].padding: 'val': input should be 'same' or"),
        ('"max_pool"', '"maxpool"', "architecture.layers[1]: input tag 'maxpool'"),
        ("layers = [", "layers = [3,", "architecture.layers[0]: 3"),
        ('name = "mnist"\ndes', 'name = "../x"\ndes', "name: '../x'"),
        ('"ink"', '"raw"\nbox = 20', "preprocessing.box: unknown key; expected one of kind"),
        ('"ink"', '"raw"\nfit = "cover"', "preprocessing.fit: unknown key; expected one of kind"),
        ('"ink"', '"ink"\nfit = "cover"', "preprocessing.fit: unknown key"),
        ('"ink"', '"ink"\nboxes = 9', "preprocessing.boxes: unknown key; did you mean 'box'?"),
        ('"ink"', '"photo"\nbox = 20', "preprocessing.box: unknown key"),
        ('"ink"', '"photo"\norder = "BGR"', "preprocessing.order: unknown key"),
        ('"ink"', '"photo"\nfit = "crop"', "preprocessing.fit: 'crop': input should be 'cover'"),
        ('"ink"', '"photo"\nresampling = 2', "preprocessing.resampling: 2: input should be"),
        ('"ink"', '"ink"\nbox = 0', "preprocessing.box: 0: input should be greater than"),
        ('"ink"', '"inks"', "preprocessing: input tag 'inks'"),
        ('kind = "ink"', "box = 20", "preprocessing: unable to extract tag"),
        ("[gates]", "[training.qat]\nepochs = 0\n[gates]", "training.qat.epochs: 0: input"),
        ("[gates]", "[training.qat]\nepoch = 1\n[gates]", "training.qat.epoch: unknown key"),
        ("[gates]", "[training.qat]\nepochs = 1\n[gates]", "training.qat.learning_rate: missing"),
        ("[gates]", "[gates", "not TOML"),
    ],
)
def test_wrong_recipe_is_refused_with_place_and_remedy(old, new, message):
    assert old in MNIST

    with pytest.raises(RecipeError) as caught:
        parse_recipe(MNIST.replace(old, new, 1), "r.toml")

    assert str(caught.value).startswith(f"r.toml: {message}")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", Raw()),
        ('[preprocessing]\nkind = "raw"', Raw()),
        ('[preprocessing]\nkind = "ink"', Ink(box=20)),
        ('[preprocessing]\nkind = "ink"\nbox = 24', Ink(box=24)),
        ('[preprocessing]\nkind = "photo"', Photo(fit=Fit.COVER, resampling=Resampling.BILINEAR)),
        (
            '[preprocessing]\nkind = "photo"\nfit = "contain"\nresampling = "lanczos"',
            Photo(fit=Fit.CONTAIN, resampling=Resampling.LANCZOS),
        ),
    ],
)
def test_preprocessing_has_the_keys_of_its_kind(table, expected):
    assert parse_recipe(with_preprocessing(table), "r").recipe.preprocessing == expected


@pytest.mark.parametrize("resampling", list(Resampling))
@pytest.mark.parametrize("fit", list(Fit))
def test_photo_takes_every_fit_and_resampling_of_the_device(fit, resampling):
    table = f"""
        [preprocessing]
        kind = "photo"
        fit = "{fit.value}"
        resampling = "{resampling.value}"
    """

    found = parse_recipe(with_preprocessing(table), "r").recipe.preprocessing

    assert found == Photo(fit=fit, resampling=resampling)


def test_part_of_a_recipe_is_json_also_where_a_choice_is_an_enum():
    recipe = parse_recipe(with_preprocessing('[preprocessing]\nkind = "photo"'), "r")

    assert json.loads(recipe.part("preprocessing")) == {
        "preprocessing": {"kind": "photo", "fit": "cover", "resampling": "bilinear"}
    }


def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(RecipeError, match="did you mean 'mnist'"):
        load_recipe("mnits")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[" * 100_000])
def test_file_that_is_no_recipe_is_refused(tmp_path, content):
    path = tmp_path / "r.toml"
    path.write_bytes(content)

    with pytest.raises(RecipeError):
        load_recipe(str(path))


@pytest.mark.parametrize("path", ["/", "/dev/zero", "x" * 300])
def test_what_is_no_file_is_no_recipe(path):
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(path)


BACKBONE = 'backbone = "MobileNetV2"\n'
TUNING = "[training.fine_tuning]\nepochs = 1\nlearning_rate = 0.001\n"


@pytest.mark.parametrize(
    ("architecture", "training", "problem"),
    [
        ('weights = "imagenet"', "", "architecture.weights: goes with architecture.backbone"),
        ("", TUNING, "training.fine_tuning: goes with architecture.backbone"),
        (f"{BACKBONE}alpha = 0.4\nweights = 'imagenet'", "", "architecture.alpha: 0.4, Mobile"),
        (f"{BACKBONE}trainable_from = 3", TUNING, "architecture.trainable_from: goes with weights"),
        (
            f"{BACKBONE}weights = 'imagenet'\ntrainable_from = 3",
            "",
            "architecture.trainable_from: goes with [training.fine_tuning]",
        ),
        (
            f"{BACKBONE}weights = 'imagenet'",
            TUNING,
            "[training.fine_tuning]: goes with architecture.trainable_from",
        ),
        (BACKBONE, "[training.qat]\nepochs = 1\nlearning_rate = 0.1\n", "training.qat: not with"),
        ('backbone = "EfficientNetB0"\nalpha = 0.5', "", "architecture.alpha: 0.5, EfficientNet"),
        ('backbone = "ResNet50"', "", "architecture.backbone: 'ResNet50'"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(tiny_recipe, architecture, training, problem):
    text = tiny_recipe.read_text()
    text = text.replace("[architecture]\n", f"[architecture]\n{architecture}\n")
    text = text.replace("[quantization]", f"{training}\n[quantization]")

    with pytest.raises(RecipeError) as caught:
        parse_recipe(text, "tiny.toml")

    assert str(caught.value).startswith(f"tiny.toml: {problem}")
