"""Gives a .tflite the names that converters ask for: bytes on standard input, a file's name."""

import sys
from pathlib import Path

import flatbuffers
from tensorflow.lite.python import schema_py_generated as schema


def main() -> None:
    """Name every graph and tensor, which ours have no names for."""
    model = schema.ModelT.InitFromPackedBuf(sys.stdin.buffer.read(), 0)
    for graph in model.subgraphs:
        graph.name = graph.name or b"main"
        for number, tensor in enumerate(graph.tensors):
            tensor.name = f"tensor_{number}".encode()
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    Path(sys.argv[1]).write_bytes(bytes(builder.Output()))


if __name__ == "__main__":
    main()
