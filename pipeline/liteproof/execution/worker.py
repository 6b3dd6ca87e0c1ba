"""The process that runs a model: it imports liteproof_edge, and never TensorFlow.

tflite-runtime and TensorFlow do not work in one process (`Interpreter` raises `vector::reserve`),
and a model that crashes its runtime takes down only this process.
`liteproof.execution.tflite_model` starts it.

Standard output: a number for the pictures done, now and then; in the end one line of JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np

from liteproof.data.mapped import give_back
from liteproof_edge.errors import LiteproofError
from liteproof_edge.model.affine import Normalisation
from liteproof_edge.model.flatbuffer import read_model
from liteproof_edge.runtime.loading import Runtime, load_runtime
from liteproof_edge.runtime.session import Session


def main() -> int:
    """Run `model.tflite` on `pictures.npy`, all in the folder given, and write `outputs.npz`."""
    folder, runtime, kernels = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    taken = json.loads(sys.argv[4])
    normalisation = Normalisation(*map(tuple, taken)) if taken else None
    model = (folder / "model.tflite").read_bytes()
    pictures = np.load(folder / "pictures.npy", mmap_mode="r")

    def report(done: int) -> None:
        print(done, flush=True)
        give_back(pictures)

    try:
        read_model(model)
        loaded = load_runtime(Runtime(runtime) if runtime else None)
        reference = kernels == "reference"
        with Session(
            model,
            loaded,
            normalisation=normalisation,
            shape=pictures.shape[1:],
            reference_kernels=reference,
        ) as session:
            outputs, times_us = session.run_many(pictures, report)
            logits = session.real(outputs)
    except LiteproofError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    np.savez(folder / "outputs.npz", outputs=outputs, logits=logits, times_us=times_us)
    print(json.dumps({"runtime": str(loaded)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
