import json
import math
import os
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from liteproof_edge import classifier as module
from liteproof_edge.__main__ import main
from liteproof_edge.classifier import Classifier
from liteproof_edge.preprocessing.pictures import SUFFIXES
from liteproof_edge.runtime.loading import VARIABLE

# A line break, a terminal's and a shell's own characters, and a byte that is no UTF-8.
ODD_NAME = "a\nb\x1b[31m\udcff '$*.png"
ODD_NAME_ESCAPED = r"a\nb\x1b[31m\udcff '$*.png"
KEYS = {
    *("picture", "label", "index", "probability", "top", "latency_us", "preprocessing"),
    *("doubts", "unsure", "reasons"),
}
INK_KEYS = {"kind", "polarity", "box", "ink_fraction", "legibility", "doubts"}


@pytest.fixture
def nested(tmp_path, golden):
    """A folder with pictures at three depths, some of them hidden, and a text."""
    folder = tmp_path / "nested"
    for number, name in enumerate(
        (
            *("b.png", "a.png", "deep/er/c.PNG", "deep/a.png"),
            *(".hidden.png", ".thumbnails/d.png", "deep/.trash/e/f.png"),
        )
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(golden.pictures[2 * number])
    (folder / "README.txt").write_text("digits")
    return folder


@pytest.fixture
def probability(run, released, digit_files):
    """The probability of the picture of a 7."""
    _, (line,), _ = run("classify", released, "--json", digit_files[14])
    return json.loads(line)["probability"]


def labels(lines):
    """Return each printed picture's name, without its folders, and label."""
    return [(Path(name).name, label) for name, label in (line.split()[:2] for line in lines)]


def test_classify_prints_a_line_for_each_picture(run, released, digit_files):
    exit_code, out, err = run("classify", released, *digit_files)
    assert (exit_code, err) == (0, [])
    assert [line.split()[:2] for line in out] == [
        [str(path), str(number // 2)] for number, path in enumerate(digit_files)
    ]


def test_classify_prints_probability_and_time(run, released, digit_files):
    _, (line,), _ = run("classify", released, digit_files[14])
    assert line.split()[2].endswith("%")
    assert line.split()[4] == "µs"


def test_classify_prints_json_lines(run, released, digit_files):
    exit_code, out, err = run("classify", released, "--json", *digit_files)
    answers = [json.loads(line) for line in out]
    assert (exit_code, err) == (0, [])
    assert [answer["picture"] for answer in answers] == [str(path) for path in digit_files]
    assert [answer["label"] for answer in answers] == [str(n // 2) for n in range(20)]


def test_classify_prints_json_with_the_promised_keys(run, released, digit_files):
    _, (line,), _ = run("classify", released, "--json", digit_files[14])
    answer = json.loads(line)
    assert set(answer) == KEYS
    assert set(answer["preprocessing"]) == INK_KEYS


def test_classify_prints_json_of_the_most_probable_labels(run, released, digit_files, classifier):
    _, (line,), _ = run("classify", released, "--json", digit_files[14])
    expected = classifier.classify(digit_files[14]).top
    assert json.loads(line)["top"] == [list(entry) for entry in expected]


def test_classify_answers_the_same_picture_twice_where_it_is_named_twice(
    run, released, digit_files
):
    _, out, _ = run("classify", released, digit_files[14], digit_files[14])
    assert labels(out) == [("14.png", "7")] * 2


def test_classify_answers_what_is_good_and_names_each_bad_picture(
    run, released, digit_files, bad_picture, tmp_path
):
    none, blank, empty = (tmp_path / name for name in ("none.png", "blank.png", "empty.png"))
    Image.new("L", (28, 28)).save(blank)
    empty.touch()
    exit_code, out, err = run(
        *("classify", released, digit_files[0], bad_picture, none),
        *(digit_files[14], blank, digit_files[6], empty),
    )
    assert exit_code == 3
    assert labels(out) == [("00.png", "0"), ("14.png", "7"), ("06.png", "3")]
    assert err == [
        f"liteproof-edge: {bad_picture}: not a picture that Pillow can read",
        f"liteproof-edge: {none}: cannot be read: No such file or directory",
        f"liteproof-edge: {blank}: no ink found: the picture is blank",
        f"liteproof-edge: {empty}: not a picture that Pillow can read",
    ]


def test_classify_prints_json_of_the_good_pictures_alone(run, released, digit_files, bad_picture):
    exit_code, out, err = run("classify", released, "--json", bad_picture, digit_files[0])
    assert (exit_code, len(err)) == (3, 1)
    assert [json.loads(line)["label"] for line in out] == ["0"]


def test_classify_ends_with_3_where_every_picture_is_bad(run, released, bad_picture):
    exit_code, out, err = run("classify", released, bad_picture, bad_picture)
    assert (exit_code, out, len(err)) == (3, [], 2)


def test_classify_names_a_picture_whose_name_is_too_long(run, released, digit_files):
    exit_code, out, err = run("classify", released, "a" * 300, digit_files[14])
    assert exit_code == 3
    assert err == [f"liteproof-edge: {'a' * 300}: cannot be read: File name too long"]
    assert labels(out) == [("14.png", "7")]


def test_classify_answers_the_pictures_of_a_folder_and_of_those_inside_in_order(
    run, released, nested
):
    exit_code, out, err = run("classify", released, nested)
    assert (exit_code, err) == (0, [])
    assert [line.split()[:2] for line in out] == [
        [str(nested / "a.png"), "1"],
        [str(nested / "b.png"), "0"],
        [str(nested / "deep/a.png"), "3"],
        [str(nested / "deep/er/c.PNG"), "2"],
    ]


def test_classify_answers_the_pictures_of_a_folder_that_is_hidden_itself(run, released, nested):
    exit_code, out, _ = run("classify", released, nested / ".thumbnails")
    assert (exit_code, labels(out)) == (0, [("d.png", "5")])


def test_classify_answers_a_hidden_picture_that_is_named(run, released, nested):
    exit_code, out, _ = run("classify", released, nested / ".hidden.png")
    assert (exit_code, labels(out)) == (0, [(".hidden.png", "4")])


@pytest.mark.parametrize("path", [".", "../nested", "deep/.."])
def test_classify_takes_a_folder_by_another_of_its_names(run, released, nested, monkeypatch, path):
    monkeypatch.chdir(nested)
    exit_code, out, err = run("classify", released, path)
    assert (exit_code, len(out), err) == (0, 4, [])


def test_classify_takes_files_and_folders_in_the_order_in_which_they_are_named(
    run, released, nested, digit_files
):
    _, out, _ = run("classify", released, digit_files[18], nested / "deep", digit_files[16])
    assert labels(out) == [("18.png", "9"), ("a.png", "3"), ("c.PNG", "2"), ("16.png", "8")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_classify_takes_a_picture_of_every_usual_suffix_in_a_folder(
    run, released, tmp_path, digit_files, suffix
):
    folder = tmp_path / "one"
    folder.mkdir()
    Image.open(digit_files[14]).save(folder / f"seven{suffix}")
    exit_code, out, err = run("classify", released, folder)
    assert (exit_code, labels(out), err) == (0, [(f"seven{suffix}", "7")], [])


def test_classify_looks_into_a_folder_that_is_called_as_a_picture(run, released, nested):
    (nested / "deep").rename(nested / "deep.png")
    exit_code, out, err = run("classify", released, nested)
    assert (exit_code, len(out), err) == (0, 4, [])


def test_classify_names_a_bad_picture_of_a_folder(run, released, nested, bad_picture):
    shutil.move(bad_picture, nested / "deep/bad.png")
    exit_code, out, err = run("classify", released, nested)
    assert (exit_code, len(out)) == (3, 4)
    assert err == [f"liteproof-edge: {nested}/deep/bad.png: not a picture that Pillow can read"]


def test_classify_names_a_link_to_nowhere_in_a_folder(run, released, nested):
    (nested / "link.png").symlink_to(nested / "gone.png")
    exit_code, out, err = run("classify", released, nested)
    assert (exit_code, len(out)) == (3, 4)
    assert err == [f"liteproof-edge: {nested}/link.png: cannot be read: No such file or directory"]


def test_classify_ends_where_folders_are_linked_in_a_ring(run, released, nested):
    (nested / "deep/ring").symlink_to(nested)
    exit_code, out, err = run("classify", released, nested)
    assert (exit_code, len(out), err) == (0, 4, [])


@pytest.mark.parametrize("content", [(), ("notes.txt",), (".a.png", ".git/b.png")])
def test_classify_refuses_a_folder_without_pictures_and_goes_on(
    run, released, tmp_path, digit_files, content
):
    folder = tmp_path / "bare"
    folder.mkdir()
    for name in content:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(digit_files[0], folder / name)
    exit_code, out, err = run("classify", released, folder, digit_files[14])
    assert exit_code == 3
    assert err == [f"liteproof-edge: {folder}: a folder without pictures"]
    assert labels(out) == [("14.png", "7")]


def test_classify_names_a_folder_that_cannot_be_read(run, released, nested, monkeypatch):
    def fails(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "rglob", fails)
    exit_code, out, err = run("classify", released, nested)
    assert (exit_code, out) == (3, [])
    assert err == [f"liteproof-edge: {nested}: cannot be read: Input/output error"]


def test_classify_answers_standard_input(run, released, golden):
    exit_code, out, err = run("classify", released, "-", stdin=golden.pictures[14])
    assert (exit_code, err) == (0, [])
    assert out[0].startswith("-  7  ")


def test_classify_answers_standard_input_among_files(run, released, golden, digit_files):
    _, out, _ = run(
        *("classify", released, digit_files[0], "-", digit_files[6]), stdin=golden.pictures[14]
    )
    assert labels(out) == [("00.png", "0"), ("-", "7"), ("06.png", "3")]


def test_classify_names_standard_input_in_json(run, released, golden):
    _, (line,), _ = run("classify", released, "--json", "-", stdin=golden.pictures[14])
    assert json.loads(line)["picture"] == "-"


@pytest.mark.parametrize("stdin", [b"", b"no picture"])
def test_classify_refuses_standard_input_that_is_no_picture_by_its_name(run, released, stdin):
    exit_code, out, err = run("classify", released, "-", stdin=stdin)
    assert (exit_code, out) == (3, [])
    assert err == ["liteproof-edge: -: not a picture that Pillow can read"]


def test_classify_reads_standard_input_once(run, released, golden):
    exit_code, out, err = run("classify", released, "-", "-", stdin=golden.pictures[14])
    assert (exit_code, labels(out), len(err)) == (3, [("-", "7")], 1)


def test_classify_refuses_standard_input_that_is_longer_than_any_picture(
    run, released, golden, monkeypatch
):
    size = len(golden.pictures[14])
    for name in ("preprocessing.pictures", "commands.classify"):
        monkeypatch.setattr(f"liteproof_edge.{name}.MAX_FILE_BYTES", size - 1)
    exit_code, out, err = run("classify", released, "-", stdin=golden.pictures[14])
    assert (exit_code, out) == (3, [])
    assert err == [f"liteproof-edge: -: more than {size - 1} bytes"]


def test_process_answers_a_picture_from_a_pipe(command, released, golden):
    reader, writer = os.pipe()
    os.write(writer, golden.pictures[14])
    os.close(writer)
    with os.fdopen(reader) as stdin:
        done = command("classify", released, "-", stdin=stdin)
    assert (done.returncode, done.stdout.split()[:2], done.stderr) == (0, ["-", "7"], "")


def test_process_refuses_standard_input_that_nothing_comes_from(command, released):
    with Path("/dev/null").open() as stdin:
        done = command("classify", released, "-", stdin=stdin)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "liteproof-edge: -: not a picture that Pillow can read\n"


def test_process_refuses_standard_input_that_cannot_be_read(command, released, tmp_path):
    with (tmp_path / "file").open("w") as stdin:
        done = command("classify", released, "-", stdin=stdin)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "liteproof-edge: -: cannot be read: Bad file descriptor\n"


def test_classify_refuses_standard_input_that_is_closed(run, released, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["classify", str(released), "-"]) == 3
    assert capsys.readouterr().err.startswith("liteproof-edge: -: ")


def test_classify_takes_a_file_that_is_called_a_dash(run, released, golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("-").write_bytes(golden.pictures[14])
    exit_code, out, _ = run("classify", released, "./-")
    assert (exit_code, out[0].split()[:2]) == (0, ["./-", "7"])


def test_classify_is_unsure_below_the_least_confidence(run, released, digit_files, probability):
    limit = math.nextafter(probability, 1)
    exit_code, (line,), err = run(
        "classify", released, "--min-confidence", repr(limit), digit_files[14]
    )
    assert (exit_code, err) == (0, [])
    assert line.split()[1] == "unsure"


def test_classify_is_sure_at_the_least_confidence(run, released, digit_files, probability):
    _, (line,), _ = run(
        "classify", released, "--min-confidence", repr(probability), digit_files[14]
    )
    assert line.split()[1] == "7"


def test_classify_gives_no_label_in_json_where_it_is_unsure(
    run, released, digit_files, probability
):
    limit = math.nextafter(probability, 1)
    _, (line,), _ = run(
        *("classify", released, "--json", "--min-confidence", repr(limit), digit_files[14])
    )
    answer = json.loads(line)
    assert (answer["unsure"], answer["label"]) == (True, None)
    assert answer["top"][0] == ["7", probability]


def test_classify_says_in_json_where_it_is_sure(run, released, digit_files):
    _, (line,), _ = run("classify", released, "--json", "--min-confidence", "0.5", digit_files[14])
    answer = json.loads(line)
    assert (answer["unsure"], answer["label"]) == (False, "7")


def test_classify_is_unsure_of_a_doubtful_picture_whatever_its_probability(
    run, released, two_digits
):
    _, (line,), _ = run("classify", released, "--min-confidence", "0", two_digits)
    assert line.split()[1] == "unsure"


def test_classify_gives_a_label_to_a_doubtful_picture_where_no_confidence_is_asked_for(
    run, released, two_digits
):
    _, (line,), _ = run("classify", released, "--json", two_digits)
    answer = json.loads(line)
    assert (answer["unsure"], answer["label"]) == (False, answer["top"][0][0])


def test_classify_prints_doubts_behind_the_time(run, released, two_digits):
    exit_code, (line,), err = run("classify", released, two_digits)
    assert (exit_code, err) == (0, [])
    assert line.endswith(" µs  several marks")


def test_classify_gives_doubts_in_json(run, released, two_digits):
    _, (line,), _ = run("classify", released, "--json", two_digits)
    assert json.loads(line)["preprocessing"]["doubts"] == ["several marks"]


def test_classify_takes_the_runtime_asked_for(run, released, digit_files, each_runtime):
    options = ("--runtime", each_runtime.value)
    exit_code, out, _ = run("classify", released, digit_files[14], *options)
    assert (exit_code, out[0].split()[1]) == (0, "7")


def used_runtime(monkeypatch):
    """Return a list that each runtime is added to when a model is loaded into it."""
    used, load_runtime = [], module.load_runtime

    def spy(runtime):
        loaded = load_runtime(runtime)
        used.append(loaded.runtime)
        return loaded

    monkeypatch.setattr(module, "load_runtime", spy)
    return used


def test_classify_takes_the_runtime_that_the_environment_names(
    run, released, digit_files, monkeypatch, each_runtime
):
    used = used_runtime(monkeypatch)
    monkeypatch.setenv(VARIABLE, each_runtime.value)
    exit_code, out, _ = run("classify", released, digit_files[14])
    assert (exit_code, labels(out), used) == (0, [("14.png", "7")], [each_runtime])


@pytest.mark.parametrize("named", ["ai-edge-litert", "no-such-runtime"])
def test_option_wins_over_the_runtime_of_the_environment(
    run, released, digit_files, monkeypatch, named, tflite_runtime
):
    used = used_runtime(monkeypatch)
    monkeypatch.setenv(VARIABLE, named)
    exit_code, _, _ = run("classify", released, digit_files[14], "--runtime", tflite_runtime.value)
    assert (exit_code, used) == (0, [tflite_runtime])


def test_classify_ends_with_7_where_the_environment_names_no_runtime(
    run, released, digit_files, monkeypatch
):
    monkeypatch.setenv(VARIABLE, "tflite")
    exit_code, out, err = run("classify", released, digit_files[14])
    assert (exit_code, out) == (7, [])
    assert err == [
        "liteproof-edge: LITEPROOF_RUNTIME: 'tflite', expected tflite-runtime or ai-edge-litert"
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), (False, 1)),
        (("--reference-kernels",), (True, 1)),
        # Two threads may stall other kernels than these.
        (("--reference-kernels", "--threads", "2"), (True, 2)),
    ],
)
def test_classify_loads_the_model_as_it_is_asked_to(
    run, released, digit_files, monkeypatch, options, expected
):
    asked, load = [], Classifier.load

    def spy(*arguments, **keywords):
        asked.append((keywords["reference_kernels"], keywords["threads"]))
        return load(*arguments, **keywords)

    monkeypatch.setattr(Classifier, "load", spy)
    exit_code, out, _ = run("classify", released, digit_files[14], *options)
    assert (exit_code, labels(out), asked) == (0, [("14.png", "7")], [expected])


def test_classify_answers_with_a_bare_model_where_it_may_be_unverified(
    run, bare_model, digit_files, released
):
    exit_code, out, err = run("classify", "--unverified", bare_model, *digit_files)
    assert exit_code == 0
    assert len(err) == 1
    assert f"{bare_model}: pictures are stretched to 28x28; the file does not say" in err[0]
    assert labels(out) == labels(run("classify", released, *digit_files)[1])


def test_classify_takes_a_picture_of_any_size_with_a_bare_model(run, bare_model, two_digits):
    exit_code, out, _ = run("classify", "--unverified", bare_model, two_digits)
    assert (exit_code, len(out)) == (0, 1)


def test_classify_takes_with_a_bare_model_its_own_size_alone_where_that_is_asked_for(
    run, bare_model, two_digits
):
    exit_code, out, err = run(
        "classify", "--unverified", "--preprocessing", "raw", bare_model, two_digits
    )
    assert (exit_code, out) == (3, [])
    assert err == [f"liteproof-edge: {two_digits}: 160x80 picture, expected the model's own 28x28"]


def test_classify_calls_a_bare_model_s_classes_by_a_file_of_labels(
    run, bare_model, digit_files, tmp_path
):
    names = "nought one two three four five six seven eight nine".split()
    (tmp_path / "names.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(names).encode() + b"\r\n")
    _, out, _ = run(
        *("classify", "--unverified", "--labels", tmp_path / "names.txt"),
        *(bare_model, digit_files[14]),
    )
    assert labels(out) == [("14.png", "seven")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a\nb\n", "2 labels, expected 10, one for each class"),
        (b"a\n\nb\n", "line 2: '', expected a printable label"),
        (b"\xff\xfe", "not UTF-8 text"),
    ],
)
def test_classify_refuses_labels_that_are_not_the_model_s(
    run, bare_model, digit_files, tmp_path, text, said
):
    (tmp_path / "names.txt").write_bytes(text)
    exit_code, out, err = run(
        *("classify", "--unverified", "--labels", tmp_path / "names.txt"),
        *(bare_model, digit_files[14]),
    )
    assert (exit_code, out, len(err)) == (3, [], 1)
    assert said in err[0]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"no model",
        lambda data: data[: len(data) // 2],
        lambda data: data[:4] + b"TFL2" + data[8:],
        lambda data: data[:4] + bytes(len(data) - 4),
        lambda data: b"\xff\xff\xff\x7f" + data[4:],
    ],
)
def test_classify_refuses_a_bare_model_that_is_damaged(run, bare_model, digit_files, damage):
    bare_model.write_bytes(damage(bare_model.read_bytes()))
    exit_code, out, err = run("classify", "--unverified", bare_model, digit_files[0])
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert err[0].startswith(f"liteproof-edge: {bare_model}: not a sound TFLite model: ")


def test_classify_refuses_a_bare_model_that_is_not_there(run, tmp_path, digit_files):
    exit_code, out, err = run("classify", "--unverified", tmp_path / "none", digit_files[0])
    assert (exit_code, out) == (4, [])
    assert err == [f"liteproof-edge: {tmp_path}/none: not found, expected a .tflite model"]


def test_classify_refuses_a_bundle_as_a_bare_model(run, released, digit_files):
    exit_code, out, err = run("classify", "--unverified", released, digit_files[0])
    assert (exit_code, out) == (4, [])
    assert err == [f"liteproof-edge: {released}: not a file"]


def test_classify_refuses_a_bare_model_where_that_is_not_asked_for(run, bare_model, digit_files):
    exit_code, out, err = run("classify", bare_model, digit_files[0])
    assert (exit_code, out) == (4, [])
    (line,) = err
    assert line.startswith(f"liteproof-edge: {bare_model}: a file, expected a bundle's folder; ")


def test_classify_keeps_an_unprintable_name_on_one_line(run, released, tmp_path, golden):
    (tmp_path / ODD_NAME).write_bytes(golden.pictures[0])
    exit_code, out, _ = run("classify", released, tmp_path / ODD_NAME)
    assert (exit_code, len(out)) == (0, 1)
    assert out[0].startswith(f"{tmp_path}/{ODD_NAME_ESCAPED}  0  ")


def test_classify_keeps_an_unprintable_name_in_a_folder_on_one_line(
    run, released, tmp_path, golden
):
    folder = tmp_path / "odd\n\udcfe"
    folder.mkdir()
    (folder / ODD_NAME).write_bytes(golden.pictures[0])
    exit_code, out, _ = run("classify", released, folder)
    assert (exit_code, len(out)) == (0, 1)
    assert out[0].startswith(rf"{tmp_path}/odd\n\udcfe/{ODD_NAME_ESCAPED}  0  ")


def test_classify_takes_a_name_of_every_byte(run, released, tmp_path, golden):
    names = [os.fsdecode(bytes([byte])) for byte in range(1, 256) if byte not in b"/."]
    paths = [tmp_path / f"{name}.png" for name in names]
    for path in paths:
        path.write_bytes(golden.pictures[14])
    exit_code, out, err = run("classify", released, "--json", *paths)
    assert (exit_code, err) == (0, [])
    assert [json.loads(line)["picture"] for line in out] == [str(path) for path in paths]


def test_classify_aligns_the_labels_of_names_as_they_are_printed(run, released, tmp_path, golden):
    paths = [tmp_path / ODD_NAME, tmp_path / "0.png"]
    for path in paths:
        path.write_bytes(golden.pictures[0])
    _, out, _ = run("classify", released, *paths)
    name_width = len(f"{tmp_path}/{ODD_NAME_ESCAPED}")
    assert [line[name_width : name_width + 5] for line in out] == ["  0  "] * 2


def test_classify_keeps_an_unprintable_name_in_an_error_on_one_line(run, released, tmp_path):
    exit_code, out, err = run("classify", released, tmp_path / ODD_NAME)
    assert (exit_code, out, len(err)) == (3, [], 1)
    assert err[0].startswith(f"liteproof-edge: {tmp_path}/{ODD_NAME_ESCAPED}: cannot be read")


def test_classify_refuses_a_name_with_a_null(run, released, digit_files):
    exit_code, out, err = run("classify", released, "a\0b.png", digit_files[14])
    assert (exit_code, labels(out), len(err)) == (3, [("14.png", "7")], 1)
    assert err[0].startswith(r"liteproof-edge: a\x00b.png: cannot be read: ")


def test_classify_refuses_a_label_with_a_line_break_on_one_line(
    run, copied, edit_manifest, digit_files
):
    labels = ["a\nb\x1b[31m", *"123456789"]
    edit_manifest(copied, lambda manifest: manifest.update(labels=labels))
    exit_code, out, err = run("classify", copied, digit_files[0])
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert err[0].startswith(f"liteproof-edge: {copied / 'manifest.json'}: labels: ")


def test_classify_takes_the_labels_of_the_bundle(run, copied, edit_manifest, digit_files):
    names = "null eins zwei drei vier fünf sechs sieben acht neun".split()
    edit_manifest(copied, lambda manifest: manifest.update(labels=names))
    _, out, _ = run("classify", copied, digit_files[10])
    assert labels(out) == [("10.png", "fünf")]


def test_classify_ends_with_4_on_a_missing_bundle(run, tmp_path, digit_files):
    exit_code, out, err = run("classify", tmp_path / "none", digit_files[0])
    assert (exit_code, out) == (4, [])
    assert err == [
        f"liteproof-edge: {tmp_path}/none/manifest.json: not found, expected a file of a bundle"
    ]


def test_classify_ends_with_7_where_there_is_no_runtime(run, released, digit_files, no_runtime):
    exit_code, out, err = run("classify", released, digit_files[0])
    assert (exit_code, out, len(err)) == (7, [], 1)
    assert "pip install" in err[0]


def test_process_classifies_a_picture(command, released, digit_files):
    done = command("classify", released, digit_files[14])
    assert (done.returncode, done.stdout.split()[1], done.stderr) == (0, "7", "")


def test_process_reports_a_fifo_without_waiting_for_it(command, released, tmp_path):
    os.mkfifo(tmp_path / "fifo.png")
    done = command("classify", released, tmp_path / "fifo.png", tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"liteproof-edge: {tmp_path / 'fifo.png'}: not a file\n" * 2


def test_classify_reports_a_picture_that_is_too_large_on_one_line(run, released, tmp_path):
    path = tmp_path / "large.png"
    Image.new("1", (12_000, 12_000)).save(path)
    exit_code, out, err = run("classify", released, path)
    assert (exit_code, out, len(err)) == (3, [], 1)
    assert err[0].startswith(f"liteproof-edge: {path}: 12000x12000 pixels take 138 MiB to decode, ")


def test_classify_decodes_a_picture_of_the_megapixels_that_are_allowed(run, released, tmp_path):
    path = tmp_path / "large.png"
    Image.new("1", (12_000, 12_000)).save(path)
    exit_code, _, err = run("classify", "--max-megapixels", 144, released, path)
    assert (exit_code, err) == (3, [f"liteproof-edge: {path}: no ink found: the picture is blank"])


def test_process_reports_a_bad_picture_on_one_line(command, released, tmp_path):
    done = command("classify", released, tmp_path / ODD_NAME)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    assert "Traceback" not in done.stderr


def test_classify_takes_what_is_said_of_a_bare_model(run, bare_model, digit_files):
    exit_code, out, err = run(
        *("classify", "--unverified", "--mean", "0", "--scale", "1"), *(bare_model, digit_files[14])
    )
    assert (exit_code, len(out)) == (0, 1)
    assert "pixels scaled as was said" in err[0]


def test_classify_refuses_scales_of_more_channels_than_a_bare_model_has(
    run, bare_model, digit_files
):
    exit_code, out, err = run(
        *("classify", "--unverified", "--scale", "1,1,1"), *(bare_model, digit_files[14])
    )
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert "3 values, expected 1" in err[0]
