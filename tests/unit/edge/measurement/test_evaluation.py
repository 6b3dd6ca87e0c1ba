import json
import pickle
import shutil
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from liteproof_edge.classifier import MODEL_READY, Classifier
from liteproof_edge.errors import DatasetError
from liteproof_edge.measurement.evaluation import Evaluation, Score, evaluate, wilson_interval
from liteproof_edge.measurement.latency import Latency
from liteproof_edge.measurement.machine import read_machine

# Two float64 evaluations of one formula, in another order.
FLOAT64_ROUNDING = 1e-12
# 10 pictures of a cat, of which 2 are called dogs and 1 is refused; 6 of a dog, 1 called a cat; no
# bird, but 1 cat is called one.
PETS = Evaluation(
    correct=11,
    n=16,
    labels=("cat", "dog", "bird", "fish"),
    confusion=((6, 2, 1, 0), (1, 5, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0)),
    refused=(1, 0, 0, 0),
    preprocessing="photo",
    runtime="some-runtime 1.0",
    model_sha256="5e" * 32,
    machine="aarch64",
    board="Some Board 4",
    latency=Latency(77.0, 80.0, 99.5, 15),
    pictures_sha256="6f" * 32,
)


@pytest.fixture
def mixed(label_folders):
    """Labelled folders: a 3 among the 5s, and among the 7s two files that give no answer."""
    (label_folders / "3" / "06.png").rename(label_folders / "5" / "06.png")
    (label_folders / "7" / "notes.txt").write_text("seven")
    (label_folders / "7" / "empty.png").touch()
    return label_folders


@pytest.fixture
def mixed_idx(idx_folder, golden, idx_bytes):
    """IDX files in which a 3 is labelled 5."""
    truth = golden.classes.copy()
    truth[6] = 5
    (idx_folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(truth))
    return idx_folder


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


def test_score_gives_the_accuracy_and_its_interval():
    score = Score(9958, 10000)
    assert score.top1_accuracy == 0.9958
    assert score.interval == wilson_interval(9958, 10000)


@pytest.mark.parametrize(("index", "score"), [(0, Score(6, 10)), (1, Score(5, 6))])
def test_evaluation_gives_the_score_of_a_label_with_its_refused_pictures(index, score):
    assert PETS.of_label(index) == score


def test_evaluation_gives_an_empty_score_of_a_label_that_was_never_seen():
    assert PETS.of_label(2) == Score(0, 0)


@pytest.mark.parametrize(("index", "share"), [(0, 6 / 7), (1, 5 / 7), (2, 0.0)])
def test_evaluation_gives_the_share_of_a_labels_answers_that_are_right(index, share):
    assert PETS.precision(index) == share


def test_evaluation_gives_no_precision_of_a_label_that_was_never_answered():
    assert PETS.precision(3) is None


def test_evaluation_gives_all_of_it_in_json():
    assert json.loads(json.dumps(PETS.to_json())) == {
        "correct": 11,
        "n": 16,
        "labels": ["cat", "dog", "bird", "fish"],
        "confusion": [[6, 2, 1, 0], [1, 5, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
        "refused": [1, 0, 0, 0],
        "preprocessing": "photo",
        "runtime": "some-runtime 1.0",
        "model_sha256": "5e" * 32,
        "machine": "aarch64",
        "board": "Some Board 4",
        "latency_us": {"50": 77.0, "90": 80.0, "99": 99.5},
        "pictures_sha256": "6f" * 32,
        "top1_accuracy": 0.6875,
        "interval": list(wilson_interval(11, 16)),
    }


def test_evaluation_survives_pickling():
    assert pickle.loads(pickle.dumps(PETS)) == PETS  # noqa: S301 - our own bytes


def test_evaluate_counts_every_picture_of_the_label_folders(classifier, label_folders):
    result = evaluate(classifier, label_folders)
    assert (result.correct, result.n, result.preprocessing) == (20, 20, "ink")


def test_evaluate_counts_a_picture_in_the_wrong_folder_as_wrong(classifier, label_folders):
    (label_folders / "3" / "06.png").rename(label_folders / "5" / "06.png")
    result = evaluate(classifier, label_folders)
    assert (result.correct, result.n) == (19, 20)


def test_evaluate_counts_each_picture_by_its_label_and_its_answer(classifier, mixed):
    expected = np.diag([2, 2, 2, 1, 2, 2, 2, 2, 2, 2])
    expected[5, 3] = 1
    assert evaluate(classifier, mixed).confusion == tuple(map(tuple, expected.tolist()))


def test_evaluate_counts_each_tensor_by_its_label_and_its_answer(classifier, mixed_idx):
    expected = np.diag([2, 2, 2, 1, 2, 2, 2, 2, 2, 2])
    expected[5, 3] = 1
    assert evaluate(classifier, mixed_idx).confusion == tuple(map(tuple, expected.tolist()))


def test_evaluate_refuses_no_tensor(classifier, mixed_idx):
    assert evaluate(classifier, mixed_idx).refused == (0,) * 10


def test_evaluate_counts_a_picture_without_an_answer_as_wrong(classifier, mixed):
    result = evaluate(classifier, mixed)
    assert result.refused == (0, 0, 0, 0, 0, 0, 0, 2, 0, 0)
    assert (result.correct, result.n) == (19, 22)
    assert result.of_label(7) == Score(2, 4)


def test_evaluate_hands_over_why_a_picture_has_no_answer(classifier, mixed):
    refusals = []
    evaluate(classifier, mixed, on_refusal=refusals.append)
    assert [(str(error), error.exit_code) for error in refusals] == [
        (f"{mixed}/7/{name}: not a picture that Pillow can read", 3)
        for name in ("empty.png", "notes.txt")
    ]


def test_evaluate_gives_no_latency_where_no_picture_has_an_answer(classifier, tmp_path):
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "notes.txt").write_text("three")
    result = evaluate(classifier, tmp_path)
    assert (result.correct, result.n, result.latency) == (0, 1, None)


def test_evaluate_knows_labels_that_it_never_saw(classifier, label_folders):
    for label in "02468":
        shutil.rmtree(label_folders / label)
    result = evaluate(classifier, label_folders)
    assert result.labels == tuple("0123456789")
    assert [result.of_label(index).n for index in range(10)] == [0, 2] * 5


def test_evaluate_knows_labels_that_no_tensor_has(classifier, idx_folder, golden, idx_bytes):
    images, labels = golden.inputs[:4, ..., 0], golden.classes[:4]
    (idx_folder / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(images))
    (idx_folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    result = evaluate(classifier, idx_folder)
    assert [result.of_label(index).n for index in range(10)] == [2, 2] + [0] * 8


def test_evaluate_orders_labels_as_the_bundle_does(copied, edit_manifest, golden, tmp_path):
    names = list("9876543210")  # another order than that of their folders
    edit_manifest(copied, lambda manifest: manifest.update(labels=names))
    for number in (0, 3, 6):  # of a 0, a 1 and a 3, which this bundle calls 9, 8 and 6
        folder = tmp_path / "labelled" / str(9 - golden.classes[number])
        folder.mkdir(parents=True)
        (folder / "picture.png").write_bytes(golden.pictures[number])
    with Classifier.load(copied) as classifier:
        result = evaluate(classifier, tmp_path / "labelled")
    assert [result.of_label(index).n for index in range(10)] == [1, 1, 0, 1] + [0] * 6
    assert result.correct == 3


def test_evaluations_of_two_parts_add_up_to_that_of_the_whole(classifier, mixed, tmp_path):
    whole = evaluate(classifier, mixed).to_json()
    other = tmp_path / "other"
    other.mkdir()
    for label in "34567":
        (mixed / label).rename(other / label)
    parts = [
        json.loads(json.dumps(evaluate(classifier, folder).to_json())) for folder in (mixed, other)
    ]
    for key in ("correct", "n", "confusion", "refused"):
        total = sum(np.array(part[key]) for part in parts)
        assert total.tolist() == np.array(whole[key]).tolist(), key


def test_evaluation_is_the_same_by_pictures_and_by_tensors(classifier, label_folders, mixed_idx):
    (label_folders / "3" / "06.png").rename(label_folders / "5" / "06.png")
    one, other = evaluate(classifier, label_folders), evaluate(classifier, mixed_idx)
    assert (one.confusion, one.n) == (other.confusion, other.n)


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
    assert (result.correct, result.n, result.preprocessing) == (20, 20, MODEL_READY.kind)


def test_evaluate_counts_a_wrong_idx_label_as_wrong(classifier, idx_folder, golden, idx_bytes):
    labels = golden.classes.copy()
    labels[0] = 1
    (idx_folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    assert evaluate(classifier, idx_folder).correct == 19


def test_evaluate_names_the_runtime(classifier, idx_folder):
    assert evaluate(classifier, idx_folder).runtime == str(classifier.session.runtime)


def test_evaluate_names_the_model_by_its_bytes(classifier, idx_folder):
    model = classifier.bundle.path / "model.tflite"
    assert evaluate(classifier, idx_folder).model_sha256 == sha256(model.read_bytes()).hexdigest()


def test_evaluate_names_the_machine(classifier, idx_folder):
    result, machine = evaluate(classifier, idx_folder), read_machine()
    assert (result.machine, result.board) == (machine.architecture, machine.model)


def test_evaluate_gives_the_latency(classifier, idx_folder, monkeypatch):
    run_many = classifier.session.run_many

    def timed(pictures, on_progress):
        return run_many(pictures, on_progress)[0], np.arange(20.0)

    monkeypatch.setattr(classifier.session, "run_many", timed)
    assert evaluate(classifier, idx_folder).latency == Latency(9.0, 17.0, 19.0, 20)


def test_evaluate_tells_after_each_picture_how_far_it_is(classifier, mixed):
    seen = []
    evaluate(classifier, mixed, lambda done, total: seen.append((done, total)))
    assert seen == [(done, 22) for done in range(1, 23)]


def test_evaluate_tells_of_tensors_how_far_it_is(classifier, idx_folder):
    seen = []
    evaluate(classifier, idx_folder, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (20, 20)


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


def test_evaluate_refuses_a_folder_that_cannot_be_read(classifier, label_folders, monkeypatch):
    def fails(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(type(label_folders), "iterdir", fails)
    with pytest.raises(DatasetError, match="cannot be read: Input/output error") as refused:
        evaluate(classifier, label_folders)
    assert str(refused.value).startswith(str(label_folders))


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
