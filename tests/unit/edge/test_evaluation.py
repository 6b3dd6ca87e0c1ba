import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from liteproof_edge.classifier import TENSOR
from liteproof_edge.errors import DatasetError, PictureError
from liteproof_edge.evaluation import Evaluation, evaluate, wilson_interval

# Two float64 evaluations of one formula, in another order.
FLOAT64_ROUNDING = 1e-12


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_is_that_of_scipy(counts):
    low, high = wilson_interval(*counts)
    expected = binomtest(*counts).proportion_ci(0.95, method="wilson")
    assert low == pytest.approx(expected.low, abs=FLOAT64_ROUNDING)
    assert high == pytest.approx(expected.high, abs=FLOAT64_ROUNDING)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_share_and_stays_in_0_to_1(counts):
    low, high = wilson_interval(*counts)
    assert 0 <= low <= counts[0] / counts[1] <= high <= 1


@pytest.mark.parametrize("n", [1, 3, 10, 999])
def test_wilson_interval_ends_at_0_and_1_exactly(n):
    assert wilson_interval(0, n)[0] == 0.0
    assert wilson_interval(n, n)[1] == 1.0


def test_evaluation_gives_the_accuracy_and_its_interval():
    result = Evaluation(9958, 10000, "ink", "runtime", 77.0)
    assert result.top1_accuracy == 0.9958
    assert result.interval == wilson_interval(9958, 10000)


def test_evaluate_counts_every_picture_of_the_label_folders(classifier, label_folders):
    result = evaluate(classifier, label_folders)
    assert (result.correct, result.n, result.preprocessing) == (20, 20, "ink")


def test_evaluate_counts_a_picture_in_the_wrong_folder_as_wrong(classifier, label_folders):
    (label_folders / "3" / "06.png").rename(label_folders / "5" / "06.png")
    result = evaluate(classifier, label_folders)
    assert (result.correct, result.n) == (19, 20)


def test_evaluate_takes_some_of_the_labels_alone(classifier, label_folders):
    for label in range(1, 10):
        for path in (label_folders / str(label)).iterdir():
            path.unlink()
        (label_folders / str(label)).rmdir()
    result = evaluate(classifier, label_folders)
    assert (result.correct, result.n) == (2, 2)


def test_evaluate_ignores_hidden_files_and_files_beside_the_folders(classifier, label_folders):
    (label_folders / "3" / ".DS_Store").write_bytes(b"x")
    (label_folders / "README.txt").write_text("digits")
    assert evaluate(classifier, label_folders).n == 20


def test_evaluate_takes_the_tensors_of_an_idx_folder(classifier, idx_folder):
    result = evaluate(classifier, idx_folder)
    assert (result.correct, result.n, result.preprocessing) == (20, 20, TENSOR)


def test_evaluate_counts_a_wrong_idx_label_as_wrong(classifier, idx_folder, golden, idx_bytes):
    labels = golden.classes.copy()
    labels[0] = 1
    (idx_folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    assert evaluate(classifier, idx_folder).correct == 19


def test_evaluate_names_the_runtime(classifier, idx_folder):
    assert evaluate(classifier, idx_folder).runtime == str(classifier.session.runtime)


def test_evaluate_gives_the_median_latency(classifier, idx_folder, monkeypatch):
    times = iter(range(20))
    run_many = classifier.session.run_many

    def timed(pixels):
        return run_many(pixels)[0], np.array([float(next(times))])

    monkeypatch.setattr(classifier.session, "run_many", timed)
    assert evaluate(classifier, idx_folder).median_latency_us == 9.5


def test_evaluate_tells_how_far_it_is(classifier, idx_folder):
    seen = []
    evaluate(classifier, idx_folder, lambda done, total: seen.append((done, total)))
    assert seen == [(done, 20) for done in range(1, 21)]


@pytest.mark.parametrize("name", ["none", "file"])
def test_evaluate_refuses_what_is_no_folder(classifier, tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="not a folder") as refused:
        evaluate(classifier, tmp_path / name)
    assert refused.value.exit_code == 3
    assert str(refused.value).startswith(str(tmp_path / name))


def test_evaluate_refuses_a_folder_of_an_unknown_label(classifier, label_folders):
    (label_folders / "ten").mkdir()
    with pytest.raises(DatasetError, match="knows no such label") as refused:
        evaluate(classifier, label_folders)
    assert str(refused.value).startswith(str(label_folders / "ten"))


def test_evaluate_refuses_an_empty_folder(classifier, tmp_path):
    with pytest.raises(DatasetError, match="holds no pictures"):
        evaluate(classifier, tmp_path)


def test_evaluate_refuses_empty_label_folders(classifier, tmp_path):
    (tmp_path / "3").mkdir()
    with pytest.raises(DatasetError, match="holds no pictures"):
        evaluate(classifier, tmp_path)


def test_evaluate_refuses_a_file_that_is_no_picture(classifier, label_folders):
    (label_folders / "3" / "notes.txt").write_text("three")
    with pytest.raises(PictureError, match=r"3/notes\.txt: not a picture") as refused:
        evaluate(classifier, label_folders)
    assert refused.value.exit_code == 3


def test_evaluate_refuses_idx_labels_beyond_the_bundles(classifier, idx_folder, golden, idx_bytes):
    labels = golden.classes.copy()
    labels[0] = 10
    (idx_folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    with pytest.raises(DatasetError, match="label 10, the bundle knows 10 labels"):
        evaluate(classifier, idx_folder)


def test_evaluate_refuses_idx_pictures_of_another_shape(classifier, idx_folder, idx_bytes):
    images = np.zeros((20, 27, 28))
    (idx_folder / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(images))
    with pytest.raises(DatasetError, match=r"shape \(27, 28, 1\), .* \(28, 28, 1\)"):
        evaluate(classifier, idx_folder)


def test_evaluate_refuses_an_idx_folder_without_a_test_part(classifier, idx_folder):
    for path in list(idx_folder.iterdir()):
        path.rename(path.with_name(path.name.replace("t10k", "train")))
    with pytest.raises(DatasetError, match="t10k-images-idx3-ubyte"):
        evaluate(classifier, idx_folder)
