import re
from importlib import import_module
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import pytest

from liteproof_edge.commands.arguments import EXIT_CODES, SECTIONS, parse
from liteproof_edge.commands.options import MOST_MEGAPIXELS
from liteproof_edge.preprocessing.memory import MEGA, MOST_PIXELS
from liteproof_edge.runtime.loading import Runtime

DECODING = {"--max-megapixels"}
RUNTIME = {"--runtime"}
RUNNING = {"--reference-kernels", "--threads"}
# Each command's own options, and the arguments that it cannot do without.
SERVING = RUNTIME | {"--threads", "--host", "--port", "--token"}
OPTIONS = {
    "classify": DECODING
    | RUNTIME
    | RUNNING
    | {"--each", "--draw", "--labels", "--min-confidence", "--preprocessing", "--unverified"}
    | {"--size", "--output", "--mean", "--scale"},
    "verify": RUNTIME | {"--trust", "--allow-downgrade"},
    "evaluate": DECODING | RUNTIME | RUNNING,
    "bench": RUNTIME | RUNNING | {"-n", "--count"},
    "inspect": {"--tensors", "--memory"},
    "info": set(),
    "serve": SERVING,
    "camera": SERVING | {"--preview", "--min-confidence", "-n", "--count"},
}
ARGUMENTS = {
    "classify": ["BUNDLE", "PICTURE"],
    "verify": ["BUNDLE"],
    "evaluate": ["BUNDLE", "DIR"],
    "bench": ["BUNDLE"],
    "inspect": ["MODEL"],
    "info": ["BUNDLE"],
    "serve": ["BUNDLE"],
    "camera": ["BUNDLE", "SOURCE"],
}

each_command = pytest.mark.parametrize("name", OPTIONS)


@pytest.fixture
def ended(capsys):
    """Parse what ends there; returns the exit code, standard output and standard error."""

    def parse_to_the_end(*arguments):
        with pytest.raises(SystemExit) as exited:
            parse(arguments)
        captured = capsys.readouterr()
        return exited.value.code, captured.out, captured.err

    return parse_to_the_end


def wrong_value(ended, *arguments):
    """Return the one line that says why a value is refused."""
    exit_code, out, err = ended(*arguments)
    assert (exit_code, out) == (2, "")
    return err.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-such-command"],
        ["classify"],
        ["classify", "bundle"],
        ["verify"],
        ["verify", "bundle", "more"],
        ["verify", "bundle", "--no-such-option"],
        ["verify", "bundle", "--runtime"],
        ["verify", "bundle", "--threads", "2"],
        ["evaluate", "bundle"],
        ["evaluate", "bundle", "one", "two"],
        ["evaluate", "bundle", "folder", "--unverified"],
        ["bench"],
        ["bench", "bundle", "-n"],
        ["inspect"],
        ["inspect", "model", "--runtime", "tflite-runtime"],
        ["info"],
        ["info", "bundle", "--reference-kernels"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(ended, arguments):
    exit_code, out, err = ended(*arguments)
    assert (exit_code, out) == (2, "")
    assert err.startswith("usage: liteproof-edge")


def test_unknown_command_is_answered_with_the_known_ones(ended):
    message = wrong_value(ended, "clasify")
    assert "'clasify'" in message
    assert all(name in message for name in OPTIONS)


def test_unknown_runtime_is_answered_with_the_known_ones(ended):
    message = wrong_value(ended, "verify", "bundle", "--runtime", "tensorflow")
    assert "'tensorflow'" in message
    assert all(runtime.value in message for runtime in Runtime)


def test_runtime_is_taken_by_its_name(each_runtime):
    assert parse(["verify", "bundle", "--runtime", each_runtime.value]).runtime is each_runtime


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0.0), ("1", 1.0), ("0.5", 0.5), (".25", 0.25), ("1e-3", 0.001)]
)
def test_min_confidence_is_taken_from_0_to_1(text, value):
    assert parse(["classify", "b", "p", "--min-confidence", text]).min_confidence == value


@pytest.mark.parametrize("text", ["-0.1", "1.0001", "nan", "inf", "-inf", "", "half", "50%", "0,5"])
def test_min_confidence_is_refused_outside_of_0_to_1(ended, text):
    message = wrong_value(ended, "classify", "b", "p", f"--min-confidence={text}")
    assert message.endswith(f"argument --min-confidence: {text!r}, expected a number from 0 to 1")


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        *((option, text, int(text)) for option in ("--threads", "--count", "-n") for text in "19"),
        ("--threads", "256", 256),
        ("-n", "1000000", 1_000_000),
    ],
)
def test_positive_number_is_taken(option, text, value):
    options = parse(["bench", "bundle", option, text])
    assert (options.threads if option == "--threads" else options.count) == value


@pytest.mark.parametrize(("option", "most"), [("--threads", 256), ("--count", 1_000_000)])
@pytest.mark.parametrize(
    "text",
    [
        "0",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "1_000",
        "1000001",
        "9" * 5000,
        "",
        " 1",
        "one",
        "\N{FULLWIDTH DIGIT ONE}",
    ],
)
def test_number_that_is_not_positive_or_too_large_is_refused(ended, option, most, text):
    message = wrong_value(ended, "bench", "bundle", f"{option}={text}")
    assert message.endswith(f"{text!r}, expected a whole number from 1 to {most}")


def test_options_of_classify_have_defaults():
    options = vars(parse(["classify", "bundle", "a.png", "b.png"]))
    assert {name: value for name, value in options.items() if name != "version"} == {
        "command": "classify",
        "bundle": Path("bundle"),
        "pictures": ["a.png", "b.png"],
        "each": False,
        "draw": None,
        "min_confidence": None,
        "max_megapixels": None,
        "unverified": False,
        "labels": None,
        "preprocessing": "photo",
        "size": None,
        "output": None,
        "mean": (),
        "scale": (),
        "runtime": None,
        "reference_kernels": False,
        "threads": 1,
        "json": False,
    }


def test_bench_measures_1000_pictures_where_nothing_else_is_said():
    assert parse(["bench", "bundle"]).count == 1000


def test_picture_may_begin_with_a_dash_behind_two_of_them():
    assert parse(["classify", "bundle", "--", "-7.png"]).pictures == ["-7.png"]


def test_picture_is_standard_input_where_it_is_a_dash():
    assert parse(["classify", "bundle", "-"]).pictures == ["-"]


@pytest.mark.parametrize(
    "arguments", [["a.png", "--draw", "d.png"], ["a.png", "b.png", "--each", "--draw", "d.png"]]
)
def test_draw_goes_with_each_and_one_picture(ended, arguments):
    assert wrong_value(ended, "classify", "bundle", *arguments) == (
        "liteproof-edge: error: --draw: expected --each, and one picture"
    )


@pytest.mark.parametrize("name", ["classify", "evaluate"])
def test_megapixels_may_be_as_many_as_any_picture_has(name):
    assert MOST_MEGAPIXELS * MEGA == MOST_PIXELS
    given = ["--max-megapixels", str(MOST_MEGAPIXELS)]
    assert parse([name, *ARGUMENTS[name], *given]).max_megapixels == MOST_MEGAPIXELS


@each_command
def test_command_takes_json(name):
    assert parse([name, *ARGUMENTS[name], "--json"]).json


@each_command
def test_command_is_a_module_that_runs(name):
    options = parse([name, *ARGUMENTS[name]])
    assert callable(import_module(f"liteproof_edge.commands.{options.command}").run)


@each_command
def test_help_of_a_command_names_its_options_alone(ended, name):
    exit_code, out, err = ended(name, "--help")
    named = set(re.findall(r"^  (-\w|--[a-z-]+)", out, re.MULTILINE))
    named |= set(re.findall(r"^  -\w.*?, (--[a-z-]+)", out, re.MULTILINE))
    assert (exit_code, err) == (0, "")
    assert named == OPTIONS[name] | {"-h", "--help", "--json"}


@each_command
def test_help_of_a_command_describes_its_arguments(ended, name):
    _, out, _ = ended(name, "--help")
    described = re.findall(r"^  ([A-Z]+) +\S", out, re.MULTILINE)
    assert described == ARGUMENTS[name]


@each_command
def test_help_lists_the_command(ended, name):
    exit_code, out, _ = ended("--help")
    assert exit_code == 0
    assert re.search(rf"^  {name} +[A-Z]", out, re.MULTILINE)


def test_help_groups_the_commands_as_a_person_needs_them(ended):
    _, out, _ = ended("--help")
    listed = re.findall(r"^([a-z ]+):$|^  ([a-z]+) +[A-Z]", out, re.MULTILINE)
    names = [title or name for title, name in listed if title != "options"]
    assert names == [*chain.from_iterable((title, *SECTIONS[title]) for title in SECTIONS)]
    assert set(names) == {*SECTIONS, *OPTIONS}


def test_help_of_a_command_begins_with_its_own_usage(ended):
    _, out, _ = ended("verify", "--help")
    assert out.startswith("usage: liteproof-edge verify [-h]")


def test_help_lists_the_exit_codes(ended):
    _, out, _ = ended("--help")
    assert " ".join(EXIT_CODES.split()) in " ".join(out.split())


@pytest.mark.parametrize("columns", ["20", "80", "200"])
def test_help_is_printed_whatever_the_width_of_the_terminal(ended, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    exit_code, out, _ = ended("classify", "--help")
    assert exit_code == 0
    assert "--min-confidence" in out


def test_version_is_that_of_the_distribution(ended):
    assert ended("--version") == (0, version("liteproof-edge") + "\n", "")


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("--size", "28x32", (28, 32)),
        ("--mean", "127.5", (127.5,)),
        ("--scale", "1,0.5,2", (1.0, 0.5, 2.0)),
        ("--mean", "-1,0,1", (-1.0, 0.0, 1.0)),
    ],
)
def test_classify_takes_what_a_bare_model_does_not_say(option, text, value):
    options = parse(["classify", "model.tflite", "a.png", f"{option}={text}"])
    assert vars(options)[option[2:]] == value


@pytest.mark.parametrize(
    ("option", "text"),
    [("--size", "28"), ("--size", "0x4"), ("--mean", "1,2"), ("--scale", "nan"), ("--mean", "1e9")],
)
def test_classify_refuses_what_no_model_takes(ended, option, text):
    assert f"{text!r}, expected" in wrong_value(ended, "classify", "m", "a.png", f"{option}={text}")
