"""A model of any size, made one of one size."""

from dataclasses import replace

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from liteproof_edge.errors import ModelError
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.model.sizes import with_shapes, with_size


@pytest.fixture
def of_any(bundle):
    """A function that gives the bundle's model an input of that signature."""

    def change(*signature):
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bundle.model))
        tensor = model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]]
        tensor.shapeSignature = list(signature)
        tensor.shape = np.abs(signature).astype(np.int32)
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    return change


@pytest.mark.parametrize(
    ("signature", "shape"),
    [
        ((-1, -1, -1, 1), (1, 28, 30, 1)),
        ((1, 28, -1, 1), (1, 28, 30, 1)),
        ((-1, -1, -1), (1, 28, 30)),
    ],
)
def test_size_replaces_what_the_input_leaves_open(of_any, signature, shape):
    before = read_model(of_any(*signature)).subgraphs[0]

    after = read_model(with_size(of_any(*signature), (28, 30), "model")).subgraphs[0]

    index = before.inputs[0]
    changed = list(before.tensors)
    changed[index] = replace(changed[index], shape=shape, shape_signature=shape)
    assert after == before._replace(tensors=after.tensors)
    assert list(after.tensors) == changed


def test_model_that_says_its_size_is_kept_as_it_is(bundle):
    assert with_size(bundle.model, (14, 14), "model") == bundle.model


@pytest.mark.parametrize(
    ("signature", "size", "said"),
    [
        ((-1, -1, -1, 1), None, "model: takes a picture of any size: expected --size, such as 224"),
        ((1, 28, -1, 1), (30, 28), "model: takes 28xany, --size says another"),
    ],
)
def test_size_that_is_missing_or_another_is_refused(of_any, signature, size, said):
    with pytest.raises(ModelError, match=said):
        with_size(of_any(*signature), size, "model")


def test_shape_of_other_dimensions_is_left_alone(bundle):
    index = read_model(bundle.model).subgraphs[0].inputs[0]

    assert with_shapes(bundle.model, {index: (1, 2, 3)}) == bundle.model
