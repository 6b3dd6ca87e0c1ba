import pytest

from liteproof.adoption.label_matching import match

IMAGENET = ("tench, Tinca tinca", "great white shark, white shark", "crane", "crane (2)", "Ostrich")


@pytest.mark.parametrize(
    ("folders", "places"),
    [
        (["crane"], [2]),  # its very name
        (["tench", "ostrich"], [0, 4]),
        (["great_white_shark", "TENCH"], [1, 0]),
        (["tench, tinca tinca"], [0]),
        (["white shark"], [None]),  # a synonym, and not the first
        (["4", "0"], [4, 0]),
        (["5"], [None]),
        (["4", "crane"], [None, 2]),  # names, then, one of which is unknown
    ],
)
def test_folder_s_name_is_the_label_that_it_means(folders, places):
    assert match(folders, IMAGENET) == places


def test_very_name_comes_before_a_similar_one():
    assert match(["Cat", "cat"], ("cat", "Cat")) == [1, 0]


def test_name_that_means_two_labels_means_none():
    assert match(["CAT"], ("cat", "Cat")) == [None]


def test_numbers_that_are_labels_are_names():
    assert match(["3", "5"], ("5", "3")) == [1, 0]
