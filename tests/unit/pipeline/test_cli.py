import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from liteproof import cli
from liteproof.cli import INTERRUPTED, SECTIONS, main
from liteproof_edge.__main__ import main as device

COMMANDS = sorted(main.commands)
RELEASED = Path(__file__).parents[2] / "bundle"


def test_commands_are_those_of_the_chain():
    assert set(COMMANDS) == {
        *("adopt", "bundle", "compare", "data", "deploy", "describe", "export", "forecast"),
        *("explain", "inspect", "new", "rollback", "run", "status", "train", "wheelhouse"),
    }


def test_help_lists_commands_in_sections_with_a_whole_sentence_each():
    whole = CliRunner().invoke(main, ["--help"], terminal_width=80).output

    shown = whole.partition("Options:")[2]
    sections = [line for line in shown.splitlines() if line.removesuffix(":") in SECTIONS]
    listed = re.findall(r"^  ([a-z]+) +\S.*\.$", shown, re.MULTILINE)
    assert sections == [f"{title}:" for title in SECTIONS]
    assert listed == [command.name for commands in SECTIONS.values() for command in commands]
    assert "..." not in shown


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_is_given_without_importing_tensorflow(command):
    code = (
        "import sys; from liteproof.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: assert not {'tensorflow', 'keras', 'pydantic'} & set(sys.modules)"
    )
    arguments = [argument for argument in (command, "--help") if argument]

    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["train", "mnits", "--out", "x"], 2, "did you mean 'mnist'"),
        (["train", "mnist"], 2, "Missing option '--out'"),
        (["export", "nowhere", "--scheme", "int4"], 2, "'int4' is not one of"),
        (["data", "mnits", "--data-dir", "x"], 3, "did you mean 'mnist'"),
        (["data", "mnist", "--from", "nowhere"], 3, "nowhere: not a folder"),
        (["compare", "nowhere"], 3, "nowhere: not a run"),
        (["inspect", "nowhere"], 4, "nowhere: not found, expected a .tflite model"),
        (["trian"], 2, "No such command"),
    ],
)
def test_wrong_use_is_a_line_and_its_exit_code(
    arguments, exit_code, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == exit_code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_data_prints_what_there_is(tiny_data_dir):
    result = CliRunner().invoke(main, ["data", "tiny_bars", "--data-dir", str(tiny_data_dir)])

    assert result.stdout == (
        "tiny_bars/1.0.0: 600 training and 150 test pictures of 28x28x1, 3 classes\n"
    )


@pytest.mark.parametrize("options", [[], ["--tensors"], ["--memory"], ["--json"]])
def test_inspect_prints_what_it_prints_on_a_device(capsys, options):
    arguments = ["inspect", str(RELEASED), *options]

    printed = CliRunner().invoke(main, arguments)

    assert device(arguments) == printed.exit_code == 0
    assert printed.stdout == capsys.readouterr().out


def test_character_that_a_terminal_lacks_is_escaped():
    done = subprocess.run(
        [sys.executable, "-m", "liteproof", "inspect", str(RELEASED)],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        check=True,
    )

    assert rb"uint8 1\xd728\xd728\xd71" in done.stdout


def test_compare_prints_table_or_json(tiny_run):
    table = CliRunner().invoke(main, ["compare", str(tiny_run)])
    as_json = CliRunner().invoke(main, ["compare", str(tiny_run), "--json"])

    assert table.stdout.startswith("model ")
    assert as_json.stdout == (tiny_run / "comparison.json").read_text() + "\n"


def test_interrupt_inside_tensorflow_ends_as_any_other(monkeypatch):
    def interrupted(*_, **__):
        raise SystemError("a built-in function returned a result") from KeyboardInterrupt()

    monkeypatch.setattr(cli, "prepare", interrupted)

    result = CliRunner().invoke(main, ["data", "mnist"])

    assert result.exit_code == 1
    assert result.stderr == f"\nliteproof: {INTERRUPTED}\n"
