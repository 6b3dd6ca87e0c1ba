import hashlib
import io

import pytest

from liteproof_edge.board.store import COMPLETE, Store


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    found = Store(tmp_path / "store")
    found.make()
    return found


@pytest.fixture
def placed(store):
    """Make a release that holds one file; return its id."""

    def place(release, content=b"content"):
        sha256 = hashlib.sha256(content).hexdigest()
        if not store.present(sha256)["whole"]:
            store.receive(sha256, len(content), 0, io.BytesIO(content))
        (store.environments / f"env-{release}").mkdir(exist_ok=True)
        (store.environments / f"env-{release}" / COMPLETE).touch()
        store.place(release, {"file": sha256}, f"env-{release}", {"files": {"file": sha256}})
        return release

    return place
