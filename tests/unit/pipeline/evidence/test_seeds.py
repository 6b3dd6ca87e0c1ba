import json

import pytest

from liteproof.errors import RunError
from liteproof.evidence.seeds import STUDENT_T, Seed, Seeds, recipe_digest
from liteproof.recipes.reader import load_recipe

MNIST = load_recipe("mnist")


def seeds(*accuracies, recipe=MNIST):
    results = tuple(
        Seed(seed, accuracy, accuracy, 36_000, 60.0) for seed, accuracy in enumerate(accuracies)
    )
    return Seeds(recipe_digest(recipe), "mnist", results)


def test_mean_deviation_and_interval_are_those_of_a_small_sample():
    measured = seeds(0.990, 0.992, 0.994)

    assert measured.mean == pytest.approx(0.992)
    assert measured.deviation == pytest.approx(0.002)
    assert measured.interval == pytest.approx(
        (0.992 - 4.303 * 0.002 / 3**0.5, 0.992 + 4.303 * 0.002 / 3**0.5)
    )


def test_quantiles_are_students():
    t = pytest.importorskip("scipy.stats").t

    assert pytest.approx([t.ppf(0.975, n) for n in range(1, 10)], abs=5e-4) == list(STUDENT_T)


def test_file_is_read_back_as_it_was_written(tmp_path):
    file = tmp_path / "seeds.json"
    file.write_text(seeds(0.99, 0.98).to_json())

    assert Seeds.read(file, MNIST) == seeds(0.99, 0.98)


def test_seeds_of_another_recipe_are_refused(tmp_path):
    file = tmp_path / "seeds.json"
    file.write_text(seeds(0.99, 0.98, recipe=load_recipe("fashion-mnist")).to_json())

    with pytest.raises(RunError, match="measured with another recipe"):
        Seeds.read(file, MNIST)


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"recipe": "", "results": [1]})])
def test_file_that_is_none_is_refused(tmp_path, text):
    file = tmp_path / "seeds.json"
    file.write_text(text)

    with pytest.raises(RunError, match=r"seeds\.json: not what scripts/seeds\.py writes"):
        Seeds.read(file, MNIST)


def test_table_tells_every_seed_and_the_spread():
    *rows, empty, summary = seeds(0.990, 0.992, 0.994).table().splitlines()

    assert rows == [
        " seed   float    int8       size  training",
        "    0  99.00%  99.00%    36.0 kB      60 s",
        "    1  99.20%  99.20%    36.0 kB      60 s",
        "    2  99.40%  99.40%    36.0 kB      60 s",
    ]
    assert not empty
    assert summary.startswith("mnist: int8 99.20% ± 0.20 (3 seeds, standard deviation; 95 %")
    assert summary.endswith("98.70 to 99.70)")
