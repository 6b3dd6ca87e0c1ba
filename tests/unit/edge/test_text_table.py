import pytest

from liteproof_edge.text_table import aligned


def test_columns_are_as_wide_as_their_widest_cell():
    assert aligned([("a", "b"), ("long", "c")]) == ["a     b", "long  c"]


def test_columns_of_numbers_are_aligned_on_the_right():
    assert aligned([("name", "n"), ("a", "1,000")], numbers=[1]) == ["name      n", "a     1,000"]


def test_lines_do_not_end_in_blanks():
    assert aligned([("a", ""), ("b", "c")]) == ["a", "b  c"]


def test_rows_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="shorter|longer"):
        aligned([("a", "b"), ("c",)])
