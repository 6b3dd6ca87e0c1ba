"""What every test shares."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Refuse to run both kinds of test in one process: their runtimes do not go together."""
    folders = {item.path.relative_to(ROOT / "tests").parts[:2] for item in items}
    if ("unit", "pipeline") in folders and len(folders) > 1:
        pytest.exit(
            "TensorFlow and tflite-runtime do not share a process: use `make test`, or name "
            "tests/unit/pipeline or the other folders",
            returncode=2,
        )
