from pathlib import Path

import pytest

from liteproof_edge import Bundle, idx

RELEASED = sorted(
    path for path in (Path(__file__).parents[2] / "models").iterdir() if path.is_dir()
)


@pytest.fixture(params=RELEASED, ids=lambda path: path.name)
def released(request):
    """Each released bundle."""
    return Bundle.load(request.param)


@pytest.fixture(scope="session")
def mnist_test(mnist):
    """The 10,000 test pictures and labels."""
    return idx.load(mnist, idx.Split.TEST)
