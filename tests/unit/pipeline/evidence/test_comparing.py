"""A comparison as a whole: executions, verdict, file, table and gate."""

import json
import platform
from pathlib import Path

import numpy as np
import pytest

from liteproof.comparison.stage import check
from liteproof.errors import AccuracyError, RunError
from liteproof.evidence import comparing
from liteproof.evidence.comparing import Entry, Terms, compare, device_cell
from liteproof.evidence.contender import Contender
from liteproof.evidence.document import read_evidence, schema, to_json
from liteproof.evidence.executions import Executed
from liteproof.evidence.records import Outcome
from liteproof.evidence.terminal import table
from liteproof_edge.errors import DatasetError, ModelError
from liteproof_edge.preprocessing.raw import RawSpec
from liteproof_edge.runtime.loading import Runtime, installed

ROOT = Path(__file__).parents[4]
CLASSES = 4
SPEC = RawSpec(height=2, width=2, channels=1)
DEVICE = {
    "bundle": "tiny",
    "model_sha256": "not ours",
    "runtime": "tflite-runtime 2.14.0",
    "machine": "aarch64",
    "pictures_sha256": "these 10",
    "correct": 9,
    "n": 10,
    "latency_us": {"50": 900.0, "90": 950.0, "99": 2000.0},
}


def logits(labels, wrong):
    """Logits that are right on all but the first `wrong` pictures."""
    answers = labels.copy()
    answers[:wrong] = (answers[:wrong] + 1) % CLASSES
    return (4 * np.eye(CLASSES) - 1).astype(np.float32)[answers]


def entry(name, n, model=b"x" * 36_000):
    contender = Contender(name, Path(name), model, SPEC, None, tuple("abcd"))
    return Entry(contender, np.zeros((n, 2, 2, 1), np.uint8))


@pytest.fixture
def comparison(monkeypatch, tmp_path):
    """Compare a float model with an int8 one, each wrong on so many pictures."""

    def made(float_wrong, int8_wrong, n=1000, total=None, margin=0.002, devices=()):
        labels = np.arange(n) % CLASSES
        real = {"keras": logits(labels, float_wrong), "int8": logits(labels, int8_wrong)}
        times = np.arange(1.0, n + 1)
        monkeypatch.setattr(Contender, "digest", property(lambda self: self.name))

        def keras(contender, *_):
            return Executed(real[contender.name], real[contender.name], None, "Keras 3")

        def tflite(contender, _, __, runtime):
            values = real[contender.name]
            codes = (10 * values).astype(np.int8) + (runtime is Runtime.LITERT)
            return Executed(values, codes, times, f"{runtime.value} 1.0")

        monkeypatch.setattr(comparing, "execute_keras", keras)
        monkeypatch.setattr(comparing, "execute_tflite", tflite)
        terms = Terms(
            "some test",
            labels,
            np.arange(n),
            total or n,
            tuple("abcd"),
            margin,
            devices=devices,
            seen=lambda n: f"these {n}",
        )
        return compare(entry("keras", n, None), entry("int8", n), (), terms, tmp_path)

    return made


def test_int8_that_is_truly_worse_is_refuted(comparison):
    evidence = comparison(5, 60)

    assert evidence.verdict.outcome is Outcome.REFUTED
    with pytest.raises(AccuracyError, match="int8 is worse than keras by more than 0.2") as caught:
        check(evidence)
    assert caught.value.exit_code == 6


def test_int8_that_is_truly_equal_is_shown_to_be(comparison):
    evidence = comparison(5, 5, n=10_000)

    assert evidence.verdict.outcome is Outcome.SHOWN
    check(evidence, strict=True)


def test_sample_too_small_to_tell_fails_only_strictly_and_says_how_many_would(comparison):
    evidence = comparison(5, 5, n=100)

    assert evidence.verdict.outcome is Outcome.INCONCLUSIVE
    assert evidence.verdict.n_needed > 100
    check(evidence)
    with pytest.raises(AccuracyError, match="100 pictures cannot tell"):
        check(evidence, strict=True)


def test_part_of_the_pictures_gets_no_verdict(comparison):
    evidence = comparison(5, 500, n=1000, total=10_000)

    assert evidence.verdict is None
    check(evidence, strict=True)
    assert "n = 1,000 of 10,000: partial, so no verdict" in table(evidence)


def test_every_runtime_is_a_cell_with_its_difference_from_the_first(comparison):
    keras, *int8 = comparison(5, 9).cells

    assert (keras.model, keras.runtime, keras.correct, keras.latency_us) == (
        *("keras", "Keras 3", 995),
        {},
    )
    assert [cell.runtime for cell in int8] == [f"{each.value} 1.0" for each in installed()]
    assert [(cell.largest_difference, cell.unit) for cell in int8] == [
        (4.0, "logits"),
        (1.0, "LSB"),
    ]
    assert all(cell.agreement == 0.996 and cell.correct == 991 for cell in int8)
    assert int8[0].latency_us == {50: 500.0, 90: 900.0, 99: 990.0}
    assert int8[0].machine == platform.machine()


def test_model_that_one_runtime_cannot_run_is_compared_on_the_other(
    comparison, monkeypatch, capsys
):
    comparison(5, 9)
    answer = comparing.execute_tflite

    def one_alone(contender, pictures, cache, runtime):
        if runtime is Runtime.TFLITE_RUNTIME:
            raise ModelError("model: too new")
        return answer(contender, pictures, cache, runtime)

    monkeypatch.setattr(comparing, "execute_tflite", one_alone)
    labels = np.arange(1000) % CLASSES
    terms = Terms("some test", labels, np.arange(1000), 1000, tuple("abcd"), 0.002)
    evidence = compare(entry("keras", 1000, None), entry("int8", 1000), (), terms, Path("nowhere"))

    assert [cell.runtime for cell in evidence.cells] == ["Keras 3", "ai-edge-litert 1.0"]
    assert "int8: tflite-runtime: model: too new" in capsys.readouterr().err


def test_comparison_comes_back_from_its_file(comparison, tmp_path):
    before = comparison(5, 9)
    (tmp_path / "c.json").write_text(to_json(before))

    assert read_evidence(tmp_path / "c.json") == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1}', '{"schema_version": 2}'])
def test_file_that_is_no_comparison_is_refused(tmp_path, text):
    (tmp_path / "c.json").write_text(text)

    with pytest.raises(RunError, match=r"c\.json: (not a comparison|of another schema)"):
        read_evidence(tmp_path / "c.json")


def test_documented_schema_is_that_of_the_file():
    assert json.loads((ROOT / "docs" / "comparison.schema.json").read_text()) == schema()


def test_table_shows_each_execution_and_the_verdict(comparison):
    lines = table(comparison(5, 9)).splitlines()

    assert lines[1].split()[:3] == ["keras", "Keras", "3"]
    assert lines[2].split()[3] == "99.10%"
    assert lines[2].split()[-2:] == ["36.0", "500"]
    assert any("int8 against keras: drop +0.40 points" in line for line in lines)
    assert any(line.startswith("inconclusive: 1,000 pictures cannot tell") for line in lines)


def test_device_s_own_measurement_becomes_a_cell(comparison, tmp_path):
    file = tmp_path / "pi.json"
    file.write_text(json.dumps({**DEVICE, "model_sha256": "int8"}))

    cell = comparison(5, 9, devices=[file]).cells[-1]

    assert (cell.model, cell.machine, cell.correct, cell.n) == ("int8", "aarch64", 9, 10)
    assert (cell.agreement, cell.largest_difference) == (None, None)
    assert cell.latency_us == {50: 900.0, 90: 950.0, 99: 2000.0}


@pytest.mark.parametrize(
    ("pictures", "where"),
    [
        ({"pictures_sha256": "these 9"}, "aarch64, other pictures"),
        ({"pictures_sha256": None}, "aarch64, unknown pictures"),
    ],
)
def test_device_that_saw_other_pictures_is_told_apart(comparison, tmp_path, pictures, where):
    file = tmp_path / "pi.json"
    file.write_text(json.dumps(DEVICE | pictures))
    assert comparison(5, 9, devices=[file]).cells[-1].machine == where


def test_device_that_measured_another_model_is_told_apart(tmp_path):
    (tmp_path / "pi.json").write_text(json.dumps(DEVICE))

    assert device_cell(tmp_path / "pi.json", {}).model == "tiny (another model)"


@pytest.mark.parametrize(
    "changes", [{"n": 0}, {"correct": 11}, {"latency_us": 3}, {"runtime": None, "n": "x"}]
)
def test_file_that_no_device_wrote_is_refused(tmp_path, changes):
    (tmp_path / "pi.json").write_text(json.dumps({**DEVICE, **changes}))

    with pytest.raises(DatasetError, match=r"pi\.json: not what `liteproof-edge evaluate --json`"):
        device_cell(tmp_path / "pi.json", {})
