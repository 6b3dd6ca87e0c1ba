from pathlib import Path

import numpy as np
import pytest

from liteproof.conversion.packing import packed, unpacked, without_metadata
from liteproof_edge.model.flatbuffer import read_model

ZERO_POINT_BYTES = 8


@pytest.fixture(scope="module")
def model(tiny_run):
    return Path(tiny_run, "model-int8.tflite").read_bytes()


@pytest.fixture(scope="module")
def bare(model):
    """The same, without what stands behind the tables."""
    return without_metadata(model)


def test_packing_what_was_packed_gives_the_same_bytes(bare):
    assert packed(unpacked(bare)) == bare


def test_equal_zero_points_are_written_once_and_read_everywhere(bare):
    model, channels = unpacked(bare), 100
    for tensor in model.subgraphs[0].tensors:
        tensor.quantization.zeroPoint = np.arange(channels, dtype=np.int64)
    alike = packed(model)
    for which, tensor in enumerate(model.subgraphs[0].tensors):
        tensor.quantization.zeroPoint = np.arange(channels, dtype=np.int64) + which
    apart = packed(model)

    others = len(model.subgraphs[0].tensors) - 1
    assert others > 0
    assert len(apart) - len(alike) >= others * channels * ZERO_POINT_BYTES
    for tensor in read_model(alike).subgraphs[0].tensors:
        assert tensor.zero_points == tuple(range(channels))
