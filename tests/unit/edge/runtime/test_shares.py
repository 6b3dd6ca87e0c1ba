"""Models whose outputs are shares: no second softmax, and one sigmoid is two classes."""

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from liteproof_edge.classifier import Classifier
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.runtime.loading import load_runtime
from liteproof_edge.runtime.session import Session, both_shares
from liteproof_edge.runtime.unverified import read_unverified

BUILTIN, TYPES = schema.BuiltinOperator, schema.TensorType
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 5, 1), np.uint8)


def tensor(name, shape, buffer=0):
    return schema.TensorT(name=name, shape=shape, type=TYPES.FLOAT32, buffer=buffer)


def model_of(classes, operator, options, taken):
    """A float model: every pixel's weight for each class, then an operator."""
    weights = (np.random.default_rng(1).normal(size=(classes, 20)) / 400).astype(np.float32)
    graph = schema.SubGraphT(
        tensors=[
            tensor("pixels", list(taken)),
            tensor("weights", [classes, 20], 1),
            tensor("logits", [1, classes]),
            tensor("answers", [1, classes]),
        ],
        inputs=[0],
        outputs=[3],
        operators=[
            schema.OperatorT(
                opcodeIndex=0,
                inputs=[0, 1, -1],
                outputs=[2],
                builtinOptionsType=schema.BuiltinOptions.FullyConnectedOptions,
                builtinOptions=schema.FullyConnectedOptionsT(),
            ),
            schema.OperatorT(
                opcodeIndex=1,
                inputs=[2],
                outputs=[3],
                builtinOptionsType=getattr(schema.BuiltinOptions, options) if options else 0,
                builtinOptions=getattr(schema, f"{options}T")() if options else None,
            ),
        ],
    )
    if options:
        graph.operators[1].builtinOptions.beta = 1.0
    codes = [
        schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=1)
        for code in (BUILTIN.FULLY_CONNECTED, operator)
    ]
    buffers = [schema.BufferT(), schema.BufferT(data=weights.tobytes())]
    model = schema.ModelT(version=3, operatorCodes=codes, subgraphs=[graph], buffers=buffers)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    logits = weights @ PIXELS.reshape(20).astype(np.float32)
    return bytes(builder.Output()), logits


@pytest.mark.parametrize("taken", [(1, 4, 5, 1), (1, 4, 5)])
def test_softmax_is_not_applied_twice(tmp_path, taken):
    data, logits = model_of(3, BUILTIN.SOFTMAX, "SoftmaxOptions", taken)
    (tmp_path / "a.tflite").write_bytes(data)
    raised = np.exp(logits - logits.max())

    with Classifier(read_unverified(tmp_path / "a.tflite", (), "raw")) as classifier:
        prediction = classifier.classify(PIXELS[..., 0])

    assert prediction.index == logits.argmax()
    assert prediction.probability == pytest.approx((raised / raised.sum()).max(), abs=1e-5)


def test_one_sigmoid_is_two_classes(tmp_path):
    data, logits = model_of(1, BUILTIN.LOGISTIC, "", (1, 4, 5, 1))
    (tmp_path / "a.tflite").write_bytes(data)
    second = 1 / (1 + np.exp(-logits[0]))

    with Classifier(read_unverified(tmp_path / "a.tflite", ("cat", "dog"), "raw")) as classifier:
        prediction = classifier.classify(PIXELS[..., 0])

    assert prediction.label == ("dog" if second > 0.5 else "cat")
    assert dict(prediction.top)["dog"] == pytest.approx(second, abs=1e-5)


def test_session_gives_both_shares():
    data, _ = model_of(1, BUILTIN.LOGISTIC, "", (1, 4, 5))
    read_model(data)

    with Session(data, load_runtime()) as session:
        output, _ = session.run(PIXELS)
        outputs, _ = session.run_many(PIXELS[np.newaxis])

    assert session.classes == 2
    np.testing.assert_allclose(output.sum(), 1, atol=1e-6)
    assert np.array_equal(outputs, output[np.newaxis])


@pytest.mark.parametrize(
    ("dtype", "codes", "expected"),
    [
        (np.uint8, [0, 127, 128, 255], [[255, 0], [128, 127], [127, 128], [0, 255]]),
        (np.int8, [-128, -1, 0, 127], [[127, -128], [0, -1], [-1, 0], [-128, 127]]),
        (np.float32, [0.25, 0.75], [[0.75, 0.25], [0.25, 0.75]]),
    ],
)
def test_codes_of_one_share_become_those_of_two_divided_at_one_half(dtype, codes, expected):
    shares = both_shares(np.array(codes, dtype)[:, np.newaxis])

    assert shares.dtype == dtype
    assert shares.tolist() == expected
