import json
import os
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image

from liteproof_edge import __main__ as module
from liteproof_edge import runtime
from liteproof_edge.__main__ import main
from liteproof_edge.runtime import Runtime

ODD_NAME = "a\nb\x1b[31m\udcff.png"
ODD_NAME_ESCAPED = r"a\nb\x1b[31m\udcff.png"


@pytest.fixture
def run(capsys):
    """Run a command in this process; returns its exit code and the lines of both streams."""

    def run_main(*arguments):
        exit_code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return exit_code, captured.out.splitlines(), captured.err.splitlines()

    return run_main


@pytest.fixture
def bad_picture(tmp_path):
    path = tmp_path / "bad.png"
    path.write_text("no picture")
    return path


@pytest.fixture
def failing_bundle(copied, replace_file, golden):
    """A sound bundle whose golden outputs no device gives."""
    changed = replace(golden, outputs=golden.outputs[::-1].copy())
    replace_file(copied, "golden.npz", changed.to_bytes())
    return copied


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
    assert set(answers[0]) == {
        *("picture", "label", "index", "probability", "latency_us", "preprocessing")
    }


def test_classify_goes_on_after_a_bad_picture(run, released, digit_files, bad_picture):
    one, other = digit_files[0], digit_files[14]
    exit_code, out, err = run("classify", released, one, bad_picture, other)
    assert exit_code == 3
    assert [line.split()[0] for line in out] == [str(one), str(other)]
    assert err == [f"liteproof-edge: {bad_picture}: not a picture that Pillow can read"]


def test_classify_prints_json_of_the_good_pictures_alone(run, released, digit_files, bad_picture):
    exit_code, out, err = run("classify", released, "--json", bad_picture, digit_files[0])
    assert (exit_code, len(err)) == (3, 1)
    assert [json.loads(line)["label"] for line in out] == ["0"]


def test_classify_takes_the_runtime_asked_for(run, released, digit_files, each_runtime):
    options = ("--runtime", each_runtime.value)
    exit_code, out, _ = run("classify", released, digit_files[14], *options)
    assert (exit_code, out[0].split()[1]) == (0, "7")


def test_classify_keeps_an_unprintable_name_on_one_line(run, released, tmp_path, golden):
    (tmp_path / ODD_NAME).write_bytes(golden.pictures[0])
    exit_code, out, _ = run("classify", released, tmp_path / ODD_NAME)
    assert exit_code == 0
    assert len(out) == 1
    assert out[0].startswith(f"{tmp_path}/{ODD_NAME_ESCAPED}  0  ")


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


def test_classify_gives_the_pictures_own_name_in_json(run, released, tmp_path, golden):
    (tmp_path / ODD_NAME).write_bytes(golden.pictures[0])
    exit_code, (line,), _ = run("classify", released, "--json", tmp_path / ODD_NAME)
    assert exit_code == 0
    assert json.loads(line)["picture"] == str(tmp_path / ODD_NAME)


def test_classify_refuses_a_label_with_a_line_break_on_one_line(
    run, copied, edit_manifest, digit_files
):
    labels = ["a\nb\x1b[31m", *"123456789"]
    edit_manifest(copied, lambda manifest: manifest.update(labels=labels))
    exit_code, out, err = run("classify", copied, digit_files[0])
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert err[0].startswith(f"liteproof-edge: {copied / 'manifest.json'}: labels: ")


def test_verify_prints_what_the_golden_vectors_showed(run, released, each_runtime):
    exit_code, out, err = run("verify", released, "--runtime", each_runtime.value)
    assert (exit_code, err) == (0, [])
    assert out[0] == "bundle          mnist: 4 files, sizes and hashes right"
    assert out[1].startswith(f"runtime         {each_runtime.value} ")
    assert out[2:5] == [
        "preprocessing   20 of 20 pictures give the host's bytes",
        "outputs         20 of 20 give the host's bytes",
        "labels          20 of 20 are the host's",
    ]
    assert out[-1] == "verified: this device answers as the host did"


def test_verify_prints_json(run, released):
    exit_code, (line,), _ = run("verify", released, "--json")
    result = json.loads(line)
    assert exit_code == 0
    assert (result["bundle"], result["passed"], result["pictures"]) == ("mnist", True, 20)


def test_verify_fails_with_6_where_the_outputs_differ(run, failing_bundle):
    exit_code, out, err = run("verify", failing_bundle)
    assert (exit_code, len(err)) == (6, 1)
    assert err[0].startswith(f"liteproof-edge: {failing_bundle}: this device does not answer")
    assert "verified" not in out[-1]


def test_verify_prints_json_where_it_fails_too(run, failing_bundle):
    exit_code, (line,), err = run("verify", failing_bundle, "--json")
    assert (exit_code, len(err)) == (6, 1)
    assert json.loads(line)["passed"] is False


def test_verify_fails_with_4_on_a_damaged_bundle(run, copied):
    (copied / "recipe.toml").write_text("")
    exit_code, out, err = run("verify", copied)
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert err[0].startswith(f"liteproof-edge: {copied / 'recipe.toml'}: ")


def test_evaluate_prints_the_accuracy(run, released, label_folders):
    exit_code, out, err = run("evaluate", released, label_folders)
    assert (exit_code, err) == (0, [])
    assert "preprocessing   ink" in out
    assert "top-1 accuracy  100.00% (20 of 20)" in out
    assert "95 % interval   83.89% to 100.00%" in out


def test_evaluate_prints_json(run, released, label_folders):
    (label_folders / "3" / "06.png").rename(label_folders / "5" / "06.png")
    exit_code, (line,), err = run("evaluate", released, label_folders, "--json")
    result = json.loads(line)
    assert (exit_code, err) == (0, [])
    assert (result["bundle"], result["n"], result["correct"]) == ("mnist", 20, 19)
    assert result["top1_accuracy"] == 0.95
    assert result["interval"][0] < 0.95 < result["interval"][1]


def test_evaluate_takes_an_idx_folder(run, released, idx_folder):
    exit_code, (line,), _ = run("evaluate", released, idx_folder, "--json")
    assert exit_code == 0
    assert json.loads(line)["preprocessing"] == "none (model-ready tensor)"


def test_evaluate_fails_with_3_on_an_unknown_label(run, released, label_folders):
    (label_folders / "ten").mkdir()
    exit_code, out, err = run("evaluate", released, label_folders)
    assert (exit_code, out, len(err)) == (3, [], 1)


def test_evaluate_fails_with_3_on_a_folder_name_that_is_too_long(run, released):
    exit_code, out, err = run("evaluate", released, "a" * 300)
    assert (exit_code, out, len(err)) == (3, [], 1)
    assert err[0].startswith(f"liteproof-edge: {'a' * 300}: ")


@pytest.mark.parametrize("name", ["classify", "verify", "evaluate"])
def test_command_fails_with_4_on_a_missing_bundle(run, tmp_path, name):
    rest = [] if name == "verify" else [tmp_path]
    exit_code, out, err = run(name, tmp_path / "none", *rest)
    assert (exit_code, out, len(err)) == (4, [], 1)
    assert str(tmp_path / "none/manifest.json") in err[0]


@pytest.mark.parametrize("name", ["classify", "verify", "evaluate"])
def test_command_fails_with_7_where_the_runtime_is_missing(run, released, monkeypatch, name):
    monkeypatch.setattr(runtime, "_version", lambda _: None)
    rest = [] if name == "verify" else [released]
    exit_code, out, err = run(name, released, *rest)
    assert (exit_code, out, len(err)) == (7, [], 1)
    assert "pip install" in err[0]


def test_command_ends_with_1_when_interrupted(run, released, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "verify", interrupted)
    assert run("verify", released) == (1, [], ["liteproof-edge: interrupted"])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-such-command"],
        ["classify"],
        ["classify", "bundle"],
        ["verify", "bundle", "--no-such-option"],
        ["verify", "bundle", "--runtime", "tensorflow"],
        ["evaluate", "bundle"],
    ],
)
def test_wrong_usage_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: liteproof-edge")


def test_unknown_runtime_is_answered_with_the_known_ones(capsys):
    with pytest.raises(SystemExit):
        main(["verify", "bundle", "--runtime", "tensorflow"])
    message = capsys.readouterr().err
    assert "'tensorflow'" in message
    assert all(runtime.value in message for runtime in Runtime)


def test_help_lists_the_commands_and_exit_codes(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(name in out for name in ("classify", "verify", "evaluate", "Exit codes"))


@pytest.mark.parametrize("name", ["classify", "verify", "evaluate"])
def test_help_of_a_command_describes_the_bundle(capsys, name):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert "BUNDLE" in capsys.readouterr().out


def test_version_is_that_of_the_distribution(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, version("liteproof-edge") + "\n")


def test_process_classifies_a_picture(command, released, digit_files):
    done = command("classify", released, digit_files[14])
    assert (done.returncode, done.stdout.split()[1]) == (0, "7")


def test_process_ends_with_the_errors_code_and_one_line(command, tmp_path):
    done = command("verify", tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        f"liteproof-edge: {tmp_path}/manifest.json: not found, expected a file of a bundle\n"
    )


def test_process_reports_a_bad_picture_on_one_line(command, released, tmp_path):
    done = command("classify", released, tmp_path / ODD_NAME)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_process_ends_with_2_on_wrong_usage(command):
    done = command("verify")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_process_prints_its_help(command):
    done = command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: liteproof-edge")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_process_ends_quietly_with_8_where_nobody_reads_its_output(
    command, released, digit_files, unbuffered
):
    reader, writer = os.pipe()
    os.close(reader)
    environment = {"PYTHONUNBUFFERED": unbuffered}
    done = command("classify", released, digit_files[0], environment=environment, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (8, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_process_ends_with_8_and_one_line_where_the_disk_is_full(
    command, released, digit_files, unbuffered
):
    environment = {"PYTHONUNBUFFERED": unbuffered}
    with Path("/dev/full").open("w") as full:
        done = command("classify", released, digit_files[0], environment=environment, stdout=full)
    assert done.returncode == 8
    assert done.stderr == "liteproof-edge: output: cannot be written: No space left on device\n"


def test_process_ends_well_where_standard_output_is_closed(released, digit_files):
    line = '"$0" -m liteproof_edge classify "$1" "$2" >&-'
    arguments = [sys.executable, released, digit_files[0]]
    done = subprocess.run(["bash", "-c", line, *arguments], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_process_escapes_what_the_terminal_cannot_print(command, released, digit_files):
    environment = {"PYTHONIOENCODING": "ascii"}
    done = command("classify", released, digit_files[0], environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(r" \xb5s" "\n")


def test_process_evaluates_where_standard_error_is_closed(released, label_folders):
    done = subprocess.run(
        [
            *("bash", "-c", 'exec "$@" 2>&-', "bash"),
            *(sys.executable, "-m", "liteproof_edge", "evaluate", released, label_folders),
        ],
        stdout=subprocess.PIPE,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0
    assert "top-1 accuracy  100.00% (20 of 20)" in done.stdout


@pytest.mark.parametrize(
    ("key", "value"), [("name", "\ud800"), ("labels", [*"012345678", "\ud800"])]
)
def test_process_refuses_a_lone_surrogate_in_the_manifest_on_one_line(
    command, copied, edit_manifest, key, value
):
    edit_manifest(copied, lambda manifest: manifest.update({key: value}))
    done = command("verify", copied)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (4, "", 1)
    assert done.stderr.startswith(f"liteproof-edge: {copied / 'manifest.json'}: {key}: ")


def test_process_reports_a_fifo_without_waiting_for_it(command, released, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    done = command("classify", released, tmp_path / "fifo")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"liteproof-edge: {tmp_path / 'fifo'}: not a file\n"


def test_process_reports_a_picture_that_is_too_large_on_one_line(command, released, tmp_path):
    path = tmp_path / "large.png"
    Image.new("1", (10_000, 9_000)).save(path)
    done = command("classify", released, path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1)
    assert done.stderr.startswith(f"liteproof-edge: {path}: 10000x9000 pixels, ")
