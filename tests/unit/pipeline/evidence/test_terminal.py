"""A comparison in a terminal: 80 columns, and names that tell the models apart."""

from dataclasses import replace

import pytest
from evidence_examples import drawn, evidence

from liteproof.evidence.terminal import WIDTH, short_names, table

LONG = "/home/somebody/projects/classifiers/vegetables/runs/2026-11-27"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["keras", "int8", "int8"], ["keras", "int8"]),
        ([f"{LONG}/a.tflite", f"{LONG}/b.tflite"], ["a.tflite", "b.tflite"]),
        ([f"{LONG}/one/bundle", f"{LONG}/two/bundle"], ["one", "two"]),
        (["a/model.tflite", "b/a/model.tflite"], ["a/model.tflite", "b"]),
        ([f"{LONG}/bundle"], ["bundle"]),
    ],
)
def test_names_are_shortened_to_what_tells_them_apart(names, expected):
    assert list(short_names(names).values()) == expected


def test_table_fits_80_columns_whatever_the_paths():
    made = evidence(*drawn(100, 4, 0.3), "abcd")
    before, after = f"{LONG}/float32/model.keras", f"{LONG}/with-a-very-long-name/model.tflite"
    renamed = {made.baseline.name: before, made.candidate.name: after}
    cells = tuple(replace(cell, model=renamed.get(cell.model, cell.model)) for cell in made.cells)
    made = replace(
        made,
        cells=(
            *cells,
            replace(cells[0], machine="aarch64 (emulated cortex-a72)"),
            replace(cells[0], machine="aarch64 (emulated cortex-a72)", n=cells[0].n + 1000),
        ),
        baseline=replace(made.baseline, name=before),
        candidate=replace(made.candidate, name=after),
    )

    lines = table(made).splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert "on aarch64 (emulated cortex-a72):" in lines
    assert "on aarch64 (emulated cortex-a72), 1,100 pictures:" in lines
    assert LONG not in table(made)


def test_table_of_a_model_that_is_compared_with_nothing_says_why():
    made = evidence(*drawn(100, 4, 0.3), "abcd")
    alone = replace(made, baseline=made.candidate, verdict=None, alone="it came alone")

    shown = " ".join(table(alone).split())

    assert f"{made.candidate.name}: right on " in shown
    assert shown.endswith("No verdict: it came alone.")
    assert "partial" not in shown
