"""What people use instead on a device: each as a program of its own, and as a function to time.

The label_image script is the usual one, written from its description: open, resize, scale if the
input is float, set, invoke, sort. It neither finds the ink nor checks anything.
"""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liteproof_edge.runtime.loading import Runtime, load_runtime

Pixels = NDArray[np.uint8]
IMPORTS = {
    Runtime.TFLITE_RUNTIME: "from tflite_runtime.interpreter import Interpreter",
    Runtime.LITERT: "from ai_edge_litert.interpreter import Interpreter",
}
LABEL_IMAGE = """
import sys
import numpy as np
from PIL import Image
{imports}
interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
source = interpreter.get_input_details()[0]
target = interpreter.get_output_details()[0]
_, height, width, channels = source["shape"]
with Image.open(sys.argv[2]) as picture:
    picture = picture.convert("L" if channels == 1 else "RGB").resize((width, height))
pixels = np.asarray(picture).reshape(source["shape"])
if source["dtype"] == np.float32:
    pixels = np.float32(pixels) / 255
interpreter.set_tensor(source["index"], pixels)
interpreter.invoke()
print(np.squeeze(interpreter.get_tensor(target["index"])).argsort()[-5:][::-1])
"""
ONNX = """
import sys
import numpy as np
import onnxruntime
from PIL import Image
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options)
with Image.open(sys.argv[2]) as picture:
    picture = picture.convert("L").resize((28, 28))
pixels = np.asarray(picture).reshape(1, 28, 28, 1)
print(session.run(None, {session.get_inputs()[0].name: pixels})[0][0].argsort()[-5:][::-1])
"""


def bare_loop(model: bytes, runtime: Runtime) -> Callable[[Pixels], object]:
    """Return what anyone would write: set_tensor, invoke, get_tensor for each picture."""
    interpreter = load_runtime(runtime).interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    into = interpreter.get_input_details()[0]["index"]
    out = interpreter.get_output_details()[0]["index"]

    def run(pictures: Pixels) -> object:
        outputs = []
        for picture in pictures:
            interpreter.set_tensor(into, picture[np.newaxis])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(out))
        return outputs

    return run


def onnx_copy(model: bytes, folder: Path) -> Path | str:
    """Return the model as ONNX, by tf2onnx; or why there is none."""
    missing = [name for name in ("onnxruntime", "tf2onnx") if not find_spec(name)]
    if missing:
        return f"not measured: pip install {' '.join(missing)} onnx"
    source, target = folder / "named.tflite", folder / "model.onnx"
    named = [sys.executable, "-m", "bench.naming", str(source)]
    convert = [sys.executable, "-m", "tf2onnx.convert", "--tflite", str(source)]
    for command, given in ((named, model), ([*convert, "--output", str(target)], b"")):
        done = subprocess.run(command, input=given, capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            return f"not measured: {' '.join(command[1:3])}: {said}"
    return target


def onnx_loop(path: Path) -> Callable[[Pixels], object]:
    """Return the same loop with onnxruntime, in one thread."""
    import onnxruntime  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - may lack

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(str(path), options)
    name = session.get_inputs()[0].name

    def run(pictures: Pixels) -> object:
        return [session.run(None, {name: picture[np.newaxis]}) for picture in pictures]

    return run
