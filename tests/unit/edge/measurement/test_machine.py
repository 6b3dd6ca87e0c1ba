import platform
import sys
from dataclasses import replace

import pytest

from liteproof_edge.measurement.machine import (
    CPU_INFO,
    FREQUENCY,
    GOVERNOR,
    MODEL,
    TEMPERATURE,
    THROTTLED,
    Machine,
    read_machine,
)

PI_4 = {
    MODEL: b"Raspberry Pi 4 Model B Rev 1.4\0",
    CPU_INFO: b"processor\t: 0\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n",
    TEMPERATURE: b"48686\n",
    GOVERNOR: b"ondemand\n",
    FREQUENCY: b"1500000\n",
    THROTTLED: b"50005\n",
}
CALM = Machine(
    model="Raspberry Pi 4 Model B Rev 1.4",
    architecture="aarch64",
    cores=4,
    temperature_celsius=48.7,
    governor="performance",
    frequency_mhz=1500.0,
    throttled=(),
)
# file → the field that it fills, and contents that mean nothing
GARBAGE = {
    MODEL: ("model", [b"", b"\0", b"\xff\xfe", b"two\nlines"]),
    CPU_INFO: ("model", [b"", b"model : 17\n", b"Model\n", b"Model : \n", b"\xff"]),
    TEMPERATURE: ("temperature_celsius", [b"", b"hot", b"4e4", b"\xff", b"999999", b"9" * 5000]),
    GOVERNOR: ("governor", [b"", b"\n", b"\xff", b"a\x1b[31mb"]),
    FREQUENCY: ("frequency_mhz", [b"", b"fast", b"-1", b"<unknown>", b"9" * 5000]),
    THROTTLED: ("throttled", [b"", b"no", b"-1", b"\xff", b"100000000"]),
}


@pytest.fixture
def board(tmp_path):
    """Lay files out below a root, and return it."""

    def lay(files):
        for name, data in files.items():
            path = tmp_path / "root" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / "root"

    return lay


def test_every_value_is_read_of_a_raspberry_pi_4(board, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)

    assert read_machine(board(PI_4)) == Machine(
        model="Raspberry Pi 4 Model B Rev 1.4",
        architecture="aarch64",
        cores=4,
        temperature_celsius=48.686,
        governor="ondemand",
        frequency_mhz=1500.0,
        throttled=(
            "under-voltage now",
            "throttled now",
            "under-voltage since boot",
            "throttled since boot",
        ),
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"model name\t: ARMv7\nModel\t: Raspberry Pi 2\n", "Raspberry Pi 2"),
        (b"model\t\t: 17\nmodel name\t: AMD EPYC\nmodel name\t: other\n", "AMD EPYC"),
        (b"model name\t: a: b\n", "a: b"),
    ],
)
def test_the_model_is_the_processors_where_there_is_no_device_tree(board, lines, expected):
    assert read_machine(board({CPU_INFO: lines})).model == expected


def test_values_are_none_where_there_are_no_files(tmp_path):
    machine = read_machine(tmp_path)

    assert replace(machine, architecture=None, cores=None) == Machine(*[None] * 7)


def test_values_are_none_where_files_are_folders(tmp_path):
    for name in PI_4:
        (tmp_path / name).mkdir(parents=True)
    machine = read_machine(tmp_path)

    assert replace(machine, architecture=None, cores=None) == Machine(*[None] * 7)


@pytest.mark.parametrize(
    ("name", "field", "data"),
    [(name, field, data) for name, (field, datas) in GARBAGE.items() for data in datas],
)
def test_a_value_is_none_where_its_file_holds_garbage(board, name, field, data):
    assert getattr(read_machine(board({name: data})), field) is None


@pytest.mark.parametrize("text", [b"0\n", b"0x0", b"e0000000"])
def test_nothing_is_throttled_where_no_known_bit_is_set(board, text):
    assert read_machine(board({THROTTLED: text})).throttled == ()


@pytest.mark.parametrize(
    ("bit", "expected"),
    [
        (0, "under-voltage now"),
        (1, "frequency capped now"),
        (2, "throttled now"),
        (3, "soft temperature limit now"),
        (16, "under-voltage since boot"),
        (17, "frequency capped since boot"),
        (18, "throttled since boot"),
        (19, "soft temperature limit since boot"),
    ],
)
def test_each_limit_has_its_words_where_its_bit_is_set(board, bit, expected):
    assert read_machine(board({THROTTLED: b"%x\n" % (1 << bit)})).throttled == (expected,)


def test_cores_are_those_of_the_process_where_the_system_tells(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {2}, raising=False)

    assert read_machine(tmp_path).cores == 1


def test_cores_are_all_where_the_system_does_not_tell(tmp_path, monkeypatch):
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 3)

    assert read_machine(tmp_path).cores == 3


def test_a_32_bit_python_is_named_where_the_kernel_is_a_64_bit_one(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)

    assert read_machine(tmp_path).architecture == "aarch64, 32-bit Python"


def test_the_architecture_is_none_where_it_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "")

    assert read_machine(tmp_path).architecture is None


def test_this_machine_can_be_read_where_it_runs():
    assert read_machine().cores >= 1


def test_there_are_no_warnings_where_nothing_is_doubtful():
    assert CALM.warnings() == ()


def test_there_are_no_warnings_where_nothing_is_known():
    assert Machine(*[None] * 7).warnings() == ()


@pytest.mark.parametrize("architecture", ["x86_64", "AMD64", "i686", "x86_64, 32-bit Python"])
def test_x86_is_warned_of_by_any_of_its_names(architecture):
    (warning,) = replace(CALM, architecture=architecture).warnings()

    assert warning.startswith("x86 does not predict ARM")


def test_the_governor_is_warned_of_unless_it_is_performance():
    (warning,) = replace(CALM, governor="powersave").warnings()

    assert warning.startswith("governor is powersave: latency varies")


@pytest.mark.parametrize("limit", ["throttled now", "throttled since boot"])
def test_a_limit_is_warned_of_whether_it_holds_or_held(limit):
    (warning,) = replace(CALM, throttled=(limit,)).warnings()

    assert warning.startswith(f"{limit}: this board")


def test_limits_make_one_warning_for_now_and_one_for_before():
    throttled = ("under-voltage now", "throttled now", "under-voltage since boot")

    assert [
        warning.partition(":")[0] for warning in replace(CALM, throttled=throttled).warnings()
    ] == ["under-voltage now, throttled now", "under-voltage since boot"]


@pytest.mark.parametrize(("celsius", "warnings"), [(79.9, 0), (80.0, 1), (84.2, 1)])
def test_the_temperature_is_warned_of_from_80_degrees_on(celsius, warnings):
    assert len(replace(CALM, temperature_celsius=celsius).warnings()) == warnings
