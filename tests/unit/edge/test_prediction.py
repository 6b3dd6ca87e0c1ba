import json
from dataclasses import replace

import pytest

from liteproof_edge.prediction import Prediction, Reading
from liteproof_edge.preprocessing.prepared import Report


def mark(label, probability=0.99, *doubts):
    top = ((label, probability),)
    return Prediction(label, 0, probability, top, 50.0, Report("ink", doubts=doubts))


READING = Reading(((mark("3"), mark("1", 0.7)), (mark("4", 0.99, "several that touch"),)))


def test_reading_is_read_line_by_line():
    assert str(Reading(((mark("3"), mark("1")), (mark("4"),)))) == "31\n4"


def test_reading_shows_what_is_in_doubt_as_a_question_mark():
    assert READING.text() == ["31", "?"]
    assert READING.text(0.9) == ["3?", "?"]
    assert READING.text(0.9, unsure="_") == ["3_", "_"]


def test_reading_has_its_marks_in_reading_order():
    assert [each.label for each in READING.marks] == ["3", "1", "4"]


def test_labels_of_several_letters_are_set_apart():
    assert Reading(((mark("cat"), mark("dog")),)).text() == ["cat dog"]


def test_reading_as_json_is_plain():
    value = READING.to_json()
    assert json.loads(json.dumps(value))["lines"][1][0]["doubts"] == ["several that touch"]


@pytest.mark.parametrize("lines", [(), ((),)])
def test_reading_of_nothing_is_nothing(lines):
    assert Reading(lines).marks == ()
    assert str(Reading(lines)) == ""


def test_doubts_are_those_of_the_picture_and_of_the_model():
    doubted = replace(READING.lines[1][0], model_doubts=("two that touch",))
    assert doubted.doubts == ("several that touch", "two that touch")
