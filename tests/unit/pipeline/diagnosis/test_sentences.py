from dataclasses import replace

import pytest

from liteproof.diagnosis.layer_error import LayerError, WeightError, worst_layers
from liteproof.diagnosis.sentences import diagnose

WELL = LayerError(
    layer="conv_3",
    operator="CONV_2D",
    tensor="net/conv_3/Relu",
    readers=("net/pool/MaxPool", "net/dense/MatMul"),
    scale=0.05,
    snr_db=38.0,
    rmse=0.014,
    rmse_over_scale=0.28,
    introduced=0.0001,
    low=0.0,
    high=12.5,
    central_low=0.0,
    central_high=10.0,
    codes_used=0.8,
    channels=16,
    widest_channel=2,
    typical_reach=9.5,
    clipped=0.0,
    clipped_class=None,
    weights=WeightError(snr_db=42.0, lost=0.0001, spread=3.0, per_channel=True),
)
WIDER = "bound it with relu6, or keep it wider (--gate tries int8-mixed, int16x8)"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"clipped": 0.031, "clipped_class": 4},
            (
                "conv_3 clips 3.1% of its values, most in pictures of class 4: calibrate with "
                "more of "
                "these, or bound it with relu6"
            ),
        ),
        (
            {"clipped": 0.031},
            (
                "conv_3 clips 3.1% of its values: calibrate with more pictures, as varied as "
                "those in "
                "use, or bound it with relu6"
            ),
        ),
        (
            {"high": 812.0, "central_high": 6.0, "codes_used": 0.008, "typical_reach": 700.0},
            (
                "conv_3 has values up to 812, but 99.9 % of them lie from 0 to 6, which leaves "
                "these "
                f"0.8% of the codes: an outlier takes the rest; {WIDER}"
            ),
        ),
        (
            {"high": 4376.0},
            (
                "conv_3 reaches 4,376 in channel 2, and only 9.5 in the median channel, for "
                "which few "
                f"codes are left (50% of what its channels say is lost): {WIDER}"
            ),
        ),
        (
            {"weights": WeightError(20.0, 0.3, 300.0, per_channel=False)},
            (
                "conv_3 has weights that differ 300-fold from channel to channel, of which one "
                "scale "
                "for all loses 30%: use per_channel"
            ),
        ),
        (
            {},
            (
                "conv_3 loses 50% of what its channels say in rounding: keep it wider "
                "(--gate tries int8-mixed, int16x8), or fine-tune ([training.qat])"
            ),
        ),
    ],
)
def test_cause_is_named_with_what_may_help(changes, sentence):
    assert diagnose((WELL, replace(WELL, introduced=0.5, **changes))) == (sentence,)


def test_many_small_losses_are_told_from_none():
    assert diagnose((WELL,)) == (
        (
            "no layer stands out: conv_3 loses the most, 0.01% of what its channels say; the "
            "answers' "
            "signal-to-noise ratio is 38.0 dB"
        ),
    )
    (sentence,) = diagnose((replace(WELL, snr_db=12.0),))
    assert sentence.endswith(
        "many small losses add up; fine-tune ([training.qat]), or take int16x8"
    )


def test_three_layers_are_named_the_worst_first():
    errors = tuple(replace(WELL, layer=f"conv_{at}", introduced=at / 10) for at in range(6))

    assert [sentence.split()[0] for sentence in diagnose(errors)] == ["conv_5", "conv_4", "conv_3"]


def test_worst_layers_are_followed_by_their_readers():
    mild = replace(WELL, tensor="net/dense/MatMul", readers=("net/logits/MatMul",))
    severe = replace(WELL, introduced=0.9)
    exact = replace(WELL, tensor="net/pool/MaxPool", introduced=0.0, readers=())

    assert worst_layers((mild, exact, severe)) == (
        ("net/conv_3/Relu", "net/pool/MaxPool", "net/dense/MatMul"),
        ("net/dense/MatMul", "net/logits/MatMul"),
    )


def test_layers_without_names_cannot_be_kept_wider():
    assert worst_layers((replace(WELL, tensor="", readers=("",)),)) == ()
