import numpy as np
import pytest

from liteproof.data import mapped
from liteproof.data.mapped import in_parts, save_array


@pytest.fixture
def pictures(monkeypatch):
    monkeypatch.setattr(mapped, "PART_BYTES", 60)
    return np.random.default_rng(0).integers(0, 256, (11, 3, 4, 3), np.uint8)


def test_parts_are_all_of_it_in_order(pictures):
    parts = list(in_parts(pictures))

    assert [len(part) for part in parts] == [1] * 11
    assert np.array_equal(np.concatenate(parts), pictures)
    assert [len(part) for part in in_parts(np.zeros((5, 30), np.uint8))] == [2, 2, 1]


@pytest.mark.parametrize("turned", [slice(None), slice(None, None, -1)])
def test_saved_array_is_numpy_s(pictures, tmp_path, turned):
    given = pictures[..., turned]

    save_array(tmp_path / "ours.npy", given)
    np.save(tmp_path / "numpy.npy", np.ascontiguousarray(given))

    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()


def test_parts_of_a_mapped_file_are_given_back(pictures, tmp_path):
    np.save(tmp_path / "large.npy", np.zeros((64, 1 << 20), np.uint8))
    large = np.load(tmp_path / "large.npy", mmap_mode="r")

    def resident():
        with open("/proc/self/statm") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * 4096

    before, most = resident(), 0
    for part in in_parts(large):
        part.sum()
        most = max(most, resident())

    assert most - before < 16 * 2**20  # of 64 MiB
