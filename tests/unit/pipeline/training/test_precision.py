import pytest

from liteproof.recipes.training import Precision
from liteproof.tensorflow_setup import Device
from liteproof.training import precision
from liteproof.training.precision import resolve_precision


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Make a machine of one's choice."""

    def make(cpuinfo, *, gpu=False):
        (tmp_path / "cpuinfo").write_text(cpuinfo)
        monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")
        monkeypatch.setattr(precision, "NVIDIA", tmp_path if gpu else tmp_path / "none")

    return make


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("flags : fpu avx512f avx512_bf16 rdpid", Precision.BFLOAT16),
        ("Features : fp asimd bf16", Precision.BFLOAT16),
        ("flags : fpu avx2", Precision.FLOAT32),
        ("", Precision.FLOAT32),
    ],
)
def test_auto_is_bfloat16_only_where_the_processor_has_it(machine, cpuinfo, expected):
    machine(cpuinfo)

    assert resolve_precision(Precision.AUTO, Device.AUTO) is expected


def test_auto_is_float32_on_a_gpu(machine):
    machine("flags : avx512_bf16", gpu=True)

    assert resolve_precision(Precision.AUTO, Device.AUTO) is Precision.FLOAT32
    assert resolve_precision(Precision.AUTO, Device.CPU) is Precision.BFLOAT16


def test_auto_is_float32_where_nothing_is_known_of_the_processor(machine, tmp_path):
    machine("")
    (tmp_path / "cpuinfo").unlink()

    assert resolve_precision(Precision.AUTO, Device.CPU) is Precision.FLOAT32


def test_what_the_recipe_says_holds(machine):
    machine("flags : fpu avx2")

    assert resolve_precision(Precision.FLOAT16, Device.AUTO) is Precision.FLOAT16
