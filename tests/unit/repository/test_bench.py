import json
import re
from pathlib import Path

import pytest

from bench import accuracy
from bench.history import plot, write_page
from bench.record import row_from_json, row_to_json, to_json
from bench.row import Better, Row, holds, median_row, with_ratios
from bench.table import table

ROOT = Path(__file__).parents[3]
KEPT = sorted(ROOT.glob("docs/bench/*.json"))
MACHINE = {"version": "0.2.0", "date": "2026-11-28", "quick": False, "note": ""}


def rows(*values, better=Better.LOWER):
    """Two rivals, and ours last."""
    names = ("one", "other", "ours")
    return [
        Row("time", name, value, "ms", 3, better, ours=name == "ours")
        for name, value in zip(names, values, strict=True)
    ]


def test_ratio_is_to_the_fastest_rival():
    assert [row.ratio for row in with_ratios(rows(4.0, 2.0, 3.0))] == [None, None, 1.5]


def test_ratio_is_to_the_highest_where_higher_is_better():
    ratios = [row.ratio for row in with_ratios(rows(4.0, 2.0, 3.0, better=Better.HIGHER))]

    assert ratios == [None, None, 0.75]


def test_rival_that_was_not_measured_is_left_out_of_the_ratio():
    assert [row.ratio for row in with_ratios(rows(None, 2.0, 3.0))] == [None, None, 1.5]


def test_rival_at_another_size_is_no_rival():
    measured = [
        Row("time", "one", 1.0, "s", 1, at=28),
        Row("time", "ours", 3.0, "s", 1, ours=True, at=96),
    ]

    assert list(with_ratios(measured))[1].ratio is None


@pytest.mark.parametrize(
    ("better", "ratio", "held"),
    [
        (Better.LOWER, 1.5, True),
        (Better.LOWER, 1.6, False),
        (Better.HIGHER, 1.6, True),
        (Better.HIGHER, 1.4, False),
    ],
)
def test_limit_is_held_or_missed(better, ratio, held):
    row = Row("time", "ours", 1.0, "ms", 1, better, ours=True, ratio=ratio, limit=1.5)

    assert holds(row) is held


def test_table_says_what_missed_its_limit_and_what_was_not_measured():
    ours = Row("time", "ours", 3.0, "ms", 5, ours=True, limit=1.2)
    missing = Row("time", "other", None, "ms", 0, note="not measured: not installed")
    text = table(
        {"device": list(with_ratios([median_row("time", "one", [2.0], "ms"), ours, missing]))}
    )

    assert "1.50 x (<= 1.2)  MISSED" in text
    assert "not measured: not installed" in text


def test_row_comes_back_from_json():
    (row,) = with_ratios([Row("time", "ours", 3.0, "ms", 5, ours=True, at=28, note="a note")])

    assert row_from_json(json.loads(json.dumps(row_to_json(row)))) == row


def test_accuracy_has_every_released_model_of_digits_and_a_source_for_each_rival():
    found = list(accuracy.rows())

    assert {row.name for row in found if row.ours} == {
        "liteproof mnist",
        "liteproof mnist-micro",
        "liteproof mnist-nano",
    }
    assert all("/" in row.note for row in found)


def test_page_shows_every_row_and_asks_no_host(tmp_path):
    record = to_json(MACHINE, {"accuracy": list(accuracy.rows()), "device": rows(1.0, 2.0, 3.0)})
    write_page(record, tmp_path / "bench.html")
    page = (tmp_path / "bench.html").read_text()

    assert all(row.name in page for row in accuracy.rows())
    assert "<svg" in page
    assert not re.search(
        r"""(src|href|url\()=?["'(]?\s*(https?:)?//""", page.replace("xlink:href", "")
    )


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_record_is_of_its_release(path):
    record = json.loads(path.read_text())

    assert record["machine"]["version"] == path.stem
    assert not record["machine"]["quick"]
    assert all(row_from_json(row) for rows in record["sections"].values() for row in rows)


def test_names_of_neighbouring_points_do_not_cover_each_other():
    near = [
        {
            "name": f"a name as long as the whole picture is wide, or nearly, {at}",
            "value": 99.5,
            "unit": "%",
            "ours": False,
            "at": at,
        }
        for at in (10.0, 13.0, 16.0)
    ]

    drawn = plot("accuracy, at kB", near)

    sides = re.findall(r"text-anchor: (\w+)[^>]*>a name", drawn)
    assert len(sides) == 3
    assert len(set(sides)) > 1
    assert ">kB<" in drawn
