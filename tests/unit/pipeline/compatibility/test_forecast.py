import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from liteproof.cli import main
from liteproof.compatibility.facts import Target
from liteproof.compatibility.forecast import Verdict, forecast
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.model.operators import BUILTIN_OPERATORS
from measure_operators import probe_model

BUNDLE = Path(__file__).parents[4] / "models" / "mnist"
MNIST = (BUNDLE / "model.tflite").read_bytes()
# An operator in a version that LiteRT alone knows, and tflite-micro, which looks at no versions.
NEWER = probe_model(BUILTIN_OPERATORS.index("GATHER"), 8)
TFLITE_RUNTIME, LITERT, MICRO = Target
WIDTH = 100  # of a terminal
OS = "Raspberry Pi OS"


@pytest.fixture(scope="module")
def mnist():
    return forecast(read_model(MNIST))


@pytest.fixture
def newer(tmp_path):
    path = tmp_path / "newer.tflite"
    path.write_bytes(NEWER)
    return path


def rows(found):
    return {(row.system, row.runtime): row for row in found.rows}


def invoke(*arguments):
    return CliRunner().invoke(main, ["forecast", *map(str, arguments)])


@pytest.mark.parametrize(
    ("system", "target", "requirements", "reason"),
    [
        (f"{OS} trixie, 64-bit", TFLITE_RUNTIME, (), "no wheel for Python 3.13"),
        (f"{OS} trixie, 64-bit", LITERT, ("ai-edge-litert>=2.1",), ""),
        (f"{OS} trixie, 32-bit", TFLITE_RUNTIME, (), "no wheel for Python 3.13"),
        (f"{OS} trixie, 32-bit", LITERT, (), "no wheel for Linux armv7l"),
        (f"{OS} bookworm, 64-bit", TFLITE_RUNTIME, ("tflite-runtime==2.14.0", "numpy<2"), ""),
        (f"{OS} bookworm, 64-bit", LITERT, ("ai-edge-litert>=2.1",), ""),
        (f"{OS} bookworm, 32-bit", TFLITE_RUNTIME, ("tflite-runtime==2.14.0", "numpy<2"), ""),
        (f"{OS} bookworm, 32-bit", LITERT, (), "no wheel for Linux armv7l"),
        (f"{OS} bullseye, 64-bit", TFLITE_RUNTIME, (), "needs glibc 2.34, has 2.31"),
        (f"{OS} bullseye, 64-bit", LITERT, (), "no wheel for Python 3.9"),
        ("Raspberry Pi Zero and 1 (ARMv6)", TFLITE_RUNTIME, (), "no wheel for Linux armv6l"),
        ("macOS, Apple silicon", TFLITE_RUNTIME, (), "no wheel for Darwin arm64"),
        ("Windows, 64-bit", LITERT, ("ai-edge-litert>=2.1",), ""),
    ],
)
def test_forecast_names_the_wheel_or_the_reason(mnist, system, target, requirements, reason):
    row = rows(mnist)[system, target]

    assert (row.requirements, row.reason) == (requirements, reason)
    assert row.verdict is (Verdict.RUNS if requirements else Verdict.CANNOT)


def test_forecast_gives_the_pythons_that_a_wheel_is_for(mnist):
    assert rows(mnist)["Linux x86_64", TFLITE_RUNTIME].pythons == ("3.10", "3.11")
    assert rows(mnist)["Linux x86_64", LITERT].pythons[-1] == "3.14"


def test_forecast_of_a_model_that_a_runtime_cannot_run():
    found = rows(forecast(read_model(NEWER)))
    there = found[f"{OS} bookworm, 32-bit", TFLITE_RUNTIME]

    assert (there.requirements, there.reason) == ((), "it cannot run this model")
    assert found[f"{OS} bookworm, 64-bit", LITERT].verdict is Verdict.LOADS  # never tried on int8


def test_forecast_advises_where_a_board_has_its_traps(mnist):
    numpy, armv7l = mnist.advice

    assert numpy.startswith("Linux aarch64, Linux armv7l, Linux x86_64: tflite-runtime's metadata")
    assert armv7l.startswith("Linux armv7l: numpy and Pillow have no armv7l wheel on PyPI; apt ")
    assert forecast(read_model(NEWER)).advice == ()


def test_table_fits_a_terminal_and_begins_with_the_verdicts(mnist):
    lines = mnist.table().splitlines()

    assert lines[:3] == [
        "tflite-runtime 2.14  runs",
        "LiteRT               runs",
        "tflite-micro         runs",
    ]
    assert (
        "Raspberry Pi OS bookworm, 64-bit  3.11       tflite-runtime 2.14  "
        "tflite-runtime==2.14.0 'numpy<2'"
    ) in lines
    assert lines[-1] == "  CONV_2D FULLY_CONNECTED MAX_POOL_2D QUANTIZE RESHAPE"
    assert max(map(len, lines)) <= WIDTH


def test_table_says_why_not():
    lines = forecast(read_model(NEWER)).table().splitlines()

    assert lines[:5] == [
        "tflite-runtime 2.14  cannot run it",
        "LiteRT               loads; not tried on such data",
        "tflite-micro         loads; not tried on such data",
        "",
        "Why tflite-runtime 2.14 cannot run it:",
    ]
    assert lines[5].startswith(
        "  GATHER 8 on int8: tflite-runtime 2.14 knows it up to version 6; LiteRT"
    )
    assert "Loaded by LiteRT, but not tried:" in lines


def test_command_takes_a_bundle_and_a_file_alike():
    whole, alone = invoke(BUNDLE), invoke(BUNDLE / "model.tflite")

    assert whole.exit_code == alone.exit_code == 0
    assert whole.stdout == alone.stdout == f"{forecast(read_model(MNIST)).table()}\n"


def test_command_prints_json():
    value = json.loads(invoke(BUNDLE, "--json").stdout)

    assert [one["verdict"] for one in value["runtimes"]] == ["runs"] * 3
    assert value["runtimes"][0]["measured"] == "tflite-runtime 2.14.0"
    assert value["systems"][1] == {
        "system": "Raspberry Pi OS trixie, 64-bit",
        "platform": "Linux aarch64",
        "pythons": ["3.13"],
        "runtime": "litert",
        "verdict": "runs",
        "requirements": ["ai-edge-litert>=2.1"],
        "reason": "",
    }


def test_command_ends_well_where_the_targets_can_run_it(newer):
    assert invoke(newer, "--target", "litert", "--target", "tflite-micro").exit_code == 0


def test_command_ends_with_4_where_a_target_cannot_run_it(newer):
    done = invoke(newer, "--target", "litert", "--target", "tflite-runtime-2.14")

    assert done.exit_code == 4
    assert done.stderr == (
        f"liteproof: {newer}: tflite-runtime 2.14 cannot run it: GATHER 8 on int8: "
        "tflite-runtime 2.14 knows it up to version 6; LiteRT and tflite-micro can, or take "
        "another layer or scheme\n"
    )


@pytest.mark.parametrize("content", [None, b"", b"junk", MNIST[:1000], b"\0" * 4096])
def test_command_refuses_what_is_no_model(tmp_path, content):
    path = tmp_path / "no.tflite"
    if content is not None:
        path.write_bytes(content)
    done = invoke(path)

    assert done.exit_code == 4
    assert done.stderr.startswith(f"liteproof: {path}: ")
    assert done.stderr.count("\n") == 1


def test_command_refuses_an_unknown_target():
    assert invoke(BUNDLE, "--target", "tflite").exit_code == 2


def test_command_does_without_tensorflow_and_a_runtime():
    script = (
        "import sys; from liteproof.cli import main\n"
        "try: main(['forecast', sys.argv[1]])\n"
        "finally: print(sorted({'tensorflow', 'keras', 'tflite_runtime', 'ai_edge_litert'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(BUNDLE)], capture_output=True, text=True, check=True
    )

    assert done.stdout.endswith("\n[]\n")
