"""One output of several."""

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from liteproof_edge.errors import ModelError
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.model.outputs import with_one_output


@pytest.fixture
def several(bundle):
    """A model that gives its first three tensors, and their names."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bundle.model))
    model.subgraphs[0].outputs = [0, 1, 2]
    for index in range(3):
        model.subgraphs[0].tensors[index].name = f"tensor {index}"
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_chosen_output_alone_is_left(several):
    data, place = with_one_output(several, "tensor 1", "model")

    before, after = read_model(several).subgraphs[0], read_model(data).subgraphs[0]
    assert (place, after.outputs) == (1, (1,))
    assert after._replace(outputs=before.outputs) == before


def test_model_of_one_output_is_kept_as_it_is(bundle):
    assert with_one_output(bundle.model, None, "model") == (bundle.model, 0)


def test_output_that_is_not_there_is_refused(several):
    with pytest.raises(ModelError, match="model: no output 'x', expected one of 'tensor 0', 'ten"):
        with_one_output(several, "x", "model")
