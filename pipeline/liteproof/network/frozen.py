"""A layer that is a TensorFlow graph with its weights in it: what a SavedModel computes."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

GRAPH = "graph.pb"
ENDINGS = {"Softmax": "softmax", "Sigmoid": "sigmoid"}
ARITHMETIC = {"AddV2", "Mul", "RealDiv", "Sub"}
PASSING = {"Cast", "ExpandDims", "Identity", "Pad", "Reshape", "Squeeze"}


@keras.saving.register_keras_serializable("liteproof")
class FrozenGraph(keras.layers.Layer):  # type: ignore[misc]
    """A graph from one tensor to another, its variables turned into constants.

    Args:
        source: the name of the tensor that it takes, as `x:0`.
        target: the name of the tensor that it gives.
        gives: the shape of that, without the batch.
        more: of any layer.
    """

    def __init__(self, source: str, target: str, gives: tuple[int, ...], **more: Any) -> None:  # noqa: ANN401
        super().__init__(**more)
        self.source, self.target, self.gives = source, target, tuple(gives)
        self.graph = b""  # a serialized GraphDef
        self._function: Any = None

    def get_config(self) -> dict[str, Any]:
        """Return what a file says of it; the graph is a file of its own in there."""
        ends = {"source": self.source, "target": self.target, "gives": self.gives}
        return {**super().get_config(), **ends}

    def build(self, _: object) -> None:
        """Have nothing to build: the weights are in the graph."""
        self.built = True

    def compute_output_spec(self, values: Any) -> keras.KerasTensor:  # noqa: ANN401
        """Say what comes out; while a model is being loaded, the graph is not there yet."""
        return keras.KerasTensor((values.shape[0], *self.gives), "float32")

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """Run the graph."""
        if self._function is None:
            with tf.init_scope():
                wrapped = tf.compat.v1.wrap_function(self._import, [])
                self._function = wrapped.prune(
                    wrapped.graph.get_tensor_by_name(self.source),
                    wrapped.graph.get_tensor_by_name(self.target),
                )
        answers = self._function(values)
        answers.set_shape((None, *self.gives))
        return answers

    def take_off_ending(self) -> str:
        """Give what the graph has before its softmax or sigmoid; return which of them it was."""
        nodes = self._nodes
        name = self.target.partition(":")[0]
        while nodes[name].op == "Identity":
            name = nodes[name].input[0]
        kind = ENDINGS.get(nodes[name].op, "")
        if kind:
            before = nodes[name].input[0]
            self.target = before if ":" in before else f"{before}:0"
            self._function = None
        return kind

    def first_arithmetic(self) -> str | None:
        """Return the name of the arithmetic that scales pixels first, if there is any."""
        pixels = {self.source.partition(":")[0]}
        for name, node in self._nodes.items():  # in the order in which they are computed
            if any(each.partition(":")[0].lstrip("^") in pixels for each in node.input):
                if node.op in ARITHMETIC:
                    return str(name)
                if node.op in PASSING:
                    pixels.add(name)
        return None

    @property
    def _nodes(self) -> dict[str, Any]:
        parsed = tf.compat.v1.GraphDef.FromString(self.graph)
        return {node.name: node for node in parsed.node}

    def save_assets(self, folder: str) -> None:
        """Write the graph."""
        Path(folder, GRAPH).write_bytes(self.graph)

    def load_assets(self, folder: str) -> None:
        """Read it back."""
        self.graph = Path(folder, GRAPH).read_bytes()

    def _import(self) -> None:
        tf.graph_util.import_graph_def(tf.compat.v1.GraphDef.FromString(self.graph), name="")
