"""A model's input and output, as a manifest states them and as a flatbuffer has them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from liteproof_edge.bundle.manifest import get
from liteproof_edge.errors import BundleError, ModelError
from liteproof_edge.model.affine import Quantization
from liteproof_edge.model.flatbuffer import Tensor

MAX_SCALE = 1e30  # far above any real scale, and a float32
MODEL_DTYPES = ("uint8", "int8", "int16", "float32")


class TensorSpec(NamedTuple):
    """The model's input or output; `quantization` is None where it is float32."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    quantization: Quantization | None

    @classmethod
    def of(cls, tensor: Tensor) -> "TensorSpec":
        """Describe a tensor of a flatbuffer, with a batch of 1; it may have one scale only.

        Raises:
            ModelError: the tensor is quantized per channel.
        """
        if len(tensor.scales) > 1:
            raise ModelError(f"tensor {tensor.name}: {len(tensor.scales)} scales, expected one")
        quantization = (
            Quantization(tensor.scales[0], tensor.zero_points[0] if tensor.zero_points else 0)
            if tensor.scales
            else None
        )
        any_batch = tensor.shape_signature == (-1, *tensor.shape[1:])
        shape = tensor.shape if any_batch else tensor.shape_signature
        return cls(tensor.name, tensor.dtype, shape, quantization)

    def to_json(self) -> dict[str, Any]:
        """Return the tensor as the manifest stores it."""
        scale_and_zero_point = self.quantization._asdict() if self.quantization else {}
        return {
            "name": self.name,
            "dtype": self.dtype,
            "shape": list(self.shape),
            **scale_and_zero_point,
        }


def tensor_from_json(value: Mapping[str, Any], where: str) -> TensorSpec:
    """Return the tensor that a manifest describes.

    Raises:
        BundleError: it is none that a model may have.
    """
    shape = get(value, "shape", list, where)
    if not all(type(size) is int for size in shape):
        raise BundleError(f"{where}.shape: {shape}, expected integers")
    dtype = get(value, "dtype", str, where)
    if dtype not in MODEL_DTYPES:
        raise BundleError(f"{where}.dtype: {dtype!r}, expected one of {', '.join(MODEL_DTYPES)}")
    quantization = None
    if dtype != "float32":
        scale: Any = value.get("scale")
        if type(scale) not in {int, float} or not 0 < scale < MAX_SCALE:
            raise BundleError(f"{where}.scale: {scale!r}, expected a positive number")
        quantization = Quantization(float(scale), get(value, "zero_point", int, where))
    return TensorSpec(get(value, "name", str, where), dtype, tuple(shape), quantization)
