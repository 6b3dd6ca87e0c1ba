"""`make release`, as far as it does not install TensorFlow for each Python."""

import sys


def test_edge_package_is_built_and_works_on_every_python_here(clone, shell):
    said = shell(f"'{sys.executable}' scripts/release.py --edge-only", cwd=clone)

    assert "tried liteproof-edge" in said
    assert len(list((clone / "dist").iterdir())) == 5
