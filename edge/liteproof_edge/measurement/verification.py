"""Does this device answer as the host did? Golden vectors tell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.bundle.golden import Golden
from liteproof_edge.bundle.reader import GOLDEN, Bundle
from liteproof_edge.errors import BundleError, PictureError
from liteproof_edge.preprocessing.spec import preprocess
from liteproof_edge.runtime.loading import LoadedRuntime, Runtime, load_runtime
from liteproof_edge.runtime.opening import needs_trial
from liteproof_edge.runtime.session import Session


@dataclass(frozen=True, slots=True)
class Verification:
    """What the golden vectors showed.

    Attributes:
        runtime: name and version of the runtime that was tried.
        pictures: how many golden pictures there are.
        same_inputs: how many became the host's input tensor, byte for byte.
        same_outputs: how many gave the host's output by the reference kernels: byte for byte, or
            to within the bundle's tolerance where the model computes in floating-point numbers.
        same_labels: how many gave the host's label by the shipping kernels.
        largest_difference_lsb: of the shipping kernels' output codes from the host's, or of its
            real values where the output is float32. An LSB or so is normal: it is reported, and
            never a failure.
    """

    runtime: str
    pictures: int
    same_inputs: int
    same_outputs: int
    same_labels: int
    largest_difference_lsb: float

    @property
    def passed(self) -> bool:
        """Whether preprocessing, reference outputs and labels are all the host's."""
        return self.same_inputs == self.same_outputs == self.same_labels == self.pictures


def verify(bundle: Bundle, runtime: Runtime | None = None) -> Verification:
    """Run the golden vectors of a (checked) bundle on this device.

    The model of one that nobody answers for runs in processes of its own.

    Raises:
        BundleError: the golden vectors are damaged or do not fit the model, or the model crashes.
        RuntimeMissingError: there is no such runtime here.
    """
    golden = Golden.from_bytes(bundle.golden, str(bundle.path / GOLDEN))
    _check_fit(golden, bundle)
    loaded = load_runtime(runtime)
    outputs = _answers(bundle, loaded, golden, reference_kernels=True)
    shipped = _answers(bundle, loaded, golden, reference_kernels=False)
    return Verification(
        runtime=str(loaded),
        pictures=len(golden.pictures),
        same_inputs=sum(
            _becomes(picture, expected, bundle)
            for picture, expected in zip(golden.pictures, golden.inputs, strict=True)
        ),
        same_outputs=int((_differences(outputs, golden) <= bundle.golden_tolerance).sum()),
        same_labels=int((shipped.argmax(axis=1) == golden.outputs.argmax(axis=1)).sum()),
        largest_difference_lsb=float(_differences(shipped, golden).max()),
    )


def _answers(
    bundle: Bundle, runtime: LoadedRuntime, golden: Golden, *, reference_kernels: bool
) -> NDArray[np.generic]:
    if needs_trial(bundle):
        from liteproof_edge.runtime.trial import answer_apart  # noqa: PLC0415 - it starts slowly

        return answer_apart(bundle, runtime, golden.inputs, reference_kernels=reference_kernels)
    with Session.of(bundle, runtime, reference_kernels=reference_kernels) as session:
        outputs, _ = session.run_many(golden.inputs)
    return outputs


def _differences(outputs: NDArray[np.generic], golden: Golden) -> NDArray[np.float64]:
    """Return the largest difference from each golden output: float64 (n,); NaN where one is NaN."""
    differences = np.abs(outputs.astype(np.float64) - golden.outputs.astype(np.float64))
    largest: NDArray[np.float64] = differences.max(axis=1)
    return largest


def _check_fit(golden: Golden, bundle: Bundle) -> None:
    """Check the golden vectors against the model's shapes; so many classes as stated must occur."""
    n, classes, spec = len(golden.pictures), len(bundle.labels), bundle.preprocessing
    for name, array, dtype, shape in (
        ("inputs", golden.inputs, "uint8", (n, spec.height, spec.width, spec.channels)),
        ("outputs", golden.outputs, bundle.output.dtype, (n, classes)),
    ):
        if array.dtype != dtype or array.shape != shape:
            raise BundleError(
                f"{bundle.path / GOLDEN}: {name}: {array.dtype} {array.shape}, "
                f"expected {dtype} {shape}"
            )
    found, shown = set(golden.classes.tolist()), bundle.golden_classes
    if len(found) != shown or not found <= set(range(classes)):
        expected = f"each of {classes}" if shown == classes else f"{shown} of {classes}"
        raise BundleError(f"{bundle.path / GOLDEN}: classes: {sorted(found)}, expected {expected}")


def _becomes(picture: bytes, expected: NDArray[np.uint8], bundle: Bundle) -> bool:
    try:
        return np.array_equal(preprocess(picture, bundle.preprocessing).pixels, expected)
    except PictureError:
        return False
