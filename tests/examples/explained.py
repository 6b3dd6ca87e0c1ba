"""What a page of `explain` can work out, as its script reads it, for tests of both kinds."""

import base64
import json
import re

import numpy as np

CLOSE = 1e-4  # of the largest value: float32, summed in another order


def data_of(page):
    """Return the convolutions of a page's text, their numbers as arrays."""
    return decoded(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def decoded(text):
    """Return the convolutions of a page's JSON, their numbers as arrays."""
    found = json.loads(text)
    for each in found:
        filters = each["outputShape"][2]
        shapes = {
            "input": [*each["taken"][2:], each["inputShape"][2]],
            "output": [*each["part"][2:], filters],
            "bias": [filters],
            "kernel": [*each["size"], -1, filters],
        }
        for name, shape in shapes.items():
            each["codes"] = "codes" in each["input"] if name == "input" else each["codes"]
            each[name] = _numbers(each[name]).reshape(shape)
    return found


def _numbers(given):
    kind = np.dtype(given.get("codes", "float32")).newbyteorder("<")
    values = np.frombuffer(base64.b64decode(given["values"]), kind)
    if "codes" in given:
        values = (values.astype(int) - given["zeroPoint"]) * given["scale"]
    return values.astype(np.float32)


def part(values, place):
    """Return some rows and columns of a map."""
    row, column, rows, columns = place
    return values[row : row + rows, column : column + columns]


def check_numbers(page, story):
    """Hold every number that can be stepped through to the tensors of a story."""
    found = data_of(page)
    assert found
    for each in found:
        step = story.steps[each["at"]]
        filters, channels = each["outputShape"][2], each["inputShape"][2]
        taken = story.entry.values if step.inputs[0] < 0 else story.steps[step.inputs[0]].output
        kernel = step.kernel[..., :filters]
        if each["depthwise"]:
            kernel = step.kernel[:, :, np.newaxis, :filters, 0]
        assert np.array_equal(each["output"], part(step.output, each["part"])[..., :filters])
        assert np.array_equal(each["bias"], step.bias[:filters])
        assert np.array_equal(each["input"], part(taken, each["taken"])[..., :channels])
        assert np.array_equal(each["kernel"], kernel)
