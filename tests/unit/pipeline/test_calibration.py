import numpy as np
import pytest

from liteproof.calibration import representative
from liteproof_edge.errors import DatasetError
from liteproof_edge.idx import Examples


def examples(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.zeros((len(labels), 2, 2, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(len(labels))  # which picture it is
    images[:, 1, 1, 0] = 255
    return Examples(images, labels)


def chosen(data, indices, n, seed=0):
    pictures = representative(data, np.array(indices), n, np.random.default_rng(seed))
    return pictures[:, 0, 0, 0].tolist()


def test_classes_are_balanced_and_take_turns():
    data = examples([50, 20, 30])

    assert data.labels[chosen(data, range(100), 9)].tolist() == [0, 1, 2] * 3


def test_only_the_given_pictures_are_taken():
    assert set(chosen(examples([50, 50]), range(0, 100, 10), 100)) == set(range(0, 100, 10))


def test_no_picture_is_taken_twice():
    pictures = chosen(examples([50, 50]), range(100), 40)

    assert len(set(pictures)) == len(pictures) == 40


def test_choice_follows_the_seed():
    data = examples([50, 50])

    assert chosen(data, range(100), 10) == chosen(data, range(100), 10)
    assert chosen(data, range(100), 10) != chosen(data, range(100), 10, seed=1)


def test_pictures_that_do_not_span_the_pixels_are_refused():
    data = examples([50, 50])
    data.images[data.images == 255] = 200

    with pytest.raises(DatasetError, match=r"span \(0, 200\), expected \(0, 255\)"):
        chosen(data, range(100), 10)
