import numpy as np
import pytest
from scipy.stats import bootstrap

from liteproof.evidence.corruption import STRENGTHS, Kind, damaged
from liteproof.evidence.records import Damage
from liteproof.evidence.robustness import Trial, chosen, conclude, robustness

N = 6
CLASSES = 3
LABELS = np.array([0, 1, 2, 0, 1, 2])
PICTURES = np.random.default_rng(5).integers(0, 256, (N, 8, 8, 1), np.uint8)


class Model:
    """Answers with a class that the pixels decide; counts how often and on what it is asked."""

    def __init__(self, offset=0):
        self.offset, self.asked = offset, []

    def __call__(self, pictures):
        self.asked.append(len(pictures))
        classes = (pictures.sum((1, 2, 3), dtype=np.int64) + self.offset) % CLASSES
        return np.eye(CLASSES, dtype=np.float32)[classes]


def trial(lost, kind=Kind.BLUR, strength=1):
    """One in which the candidate loses a picture where `lost` is 1 and wins it where it is -1."""
    lost = np.array(lost)
    return Trial(kind, strength, lost == 1, lost == -1)


def test_every_kind_and_strength_is_tried_in_order():
    trials = list(robustness(PICTURES, LABELS, Model(), Model()))

    assert [(each.kind, each.strength) for each in trials] == [
        (kind, strength) for kind in Kind for strength in STRENGTHS
    ]


def test_both_models_are_asked_about_the_same_damaged_pictures():
    before, after = Model(), Model(offset=1)

    for each in robustness(PICTURES, LABELS, before, after):
        pictures = damaged(PICTURES, each.kind, each.strength, None)
        np.testing.assert_array_equal(each.before, before(pictures).argmax(1) == LABELS)
        np.testing.assert_array_equal(each.after, after(pictures).argmax(1) == LABELS)


def test_trials_that_are_done_are_left_out():
    everything = list(robustness(PICTURES, LABELS, Model(), Model(offset=1)))
    done = {(Kind.SHIFT, strength) for strength in STRENGTHS} | {(Kind.BLUR, 2)}
    model, progress = Model(), []

    rest = list(robustness(PICTURES, LABELS, model, Model(offset=1), progress.append, done))

    expected = [each for each in everything if (each.kind, each.strength) not in done]
    assert [each.damage for each in rest] == [each.damage for each in expected]
    assert sum(model.asked) == sum(progress) == 39 * N


def test_trials_come_as_they_are_done():
    model = Model()

    next(robustness(PICTURES, LABELS, model, Model()))

    assert model.asked == [5 * N]


def test_damage_counts_what_each_side_has_right():
    before = np.array([True, True, True, False, False])
    after = np.array([True, False, False, True, False])

    assert Trial(Kind.NOISE, 4, before, after).damage == Damage(
        kind="noise", strength=4, n=5, before=3, after=2, broken=2, fixed=1
    )


def test_chosen_pictures_are_equally_many_of_each_class_and_always_the_same():
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [50, 200, 1000]))

    indices = chosen(labels, 90)

    assert np.bincount(labels[indices]).tolist() == [30, 30, 30]
    assert len(set(indices.tolist())) == 90
    np.testing.assert_array_equal(indices, chosen(labels, 90))


def test_chosen_pictures_are_all_there_are_where_there_are_few():
    assert sorted(chosen(LABELS).tolist()) == list(range(N))


def test_drop_is_over_all_damaged_pictures():
    found = conclude([trial([1, 1, 0, 0]), trial([1, -1, 0, 0])], "a", "b")

    assert (found.n, found.ways, found.drop) == (4, 2, 2 / 8)


def test_interval_agrees_with_a_bootstrap_over_pictures():
    rng = np.random.default_rng(11)
    often = rng.random(2000) < 0.1  # some pictures are lost in many ways, most in none
    lost = often & (rng.random((45, 2000)) < 0.3)
    lost = lost.astype(int) - (rng.random((45, 2000)) < 0.01)
    resampled = bootstrap(
        (lost.mean(axis=0),), np.mean, n_resamples=2000, method="percentile", rng=1
    ).confidence_interval

    low, high = conclude([trial(each) for each in lost], "a", "b").interval

    resampling = 0.05 * (high - low)  # of 2,000 resamples' 2.5 % points, and of skew
    assert low == pytest.approx(resampled.low, abs=resampling)
    assert high == pytest.approx(resampled.high, abs=resampling)


def test_ways_that_damage_the_same_pictures_alike_do_not_narrow_the_interval():
    lost = [1] * 5 + [-1] * 2 + [0] * 93

    once, often = (conclude([trial(lost)] * ways, "a", "b") for ways in (1, 45))

    assert once.interval == often.interval


def test_interval_holds_its_level_where_few_pictures_differ():
    rng = np.random.default_rng(2)
    missed, studies, truth = 0, 400, 0.01 * 0.2
    for _ in range(studies):
        lost = (rng.random(500) < 0.01) & (rng.random((10, 500)) < 0.2)
        low, high = conclude([trial(each) for each in lost], "a", "b").interval
        missed += not low <= truth <= high

    # 5 % is promised; rare losses to one side alone are the hardest case. Seen: 7.5 %, and 1 to 5 %
    # on resampled trials of the released models (100, 300 and 1,000 pictures).
    assert missed / studies <= 0.1


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        (
            [1] * 40 + [0] * 60,
            (
                "int8 loses more than float on damaged pictures: 40.00 points more (95 % interval "
                "of the drop 30.01 to 49.99; 100 pictures, each damaged in 1 ways)"
            ),
        ),
        (
            [-1] * 40 + [0] * 60,
            (
                "int8 loses less than float on damaged pictures: 40.00 points less (95 % interval "
                "of the drop -49.99 to -30.01; 100 pictures, each damaged in 1 ways)"
            ),
        ),
        (
            [1, -1] + [0] * 98,
            (
                "int8 cannot be told from float on damaged pictures: a drop of 0.00 points (95 % "
                "interval of the drop -3.92 to 3.92; 100 pictures, each damaged in 1 ways)"
            ),
        ),
        (
            [0] * 100,
            (
                "int8 and float are right on the same damaged pictures, all of 100 pictures, each "
                "damaged in 1 ways"
            ),
        ),
    ],
)
def test_sentence_says_whether_the_candidate_loses_more(lost, sentence):
    assert conclude([trial(lost)], "float", "int8").sentence == sentence


def test_sentence_has_no_minus_before_a_nought():
    trials = [trial([-1] + [0] * 9999)] + [trial([0] * 10000)] * 9

    assert "a drop of 0.00 points (95 % interval of the drop 0.00 to 0.00;" in (
        conclude(trials, "float", "int8").sentence
    )
