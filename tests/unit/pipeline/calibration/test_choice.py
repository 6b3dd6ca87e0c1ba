import numpy as np

from liteproof.calibration.choice import choose, without_twins


def labels(counts):
    return np.repeat(np.arange(len(counts)), counts)


def chosen(counts, indices, n, seed=0):
    return choose(labels(counts), np.array(indices), n, np.random.default_rng(seed)).tolist()


def test_classes_are_balanced_and_take_turns():
    counts = [50, 20, 30]

    assert labels(counts)[chosen(counts, range(100), 9)].tolist() == [0, 1, 2] * 3


def test_class_with_too_few_pictures_gives_all_it_has():
    counts = [50, 2]

    assert labels(counts)[chosen(counts, range(52), 8)].tolist() == [0, 1, 0, 1, 0, 0]


def test_only_the_given_pictures_are_taken():
    assert set(chosen([50, 50], range(0, 100, 10), 100)) == set(range(0, 100, 10))


def test_no_picture_is_taken_twice():
    pictures = chosen([50, 50], range(100), 40)

    assert len(set(pictures)) == len(pictures) == 40


def test_choice_follows_the_seed():
    assert chosen([50, 50], range(100), 10) == chosen([50, 50], range(100), 10)
    assert chosen([50, 50], range(100), 10) != chosen([50, 50], range(100), 10, seed=1)


def test_pictures_that_are_test_pictures_too_are_left_out(capsys):
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    left = without_twins(images, np.array([4, 0, 2]), (images[:1], images[1:2]))

    assert left.tolist() == [4, 2]
    assert "1 calibration pictures left out" in capsys.readouterr().err


def test_where_all_are_test_pictures_too_they_stay_for_the_check_to_refuse():
    images = np.zeros((3, 1, 1, 1), np.uint8)

    assert without_twins(images, np.arange(3), (images,)).tolist() == [0, 1, 2]
