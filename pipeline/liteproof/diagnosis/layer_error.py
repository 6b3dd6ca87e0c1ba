"""What is known about a layer's error, as a record."""

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class WeightError:
    """How far a layer's int8 weights are from the float ones.

    Attributes:
        snr_db: signal-to-noise ratio.
        lost: share of the output channels' weights that is lost to rounding, 0 to 1;
            each channel counts alike.
        spread: the largest weight of the widest channel over that of the narrowest one.
        per_channel: whether each channel has a scale of its own.
    """

    snr_db: float
    lost: float
    spread: float
    per_channel: bool


@dataclass(frozen=True, slots=True)
class LayerError:
    """How far one layer's quantized activations are from the float ones.

    Attributes:
        layer: its name, as Keras knows it.
        operator: that computes it.
        tensor: the converter's name of it in the float model; "" where that holds no names.
        readers: the names of the tensors that are computed from it, through layers without a scale
            of their own to the first that has one.
        scale: real value of one code; None where the quantized model computes it in float, as are
            then all the attributes that speak of codes.
        snr_db: signal-to-noise ratio: 10·log10(Σ float² / Σ (quantized − float)²).
        rmse: root of the mean squared error.
        rmse_over_scale: the same in codes. Rounding alone gives 0.29.
        introduced: share of the channels' signal that is lost in this layer only, 0 to 1: its
            output against what the float operator makes of the same inputs, the quantized
            ones. Each channel counts alike, and at most as wholly lost. None where the two models
            have other operators here.
        low: lowest float value.
        high: greatest float value.
        central_low: 99.9 % of the float values lie from here
        central_high: to here, to within a code.
        codes_used: share of the codes that these 99.9 % take.
        channels: how many.
        widest_channel: the one with the value farthest from 0.
        typical_reach: how far the median channel goes from 0.
        clipped: share of the float values that lie beyond the last code by more than half a code.
        clipped_class: the label whose pictures clip by far the most; None where there is none.
        weights: None where there are none, or not in int8.
    """

    layer: str
    operator: str
    tensor: str
    readers: tuple[str, ...]
    scale: float | None
    snr_db: float
    rmse: float
    rmse_over_scale: float | None
    introduced: float | None
    low: float
    high: float
    central_low: float | None
    central_high: float | None
    codes_used: float | None
    channels: int
    widest_channel: int
    typical_reach: float
    clipped: float
    clipped_class: int | None
    weights: WeightError | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values; JSON has no infinity, so an exact layer's ratio is None."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "LayerError":
        """Read back what `to_json` gave."""
        weights = value["weights"]
        fields = {**value, "readers": tuple(value["readers"])}
        fields["weights"] = WeightError(**_exact(weights)) if weights else None
        return cls(**_exact(fields))


def worst_layers(errors: tuple[LayerError, ...]) -> tuple[tuple[str, ...], ...]:
    """Return which layers to keep in float32, by their tensors' names, the worst first.

    Each comes with those that read its values: where its output is turned into codes again, nothing
    is won. Layers that introduce no error are left out.
    """
    ranked = sorted(
        (error for error in errors if error.introduced and error.tensor),
        key=lambda error: error.introduced or 0.0,
        reverse=True,
    )
    return tuple((error.tensor, *filter(None, error.readers)) for error in ranked)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a field holds
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _exact(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "snr_db": math.inf if fields["snr_db"] is None else fields["snr_db"]}
