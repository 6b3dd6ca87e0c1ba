import hashlib
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes

from liteproof.calibration.behaviour import Behaviour, halves, instability
from liteproof.calibration.check import check_calibration, digests_of
from liteproof.calibration.form import ModelInput
from liteproof.calibration.report import WIDTH, Rule, Severity
from liteproof.diagnosis.activations import ActivationRanges
from liteproof_edge.errors import DatasetError
from liteproof_edge.model.affine import Normalisation

SHAPE = (6, 5, 3)  # each another, so that no swap of axes goes unseen
CLASSES = ("ash", "elm", "oak", "yew")
N = 120
RESCALES = ModelInput(SHAPE, None, "Rescaling by 0.00392")
LABELS = np.arange(N) % len(CLASSES)
ERROR, WARNING = Severity.ERROR, Severity.WARNING


def sound(n=N, shape=SHAPE):
    """Different pictures that span 0 to 255."""
    pictures = np.random.default_rng(0).integers(0, 256, (n, *shape), np.uint8)
    pictures[0].flat[:2] = 0, 255
    return pictures


def check(pictures, takes=RESCALES, ranges=None, logits=None, **options):
    """Return what was found: the rule → (its severity, the sentence)."""
    options["behaviour"] = Behaviour(ranges, logits)
    report = check_calibration(pictures, takes, **options)
    rules = {finding.rule: (finding.severity, str(finding)) for finding in report.findings}
    assert len(rules) == len(report.findings)
    return rules


def ranges(high, low=None, names=None):
    """Activation ranges, from the highest values of each picture (a row) in each layer."""
    high = np.array(high, np.float32)
    low = np.zeros_like(high) if low is None else np.array(low, np.float32)
    return ActivationRanges(names or tuple(f"conv_{n}" for n in range(high.shape[1])), low, high)


def test_nothing_is_found_in_a_sound_set():
    report = check_calibration(
        sound(),
        RESCALES,
        labels=LABELS,
        classes=CLASSES,
        held_out={"test": sound()[:, ::-1]},
        behaviour=Behaviour(ranges(np.ones((N, 2))), np.eye(4, dtype=np.float32)[LABELS]),
    )

    assert report.findings == ()
    report.check("here")
    assert report.table() == f"120 pictures, 4 classes, fingerprint {report.fingerprint}"


@pytest.mark.parametrize(
    ("broken", "rule", "sentence"),
    [
        (lambda p: p / 255, Rule.RANGE, "0 to 1: divided by 255 already"),
        (lambda p: p / 127.5 - 1, Rule.RANGE, "-1 to 1: normalised to ±1 already"),
        (lambda p: p - 127.5, Rule.RANGE, "-127.5 to 127.5: a mean was taken off already"),
        (lambda p: p.astype(np.uint16) * 257, Rule.RANGE, "0 to 65535, expected 0 to 255"),
        (lambda p: p // 255, Rule.RANGE, "0 to 1, expected 0 to 255; divided by 255 before"),
        (lambda p: p.astype(np.float32), Rule.DTYPE, "are float32; .* `pictures.astype"),
        (lambda p: p.astype(np.int64), Rule.DTYPE, "are int64; .* `pictures.astype"),
        (lambda p: p / 255, Rule.DTYPE, "are float64; expected uint8 pixels, 0 to 255$"),
        (lambda p: p > 127, Rule.DTYPE, "are bool; expected uint8 pixels, 0 to 255$"),
        (lambda p: p.astype(complex), Rule.DTYPE, "are complex128; expected uint8"),
        (lambda p: p.astype(object), Rule.DTYPE, "are object; expected uint8"),
        (lambda p: p.astype("U3"), Rule.DTYPE, "are <U3; expected uint8"),
        (lambda p: p.transpose(0, 3, 1, 2), Rule.SHAPE, r"come first \(NCHW\), expected \(n, 6, 5"),
        (lambda p: p.swapaxes(1, 2), Rule.SHAPE, "rows and columns swapped"),
        (lambda p: p[:, np.newaxis], Rule.SHAPE, r"a batch of its own.*`pictures\[:, 0\]`"),
        (lambda p: np.moveaxis(p, 0, -1), Rule.SHAPE, "pictures come last"),
        (lambda p: p.reshape(N, -1), Rule.SHAPE, r"flattened.*reshape\(\(-1, 6, 5, 3\)\)"),
        (lambda p: p[0], Rule.SHAPE, "a single picture"),
        (
            lambda p: p[..., :1],
            Rule.SHAPE,
            r"shape \(120, 6, 5, 1\), expected \(n, 6, 5, 3\); bring",
        ),
        (lambda p: p[0, 0, 0, 0], Rule.SHAPE, r"shape \(\), expected"),
        (lambda p: p[:0], Rule.TOO_FEW, "no pictures"),
        (lambda p: p[:9], Rule.TOO_FEW, "9 pictures; give 100 or more: half of all other pictures"),
        (lambda p: p[:1].repeat(N, axis=0), Rule.DUPLICATES, "120 pictures, and all are the same;"),
        (lambda p: p[:1].repeat(N, axis=0), Rule.TOO_FEW, "120 pictures, 1 different"),
        (lambda p: p[:9].repeat(20, axis=0), Rule.TOO_FEW, "180 pictures, 9 different"),
        (lambda p: p * 0, Rule.CONSTANT, "120 of 120 pictures have only one value: 0, 1, 2, 3"),
    ],
)
def test_broken_pictures_are_an_error_that_says_what_happened(broken, rule, sentence):
    severity, seen = check(np.asarray(broken(sound())))[rule]

    assert severity is ERROR
    assert re.search(sentence, seen), seen


@pytest.mark.parametrize(
    "broken",
    [
        lambda p: p.astype(np.float32),
        lambda p: p.transpose(0, 3, 1, 2),
        lambda p: p.swapaxes(1, 2),
        lambda p: p[:, np.newaxis],
        lambda p: np.moveaxis(p, 0, -1),
        lambda p: p.reshape(N, -1),
    ],
)
def test_what_a_finding_says_to_do_mends_it(broken):
    pictures = broken(sound())
    (finding,) = check_calibration(pictures, RESCALES).findings
    code = finding.remedy.split("`")[1]

    mended = eval(code, {"numpy": np, "pictures": pictures})  # noqa: S307 - our own words

    assert np.array_equal(mended, sound())


def test_missing_axis_of_channels_is_an_error_that_says_how_to_add_it():
    grey = sound(shape=(6, 5, 1))

    (severity, seen), *_ = check(
        grey[..., 0], ModelInput((6, 5, 1), None, "Rescaling by 1")
    ).values()

    assert severity is ERROR
    assert "no axis of channels" in seen
    assert "`pictures[..., numpy.newaxis]`" in seen


def test_nothing_but_shape_and_values_is_judged_in_a_wrong_shape():
    assert set(check(sound()[:, 0], labels=LABELS + 9, classes=CLASSES)) == {Rule.SHAPE}


def test_values_that_are_not_finite_are_an_error_that_tells_the_first():
    pictures = sound().astype(np.float32)
    pictures[3, 1, 2, 0] = np.nan
    pictures[7] = np.inf

    severity, seen = check(pictures)[Rule.NOT_FINITE]

    assert severity is ERROR
    assert seen.startswith("91 of 10800 values are NaN or infinite, the first at [3, 1, 2, 0]")


def test_pixels_that_do_not_quite_span_their_range_are_no_finding():
    assert check(np.clip(sound(), 10, 244)) == {}


def test_pixels_that_span_less_than_half_of_their_range_are_a_warning():
    severity, seen = check(np.clip(sound(), 100, 227))[Rule.RANGE]

    assert severity is WARNING
    assert "values span 100 to 227, expected 0 to 255; give pictures as the device will see" in seen
    assert check(np.clip(sound(), 100, 228)) == {}


def test_normalisation_of_a_model_that_rescales_is_an_error():
    twice = ModelInput(SHAPE, Normalisation((0.0,) * 3, (1 / 255,) * 3), "Rescaling")

    severity, seen = check(sound(), twice)[Rule.NORMALISATION]

    assert severity is ERROR
    assert (
        "scale 0.00392, 0.00392, 0.00392) and the model scales them itself, beginning with" in seen
    )


def test_pixels_that_nothing_rescales_are_a_warning():
    assert check(sound(), ModelInput(SHAPE, None, None))[Rule.NORMALISATION][0] is WARNING


def test_normalisation_alone_is_right():
    stated = ModelInput(SHAPE, Normalisation((127.5,) * 3, (1 / 127.5,) * 3), None)

    assert check(sound(), stated) == {}


def test_many_twins_are_a_warning_with_their_number():
    pictures = sound()
    pictures[60:80] = pictures[0]

    severity, seen = check(pictures)[Rule.DUPLICATES]

    assert severity is WARNING
    assert seen.startswith(
        "21 of 120 pictures are byte-identical to another, one is there 21 times"
    )


def test_a_tenth_of_twins_is_no_finding():
    pictures = sound()
    pictures[60:72] = pictures[0]

    assert check(pictures) == {}


@pytest.mark.parametrize(("n", "severity"), [(9, ERROR), (10, WARNING), (99, WARNING)])
def test_too_few_pictures_are_found(n, severity):
    assert check(sound(n))[Rule.TOO_FEW][0] is severity


def test_some_constant_pictures_are_a_warning_that_names_them():
    pictures = sound()
    pictures[[4, 17]] = 9

    severity, seen = check(pictures)[Rule.CONSTANT]

    assert severity is WARNING
    assert "2 of 120 pictures have only one value: 4, 17;" in seen


@pytest.mark.parametrize("n", [40, 39])
def test_missing_class_is_an_error_where_there_are_pictures_enough_for_all(n):
    labels = np.arange(n) % 3

    severity, seen = check(sound(n), labels=labels, classes=CLASSES)[Rule.MISSING]

    assert severity is (ERROR if n == 40 else WARNING)
    assert "no pictures of 1 of 4 classes: yew" in seen


def test_pictures_of_one_class_alone_are_an_error_however_few():
    found = check(sound(12), labels=np.zeros(12, int), classes=CLASSES)

    assert found[Rule.MISSING][0] is ERROR


@pytest.mark.parametrize(("rare", "found"), [(10, True), (11, False)])
def test_lopsided_classes_are_a_warning(rare, found):
    labels = np.repeat([0, 1], [110 if not found else 101, rare])

    sentences = check(sound(len(labels)), labels=labels, classes=CLASSES[:2])

    assert (Rule.LOPSIDED in sentences) is found
    if found:
        assert sentences[Rule.LOPSIDED] == (
            WARNING,
            "101 pictures of class ash and 10 of class elm; take about equally many of each",
        )


@pytest.mark.parametrize(
    "labels",
    [LABELS[:5], LABELS[:, np.newaxis], LABELS - 1, LABELS + 1, LABELS / 1, LABELS.astype("U1")],
)
def test_labels_that_do_not_fit_are_an_error(labels):
    found = check(sound(), labels=labels, classes=CLASSES, logits=np.zeros((N, 4), np.float32))

    assert {rule: severity for rule, (severity, _) in found.items()} == {Rule.LABELS: ERROR}


def test_enormous_labels_without_names_take_no_memory():
    assert Rule.LABELS not in check(sound(), labels=LABELS + 2**60)


def test_overlap_with_held_out_pictures_is_an_error_that_names_them():
    others = np.concatenate([sound()[[7, 30]], sound()[::-1, ::-1]])

    found = check(sound(), held_out={"validation": sound()[:, ::-1], "test": others})

    severity, seen = found[Rule.OVERLAP]
    assert severity is ERROR
    assert seen.startswith("2 of 120 pictures are test pictures too: 7, 30; take them out")


def test_held_out_pictures_of_another_shape_do_not_overlap():
    assert check(sound(), held_out={"test": sound()[:, :1]}) == {}


@pytest.mark.parametrize(("narrower", "severity"), [(0.61, None), (0.59, WARNING), (0.01, WARNING)])
def test_halves_that_differ_are_found_beyond_the_tolerance(narrower, severity):
    """One layer is steady; the other reaches 1 in one picture, and `narrower` in all others."""
    high = np.full((N, 2), 1.0)
    high[:, 1] = narrower
    high[5, 1] = 1

    found = check(sound(), ranges=ranges(high, names=("conv_0", "conv_1")))

    if severity is None:
        assert found == {}
    else:
        assert found[Rule.UNSTABLE][0] is severity
        missed = (
            f"in 1 of 2 tensors, most in conv_1, half of the pictures miss up to {1 - narrower:.0%}"
        )
        assert found[Rule.UNSTABLE][1].startswith(missed)
        assert "widest in picture 5;" in found[Rule.UNSTABLE][1]


def test_activations_that_are_not_finite_are_an_error_that_names_the_layer():
    high = np.ones((N, 2))
    high[8, 1] = np.inf

    severity, seen = check(sound(), ranges=ranges(high, names=("conv_0", "dense_1")))[
        Rule.NOT_FINITE
    ]

    assert severity is ERROR
    assert "activations of dense_1 are NaN or infinite" in seen


def test_instability_is_the_share_of_both_ranges_that_one_misses():
    given = ranges(
        [[4, 2, 0, 0], [1, 3, 0, -1], [1, 1, 0, -2], [3, 2, 0, -1]],
        [[-1, 1, 0, -3], [-2, 1, 0, -4], [0, 1, 0, -4], [-2, 1, 0, -2]],
    )

    missed = instability(given, np.array([0, 1]), np.array([2, 3]))

    # 6 wide against 5; with 0 in it, 3 against 2; nothing at all; 4 and 4.
    assert missed.tolist() == pytest.approx([1 - 5 / 6, 1 - 2 / 3, 0, 0])


def test_halves_hold_each_class_alike_where_classes_take_turns():
    first, second = halves(digests_of(sound()), LABELS)

    assert np.bincount(LABELS[first]).tolist() == np.bincount(LABELS[second]).tolist() == [15] * 4
    assert sorted([*first, *second]) == list(range(N))


def test_halves_do_not_follow_the_order_of_pictures():
    order = np.random.default_rng(1).permutation(N)
    straight = halves(digests_of(sound()), LABELS)
    shuffled = halves(digests_of(sound()[order]), LABELS[order])

    for one, other in zip(straight, shuffled, strict=True):
        assert one.tolist() == order[other].tolist()


def test_twins_are_not_in_both_halves():
    first, second = halves(digests_of(sound(10)[[0, 0, 1, 1, 2, 2]]), None)

    assert len(first) + len(second) == 3


def test_answers_near_chance_are_an_error():
    always = np.tile(np.float32([0, 0, 1, 0]), (N, 1))

    severity, seen = check(sound(), labels=LABELS, classes=CLASSES, logits=always)[Rule.NEAR_CHANCE]

    assert severity is ERROR
    assert seen.startswith(
        "the float model is right on 25.0% of 120 pictures (25.0% as the mean of 4 classes, where "
        "chance is 25.0%); the preprocessing is not the one it was trained with"
    )


@pytest.mark.parametrize(("right", "found"), [(38, True), (40, False)])
def test_answers_a_tenth_of_the_way_from_chance_will_do(right, found):
    """Of 120 pictures of 4 classes, chance is 30: 39 are a tenth of the way to all."""
    answers = np.where(np.arange(N) < right, LABELS, (LABELS + 1) % 4)

    rules = check(sound(), labels=LABELS, classes=CLASSES, logits=np.eye(4)[answers])

    assert (Rule.NEAR_CHANCE in rules) is found


def test_always_the_commonest_class_is_near_chance_in_a_lopsided_set():
    labels = np.repeat([0, 1], [110, 10])
    always = np.tile(np.float32([1, 0]), (N, 1))

    assert Rule.NEAR_CHANCE in check(sound(), labels=labels, classes=CLASSES[:2], logits=always)


def test_errors_come_before_warnings_in_the_table():
    pictures = sound(50)
    pictures[4] = 9
    report = check_calibration(pictures, RESCALES, held_out={"test": pictures[:2]})

    rows = [line for line in report.table().splitlines() if not line.startswith(" ")]
    assert [row[:29] for row in rows[:-1]] == [
        "error    overlap            2",
        "warning  constant pictures  1",
        "warning  too few            5",
    ]
    assert rows[-1] == f"50 pictures, fingerprint {report.fingerprint}"


def test_table_is_no_wider_than_a_terminal():
    report = check_calibration(sound(5) / 255, ModelInput(SHAPE, None, None))

    lines = report.table().splitlines()
    assert len(lines) > len(report.findings) + 1  # some are folded
    assert max(map(len, lines)) <= WIDTH


def test_check_names_the_first_error_and_counts_the_others():
    report = check_calibration((sound(5) / 255), RESCALES)

    with pytest.raises(DatasetError) as caught:
        report.check("set.npy")

    assert str(caught.value) == (
        "set.npy: range: values span 0 to 1: divided by 255 already; give the pixels as they were "
        "before that: the model's normalisation is stated separately (and 2 more)"
    )


def test_warnings_alone_are_not_refused():
    check_calibration(sound(50), RESCALES).check("set.npy")


def test_json_holds_all_of_it():
    report = check_calibration(sound(50), RESCALES, labels=LABELS[:50], classes=CLASSES)

    assert json.loads(json.dumps(report.to_json())) == {
        "n": 50,
        "classes": 4,
        "fingerprint": report.fingerprint,
        "findings": [
            {
                "rule": "too few",
                "severity": "warning",
                "seen": "50 pictures",
                "remedy": "give 100 or more, so that fewer values of other pictures are clipped",
            }
        ],
    }


def test_fingerprint_is_of_dtype_shape_and_bytes():
    pictures = sound(300)
    expected = hashlib.sha256(b"('|u1', (300, 6, 5, 3))" + pictures.tobytes()).hexdigest()

    assert check_calibration(pictures, RESCALES).fingerprint == expected
    assert check_calibration(np.asfortranarray(pictures), RESCALES).fingerprint == expected
    assert check_calibration(pictures.view(np.int8), RESCALES).fingerprint != expected


def test_names_of_classes_cannot_break_the_table():
    report = check_calibration(sound(), RESCALES, labels=LABELS % 3, classes=(*"abc", "d\x1b[2J\n"))

    assert "\x1b" not in report.table()
    assert "d\\x1b[2J\\n" in report.table()


@settings(max_examples=150, deadline=None)
@given(
    arrays(scalar_dtypes(), array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)),
    arrays(scalar_dtypes(), array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=4)),
)
def test_any_array_is_judged_and_none_that_is_no_set_passes(pictures, labels):
    takes = ModelInput((2, 3, 1), None, 1 / 255)

    report = check_calibration(pictures, takes, labels=labels, classes=("a", "b"))

    assert report.of(ERROR)  # four pictures are too few, whatever else they are
    assert len(report.table().splitlines()[-1]) < 160
    json.dumps(report.to_json())


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(20)))
def test_findings_do_not_follow_the_order_of_pictures(order):
    pictures = sound(20)
    pictures[11:15] = pictures[10]
    high = np.random.default_rng(0).exponential(size=(20, 3)).astype(np.float32)
    high[10:15] = high[10]

    def found(order):
        found = check(pictures[order], labels=LABELS[order], ranges=ranges(high[order]))
        return {rule: severity for rule, (severity, _) in found.items()}

    assert found(np.array(order)) == found(np.arange(20))
