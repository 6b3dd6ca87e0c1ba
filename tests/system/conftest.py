import os
import shutil
import subprocess
import sys
from pathlib import Path

import browser
import pytest

ROOT = Path(__file__).parents[2]
AXE = "axe-core@4.14.1"


@pytest.fixture(scope="session")
def shell():
    """Run a command line as a person would, and return what it printed."""

    def run(command, cwd=ROOT, exit_code=0, **environment):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=cwd,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def clone(tmp_path_factory, shell):
    """A fresh clone of what is committed."""
    folder = tmp_path_factory.mktemp("clone") / "liteproof"
    shell(f"git clone --quiet '{ROOT}' '{folder}'")
    return folder


@pytest.fixture(scope="session")
def wheel(tmp_path_factory, clone, shell):
    """The wheel of ./edge."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = f"'{sys.executable}' -m pip --quiet --disable-pip-version-check"
    shell(f"{pip} wheel --no-deps --wheel-dir '{folder}' ./edge", cwd=clone)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="session")
def device(tmp_path_factory, wheel, shell):
    """The folder of an empty environment's programs, into which only that wheel was installed."""
    folder = tmp_path_factory.mktemp("device") / "venv"
    shell(f"'{sys.executable}' -m venv '{folder}'")
    shell(f"'{folder}/bin/pip' install --quiet --disable-pip-version-check '{wheel}'")
    return folder / "bin"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A tab for files; in the end it has complained of nothing, and asked nobody."""
    with browser.chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page
        assert page.complaints == []
        assert all(each.startswith(("file:", "data:")) for each in page.requests)


@pytest.fixture(scope="session")
def axe(tmp_path_factory, shell):
    """The source of axe-core."""
    if not shutil.which("npm"):
        pytest.skip("needs npm (Debian package npm)")
    folder = tmp_path_factory.mktemp("axe")
    shell(f"npm pack --silent {AXE} && tar xf axe-core-*.tgz", cwd=folder)
    return (folder / "package" / "axe.min.js").read_text()
