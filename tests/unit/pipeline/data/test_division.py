import numpy as np

from liteproof.data.division import fixed_order, held_out


def test_the_first_ones_of_every_class_in_the_order_are_held_out():
    labels = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    order = np.array([9, 4, 8, 3, 7, 2, 6, 1, 5, 0])

    assert np.flatnonzero(held_out(labels, 0.4, order)).tolist() == [3, 4, 8, 9]


def test_share_is_rounded_but_neither_part_lacks_a_class():
    labels = np.repeat([0, 1, 2], [2, 3, 13])
    order = np.arange(18)

    assert np.bincount(labels[held_out(labels, 0.01, order)]).tolist() == [1, 1, 1]
    assert np.bincount(labels[held_out(labels, 0.2, order)]).tolist() == [1, 1, 3]
    assert np.bincount(labels[held_out(labels, 0.99, order)]).tolist() == [1, 2, 12]


def test_nothing_is_held_out_of_a_class_with_one_picture():
    assert held_out(np.array([0, 1, 1]), 0.5, np.arange(3)).tolist() == [False, True, False]


def test_order_depends_on_names_alone():
    names = [f"cat/{number}.jpg" for number in range(100)]
    order = [names[index] for index in fixed_order(names)]
    backwards = names[::-1]

    assert [backwards[index] for index in fixed_order(backwards)] == order
    assert order != names


def test_one_picture_more_leaves_the_order_of_the_others():
    names = [f"cat/{number}.jpg" for number in range(100)]
    more = [*names, "cat/new.jpg"]
    order = [more[index] for index in fixed_order(more)]

    order.remove("cat/new.jpg")

    assert order == [names[index] for index in fixed_order(names)]
