"""`make release`, as far as it does not install TensorFlow three times."""


def test_release_of_the_edge_package_works_on_every_python_here(clone, printed_setup, shell):
    said = shell(f"'{clone}/.venv/bin/python' scripts/release.py --edge-only", cwd=clone)

    assert "tried liteproof-edge" in said
    assert len(list((clone / "dist").iterdir())) == 5
