import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from liteproof.data.dataset import Dataset, divide, fetch_dataset, load_dataset
from liteproof.errors import RecipeError
from liteproof.recipes.schema import DatasetChoice, Ink, Photo, Raw
from liteproof_edge import idx
from liteproof_edge.errors import DatasetError
from liteproof_edge.idx import Examples
from liteproof_edge.preprocessing.spec import PhotoSpec, preprocess


@pytest.fixture
def data_dir(tmp_path, tiny_data_dir):
    return shutil.copytree(tiny_data_dir, tmp_path / "tfds")


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch):
    """Decode in this process: starting others takes longer than these few pictures."""

    def here(work, tasks):
        yield from map(work, tasks)

    monkeypatch.setattr("liteproof.data.decoding.in_processes", here)


def load(data_dir, name="tiny_bars", preprocessing=None, **choice):
    said = []
    chosen = DatasetChoice(name, **choice)
    return load_dataset(chosen, preprocessing or Raw(), data_dir, said.append), said


def prepare(data_dir, name, shape, classes, splits, dtype=np.uint8):
    """Let TFDS prepare a builder of pictures; `splits`: name → list of (pixels, label)."""
    with tfds.core.registered.skip_registration():

        class Own(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")

            def _info(self):
                features = {
                    "image": tfds.features.Image(shape=shape, dtype=dtype, encoding_format="png"),
                    "label": tfds.features.ClassLabel(num_classes=classes),
                }
                return self.dataset_info_from_configs(
                    features=tfds.features.FeaturesDict(features),
                    supervised_keys=("image", "label"),
                )

            def _split_generators(self, dl_manager):
                del dl_manager  # nothing to download
                return {name: self._generate_examples(part) for name, part in splits.items()}

            def _generate_examples(self, part):
                for key, (image, label) in enumerate(part):
                    yield key, {"image": image, "label": label}

        Own.name = "own"
        tfds.disable_progress_bar()
        builder = Own(data_dir=str(data_dir / "beside"))
        builder.download_and_prepare()
        (data_dir / name).mkdir(parents=True)
        shutil.move(builder.data_dir, data_dir / name / "1.0.0")


def noise(rng, height, width, channels):
    return rng.integers(0, 256, (height, width, channels), np.uint8)


def pairs(examples):
    return sorted((image.tobytes(), int(label)) for image, label in zip(*examples, strict=True))


def test_pictures_and_labels_are_those_of_the_files(data_dir, tiny_idx):
    dataset, _ = load(data_dir)

    assert pairs(dataset.test) == pairs(idx.load(tiny_idx, idx.Split.TEST))
    assert dataset.shape == (28, 28, 1)
    assert dataset.labels == ("0", "1", "2")
    assert len(dataset.train.labels) == 600


def test_second_load_needs_neither_tensorflow_nor_decoding(tiny_data_dir):
    code = (
        "import sys, pathlib; from liteproof.data.dataset import load_dataset; "
        "from liteproof.recipes.schema import DatasetChoice, Raw; "
        "load_dataset(DatasetChoice('tiny_bars'), Raw(), pathlib.Path(sys.argv[1]), print); "
        "assert not {'tensorflow', 'tensorflow_datasets'} & set(sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, tiny_data_dir], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_arrays_are_mapped_and_not_read(data_dir):
    dataset, _ = load(data_dir)

    assert isinstance(dataset.train.images, np.memmap)
    assert not dataset.train.images.flags.writeable


def test_cache_is_made_anew_where_the_prepared_files_changed(data_dir):
    load(data_dir)
    (data_dir / "tiny_bars" / "1.0.0" / "new.txt").touch()

    assert load(data_dir)[1] == [f"tiny_bars: decoding {data_dir / 'tiny_bars' / '1.0.0'}"]


@pytest.mark.parametrize("damage", ["truncated", "no json", "wrong json"])
def test_cache_is_made_anew_where_it_is_damaged(data_dir, damage):
    fingerprint = load(data_dir)[0].fingerprint
    (cache,) = (data_dir / ".liteproof" / "decoded" / "tiny_bars").iterdir()
    if damage == "truncated":
        array = cache / "train_images.npy"
        array.write_bytes(array.read_bytes()[:1000])
    else:
        (cache / "dataset.json").write_text("[1]" if damage == "wrong json" else "{")

    dataset, said = load(data_dir)

    assert dataset.fingerprint == fingerprint
    assert said == [f"tiny_bars: decoding {data_dir / 'tiny_bars' / '1.0.0'}"]


def test_other_size_is_decoded_beside_until_the_data_changes(data_dir):
    caches = data_dir / ".liteproof" / "decoded" / "tiny_bars"

    (caches / ".9x9x1-photo-0.partial-999999999").mkdir()  # a killed process left it
    small, _ = load(data_dir, preprocessing=Photo(), size=(14, 14))
    both = {path.name.partition("-")[0] for path in caches.iterdir()}
    (data_dir / "tiny_bars" / "1.0.0" / "new.txt").touch()
    load(data_dir)

    assert small.shape == (14, 14, 1)
    assert both == {"28x28x1", "14x14x1"}
    assert [path.name.partition("-")[0] for path in caches.iterdir()] == ["28x28x1"]


def test_damaged_record_is_an_error_with_the_remedy(data_dir):
    shutil.rmtree(data_dir / ".liteproof")
    record = next((data_dir / "tiny_bars" / "1.0.0").glob("*-train*"))
    record.write_bytes(record.read_bytes()[:-100])

    with pytest.raises(DatasetError, match="damaged: .*; remove it and run `liteproof data` again"):
        load(data_dir)


def test_prepared_pictures_of_many_sizes_go_through_the_device_s_code(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [(noise(rng, 20 + n, 50 - n, 3), n % 2) for n in range(12)]
    prepare(tmp_path, "walls", (None, None, 3), 2, {"train": pictures[:8], "test": pictures[8:]})
    spec = PhotoSpec(16, 24, 3)

    dataset, _ = load(tmp_path, "walls", Photo(), size=(16, 24))

    expected = [
        (preprocess(Image.fromarray(image), spec).pixels, label) for image, label in pictures
    ]
    assert pairs(dataset.train) == pairs(zip(*expected[:8], strict=True))
    assert pairs(dataset.test) == pairs(zip(*expected[8:], strict=True))


def test_prepared_pictures_of_many_sizes_need_a_recipe_s_size(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [(noise(rng, 20 + n, 50 - n, 3), n % 2) for n in range(10)]
    prepare(tmp_path, "walls", (None, None, 3), 2, {"train": pictures})

    with pytest.raises(RecipeError, match="dataset.size: missing"):
        load(tmp_path, "walls", Photo())
    assert fetch_dataset("walls", tmp_path, print) == (
        "walls/1.0.0: 8 training and 2 test pictures of many sizes, 2 classes"
    )


def test_data_with_training_pictures_alone_is_divided_class_by_class(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [(noise(rng, 8, 8, 3), int(n >= 5)) for n in range(20)]
    prepare(tmp_path, "walls", (8, 8, 3), 2, {"train": pictures})

    dataset, _ = load(tmp_path, "walls")

    assert np.bincount(dataset.train.labels).tolist() == [4, 12]
    assert np.bincount(dataset.test.labels).tolist() == [1, 3]
    together = pairs(dataset.train) + pairs(dataset.test)
    assert sorted(together) == pairs(zip(*pictures, strict=True))


def test_emnist_is_turned_upright_and_classes_without_pictures_are_left_out(tmp_path):
    rng = np.random.default_rng(0)
    pictures = [(noise(rng, 28, 28, 1), 1 + n % 2) for n in range(8)]
    splits = {"train": pictures[:6], "test": pictures[6:]}
    prepare(tmp_path, "emnist/letters", (28, 28, 1), 4, splits)

    dataset, said = load(tmp_path, "emnist/letters", Ink())

    upright = [(image.transpose(1, 0, 2), label - 1) for image, label in pictures]
    assert pairs(dataset.train) == pairs(zip(*upright[:6], strict=True))
    assert dataset.labels == ("1", "2")
    assert said[-1] == "emnist/letters/1.0.0: left out, having no pictures: class 0, 3"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (([0, 0], [0]), "all pictures are of one class, '0'; expected two or more"),
        (([0, 1], [2]), "class '2' has test pictures but no training ones"),
        (([0, -1], [0]), "train pictures without a label"),
    ],
)
def test_prepared_data_that_cannot_be_learned_from_is_refused(tmp_path, labels, message):
    black = np.zeros((8, 8, 1), np.uint8)
    train, test = ([(black, label) for label in part] for part in labels)
    prepare(tmp_path, "walls", (8, 8, 1), 3, {"train": train, "test": test})

    with pytest.raises(DatasetError, match=message):
        load(tmp_path, "walls")


def test_pictures_of_more_than_8_bits_are_refused(tmp_path):
    deep = np.zeros((8, 8, 1), np.uint16)
    splits = {"train": [(deep, 0), (deep, 1)], "test": [(deep, 0)]}
    prepare(tmp_path, "walls", (8, 8, 1), 2, splits, dtype=np.uint16)

    with pytest.raises(DatasetError, match="uint16.*, expected pictures of uint8"):
        load(tmp_path, "walls")


@pytest.mark.parametrize(
    ("name", "like"),
    [("My Leaves", "my_leaves"), ("fashion-mnist", "fashion_mnist"), ("--", "leaves_2")],
)
def test_name_that_no_recipe_could_say_is_refused(tmp_path, name, like):
    with pytest.raises(DatasetError, match=f"{name}: .* expected a to z, 0 to 9 and _, as {like}$"):
        fetch_dataset(name, tmp_path, print)


def dataset_of(labels, names=("cat", "dog")):
    labels = np.array(labels, np.int64)
    none = Examples(np.zeros((len(labels), 1, 1, 1), np.uint8), labels)
    return Dataset("pets", names, none, none, "", "")


def test_division_holds_out_by_seed_and_loses_nothing():
    dataset = dataset_of([0, 1] * 300)
    first, again, other = (divide(dataset, 100, np.random.default_rng(s)) for s in (1, 1, 2))

    assert first.validation.tolist() == again.validation.tolist() != other.validation.tolist()
    assert len(first.validation) == 100
    assert sorted([*first.training, *first.validation]) == list(range(600))


@pytest.mark.parametrize(("n", "held"), [(30_000, 5000), (29_994, 4999), (60_000, 5000)])
def test_division_holds_out_a_sixth_but_no_more_than_5000(n, held):
    parts = divide(dataset_of([0, 1] * (n // 2)), None, np.random.default_rng(0))

    assert len(parts.validation) == held


def test_division_leaves_every_class_in_both_parts():
    labels = np.repeat(np.arange(50), 4)
    dataset = dataset_of(labels, tuple(map(str, range(50))))
    parts = divide(dataset, None, np.random.default_rng(0))

    assert np.bincount(labels[parts.validation]).tolist() == [1] * 50
    assert np.bincount(labels[parts.training]).tolist() == [3] * 50


def test_division_refuses_a_class_with_one_picture():
    with pytest.raises(DatasetError, match="class 'dog' has one training picture"):
        divide(dataset_of([0] * 11 + [1]), 2, np.random.default_rng(0))


def test_division_refuses_to_hold_out_more_than_half():
    with pytest.raises(DatasetError, match="301 validation pictures of 600"):
        divide(dataset_of([0, 1] * 300), 301, np.random.default_rng(0))
