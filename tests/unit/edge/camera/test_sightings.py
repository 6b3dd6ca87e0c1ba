import itertools

import pytest
from PIL import Image

from liteproof_edge.camera.newest import Frame
from liteproof_edge.camera.sightings import COLOUR, draw, watch


def seen(classifier, images, **options):
    found = [Frame(number, 3, image) for number, image in enumerate(images)]
    return [sighting for _, sighting in watch(found, classifier, **options)]


def test_digits_are_read_where_they_are(classifier, scenes):
    found = seen(classifier, scenes)

    assert [each.label for each in found] == [str(number // 2) for number in range(20)]
    assert all(each.box[0] >= 95 and each.box[2] <= 217 for each in found)
    assert {each.dropped for each in found} == {3}


def test_frame_without_ink_has_no_label_and_says_why(classifier):
    (sighting,) = seen(classifier, [Image.new("RGB", (320, 240), "white")])

    assert (sighting.label, sighting.probability, sighting.box) == (None, None, None)
    assert sighting.doubts


def test_label_that_is_not_sure_enough_is_not_given(classifier, scenes):
    (sighting,) = seen(classifier, scenes[:1], min_confidence=1.0)

    assert sighting.label is None
    assert 0.9 < sighting.probability < 1


def test_rate_is_measured_between_answers(classifier, scenes):
    clock = itertools.count(0, 0.25).__next__
    found = seen(classifier, scenes[:4], clock=clock)

    assert [each.frames_per_second for each in found] == [None, 4.0, 4.0, 4.0]


def test_sighting_is_plain_in_json(classifier, scenes):
    (sighting,) = seen(classifier, scenes[:1])

    assert list(sighting.to_json()) == [
        "time",
        "frame",
        "label",
        "confidence",
        "doubts",
        "box",
        "frames_per_second",
        "dropped",
    ]


@pytest.mark.parametrize("number", [0, 19])
def test_box_is_drawn_around_what_was_found(classifier, scenes, number):
    (sighting,) = seen(classifier, [scenes[number]])
    drawn = draw(scenes[number], sighting)

    left, _, _, bottom = sighting.box
    assert drawn.getpixel((left, bottom)) == COLOUR
    assert scenes[number].getpixel((left, bottom)) != COLOUR
