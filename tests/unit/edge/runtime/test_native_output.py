import os
import subprocess
import sys

import pytest

from liteproof_edge.runtime.native_output import without_greetings


@pytest.fixture
def written(capfd):
    """Write bytes to standard error as native code does, inside the block; return what is seen."""

    def write(data):
        with without_greetings():
            os.write(2, data)
        return capfd.readouterr().err

    return write


def test_greeting_is_dropped(written):
    assert written(b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n") == ""


def test_anything_else_is_passed_on(written):
    assert written(b"INFO: hello\nERROR: no such operator\nlast") == "ERROR: no such operator\nlast"


def test_standard_error_is_passed_on_where_the_block_fails(capfd):
    with pytest.raises(ValueError, match="no model"), without_greetings():
        os.write(2, b"ERROR: damaged\n")
        raise ValueError("no model")

    assert capfd.readouterr().err == "ERROR: damaged\n"


def test_no_descriptor_is_left_open(written):
    before = os.listdir("/proc/self/fd")
    written(b"INFO: hello\n")

    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("closed", ["", "import os; os.close(2); "])
def test_classify_says_nothing_but_its_answer(released, digit_files, each_runtime, closed):
    code = f"{closed}import sys; from liteproof_edge.__main__ import main; sys.exit(main())"
    options = ("--runtime", each_runtime.value)
    done = subprocess.run(
        [sys.executable, "-c", code, "classify", released, digit_files[0], *options],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")
