"""Files of labels as people and tools write them."""

import pytest

from liteproof_edge.bundle.labels import parse_labels, read_labels
from liteproof_edge.errors import DatasetError


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("a\nb\n", ("a", "b")),
        ("\ufeffa\r\nb\r\n\r\n", ("a", "b")),
        ("0  background\n1  tench, Tinca tinca\n", ("background", "tench, Tinca tinca")),
        ("0: cat\n1: dog", ("cat", "dog")),
        ("0\n1\n2", ("0", "1", "2")),
        ("1 euro\n2 euro", ("1 euro", "2 euro")),
    ],
)
def test_labels_are_lines_without_what_only_counts_them(text, labels):
    assert parse_labels(text, "labels") == labels


def test_label_that_is_there_twice_is_numbered_where_that_is_allowed():
    assert parse_labels("crane\nheron\ncrane", "labels", unique=False) == (
        *("crane", "heron", "crane (2)"),
    )


def test_label_that_is_there_twice_is_refused(tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\na\n")
    with pytest.raises(DatasetError, match="'a' stands in lines 1 and 3"):
        read_labels(tmp_path / "labels.txt")
