import io
import json

import numpy as np
import pytest
from PIL import Image

from liteproof_edge.commands.each import DRAWN, SURE, UNSURE

GAP, SIDE = 34, 28  # pixels: from one digit to the next, and of each of MNIST's pictures


def pixels_of(file):
    with Image.open(file) as image:
        return np.asarray(image)


@pytest.fixture(scope="session")
def number(golden):
    """Draw golden pictures of digits (white on black) as a number, line by line."""

    def draw(*lines, gap=GAP):
        widest = max(map(len, lines))
        pixels = np.zeros((20 + 44 * len(lines), 36 + gap * widest), np.uint8)
        for row, line in enumerate(lines):
            for column, digit in enumerate(line):
                top, left = 10 + 44 * row, 10 + gap * column
                picture = pixels_of(io.BytesIO(golden.pictures[2 * int(digit)]))
                spot = pixels[top : top + SIDE, left : left + SIDE]
                np.maximum(spot, picture, out=spot)
        return Image.fromarray(pixels)

    return draw


@pytest.fixture
def numbers(tmp_path, number):
    """A picture of two lines."""
    path = tmp_path / "numbers.png"
    number("3047", "15").save(path)
    return path


@pytest.fixture
def touching(tmp_path, number):
    """A picture of a 7, and of two digits that touch."""
    image = number("7")
    pair = number("00", gap=16)
    whole = Image.new("L", (image.width + pair.width, image.height))
    whole.paste(image, (0, 0))
    whole.paste(pair, (image.width, 0))
    path = tmp_path / "touching.png"
    whole.save(path)
    return path


def test_each_prints_numbers_as_people_read_them(run, released, numbers):
    exit_code, out, err = run("classify", released, numbers, "--each")
    assert (exit_code, err) == (0, [])
    assert [line.split()[:2] for line in out] == [[str(numbers), "3047"], [str(numbers), "15"]]
    assert all(line.split()[2].endswith("%") and line.endswith("µs") for line in out)


def test_each_prints_json_with_each_marks_box_label_and_doubts(run, released, numbers):
    exit_code, (line,), err = run("classify", released, numbers, "--each", "--json")
    answer = json.loads(line)
    assert (exit_code, err, answer["picture"]) == (0, [], str(numbers))
    assert answer["text"] == ["3047", "15"]
    assert [[mark["label"] for mark in line] for line in answer["lines"]] == [
        ["3", "0", "4", "7"],
        ["1", "5"],
    ]
    for row, line in enumerate(answer["lines"]):
        for column, mark in enumerate(line):
            left, top, right, bottom = mark["preprocessing"]["box"]
            assert 10 + GAP * column <= left < right <= 10 + GAP * column + SIDE
            assert 10 + 44 * row <= top < bottom <= 10 + 44 * row + SIDE
            assert (mark["doubts"], mark["reasons"], mark["unsure"]) == ([], [], False)
            assert 0.9 < mark["probability"] <= 1


def test_each_says_which_digits_touch_rather_than_read_them_as_one(run, released, touching):
    _, (line,), _ = run("classify", released, touching, "--each")
    assert line.split()[1] == "7?"
    assert "  2: several that touch" in line


def test_each_gives_no_label_to_what_is_unsure(run, released, touching):
    least = ("--min-confidence", "0.5")
    _, (line,), _ = run("classify", released, touching, "--each", "--json", *least)
    (seven, several) = json.loads(line)["lines"][0]
    assert (seven["label"], seven["unsure"]) == ("7", False)
    assert (several["label"], several["unsure"]) == (None, True)
    assert "several that touch" in several["reasons"]


def test_each_below_the_confidence_is_a_question_mark(run, released, numbers):
    _, out, _ = run("classify", released, numbers, "--each", "--min-confidence", "1")
    assert [line.split()[1] for line in out] == ["????", "??"]
    assert "  1: probability below 1" in out[0]


def test_each_answers_a_single_digit(run, released, digit_files):
    _, (line,), _ = run("classify", released, digit_files[14], "--each")
    assert line.split()[1] == "7"


def test_each_names_a_picture_without_ink_and_answers_the_others(run, released, numbers, tmp_path):
    blank = tmp_path / "blank.png"
    Image.new("L", (60, 60), 255).save(blank)
    exit_code, out, err = run("classify", released, blank, numbers, "--each")
    assert (exit_code, len(out)) == (3, 2)
    assert err == [f"liteproof-edge: {blank}: no ink found: the picture is blank"]


def test_without_each_several_digits_are_unsure(run, released, numbers):
    _, (line,), _ = run("classify", released, numbers, "--min-confidence", "0.1")
    assert line.split()[1] == "unsure"


@pytest.mark.parametrize("name", ["numbers", "touching"])
def test_draw_writes_the_picture_with_a_box_around_each_mark(
    request, run, released, tmp_path, name
):
    picture, path = request.getfixturevalue(name), tmp_path / "drawn.png"
    exit_code, _, err = run("classify", released, picture, "--each", "--draw", path)
    assert (exit_code, err) == (0, [])
    pixels, given = pixels_of(path), pixels_of(picture)
    assert pixels.shape[:2] == given.shape
    drawn = {tuple(colour) for colour in pixels.reshape(-1, 3).tolist()}
    assert SURE in drawn
    assert (UNSURE in drawn) == (name == "touching")
    assert not list(tmp_path.glob(".*"))


def test_draw_makes_a_large_picture_smaller(run, released, tmp_path, number):
    picture, path = tmp_path / "large.png", tmp_path / "drawn.png"
    small = number("3047")
    small.resize((16 * small.width, 16 * small.height)).save(picture)
    run("classify", released, picture, "--each", "--draw", path)
    assert DRAWN // 2 < max(pixels_of(path).shape) <= DRAWN


def test_draw_takes_one_picture(run, released, numbers, digit_files, tmp_path):
    path, folder = tmp_path / "drawn.png", digit_files[0].parent
    exit_code, out, err = run("classify", released, folder, "--each", "--draw", path)
    assert (exit_code, out) == (3, [])
    assert err == [f"liteproof-edge: {folder}: 20 pictures, --draw takes one"]
    assert not path.exists()


@pytest.mark.parametrize("where", ["none/drawn.png", "."])
def test_drawing_that_cannot_be_written_is_named(run, released, numbers, tmp_path, where):
    path = tmp_path / where
    exit_code, _, err = run("classify", released, numbers, "--each", "--draw", path)
    assert (exit_code, len(err)) == (8, 1)
    assert err[0].startswith(f"liteproof-edge: {path}: cannot be written: ")


def test_each_is_refused_where_the_bundle_takes_a_picture_as_one(
    run, copied, edit_manifest, numbers
):
    raw = {"kind": "raw", "height": 28, "width": 28, "channels": 1}
    edit_manifest(copied, lambda manifest: manifest.update(preprocessing=raw))
    exit_code, out, err = run("classify", copied, numbers, "--each")
    assert (exit_code, out) == (4, [])
    assert len(err) == 1
    assert err[0].startswith(
        f"liteproof-edge: {copied}: preprocessing raw takes a picture as one, expected ink"
    )
