"""What to do about a quantized model's error, in sentences."""

from liteproof.diagnosis.layer_error import LayerError
from liteproof.diagnosis.table import decibel_words

MOST_SENTENCES = 3
# Measured on 9 trained models (MNIST, Fashion-MNIST, CIFAR-10; plain, residual, separable,
# hard_swish) in int8, per_channel and per_tensor, 100 pictures to calibrate and 200 to compare; and
# on models made to fail: an outlier of 100 and 1,000 times, uneven channels, dark calibration.
#
# Of a layer's `introduced`: the worst had up to 0.0051 in the former, from 0.09 in the latter.
STANDS_OUT = 0.02
# How far the farthest value reaches, in reaches of the median channel: up to 8.5, and from 32.
FAR_CHANNEL = 20.0
# Of the codes, for 99.9 % of the values: from 0.17 in the former.
FEW_CODES = 0.05
# Of the values: up to 0.00009 in the former, logits aside.
MUCH_CLIPPED = 0.001
# Of the logits: the two of the 9 that were below (12 to 19 dB) lost 0.5 to 2.4 points of accuracy,
# those above (24 to 38 dB) at most 0.4.
GOOD_SNR_DB = 20.0

WIDER = "keep it wider (--gate tries int8-mixed, int16x8)"


def diagnose(errors: tuple[LayerError, ...]) -> tuple[str, ...]:
    """Say which layers lose the most in quantization, why, and what may help.

    Args:
        errors: from `layer_errors`.

    Returns:
        One sentence for each layer that stands out, the worst first, three at most; or one that
        says that none does. Nothing where there are no errors.
    """
    ranked = sorted(errors, key=_introduced, reverse=True)
    sentences: list[str] = []
    explained: set[str] = set()
    for error in ranked:
        if _introduced(error) < STANDS_OUT or len(sentences) == MOST_SENTENCES:
            break
        if error.tensor and error.tensor in explained:
            continue
        sentences.append(f"{error.layer} {_cause(error)}")
        if _far_channel(error):
            # Who reads such a channel has tiny weights for it, and loses those.
            explained.update(error.readers)
    return tuple(sentences) or _all_well(errors, ranked)


def _cause(error: LayerError) -> str:
    weights, lost = error.weights, f"{_introduced(error):.0%}"
    if weights and not weights.per_channel and weights.lost >= STANDS_OUT:
        return (
            f"has weights that differ {weights.spread:,.0f}-fold from channel to channel, of which "
            f"one scale for all loses {weights.lost:.0%}: use per_channel"
        )
    if _far_channel(error):
        return (
            f"reaches {_farthest(error):,.4g} in channel {error.widest_channel}, and only "
            f"{error.typical_reach:,.3g} in the median channel, for which few codes are left "
            f"({lost} of what its channels say is lost): bound it with relu6, or {WIDER}"
        )
    if error.codes_used is not None and error.codes_used < FEW_CODES:
        return (
            f"has values up to {_farthest(error):,.4g}, but 99.9 % of them lie from "
            f"{error.central_low:,.3g} to {error.central_high:,.3g}, which leaves these "
            f"{error.codes_used:.1%} of the codes: an outlier takes the rest; bound it with relu6, "
            f"or {WIDER}"
        )
    if error.clipped >= MUCH_CLIPPED:
        whose = error.clipped_class
        return (
            f"clips {error.clipped:.1%} of its values"
            + ("" if whose is None else f", most in pictures of class {whose}")
            + ": calibrate with more "
            + ("pictures, as varied as those in use" if whose is None else "of these")
            + ", or bound it with relu6"
        )
    return (
        f"loses {lost} of what its channels say in rounding: {WIDER}, or fine-tune ([training.qat])"
    )


def _all_well(errors: tuple[LayerError, ...], ranked: list[LayerError]) -> tuple[str, ...]:
    if not errors:
        return ()
    worst, last = ranked[0], errors[-1]
    said = (
        f"no layer stands out: {worst.layer} loses the most, {_introduced(worst):.2%} of what its"
    )
    said += f" channels say; the answers' signal-to-noise ratio is {decibel_words(last.snr_db)}"
    if last.snr_db < GOOD_SNR_DB:
        said += ": many small losses add up; fine-tune ([training.qat]), or take int16x8"
    return (said,)


def _introduced(error: LayerError) -> float:
    return error.introduced or 0.0


def _far_channel(error: LayerError) -> bool:
    return error.scale is not None and _farthest(error) > FAR_CHANNEL * error.typical_reach > 0


def _farthest(error: LayerError) -> float:
    return max(-error.low, error.high)
