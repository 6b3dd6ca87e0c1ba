import itertools
from dataclasses import replace

import numpy as np
import pytest

from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.errors import BundleError
from liteproof_edge.measurement.verification import Verification, verify
from liteproof_edge.runtime.loading import installed

# The optimized kernels of another CPU may differ from the reference by this much.
SHIPPING_DIFFERENCE_LSB = 2


@pytest.fixture
def verify_changed(copied, replace_file, golden):
    """Verify a bundle some of whose golden arrays were changed, its hashes put right."""

    def verify_with(**changes):
        replace_file(copied, "golden.npz", replace(golden, **changes).to_bytes())
        return verify(Bundle.load(copied))

    return verify_with


def counts(result):
    return result.same_inputs, result.same_outputs, result.same_labels


def changed(array, index, value):
    copy = array.copy()
    copy[index] = value
    return copy


def test_verify_passes_the_released_bundle_on_each_runtime(bundle, each_runtime):
    result = verify(bundle, each_runtime)
    assert result.passed
    assert (result.pictures, *counts(result)) == (20, 20, 20, 20)


def test_verify_names_the_runtime_it_tried(bundle, each_runtime):
    assert verify(bundle, each_runtime).runtime.startswith(f"{each_runtime.value} ")


def test_verify_takes_the_preferred_runtime_where_none_is_asked_for(bundle):
    assert verify(bundle).runtime.startswith(f"{installed()[0].value} ")


def test_verify_finds_the_shipping_kernels_close_to_the_host(bundle, each_runtime):
    assert verify(bundle, each_runtime).largest_difference_lsb <= SHIPPING_DIFFERENCE_LSB


def test_verify_reports_the_largest_difference_of_the_shipping_kernels(verify_changed, golden):
    result = verify_changed(outputs=changed(golden.outputs, (3, 0), golden.outputs[3, 0] + 60))
    assert abs(result.largest_difference_lsb - 60) <= SHIPPING_DIFFERENCE_LSB


def test_verify_fails_on_an_output_that_is_off_by_one(verify_changed, golden):
    result = verify_changed(outputs=changed(golden.outputs, (3, 0), golden.outputs[3, 0] + 1))
    assert not result.passed
    assert counts(result) == (20, 19, 20)


def test_verify_fails_on_another_label(verify_changed, golden):
    result = verify_changed(outputs=changed(golden.outputs, (0, 9), 127))
    assert not result.passed
    assert counts(result) == (20, 19, 19)


def test_verify_fails_on_another_picture(verify_changed, golden):
    first, second, third, *others = golden.pictures
    result = verify_changed(pictures=(third, second, first, *others))
    assert not result.passed
    assert counts(result) == (18, 20, 20)


def test_verify_fails_on_a_picture_that_cannot_be_read(verify_changed, golden):
    result = verify_changed(pictures=(b"no picture", *golden.pictures[1:]))
    assert not result.passed
    assert counts(result) == (19, 20, 20)


def test_verify_fails_on_another_input(verify_changed, golden):
    result = verify_changed(inputs=changed(golden.inputs, 0, golden.inputs[2]))
    assert not result.passed
    assert counts(result) == (19, 19, 19)


def test_verify_fails_on_other_preprocessing(copied, edit_manifest):
    edit_manifest(copied, lambda manifest: manifest["preprocessing"].update(box=18))
    result = verify(Bundle.load(copied))
    assert not result.passed
    assert counts(result) == (0, 20, 20)


def test_verify_refuses_damaged_vectors(copied, replace_file):
    replace_file(copied, "golden.npz", b"no zip at all")
    with pytest.raises(BundleError, match="not a file of golden vectors") as refused:
        verify(Bundle.load(copied))
    assert refused.value.exit_code == 4
    assert str(refused.value).startswith(str(copied / "golden.npz"))


def test_verify_refuses_inputs_of_another_shape(verify_changed, golden):
    with pytest.raises(BundleError, match=r"inputs: .*, expected uint8 \(20, 28, 28, 1\)"):
        verify_changed(inputs=golden.inputs[:, :27])


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_verify_refuses_inputs_of_another_dtype(verify_changed, golden, dtype):
    with pytest.raises(BundleError, match=f"inputs: {dtype}"):
        verify_changed(inputs=golden.inputs.astype(dtype))


@pytest.mark.parametrize("columns", [slice(5), 0], ids=["fewer classes", "one dimension"])
def test_verify_refuses_outputs_of_another_shape(verify_changed, golden, copied, columns):
    with pytest.raises(BundleError, match="outputs: int8") as refused:
        verify_changed(outputs=golden.outputs[:, columns])
    assert refused.value.exit_code == 4
    assert str(refused.value).startswith(f"{copied / 'golden.npz'}: ")


def test_verify_refuses_outputs_of_another_dtype(verify_changed, golden):
    with pytest.raises(BundleError, match=r"outputs: int16 .*, expected int8 \(20, 10\)"):
        verify_changed(outputs=golden.outputs.astype(np.int16))


def test_verify_refuses_classes_that_the_bundle_has_not(verify_changed, golden, copied):
    with pytest.raises(BundleError, match=r"classes: \[77\], expected each of 10") as refused:
        verify_changed(classes=np.full_like(golden.classes, 77))
    assert str(refused.value).startswith(f"{copied / 'golden.npz'}: ")


def test_verify_refuses_vectors_that_lack_a_class(verify_changed, golden):
    with pytest.raises(BundleError, match="classes: .*, expected each of 10"):
        verify_changed(classes=np.minimum(golden.classes, 8))


def test_vectors_need_show_no_more_classes_than_the_manifest_says(
    verify_changed, golden, copied, edit_manifest
):
    shown = golden.classes < 9
    fewer = {
        "pictures": tuple(itertools.compress(golden.pictures, shown)),
        "inputs": golden.inputs[shown],
        "outputs": golden.outputs[shown],
        "classes": golden.classes[shown],
    }

    def stating(classes):
        edit_manifest(copied, lambda manifest: manifest["golden"].update(classes=classes))
        return verify_changed(**fewer)

    assert stating(9).passed
    with pytest.raises(BundleError, match="classes: .*, expected 8 of 10"):
        stating(8)
    with pytest.raises(BundleError, match="golden.classes: 11, expected 1 to 10"):
        stating(11)


@pytest.mark.parametrize("short", ["same_inputs", "same_outputs", "same_labels"])
def test_passed_needs_every_count(short):
    whole = Verification(
        runtime="r",
        pictures=20,
        same_inputs=20,
        same_outputs=20,
        same_labels=20,
        largest_difference_lsb=99.0,
    )
    assert whole.passed
    assert not replace(whole, **{short: 19}).passed
