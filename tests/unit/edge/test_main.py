import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from liteproof_edge.__main__ import main
from liteproof_edge.commands import verify as verify_command
from liteproof_edge.commands.output import show_table
from liteproof_edge.errors import BundleError, GateError, PictureError, RuntimeMissingError

FULL = "liteproof-edge: output: cannot be written: No space left on device\n"
MORE_THAN_A_PIPE_HOLDS = 1 << 20
END_SECONDS = 30.0

unbuffered_or_not = pytest.mark.parametrize("unbuffered", ["", "1"])


@pytest.fixture
def full():
    with Path("/dev/full").open("w") as device:
        yield device


@pytest.fixture
def unread():
    """The end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.fixture
def shell(released, digit_files):
    """Run a line of bash, in which classify stands for the command with the released bundle."""

    def run(line, *files):
        start = f'classify() {{ "{sys.executable}" -m liteproof_edge classify "{released}" "$@"; }}'
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail\n{start}\n{line}", "bash", *files],
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=60,
        )

    return run


def default_interrupt():
    """Let Ctrl-C interrupt, where the tests themselves run behind an `&` that ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("error", [PictureError, BundleError, GateError, RuntimeMissingError])
def test_error_ends_with_its_exit_code_and_one_line(run, released, monkeypatch, error):
    def fail(*_):
        raise error("a\nb.png: bad")

    monkeypatch.setattr(verify_command, "verify", fail)
    assert run("verify", released) == (error.exit_code, [], [r"liteproof-edge: a\nb.png: bad"])


def test_bug_is_not_hidden(run, released, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(verify_command, "verify", fail)
    with pytest.raises(ZeroDivisionError):
        run("verify", released)


def test_interrupt_ends_with_1_and_one_line(run, released, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(verify_command, "verify", interrupted)
    assert run("verify", released) == (1, [], ["liteproof-edge: interrupted"])


def test_wrong_usage_ends_with_2(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["verify"])
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


def test_arguments_are_the_processes_own_where_none_are_given(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["liteproof-edge", "verify", str(tmp_path)])
    assert main() == 4
    assert str(tmp_path) in capsys.readouterr().err


def test_table_puts_numbers_to_the_right_and_words_to_the_left(capsys):
    show_table(("name", "share", "n"), [("a", "7.5%", 1), ("long name", "", 100)])
    assert capsys.readouterr().out.splitlines() == [
        "name       share    n",
        "a           7.5%    1",
        "long name         100",
    ]


def test_program_is_installed_beside_python(released):
    program = Path(sys.executable).with_name("liteproof-edge")
    done = subprocess.run([program, "verify", released], capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stdout.endswith(b"verified: this device answers as the host did\n")


def test_process_ends_with_the_errors_code_and_one_line(command, tmp_path):
    done = command("verify", tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        f"liteproof-edge: {tmp_path}/manifest.json: not found, expected a file of a bundle\n"
    )


def test_process_ends_with_2_on_wrong_usage(command):
    done = command("verify")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_process_prints_its_help(command):
    done = command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: liteproof-edge")


@unbuffered_or_not
def test_process_ends_quietly_with_8_where_nobody_reads_its_output(
    command, released, digit_files, unread, unbuffered
):
    environment = {"PYTHONUNBUFFERED": unbuffered}
    done = command("classify", released, digit_files[0], environment=environment, stdout=unread)
    assert (done.returncode, done.stderr) == (8, "")


@unbuffered_or_not
def test_process_ends_with_8_and_one_line_where_the_disk_is_full(
    command, released, digit_files, full, unbuffered
):
    environment = {"PYTHONUNBUFFERED": unbuffered}
    done = command("classify", released, digit_files[0], environment=environment, stdout=full)
    assert (done.returncode, done.stderr) == (8, FULL)


def test_help_ends_with_8_and_one_line_where_the_disk_is_full(command, full):
    done = command("--help", environment={"PYTHONUNBUFFERED": ""}, stdout=full)
    assert (done.returncode, done.stderr) == (8, FULL)


def test_process_ends_with_8_where_both_streams_are_full(command, released, digit_files, full):
    done = command("classify", released, digit_files[0], stdout=full, stderr=full)
    assert done.returncode == 8


@unbuffered_or_not
def test_process_ends_with_its_own_code_where_complaints_cannot_be_written(
    command, released, digit_files, bad_picture, full, unbuffered
):
    environment = {"PYTHONUNBUFFERED": unbuffered}
    files = (bad_picture, digit_files[14])
    done = command("classify", released, *files, environment=environment, stderr=full)
    assert (done.returncode, done.stdout.split()[1]) == (3, "7")


def test_process_ends_with_its_own_code_where_nobody_reads_its_complaints(
    command, released, digit_files, bad_picture, unread
):
    done = command("classify", released, bad_picture, digit_files[14], stderr=unread)
    assert (done.returncode, done.stdout.split()[1]) == (3, "7")


def test_process_ends_with_the_errors_code_where_it_cannot_be_written(command, tmp_path, full):
    done = command("verify", tmp_path, stderr=full)
    assert (done.returncode, done.stdout) == (4, "")


def test_process_ends_quietly_where_head_has_seen_enough(shell, digit_files):
    many = digit_files * 100  # more lines than a pipe holds
    done = shell('classify "$@" | head -n 1', *many)
    assert (done.returncode, done.stderr) == (8, "")
    assert done.stdout.split()[1] == "0"


@pytest.mark.parametrize(("closed", "exit_code"), [(">&-", 0), ("2>&-", 0), (">&- 2>&-", 0)])
def test_process_ends_well_where_streams_are_closed(shell, digit_files, closed, exit_code):
    done = shell(f'classify "$1" {closed}', digit_files[0])
    assert (done.returncode, done.stderr) == (exit_code, "")


def test_process_ends_with_the_errors_code_where_every_stream_is_closed(shell):
    done = shell("classify - <&- >&- 2>&-")
    assert (done.returncode, done.stderr) == (3, "")


def test_process_ends_with_1_and_one_line_at_ctrl_c(released):
    with subprocess.Popen(
        [sys.executable, "-m", "liteproof_edge", "classify", released, "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=default_interrupt,  # noqa: PLW1509 - only this thread starts processes here
    ) as process:
        # Once this is written, the process is reading it.
        process.stdin.write(bytes(MORE_THAN_A_PIPE_HOLDS))
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=END_SECONDS)
    assert (process.returncode, out, err) == (1, b"", b"liteproof-edge: interrupted\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1:strict"])
def test_process_prints_what_the_terminals_encoding_has_and_escapes_the_rest(
    command, released, tmp_path, golden, encoding
):
    path = tmp_path / "七.png"
    path.write_bytes(golden.pictures[14])
    done = subprocess.run(
        [sys.executable, "-m", "liteproof_edge", "classify", released, path],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    micro = b"\\xb5" if encoding == "ascii" else b"\xb5"
    assert done.stdout.startswith(os.fsencode(tmp_path) + rb"/\u4e03.png  7  ")
    assert done.stdout.endswith(b" " + micro + b"s\n")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_process_works_in_any_locale(command, released, tmp_path, golden, locale):
    path = tmp_path / "sieben-ü.png"
    path.write_bytes(golden.pictures[14])
    environment = {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = command("classify", released, "--json", path, environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"label": "7"' in done.stdout
