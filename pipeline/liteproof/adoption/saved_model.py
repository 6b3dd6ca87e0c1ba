"""Reading a SavedModel: what it would run is looked at first, and only then is it loaded."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.framework import op_def_registry
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from liteproof.errors import ConversionError
from liteproof.network.frozen import FrozenGraph
from liteproof.tensorflow_setup import quiet
from liteproof_edge.errors import ModelError, one_line

FILE = "saved_model.pb"
SIGNATURES = ("serving_default", "serve")
SAVING = (
    "traced_save"  # in the name of the function that writes a checkpoint, which is never called
)
# What changes or reads a state and neither files nor the process: all else of that kind is refused.
HARMLESS = set(
    """
AssignVariableOp DestroyResourceOp DisableCopyOnRead HashTableV2 If LookupTableFindV2
LookupTableImportV2 LookupTableSizeV2 MutableHashTableV2 NoOp Placeholder PlaceholderWithDefault
RandomStandardNormal RandomUniform RandomUniformInt ReadVariableOp RestoreV2 StatefulPartitionedCall
TruncatedNormal VarHandleOp VarIsInitializedOp VariableV2 While
""".split()
)
ASSIGNING = "AssignVariableOp"
# Operation → its attribute for the type that it takes; what is after a cast is no pixel any more.
CASTING = {"Cast": "SrcT", "Identity": "T"}
PYTHON = {"EagerPyFunc", "PyFunc", "PyFuncStateless"}


def load_saved_model(folder: Path) -> keras.Model:
    """Load a SavedModel's signature as a Keras model whose layers hold its graph.

    Raises:
        ModelError: the folder holds none.
        ConversionError: it is damaged, has no signature from one tensor, or would do more than
            compute.
    """
    file = folder / FILE
    if not file.is_file():
        raise ModelError(f"{folder}: a folder without {FILE}, expected a SavedModel, or a file")
    _check(folder, file)
    keras.utils.clear_session()
    try:
        with quiet():
            loaded = tf.saved_model.load(str(folder))
            signatures = loaded.signatures
            name = next((each for each in SIGNATURES if each in signatures), None)
            frozen = None if name is None else convert_variables_to_constants_v2(signatures[name])
    except Exception as error:  # noqa: BLE001 - whatever TensorFlow raises on damaged files
        reason = one_line(" ".join(str(error).split())[:300])
        if ASSIGNING in reason:
            reason = (
                "it changes a variable when it answers, as random layers that were exported do; "
                "give the .keras file, or export the model without its augmentation"
            )
        raise ConversionError(f"{folder}: not a SavedModel that loads here: {reason}") from None
    if frozen is None or len(frozen.inputs) != 1:
        raise ConversionError(
            f"{folder}: signatures {', '.join(signatures) or 'none'}, expected "
            f"{' or '.join(SIGNATURES)}, from one picture"
        )
    graph = _taking_floats(frozen, folder)
    return _as_keras(frozen, graph, sorted(signatures[name].structured_outputs))


def _taking_floats(frozen: Any, folder: Path) -> bytes:  # noqa: ANN401 - a concrete function
    """Return a graph, serialized, that takes pixels as floats where it was integers.

    Raises:
        ConversionError: it takes neither, or does more with integers than to cast them.
    """
    graph, (source,) = frozen.graph.as_graph_def(), frozen.inputs
    if source.dtype.is_integer:
        pixels, others = {source.name.partition(":")[0]}, set[str]()
        for node in graph.node:  # in the order in which they are computed
            if node.name in pixels:
                attribute = "dtype"
            elif pixels.isdisjoint(each.partition(":")[0].lstrip("^") for each in node.input):
                continue
            else:
                attribute = CASTING.get(node.op, "")
                pixels |= {node.name} if node.op == "Identity" else set()
                others |= set() if attribute else {node.op}
            if attribute:
                node.attr[attribute].type = tf.float32.as_datatype_enum
        if not others:
            return bytes(graph.SerializeToString())
    if not source.dtype.is_floating:
        raise ConversionError(
            f"{folder}: takes {source.dtype.name}, expected pixels as float32, or integers that it "
            "casts first"
        )
    return bytes(graph.SerializeToString())


def _as_keras(frozen: Any, graph: bytes, names: list[str]) -> keras.Model:  # noqa: ANN401 - a concrete function
    (source,) = frozen.inputs
    pixels = keras.Input(tuple(source.shape[1:]))
    outputs = {}
    for name, target in zip(names, frozen.outputs, strict=True):
        layer = FrozenGraph(source.name, target.name, tuple(target.shape[1:]), name=name)
        layer.graph = graph
        outputs[name] = layer(pixels)
    return keras.Model(pixels, outputs if len(outputs) > 1 else next(iter(outputs.values())))


def _check(folder: Path, file: Path) -> None:
    """Refuse a SavedModel that would do more than compute when it is loaded or run."""
    try:
        parsed = SavedModel.FromString(file.read_bytes())
        meta = parsed.meta_graphs[0]
    except Exception:  # noqa: BLE001 - protobuf has an error of its own in each implementation
        raise ConversionError(f"{file}: damaged: not a SavedModel's") from None
    functions = {each.signature.name: each.node_def for each in meta.graph_def.library.function}
    ends = [
        tensor.name.partition(":")[0]
        for signature in meta.signature_def.values()
        for tensor in signature.outputs.values()
    ]
    ends.append(meta.saver_def.restore_op_name)
    nodes = [
        *_before(meta.graph_def.node, ends),
        *(node for name, body in functions.items() if SAVING not in name for node in body),
    ]
    for node in nodes:
        why = _forbidden(node, functions)
        if why:
            raise ConversionError(
                f"{folder}: refused, for it would do more than compute: {node.name!r} {why}"
            )


def _before(nodes: Iterable[NodeDef], ends: Iterable[str]) -> Iterator[NodeDef]:
    """Yield the nodes that some of them depend on, these too."""
    known = {node.name: node for node in nodes}
    waiting, seen = [end for end in ends if end in known], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield known[name]
        inputs = (each.lstrip("^").partition(":")[0] for each in known[name].input)
        waiting += [each for each in inputs if each in known]


def _forbidden(node: NodeDef, functions: Mapping[str, object]) -> str:
    """Return what a node would do that it may not, or nothing."""
    called = [node.op] if node.op in functions else []
    called += [value.func.name for value in node.attr.values() if value.HasField("func")]
    for value in node.attr.values():
        called += [each.name for each in value.list.func]
    if any(SAVING in name for name in called):
        return "writes a checkpoint"
    if node.op in functions:
        return ""
    definition = op_def_registry.get(node.op)
    if definition is None:
        return f"is an operation that TensorFlow does not know, {one_line(node.op[:60])}"
    if node.op in PYTHON or (definition.is_stateful and node.op not in HARMLESS):
        return f"is a {node.op}"
    return ""
