import json

import numpy as np
import pytest

from liteproof.comparison import Comparison, compare
from liteproof.errors import AccuracyError
from liteproof.execution import Execution

N = 1000
LABELS = np.arange(N) % 4


def logits(wrong):
    """Logits that are right on all but the first `wrong` pictures."""
    answers = LABELS.copy()
    answers[:wrong] = (answers[:wrong] + 1) % 4
    return np.eye(4, dtype=np.float32)[answers]


def comparison(float_wrong, int8_wrong, gate=0.2):
    execution = Execution(
        outputs=np.zeros((N, 4), np.int8),
        logits=logits(int8_wrong),
        times_us=np.arange(1.0, N + 1),
        runtime="some runtime 1.0",
    )
    executions = {"int8": (b"x" * 36_000, execution)}
    return compare("some test", LABELS, logits(float_wrong), executions, "int8", gate)


def test_figures_are_those_of_the_answers():
    keras, int8 = comparison(5, 9).measured

    assert (keras.correct, int8.correct, int8.n) == (995, 991, 1000)
    assert (int8.size_bytes, int8.median_latency_us) == (36_000, 500.5)
    assert int8.p99_latency_us == pytest.approx(990.01)


@pytest.mark.parametrize(("int8_wrong", "gate"), [(5, 0.0), (3, 0.0), (7, 0.2), (15, 1.0)])
def test_gate_holds_where_the_drop_is_within_it(int8_wrong, gate):
    comparison(5, int8_wrong, gate).check()


@pytest.mark.parametrize(("int8_wrong", "gate"), [(6, 0.0), (8, 0.2), (500, 20.0)])
def test_gate_fails_where_the_drop_is_beyond_it(int8_wrong, gate):
    with pytest.raises(AccuracyError, match=f"expected at most {gate:g}") as caught:
        comparison(5, int8_wrong, gate).check()

    assert caught.value.exit_code == 6


def test_comparison_comes_back_from_its_file(tmp_path):
    before = comparison(5, 9)
    (tmp_path / "c.json").write_text(before.to_json())

    assert Comparison.from_json(tmp_path / "c.json") == before


def test_file_holds_accuracies_and_intervals():
    value = json.loads(comparison(5, 9).to_json())

    assert value["schema_version"] == 1
    assert value["models"][1]["top1_accuracy"] == 0.991
    low, high = value["against_keras"]["int8"]["drop_interval"]
    assert low < value["against_keras"]["int8"]["drop"] == 0.004 < high


def test_table_shows_each_model_and_the_drop():
    lines = comparison(5, 9).table().splitlines()

    assert lines[1].split()[:2] == ["keras", "99.50%"]
    assert lines[2].split()[:2] == ["int8", "99.10%"]
    assert "+0.40" in lines[2]
    assert "36.0 kB" in lines[2]
    assert len({len(line) for line in lines[:3]}) == 1
