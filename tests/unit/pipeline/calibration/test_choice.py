import numpy as np

from liteproof.calibration.choice import choose


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
